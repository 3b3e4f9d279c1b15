# The study that the rules run, loaded and validated once; nothing starts if it does not hold together.
import json
import os
import re
import sys
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from chapter6.files import write_json
from chapter6.registry import StudyError
from chapter6.study.assemble import needs_mnist
from chapter6.study.plan import canonical, load_study
from chapter6.study.references import files_referred
from chapter6.study.sources import search_digest, source_digest, training_digest
from chapter6.study.spec import read_config

CONFIG = "config/config.yaml"

try:
    read_config(Path(CONFIG))  # first: Snakemake's own message would name neither file nor line
except StudyError as error:
    sys.exit(str(error))  # an exception would come out with the place of this line and not of the mistake


configfile: CONFIG


try:
    study = load_study(config)
    if study.is_live:
        os.environ.update(CHAPTER6_LIVE=study.paths.settings)  # jobs inherit it; as a parameter it would re-run them
except StudyError as error:
    sys.exit(str(error))

paths = study.paths
data = study.config.data
ENVIRONMENT = "../envs/study.yaml"

# Priorities: an experiment is finished (2) as soon as it can be, since its tracking waits for others' and would else
# stand alone at the end; chains of rounds are begun (1) before single jobs.


wildcard_constraints:
    experiment="|".join(map(re.escape, study.experiments)),
    variant=r"[^/]+",
    batch=r"[^/]+",
    replicate=r"\d+",
    round=r"\d+",


def digest(*parts):
    """A short digest of plain data: what a rule watches in place of the data itself."""
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def experiment_of(wildcards):
    return study.experiments[wildcards.experiment]


def variant_of(wildcards):
    return experiment_of(wildcards).variants[wildcards.variant]


def batch_of(wildcards):
    return study.batches[wildcards.experiment][wildcards.batch]


def runs_of(wildcards):
    return [block.variant.run for block in batch_of(wildcards).blocks]


def data_of(wildcards):
    return mnist_for([variant_of(wildcards).run])


def data_of_batch(wildcards):
    return mnist_for(runs_of(wildcards))


def mnist_for(runs):
    """The digest decides (Snakemake compares its content), the arrays are only mapped."""
    if not any(map(needs_mnist, runs)):
        return {}
    return {"digest": rules.mnist.output.digest, "arrays": ancient(rules.mnist.output.arrays)}


def round_files(experiment, variant, replicate, count=None):
    rounds = study.experiments[experiment].variants[variant].rounds
    return [paths.search_round(experiment, variant, replicate, n + 1) for n in range(len(rounds))][:count]


def rounds_to_choose_from(wildcards):
    """The rounds of the search itself, or of the one that it replays."""
    replay = variant_of(wildcards).search["replay"]
    source = replay["of"] if replay else wildcards.variant
    return round_files(wildcards.experiment, source, wildcards.replicate)


def tuning_of(wildcards):
    return experiment_of(wildcards).tunings[wildcards.variant]


def batches_of(wildcards):
    return trained_by(wildcards.experiment)


def searches_of(wildcards):
    return searched_by(wildcards.experiment)


def trained_by(experiment):
    return [paths.trained(experiment, name) for name in study.batches[experiment]]


def searched_by(experiment):
    """What every search of the experiment left: its rounds, and the point that it chose."""
    files = []
    for variant in study.experiments[experiment].variants.values():
        for replicate in range(variant.replicates if variant.search else 0):
            files += round_files(experiment, variant.name, replicate)
            files.append(paths.chosen(experiment, variant.name, replicate))
    return files


def all_results(wildcards):
    """Every file that a job leaves, down to verdicts and figures.

    A failed job's output is deleted, and Snakemake does not miss a file that only other jobs read, while what those
    made of it before is there.
    """
    files = []
    for name, experiment in study.experiments.items():
        files += [paths.tuning(name, variant) for variant in experiment.tunings]
        files += [*trained_by(name), *searched_by(name)]
        files += [paths.summary(name), paths.claims(name), paths.figures(name)]
    return files


def variants_digest(wildcards):
    experiment = experiment_of(wildcards)
    return digest([asdict(variant) for variant in experiment.variants.values()])


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
