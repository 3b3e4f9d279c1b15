"""Choose one number of a run on validation data: one training per candidate, on a seed that no replicate uses."""

from __future__ import annotations

import json
import logging
from argparse import ArgumentParser, Namespace
from math import inf, isfinite
from pathlib import Path
from typing import Any

from chapter6.data.mnist import Dataset, load
from chapter6.engine.streams import Streams
from chapter6.files import write_json
from chapter6.study.assemble import execute, needs_mnist
from chapter6.study.resolve import merge, nested

TUNING_REPLICATE = 1_000_000  # far from every replicate that is judged

log = logging.getLogger(__name__)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--run", required=True, type=json.loads, help="the run's specification as JSON")
    parser.add_argument("--parameter", required=True, help="dotted setting to choose")
    parser.add_argument("--candidate", required=True, type=float, action="append")
    parser.add_argument("--seed", required=True, type=int, help="the study's seed")
    parser.add_argument("--data", required=True, type=Path, help="folder of the data set")
    parser.add_argument("--output", required=True)


def run(args: Namespace) -> None:
    """Write the candidate with the lowest validation loss, and what every candidate came to."""
    dataset = load(args.data) if needs_mnist(args.run) else None
    trials = [_trial(args, candidate, dataset) for candidate in sorted(args.candidate)]
    best = min(trials, key=lambda trial: inf if trial["loss"] is None else trial["loss"])
    at_edge = best["value"] in (trials[0]["value"], trials[-1]["value"])
    if at_edge:
        log.warning("%s = %g lies at the edge of what was tried", args.parameter, best["value"])
    write_json(
        args.output, {"parameter": args.parameter, "value": best["value"], "at_edge": at_edge, "candidates": trials}
    )


def _trial(args: Namespace, candidate: float, dataset: Dataset | None) -> dict[str, Any]:
    changed = merge(args.run, nested(args.parameter, candidate))
    outcome = execute(changed, Streams(args.seed, TUNING_REPLICATE), dataset)
    curve = outcome.curves.get(("validation", "loss"))
    loss = float(curve.values[-1]) if curve and outcome.status == "finished" else inf
    log.info("%s = %g: validation loss %g", args.parameter, candidate, loss)
    return {"value": candidate, "loss": loss if isfinite(loss) else None, "outcome": outcome.status}
