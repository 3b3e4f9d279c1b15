"""Choose one number of a run on validation data: one training per candidate, on a seed that no replicate uses."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from math import inf, isfinite
from pathlib import Path

import numpy as np

from chapter6.engine.execution import execute
from chapter6.engine.streams import Streams
from chapter6.files import write_json
from chapter6.jobs.datasets import Dataset, load
from chapter6.registry import plain
from chapter6.study.orders import TuningOrder, read_order
from chapter6.study.tunings import Candidate, Tuned

TUNING_REPLICATE = 1_000_000  # far from every replicate that is judged

log = logging.getLogger(__name__)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--order", required=True, type=Path, help="what is to be chosen, as JSON")
    parser.add_argument("--data", required=True, type=Path, help="folder of the data set")
    parser.add_argument("--output", required=True)


def run(args: Namespace) -> None:
    """Write the candidate with the lowest validation loss, and what every candidate came to."""
    order = read_order(TuningOrder, args.order)
    dataset = load(args.data) if order.run.needs_dataset else None
    tuned = Tuned.of(order.parameter, [_trial(order, value, dataset) for value in sorted(order.candidates)])
    if tuned.at_edge:
        log.warning("%s = %g lies at the edge of what was tried", order.parameter, tuned.value)
    write_json(args.output, plain(tuned))


def _trial(order: TuningOrder, value: float, dataset: Dataset | None) -> Candidate:
    outcome = execute(order.run.changed(order.parameter, value), Streams(order.seed, TUNING_REPLICATE), dataset)
    curve = outcome.curves.get(("validation", "loss"))
    loss = float(np.asarray(curve.values[-1])) if curve and outcome.status == "finished" else inf
    log.info("%s = %g: validation loss %g", order.parameter, value, loss)
    return Candidate(value, loss if isfinite(loss) else None, outcome.status)
