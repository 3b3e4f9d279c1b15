"""Train one round of a search: propose its points from the rounds before, then train each of them."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from chapter6.engine.execution import execute
from chapter6.engine.streams import Streams
from chapter6.engine.training import Curve, Outcome
from chapter6.files import write_json
from chapter6.jobs.datasets import Dataset, load
from chapter6.metrics import diverged_score
from chapter6.registry import StudyError, canonical, plain
from chapter6.search.spaces import Points
from chapter6.study.orders import SearchOrder, read_order
from chapter6.study.paths import curves_file
from chapter6.study.results import Folder, UnreadableError, write_curves
from chapter6.study.run_cache import RunCache
from chapter6.study.searches import Round, Trial, applied, read_rounds, tried

log = logging.getLogger(__name__)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_search_arguments(parser)
    parser.add_argument("--before", nargs="*", default=[], help="records of the rounds before, in order")
    parser.add_argument("--known", help="index of what was trained, under whatever name (default: none)")


def add_search_arguments(parser: ArgumentParser) -> None:
    """Declare what every job of a search is told."""
    parser.add_argument("--order", required=True, type=Path, help="which search, as JSON")
    parser.add_argument("--data", required=True, type=Path, help="folder of the data set")
    parser.add_argument("--output", required=True)


def run(args: Namespace) -> None:
    """Write points and scores of the round, its curves first."""
    order = read_order(SearchOrder, args.order)
    with advising():
        before = read_rounds(files_of(args.before), args.before)
    dataset = load(args.data) if order.run.needs_dataset else None
    key, known = _identity(order, args.before, dataset), RunCache(args.known)
    if source := known.copy(key, args.output):
        log.info("the round is that of %s", source)
    else:
        _train(order, before, len(args.before) + 1, args.output, dataset)
        known.add(key, args.output)


def files_of(names: Sequence[str]) -> Folder:
    """Return rounds and their curves, each read when it is asked for."""
    return Folder({name: Path(name) for file in names for name in (file, curves_file(file))})


@contextmanager
def advising() -> Iterator[None]:
    """Say of a round that cannot be read how it is made again."""
    try:
        yield
    except UnreadableError as error:
        raise StudyError(f"{error}; `snakemake --cores all --forcerun {error.file}` makes it again") from None


def _identity(order: SearchOrder, before: Sequence[str], dataset: Dataset | None) -> str:
    """Return a digest of everything that the round depends on, the rounds before it included."""
    rounds = [sha256(Path(file).read_bytes()).hexdigest() for file in before]
    data, sources = dataset.digest if dataset else None, order.sources
    parts = [order.run, order.search, order.seed, order.replicate, rounds, data, sources]
    return sha256(canonical(parts).encode()).hexdigest()


def _train(order: SearchOrder, before: Sequence[Trial], number: int, output: str, dataset: Dataset | None) -> None:
    streams = Streams(order.seed, order.replicate)
    curves: dict[tuple[str, str], Curve] = {}
    trials = []
    for position, point in enumerate(_points(order, before, number, streams), start=len(before)):
        values = order.search.cube.values(point)
        own = streams.within(f"trial-{position}")
        outcome = execute(applied(order.run, values), own, dataset, data_streams=streams)
        score = _score(outcome, order.search.metric)
        trials.append(Trial(position, number, tuple(point.tolist()), values, score, outcome.status, outcome.steps))
        curves |= {(str(position), "/".join(name)): curve for name, curve in outcome.curves.items()}
    log.info("round %d: %d trials, best score %.4g", number, len(trials), max(trial.score for trial in trials))
    write_json(output, plain(Round(number, write_curves(curves_file(output), curves), tuple(trials))))


def _points(order: SearchOrder, before: Sequence[Trial], number: int, streams: Streams) -> Points:
    """Propose the points of this round, from its own random stream."""
    search, (points, scores) = order.search, tried(before, order.search.size)
    assert search.strategy is not None, "a replay has no rounds of its own"
    count = search.rounds[number - 1]
    return search.strategy.propose(count, search.size, points, scores, streams(f"points/round-{number}"))


def _score(outcome: Outcome, metric: str) -> float:
    """Return the final validation metric, higher being better."""
    curve: Any = outcome.curves.get(("validation", metric))
    if outcome.status == "diverged" or curve is None or not np.isfinite(curve.values[-1]):
        return diverged_score(metric)
    return float(curve.values[-1]) if metric == "accuracy" else -float(curve.values[-1])
