"""Choose one of several variants by what their runs came to."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from pathlib import Path

from chapter6.files import write_json
from chapter6.jobs.common import add_experiment_arguments, conditions, experiment_of, folder_of, study_of
from chapter6.registry import StudyError, plain
from chapter6.study.decisions import decide
from chapter6.study.results import UnreadableError

log = logging.getLogger(__name__)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_experiment_arguments(parser)
    parser.add_argument("--decision", required=True, help="name of the decision")


def run(args: Namespace) -> None:
    """Write what is chosen and why, and the scores that it was chosen by."""
    study = study_of(args)
    experiment = experiment_of(study, args.experiment)
    if args.decision not in experiment.decisions:
        raise StudyError(f"unknown decision {args.decision!r}; choose from {sorted(experiment.decisions)}")
    decision = experiment.decisions[args.decision]
    try:
        decided = decide(folder_of(study), experiment, decision, conditions(study))
    except UnreadableError as error:
        raise StudyError(f"{error}; `snakemake --cores all --forcerun {error.file}` makes it again") from None
    for choice in decided.choices:
        log.info("%s: %s: %s", args.decision, choice.variant, choice.reason)
    Path(decision.file).parent.mkdir(parents=True, exist_ok=True)
    write_json(decision.file, plain(decided))
