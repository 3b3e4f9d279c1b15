"""Gather the verdicts of all experiments, in the order of their ids, and correct them for their number."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from chapter6.analysis.claims import over_study
from chapter6.files import read_json, write_json
from chapter6.jobs.common import add_study_argument, study_of
from chapter6.jobs.outputs import Outputs
from chapter6.records import ClaimRecord
from chapter6.registry import build, plain
from chapter6.study.plan import Study


def add_arguments(parser: ArgumentParser) -> None:
    add_study_argument(parser)
    parser.add_argument("--incomplete", action="store_true", help="a job failed: take what still holds")


def run(args: Namespace) -> None:
    """Write the list of all verdicts."""
    study = study_of(args)
    verdicts = _current(study) if args.incomplete else _all(study)
    write_json(study.paths.claims(), plain(over_study(verdicts)))


def _all(study: Study) -> list[ClaimRecord]:
    told = (claim for name in study.experiments for claim in read_json(study.paths.claims(name)))
    return [build(ClaimRecord, claim) for claim in told]


def _current(study: Study) -> list[ClaimRecord]:
    """Return the verdicts of experiments whose runs are finished, and older than these."""
    results = Path(study.paths.results)
    outputs = [Outputs(study, experiment, results, is_incomplete=True) for experiment in study.experiments.values()]
    return [verdict for output in outputs if not output.unfinished for verdict in output.claims]
