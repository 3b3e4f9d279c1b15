"""Train one round of a search: propose its points from the rounds before, then train each of them."""

from __future__ import annotations

import json
import logging
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from chapter6.data.mnist import Dataset, load
from chapter6.engine.streams import Streams
from chapter6.engine.training import Curve, Outcome
from chapter6.files import write_json
from chapter6.search.spaces import Points, Space
from chapter6.search.strategies import Strategy
from chapter6.study.assemble import execute, needs_mnist
from chapter6.study.known import Known
from chapter6.study.records import write_curves
from chapter6.study.searches import Trial, applied, curves_file, read_trials, tried
from chapter6.study.sources import search_digest

WORST = {"accuracy": 0.0, "loss": -np.log(10)}  # what a trial that diverged scores

log = logging.getLogger(__name__)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_search_arguments(parser)
    parser.add_argument("--before", nargs="*", default=[], help="records of the rounds before, in order")
    parser.add_argument("--known", help="index of what was trained, under whatever name (default: none)")


def add_search_arguments(parser: ArgumentParser) -> None:
    """Declare what every job of a search is told."""
    parser.add_argument("--run", required=True, type=json.loads, help="a trial's specification as JSON")
    parser.add_argument("--search", required=True, type=json.loads, help="space, trials and strategy as JSON")
    parser.add_argument("--replicate", required=True, type=int, help="which search")
    parser.add_argument("--seed", required=True, type=int, help="the study's seed")
    parser.add_argument("--data", required=True, type=Path, help="folder of the data set")
    parser.add_argument("--output", required=True)


def run(args: Namespace) -> None:
    """Write points and scores of the round, its curves first."""
    dataset = load(args.data) if needs_mnist(args.run) else None
    key, known = _identity(args, dataset), Known(args.known)
    if source := known.copy(key, args.output):
        log.info("the round is that of %s", source)
    else:
        _train(args, dataset)
        known.add(key, args.output)


def _identity(args: Namespace, dataset: Dataset | None) -> str:
    """Return a digest of everything that the round depends on, the rounds before it included."""
    before = [sha256(Path(file).read_bytes()).hexdigest() for file in args.before]
    data = dataset.digest if dataset else None
    parts = [args.run, args.search, args.seed, args.replicate, before, data, search_digest()]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _train(args: Namespace, dataset: Dataset | None) -> None:
    streams = Streams(args.seed, args.replicate)
    before = read_trials(args.before)
    number = len(args.before) + 1
    space = Space.of(args.search["space"])
    curves: dict[tuple[str, str], Curve] = {}
    trials = []
    for position, point in enumerate(_points(args, space, before, number, streams), start=len(before)):
        values = space.values(point)
        outcome = execute(applied(args.run, values), streams.within(f"trial-{position}"), dataset, data_streams=streams)
        score = _score(outcome, args.search["metric"])
        trials.append(Trial(position, number, point.tolist(), values, score, outcome.status, outcome.steps))
        curves |= {(str(position), "/".join(name)): curve for name, curve in outcome.curves.items()}
    log.info("round %d: %d trials, best score %.4g", number, len(trials), max(trial.score for trial in trials))
    digest = write_curves(curves_file(args.output), curves)
    write_json(args.output, {"round": number, "curves": digest, "trials": [asdict(trial) for trial in trials]})


def _points(args: Namespace, space: Space, before: list[Trial], number: int, streams: Streams) -> Points:
    """Propose the points of this round, from its own random stream."""
    strategy = Strategy.build(args.search["strategy"])
    count = strategy.rounds(args.search["trials"])[number - 1]
    points, scores = tried(before, len(space))
    return strategy.propose(count, len(space), points, scores, streams(f"points/round-{number}"))


def _score(outcome: Outcome, metric: str) -> float:
    """Return the final validation metric, higher being better."""
    curve: Any = outcome.curves.get(("validation", metric))
    if outcome.status == "diverged" or curve is None or not np.isfinite(curve.values[-1]):
        return float(WORST[metric])
    return float(curve.values[-1]) if metric == "accuracy" else -float(curve.values[-1])
