"""List experiments and variants."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from chapter6.jobs.common import add_study_argument, experiment_of, study_of
from chapter6.terminal import say


def add_arguments(parser: ArgumentParser) -> None:
    add_study_argument(parser)
    parser.add_argument("experiment", nargs="?", help="only this one")


def run(args: Namespace) -> None:
    """Print id and question of each experiment and the names of its variants."""
    study = study_of(args, lenient=bool(args.experiment))
    chosen = [experiment_of(study, args.experiment)] if args.experiment else study.experiments.values()
    for experiment in chosen:
        say(f"{experiment.id}  {experiment.spec.question}\n")
        for variant in experiment.variants.values():
            say(f"    {variant.name}  ({variant.replicates} replicates)\n")
