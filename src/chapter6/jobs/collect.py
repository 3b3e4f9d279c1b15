"""Gather the verdicts of all experiments, in the order of their ids."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from chapter6.files import read_json, write_json
from chapter6.jobs.common import add_study_argument, study_of


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_study_argument(parser)
    parser.add_argument("--incomplete", action="store_true", help="take what exists")


def run(args: Namespace) -> None:
    """Write the list of all verdicts."""
    study = study_of(args)
    files = [study.paths.claims(name) for name in study.experiments]
    if args.incomplete:
        files = [file for file in files if Path(file).exists()]
    verdicts = [verdict for file in files for verdict in read_json(file)]
    write_json(study.paths.claims(), sorted(verdicts, key=lambda verdict: verdict["id"]))
