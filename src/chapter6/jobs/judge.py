"""Judge an experiment's claims by its tables."""

from __future__ import annotations

from argparse import Namespace

from chapter6.analysis.claims import judge_claim
from chapter6.files import write_json
from chapter6.jobs.common import add_experiment_arguments, experiment_of, read_tables, study_of
from chapter6.registry import plain

add_arguments = add_experiment_arguments


def run(args: Namespace) -> None:
    """Write the verdicts of one experiment."""
    study = study_of(args)
    experiment = experiment_of(study, args.experiment)
    tables = read_tables(study, experiment)
    verdicts = [plain(judge_claim(claim, experiment.id, tables, study.is_preview)) for claim in experiment.claims]
    write_json(study.paths.claims(experiment.id), verdicts)
