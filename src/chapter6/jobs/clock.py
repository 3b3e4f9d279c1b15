"""Time an experiment's variants, each in turn with the one beside it; nothing else should run meanwhile."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from chapter6.engine.run import Run
from chapter6.engine.timing import paired_seconds
from chapter6.files import write_json
from chapter6.jobs.datasets import load
from chapter6.jobs.replicates import environment
from chapter6.registry import StudyError, plain
from chapter6.study.orders import TimingOrder, read_order
from chapter6.study.timings import Timed, Times

log = logging.getLogger(__name__)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--order", required=True, type=Path, help="what is to be timed, as JSON")
    parser.add_argument("--data", required=True, type=Path, help="folder of the data set")
    parser.add_argument("--output", required=True)


def run(args: Namespace) -> None:
    """Write the times of every round."""
    order = read_order(TimingOrder, args.order)
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    rounds = tuple(_timed(order, args.data))
    times = Times(order.key, order.experiment, order.beside, started, environment(), rounds)
    write_json(args.output, plain(times))


def _timed(order: TimingOrder, data: Path) -> Iterator[Timed]:
    """Yield the rounds of every variant and task."""
    runs = {name: taken.resolved() for name, taken in order.variants.items()}
    dataset = load(data) if any(each.needs_dataset for each in runs.values()) else None
    for variant in (name for name in runs if name != order.beside):
        pair: tuple[Run, Run] = (runs[variant], runs[order.beside])
        for task in order.tasks:
            try:
                seconds = list(paired_seconds(pair, task, order.updates, order.rounds, order.seed, dataset))
            except StudyError as error:
                raise StudyError(f"{order.experiment}: {variant!r} beside {order.beside!r} {error}") from None
            log.info("%s, %s: %s beside %s", variant, task, _told(seconds), order.beside)
            for number, (own, other) in enumerate(seconds):
                yield Timed(variant, task, number, own, other)


def _told(seconds: Sequence[tuple[float, float]]) -> str:
    """Return the median time, and median and quartiles of the ratio."""
    own, beside = np.array(seconds).T
    low, middle, high = np.percentile(own / beside, (25, 50, 75))
    return f"{np.median(own) * 1e6:.0f} us, {middle:.3f} times ({low:.3f} to {high:.3f})"
