"""The only training loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

import numpy as np

from chapter6.engine.measurements import BatchLoss, Measurement
from chapter6.engine.optimizers import Optimizer
from chapter6.engine.parameters import Array
from chapter6.engine.problems import NetworkProblem, Problem
from chapter6.registry import Count

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
    """How a run ended: after ``steps`` completed updates, the last of them finite or not."""

    status: Literal["finished", "diverged"]
    steps: int
    curves: dict[tuple[str, str], Curve]


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the validation loss has not improved for ``patience`` looks, ``every`` so many updates.

    The weights of the best look are restored (section 6.4; Prechelt 1998).
    """

    every: Count = 10
    patience: Count = 10


def train(
    problem: Problem,
    optimizer: Optimizer | None,
    steps: int,
    recordings: Sequence[Recording] = (),
    progress: Progress | None = None,
    stopping: EarlyStopping | None = None,
) -> Outcome:
    """Update ``problem.values`` in place ``steps`` times, or until ``stopping`` says so, and record on the way.

    A loss that is not finite ends the run: it has diverged, which is a result and no error. What is recorded at
    the end is taken from the restored weights where the run was stopped early.
    """
    curves: dict[tuple[str, str], Curve] = {}
    before, after = _by_step(recordings)
    state = optimizer.start(problem.values) if optimizer else {}
    watch = _Watch(stopping, problem) if stopping else None
    status: Literal["finished", "diverged"] = "finished"
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        _record(problem, after.get(0, ()), 0, curves)
        step = 0
        while step < steps and optimizer:
            loss = problem.differentiate(step + 1)
            if not isfinite(loss):
                status = "diverged"
                break
            if step in before:
                _record(problem, before[step], step, curves)
            step += 1
            optimizer.step(problem.values, problem.gradient, state, step)
            if progress:
                progress(step, loss)
            if watch and watch.is_over(step):
                break
            if step in after and step < steps:
                _record(problem, after[step], step, curves)
        if not np.isfinite(problem.values).all():
            status = "diverged"
        if watch and status == "finished":
            watch.restore()
        if steps and (status == "finished" or step == steps):
            due = dict.fromkeys([*after.get(step, ()), *after.get(steps, ())])  # both, where stopped early
            _record(problem, tuple(due), step, curves)
    return Outcome(status, step, curves)


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
    recordings: Sequence[Recording],
) -> tuple[dict[int, list[Measurement]], dict[int, list[Measurement]]]:
    """Index measurements by step: those of the training pass apart from those between updates."""
    before: dict[int, list[Measurement]] = {}
    after: dict[int, list[Measurement]] = {}
    for recording in recordings:
        measurement = recording.measurement
        in_pass = isinstance(measurement, BatchLoss) and not measurement.after_update
        for step in recording.steps:
            (before if in_pass else after).setdefault(step, []).append(measurement)
    return before, after


def _record(
    problem: Problem,
    measurements: Sequence[Measurement],
    step: int,
    curves: dict[tuple[str, str], Curve],
) -> None:
    for measurement in measurements:
        for split, metric, value in measurement.measure(problem):
            curve = curves.setdefault((split, metric), Curve())
            curve.steps.append(step)
            curve.values.append(value)
