"""The only training loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

import numpy as np

from chapter6.engine.arrays import Array
from chapter6.engine.measurements.base import Measurement, Reader
from chapter6.engine.measurements.losses import BatchLoss
from chapter6.engine.parameters import Weights
from chapter6.engine.problems import NetworkProblem, Problem
from chapter6.engine.stages import EarlyStopping, Stage

Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class Recording:
    """A measurement and the steps (completed updates) after which it is taken."""

    measurement: Measurement
    steps: frozenset[int]


@dataclass
class Curve:
    """One metric over training: ``steps`` ascending, one value a step."""

    steps: list[int] = field(default_factory=list)
    values: list[float | Array] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """How a run ended: after ``steps`` completed updates, the last of them finite or not, with which ``weights``."""

    status: Literal["finished", "diverged"]
    steps: int
    curves: dict[tuple[str, str], Curve]
    weights: Weights


def train(
    problem: Problem, stages: Sequence[Stage], recordings: Sequence[Recording] = (), progress: Progress | None = None
) -> Outcome:
    """Update ``problem.values`` in place, stage by stage, and record on the way.

    A loss that is not finite ends the run: it has diverged, which is a result and no error. A stage may stop early;
    what is recorded at the end is taken from the weights that it restored.
    """
    session = _Session(problem, sum(stage.updates for stage in stages), recordings, progress)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        session.record()
        last = max((number for number, stage in enumerate(stages) if stage.updates), default=0)
        for number, stage in enumerate(stages):
            if stage.updates and session.status == "finished":
                problem.begin(stage, number)
                session.run(stage, is_last=number == last)
        session.end()
    return Outcome(session.status, session.step, session.curves, problem.weights())


class _Session:
    """A run at work: how far it is, and what was recorded."""

    def __init__(
        self, problem: Problem, total: int, recordings: Sequence[Recording], progress: Progress | None
    ) -> None:
        self.curves: dict[tuple[str, str], Curve] = {}
        self.status: Literal["finished", "diverged"] = "finished"
        self.step = 0
        self._problem, self._total, self._progress = problem, total, progress
        self._before, self._after = _by_step(problem, recordings)

    def run(self, stage: Stage, is_last: bool) -> None:
        """Take the updates of a stage, or as many as it comes to; what is due at its end is read once it is over."""
        problem, before, after, progress = self._problem, self._before, self._after, self._progress
        descent = _Descent(stage, problem)
        watch = _Watch(stage.stopping, problem) if stage.stopping else None
        for number in range(1, stage.updates + 1):
            loss = problem.differentiate(number)
            if not isfinite(loss):
                self.status = "diverged"
                return
            if self.step in before:
                self._record(before[self.step])
            self.step += 1
            descent.step(number)
            if progress:
                progress(self.step, loss)
            if watch and watch.is_over(number):
                break
            if self.step in after and number < stage.updates:
                self._record(after[self.step])
        if not np.isfinite(problem.values).all():
            self.status = "diverged"
        elif watch:
            watch.restore()
        if not is_last:
            self.record()

    def record(self) -> None:
        """Take what is due between updates, after so many as there were."""
        self._record(self._after.get(self.step, ()))

    def end(self) -> None:
        """Take what is due at the end, that of the last planned update included where the run was stopped early."""
        if not np.isfinite(self._problem.values).all():
            self.status = "diverged"
        if self._total and (self.status == "finished" or self.step == self._total):
            due = [*self._after.get(self.step, ()), *self._after.get(self._total, ())]
            self._record(tuple(dict.fromkeys(due)))

    def _record(self, readers: Sequence[Reader]) -> None:
        for read in readers:
            for split, metric, value in read():
                curve = self.curves.setdefault((split, metric), Curve())
                curve.steps.append(self.step)
                curve.values.append(value)


class _Descent:
    """The update rule of a stage at work on what learns, its rate stepping down."""

    def __init__(self, stage: Stage, problem: Problem) -> None:
        self._rules = stage.rules
        self._rule = self._rules[1]
        parts = ((problem.values[window], problem.gradient[window]) for window in problem.windows)
        self._parts = [(values, gradient, self._rule.start(values)) for values, gradient in parts]

    def step(self, number: int) -> None:
        """Take update ``number`` of the stage."""
        self._rule = self._rules.get(number, self._rule)
        for values, gradient, state in self._parts:
            self._rule.step(values, gradient, state, number)


class _Watch:
    """Early stopping at work: looks at the validation loss and keeps the best weights."""

    def __init__(self, rule: EarlyStopping, problem: Problem) -> None:
        assert isinstance(problem, NetworkProblem), "early stopping looks at validation data"
        self._rule = rule
        self._problem = problem
        self._best_loss = float("inf")
        self._best: list[Array] | None = None
        self._looks_since = 0

    def is_over(self, step: int) -> bool:
        """Look if it is time to, and say whether patience has run out."""
        if step % self._rule.every:
            return False
        loss, _ = self._problem.evaluate("validation")
        if loss < self._best_loss:
            self._best_loss, self._best, self._looks_since = loss, self._problem.snapshot(), 0
        else:
            self._looks_since += 1
        return self._looks_since >= self._rule.patience

    def restore(self) -> None:
        """Go back to the weights of the best look; a run that ended before the first keeps its own."""
        if self._best is not None:
            self._problem.restore(self._best)


def _by_step(
    problem: Problem, recordings: Sequence[Recording]
) -> tuple[dict[int, list[Reader]], dict[int, list[Reader]]]:
    """Bind measurements, equal ones to one reader, and index these by step: those of the training pass apart."""
    before: dict[int, list[Reader]] = {}
    after: dict[int, list[Reader]] = {}
    readers = {each.measurement: each.measurement.bind(problem) for each in recordings}
    for recording in recordings:
        measurement = recording.measurement
        in_pass = isinstance(measurement, BatchLoss)
        for step in recording.steps:
            (before if in_pass else after).setdefault(step, []).append(readers[measurement])
    return before, after
