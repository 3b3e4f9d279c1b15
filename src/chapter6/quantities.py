"""What is measured of a run: a summary of one metric's curve, as one number.

Beside the recorded metrics there are derived ones, which `runs` computes:

- ``gap``: train accuracy minus the split's accuracy at the same step;
- ``trial/<metric>``: a search as a curve over its trials (1, 2, ...), each with its final value;
  ``trial/updates`` counts the updates that each trial took;
- ``best/<metric>``: the best of these so far;
- ``optimism``: of a search's choice, the validation accuracy that it was chosen by minus its test accuracy, retrained;
- ``time_ratio/<task>``: the time of an update or evaluation by that of the variant that was timed beside it, each round
  of the timing as a replicate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from chapter6.intervals import Array
from chapter6.metrics import Metric, Split, Transform, metric_of, recorded_key
from chapter6.registry import Count, Index, StudyError

Summary = Literal["last", "first", "mean", "median", "minimum", "maximum", "total", "total_variation", "sign_changes"]


# of differences of accuracies, the split from which the other one is subtracted
MINUENDS: dict[str, Split] = {"gap": "train", "optimism": "validation", "noise_loss": "test"}


class Curve(NamedTuple):
    """Readings over ascending steps."""

    steps: Array
    readings: Array


@dataclass(frozen=True, kw_only=True)
class Target:
    """A level that a metric reaches: at least (accuracy) or at most (loss) so much.

    It is smoothed over ``window`` readings.
    """

    metric: str
    split: Split | None = None
    at_least: float | None = None
    at_most: float | None = None
    window: Count = 1

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise StudyError(f"target for {self.metric}: give one of at_least, at_most")

    @property
    def level(self) -> float:
        """The level, whichever side of it is asked for."""
        return next(level for level in (self.at_least, self.at_most) if level is not None)

    def reached(self, values: Array) -> Array:
        """Which of the values are at the target or past it."""
        return np.asarray(values <= self.level if self.at_least is None else values >= self.level)

    def first_step(self, curve: Curve) -> float:
        """First step at which the target is reached, infinity where it never is."""
        smooth = self.smoothed(curve)
        steps = smooth.steps[self.reached(smooth.readings)]
        return float(steps[0]) if steps.size else math.inf

    def smoothed(self, curve: Curve) -> Curve:
        """Means over the window, each at its last step; a curve that is shorter has one."""
        width = min(self.window, curve.steps.size)
        if width <= 1:
            return curve
        return Curve(curve.steps[width - 1 :], np.convolve(curve.readings, np.full(width, 1 / width), "valid"))

    @property
    def quantity(self) -> Quantity:
        """The final value of the metric."""
        return Quantity(self.metric, self.split)


@dataclass(frozen=True)
class Quantity:
    """The one number that a run is reduced to: a summary of one metric's curve.

    `first_step` and `last_step` cut a window out of the curve, ends included. `when` reads the metric at the
    first step (of those where it was recorded) at which the same run had reached a target; a run that never
    does has no such number (NaN). The mean is the area under the curve by its length in steps.
    """

    metric: str
    split: Split | None = None
    summary: Summary = "last"
    first_step: Index | None = None
    last_step: Index | None = None
    when: Target | None = None

    def __post_init__(self) -> None:
        if self.summary not in SUMMARIES:
            raise StudyError(f"unknown summary {self.summary!r}; choose from {sorted(SUMMARIES)}")

    @property
    def of(self) -> Metric:
        """What is known of the metric."""
        return metric_of(self.metric)

    @property
    def unit(self) -> str:
        """Unit of the number."""
        return "" if self.summary == "sign_changes" else self.of.unit

    @property
    def signed(self) -> bool:
        """Whether the number may be negative, so that it has no ratio."""
        return self.of.signed and self.summary not in ("total_variation", "sign_changes")

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and most that the number may be."""
        least, most = self.of.least, self.of.most
        if self.summary in ("total", "total_variation", "sign_changes"):
            return (0.0 if least == 0 or self.summary != "total" else -math.inf), math.inf
        return least, most

    @property
    def transform(self) -> Transform:
        """Scale on which a one-sample interval of the number can be trusted."""
        of_changes: dict[str, Transform] = {"total_variation": "log", "sign_changes": "identity"}
        return of_changes.get(self.summary, self.of.transform)

    @property
    def recorded(self) -> set[tuple[str, str]]:
        """The (split, metric) pairs that the tables must hold."""
        if self.when:
            return Quantity(self.metric, self.split).recorded | self.when.quantity.recorded
        split = split_of(self.metric, self.split)
        if self.of.key in MINUENDS:
            return {(MINUENDS[self.of.key], "accuracy"), (split, "accuracy")}
        return set() if self.of.derived else {(split, recorded_key(self.metric))}


def split_of(metric: str, split: Split | None) -> Split:
    """The split meant: the one given, or a loss is the batch's, an accuracy the test's, the rest train's."""
    return split or metric_of(metric).split


def _mean(curve: Curve) -> float:
    """Area under the curve by its length (trapezoids)."""
    length = curve.steps[-1] - curve.steps[0]
    return float(np.trapezoid(curve.readings, curve.steps) / length if length else curve.readings[0])


def _sign_changes(curve: Curve) -> float:
    signs = np.sign(curve.readings)
    signs = signs[signs != 0]
    return float((signs[1:] != signs[:-1]).sum())


SUMMARIES: dict[Summary, Callable[[Curve], float]] = {
    "last": lambda curve: float(curve.readings[-1]),
    "first": lambda curve: float(curve.readings[0]),
    "mean": _mean,
    "median": lambda curve: float(np.median(curve.readings)),
    "minimum": lambda curve: float(curve.readings.min()),
    "maximum": lambda curve: float(curve.readings.max()),
    "total": lambda curve: float(curve.readings.sum()),
    "total_variation": lambda curve: float(np.abs(np.diff(curve.readings)).sum()),
    "sign_changes": _sign_changes,
}


def summarized(summary: Summary, curve: Curve) -> float:
    """A curve with one reading or more as one number."""
    return SUMMARIES[summary](curve)
