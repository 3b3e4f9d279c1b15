"""Train one variant in the terminal, without touching the study."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

from chapter6.engine.execution import execute
from chapter6.engine.run import Run
from chapter6.engine.streams import Streams
from chapter6.engine.training import Outcome
from chapter6.jobs.common import add_study_argument, experiment_of, study_of
from chapter6.jobs.datasets import load
from chapter6.registry import StudyError
from chapter6.study.drafts import assign, drafts
from chapter6.study.loading import resolve_variant
from chapter6.study.plan import Study
from chapter6.study.reading import parse_yaml
from chapter6.study.resolution import short_key
from chapter6.study.starts import linked
from chapter6.terminal import say


def add_arguments(parser: ArgumentParser) -> None:
    add_study_argument(parser)
    parser.add_argument("experiment")
    parser.add_argument("variant")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting, e.g. optimizer.learning_rate=0.003",
    )
    parser.add_argument("--replicate", type=_replicate, default=0, help="which seed (0)")


def run(args: Namespace) -> None:
    """Train one replicate and print what it came to."""
    study = study_of(args, lenient=True)
    trained = _run(study, args)
    dataset = load(Path(study.config.data.directory)) if trained.needs_dataset else None
    streams = Streams(study.config.study_seed, args.replicate)
    outcome = execute(trained, streams, dataset, progress=_ProgressLine(trained.steps))
    say(_report(outcome))


def _run(study: Study, args: Namespace) -> Run:
    """Return the variant's run with the changes of ``--set``, validated like any other."""
    experiment = experiment_of(study, args.experiment)
    if args.variant not in experiment.variants:
        raise StudyError(
            f"{args.experiment}: unknown variant {args.variant!r}; choose from {', '.join(experiment.variants)}"
        )
    if of := experiment.variants[args.variant].of:
        key = experiment.tunings[of].procedure.rate.key
        advice = f"run {of!r} with --set {short_key(key)}=VALUE"
        raise StudyError(f"{args.variant!r} takes its {key} from a file of the study; {advice}")
    draft = next(draft for draft in drafts(experiment.spec) if draft.name == args.variant)
    settings = reduce(lambda made, text: assign(made, *_assignment(text)), args.set, draft.settings)
    variant = resolve_variant(replace(draft, settings=settings), experiment.spec, study.config, "--set")
    taken = linked({**experiment.variants, variant.name: variant}, "--set")[variant.name].taken
    return taken.resolved(replicate=args.replicate)


def _assignment(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise StudyError(f"--set {text}: expected KEY=VALUE")
    return key, parse_yaml(value, f"--set {text}")


def _replicate(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"a whole number from 0 on, not {text!r}")
    return int(text)


class _ProgressLine:
    """A line on the terminal that is rewritten ten times a run, or lines where there is no terminal."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._every = max(1, steps // 10)
        self._end = "\r" if sys.stderr.isatty() else "\n"

    def __call__(self, step: int, loss: float) -> None:
        if step % self._every == 0 or step == self._steps:
            end = "\n" if step == self._steps else self._end
            sys.stderr.write(f"update {step:>6} of {self._steps}  loss {loss:.4f}{end}")
            sys.stderr.flush()


def _report(outcome: Outcome) -> str:
    lines = [f"{outcome.status} after {outcome.steps} updates"]
    for (split, metric), curve in sorted(outcome.curves.items()):
        if isinstance(curve.values[-1], float):
            lines.append(f"{split + ' ' + metric:<32} {curve.values[-1]:.6g}")
    return "\n".join(lines) + "\n"
