"""Choose one number of a run on validation data: one training per candidate, on a seed that no replicate uses."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from math import inf, isfinite
from pathlib import Path

import numpy as np

from chapter6.engine.execution import execute, start_of
from chapter6.engine.streams import Streams
from chapter6.engine.training import Outcome
from chapter6.files import write_json
from chapter6.jobs.datasets import load
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
    run, streams = order.taken.resolved(), Streams(order.seed, TUNING_REPLICATE)
    dataset = load(args.data) if run.needs_dataset else None
    start = start_of(run, streams, dataset)
    tried = []
    for value in sorted(order.candidates):
        outcome = execute(run.changed(order.parameter, value), streams, dataset, start=start)
        tried.append(_candidate(order.parameter, value, outcome))
    tuned = Tuned.of(order.parameter, tried)
    if tuned.at_edge:
        log.warning("%s = %g lies at the edge of what was tried", order.parameter, tuned.value)
    write_json(args.output, plain(tuned))


def _candidate(parameter: str, value: float, outcome: Outcome) -> Candidate:
    curve = outcome.curves.get(("validation", "loss"))
    loss = float(np.asarray(curve.values[-1])) if curve and outcome.status == "finished" else inf
    log.info("%s = %g: validation loss %g", parameter, value, loss)
    return Candidate(value, loss if isfinite(loss) else None, outcome.status)
