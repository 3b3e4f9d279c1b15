"""Train one round of a search: propose its points from the rounds before, then train each of them."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from chapter6.engine.execution import execute
from chapter6.engine.run import Run
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
from chapter6.study.starts import Start, start_of

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
    asked = asked_search(args)
    with advising():
        before = read_rounds(files_of(args.before), args.before)
    key, known = _identity(asked, args.before), RunCache(args.known)
    if source := known.copy(key, args.output):
        log.info("the round is that of %s", source)
    else:
        _train(asked, before, len(args.before) + 1, args.output)
        known.add(key, args.output)


@dataclass(frozen=True)
class AskedSearch:
    """A search whose trainings are asked for: its run with what it takes from files, its data, what it starts from."""

    order: SearchOrder
    run: Run
    dataset: Dataset | None
    start: Start | None

    @property
    def streams(self) -> Streams:
        """The streams of the whole search."""
        return Streams(self.order.seed, self.order.replicate)

    @property
    def classes(self) -> int:
        """Among how many classes a trial chooses."""
        assert self.run.classes, "a search is judged by labels"
        return self.run.classes

    def outcome(self, run: Run, part: str) -> Outcome:
        """Train ``run`` with seeds of its own, and the split of the whole search."""
        start = self.start.read() if self.start else None
        return execute(run, self.streams.within(part), self.dataset, data_streams=self.streams, start=start)


def asked_search(args: Namespace) -> AskedSearch:
    """Return what the order asks for."""
    order = read_order(SearchOrder, args.order)
    run = order.taken.resolved(replicate=order.replicate)
    dataset = load(args.data) if run.needs_dataset else None
    return AskedSearch(order, run, dataset, start_of(run, order.runs, order.replicate, order.seed))


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


def _identity(asked: AskedSearch, before: Sequence[str]) -> str:
    """Return a digest of everything that the round depends on, the rounds before it included.

    How many rounds follow changes none: the first trials of a long random search are those of a short one.
    """
    order, search = asked.order, asked.order.search
    rounds = [sha256(Path(file).read_bytes()).hexdigest() for file in before]
    proposed = [search.strategy, search.space, search.metric, search.equal, search.rounds[len(before)]]
    data, start = asked.dataset.digest if asked.dataset else None, [asked.start.digest] if asked.start else []
    parts = [asked.run, *proposed, order.seed, order.replicate, rounds, data, order.sources, *start]
    return sha256(canonical(parts).encode()).hexdigest()


def _train(asked: AskedSearch, before: Sequence[Trial], number: int, output: str) -> None:
    curves: dict[tuple[str, str], Curve] = {}
    trials, search = [], asked.order.search
    for position, point in enumerate(_points(asked, before, number), start=len(before)):
        values = search.cube.values(point)
        outcome = asked.outcome(applied(asked.run, search, values), f"trial-{position}")
        score = _score(outcome, search.metric, asked.classes)
        trials.append(Trial(position, number, tuple(point.tolist()), values, score, outcome.status, outcome.steps))
        curves |= {(str(position), "/".join(name)): curve for name, curve in outcome.curves.items()}
    log.info("round %d: %d trials, best score %.4g", number, len(trials), max(trial.score for trial in trials))
    write_json(output, plain(Round(number, write_curves(curves_file(output), curves), tuple(trials))))


def _points(asked: AskedSearch, before: Sequence[Trial], number: int) -> Points:
    """Propose the points of this round, from its own random stream."""
    search = asked.order.search
    points, scores = tried(before, search.size)
    assert search.strategy is not None, "a replay has no rounds of its own"
    count, rng = search.rounds[number - 1], asked.streams(f"points/round-{number}")
    return search.strategy.propose(count, search.size, points, scores, rng)


def _score(outcome: Outcome, metric: str, classes: int) -> float:
    """Return the final validation metric, higher being better."""
    curve: Any = outcome.curves.get(("validation", metric))
    if outcome.status == "diverged" or curve is None or not np.isfinite(curve.values[-1]):
        return diverged_score(metric, classes)
    return float(curve.values[-1]) if metric == "accuracy" else -float(curve.values[-1])
