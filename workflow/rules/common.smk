# The study that the rules run, loaded and validated once; nothing starts if it does not hold together.
import json
import os
import re
import sys
from hashlib import sha256
from pathlib import Path

from chapter6.files import write_json
from chapter6.registry import StudyError
from chapter6.registry import plain
from chapter6.study import orders
from chapter6.study.code import source_digest
from chapter6.study.loading import load_study
from chapter6.study.overrides import laid_over
from chapter6.study.paths import TABLES
from chapter6.study.spec import read_config
from chapter6.terminal import shown

CONFIG = "config/config.yaml"

try:
    # Not by `configfile:`, which renders a template first and runs what stands in it.
    config = laid_over(read_config(Path(CONFIG)), config)
    study = load_study(config)
    if study.is_live:
        os.environ.update(CHAPTER6_LIVE=study.paths.settings)  # jobs inherit it; as a parameter it would re-run them
except StudyError as error:
    sys.exit(shown(str(error)))  # an exception would come out with the place of this line and not of the mistake

paths = study.paths
data = study.config.data
ENVIRONMENT = "../envs/study.yaml"

# Priorities: an experiment is finished (2) as soon as it can be, since its tracking waits for others' and would else
# stand alone at the end; chains of rounds are begun (1) before single jobs.


wildcard_constraints:
    experiment="|".join(map(re.escape, study.experiments)),
    variant=r"[^/]+",
    job=r"[^/]+",
    replicate=r"\d+",
    round=r"\d+",
    decision=r"[^/]+",


def digest(*parts):
    """A short digest of plain data: what a rule watches in place of the data itself."""
    return sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


def experiment_of(wildcards):
    return study.experiments[wildcards.experiment]


def variant_of(wildcards):
    return experiment_of(wildcards).variants[wildcards.variant]


def job_of(wildcards):
    return study.jobs[wildcards.experiment][wildcards.job]


def search_of(wildcards):
    return experiment_of(wildcards).search(wildcards.variant, int(wildcards.replicate))


def data_of(wildcards):
    return mnist_for([variant_of(wildcards).run])


def data_of_job(wildcards):
    return mnist_for(job_of(wildcards).runs)


def written(path, order):
    """The order's file, written; where that cannot be, nothing starts."""
    try:
        return orders.write_order(path, order)
    except OSError as error:
        sys.exit(shown(f"{path}: cannot be written ({error.strerror})"))


# What jobs are told, as files that are inputs: a change makes jobs due. All are written before any job is planned, since
# of a folder that Snakemake has looked into it takes no new file for true.
for experiment in study.experiments.values():
    for job in study.jobs[experiment.id].values():
        written(paths.order("train", f"{experiment.id}/{job.name}"), orders.training(study, experiment.id, job))
    for name, tuning in experiment.tunings.items():
        written(paths.order("tune", f"{experiment.id}/{name}"), orders.tuning(study, experiment.id, tuning))
    if experiment.timing:
        written(paths.order("clock", experiment.id), orders.timing(study, experiment.id, experiment.timing))
    for search in experiment.searches():
        name = f"{experiment.id}/{search.variant.name}-{search.replicate}"
        written(paths.order("search", name), orders.searching(study, search))


def order_of(task, **parts):
    """The order of a task for each experiment, made of values and of functions of the experiment; where they stand."""
    for experiment in study.experiments.values():
        told = {key: part(experiment) if callable(part) else part for key, part in parts.items()}
        written(paths.order(task, experiment.id), told)
    return paths.order(task, "{experiment}")


def order_of_all(task, *parts):
    """The order of a task for all experiments together."""
    return written(paths.order(task, "all"), parts)


def mnist_for(runs):
    """The digest decides (Snakemake compares its content), the arrays are only mapped."""
    if not any(run.needs_dataset for run in runs):
        return {}
    return {"digest": rules.mnist.output.digest, "arrays": ancient(rules.mnist.output.arrays)}


def results_of(experiment):
    """What the training jobs, the searches and the clock of an experiment leave: all that its tables are made from."""
    searches = [
        file for planned in study.experiments[experiment].searches() for file in (*planned.rounds, planned.chosen)
    ]
    times = [paths.times(experiment)] if study.experiments[experiment].timing else []
    return [paths.trained(experiment, name) for name in study.jobs[experiment]] + searches + times


def all_results(wildcards):
    """Every file that a job leaves, down to verdicts and figures.

    A failed job's output is deleted, and Snakemake does not miss a file that only other jobs read, while what those
    made of it before is there.
    """
    files = []
    for name, experiment in study.experiments.items():
        files += [paths.tuning(name, variant) for variant in experiment.tunings]
        files += [decision.file for decision in experiment.decisions.values()]
        files += results_of(name)
        files += [paths.summary(name), paths.claims(name), paths.figures(name)]
    return files


def tracked_experiments(wildcards):
    """The stamps, and the database itself, for the reason that :func:`all_results` has."""
    stamps = [paths.store, *(paths.tracked(experiment) for experiment in study.experiments)]
    return [*DATABASE, *stamps] if study.config.tracking.enabled else []


def stop_looking_in_vain(scheduler):
    """Lift Snakemake's own limit of 100 new jobs a second, but none that the command line or a profile sets.

    While there is a limit, the scheduler looks for new jobs once a second for every job that has ended: with hundreds
    of jobs it takes a core to itself.
    """
    limit = scheduler.job_rate_limiter
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        scheduler.job_rate_limiter = None
