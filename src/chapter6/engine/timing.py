"""How long updates and evaluations take: two runs in turn, so that what slows the machine slows both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter
from typing import Literal

from chapter6.engine.data import Dataset
from chapter6.engine.execution import problem_of
from chapter6.engine.problems import Classifier
from chapter6.engine.run import Run
from chapter6.engine.streams import Streams
from chapter6.engine.training import train
from chapter6.registry import StudyError

Task = Literal["update", "evaluation"]


def paired_seconds(
    runs: tuple[Run, Run], task: Task, updates: int, rounds: int, seed: int, dataset: Dataset | None = None
) -> Iterator[tuple[float, float]]:
    """Yield the seconds of a task under both ``runs``, round by round; who comes first alternates.

    An update's are the mean over a block of so many ``updates`` from the initial weights of replicate ``round``.
    """
    for number in range(rounds):
        streams = Streams(seed, number)
        turns = (0, 1) if number % 2 else (1, 0)
        seconds = {turn: _seconds(runs[turn], task, updates, streams, dataset) for turn in turns}
        yield seconds[0], seconds[1]


def _seconds(run: Run, task: Task, updates: int, streams: Streams, dataset: Dataset | None) -> float:
    if task == "update":
        return _seconds_of_update(run, updates, streams, dataset)
    return _seconds_of_evaluation(run, streams, dataset)


def _seconds_of_update(run: Run, updates: int, streams: Streams, dataset: Dataset | None) -> float:
    """Return the mean time of an update in the training loop itself, after a first one that finds its memory."""
    ticks: list[float] = []
    stage = next(stage for stage in run.stages if stage.steps)
    block = replace(stage, steps=updates + 1, stopping=None)
    train(problem_of(run, streams, dataset), [block], progress=lambda *_: ticks.append(perf_counter()))
    if len(ticks) <= updates:
        raise StudyError(f"diverges after {len(ticks)} updates, too few to be timed")
    return (ticks[-1] - ticks[0]) / updates


def _seconds_of_evaluation(run: Run, streams: Streams, dataset: Dataset | None) -> float:
    """Return the time of an evaluation of the test data, the second."""
    problem = problem_of(run, streams, dataset)
    assert isinstance(problem, Classifier), "a run that is evaluated"
    problem.evaluate("test")
    start = perf_counter()
    problem.evaluate("test")
    return perf_counter() - start
