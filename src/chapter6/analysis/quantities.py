"""What is measured of a run: a summary of one metric's curve, as one number.

Beside the recorded metrics there are derived ones, which `runs` computes:

- ``gap``: train accuracy minus the split's accuracy at the same step;
- ``trial/<metric>``: a search as a curve over its trials (1, 2, ...), each with its final value;
  ``trial/updates`` counts the updates that each trial took;
- ``best/<metric>``: the best of these so far (the highest, of a loss the lowest).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from chapter6.intervals import Array, Transform
from chapter6.registry import Index, StudyError

Split = Literal["batch", "train", "validation", "test"]
Summary = Literal["last", "first", "mean", "median", "minimum", "maximum", "total", "total_variation", "sign_changes"]

SHARES = ("accuracy", "gap", "saturated", "misaligned_share")
SIGNED = ("gap", "x", "y", "activation_mean")
POSITIVE = ("loss", "activation_std", "unit_std", "slope", "gradient_norm", "updates", "distance", "height")
UNITS = {"loss": "nats", "updates": "updates", "angle": "degrees", **dict.fromkeys(SHARES, "share")}
SPLITS: dict[str, Split] = {"loss": "batch", "accuracy": "test", "gap": "test"}


class Curve(NamedTuple):
    """Readings over ascending steps."""

    steps: Array
    readings: Array


@dataclass(frozen=True, kw_only=True)
class Target:
    """A level that a metric reaches: at least (accuracy) or at most (loss) so much."""

    metric: str
    split: Split | None = None
    at_least: float | None = None
    at_most: float | None = None

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
        steps = curve.steps[self.reached(curve.readings)]
        return float(steps[0]) if steps.size else math.inf

    @property
    def quantity(self) -> Quantity:
        """The final value of the metric."""
        return Quantity(self.metric, self.split)

    def __str__(self) -> str:
        return f"{split_of(self.metric, self.split)} {spoken(self.metric)} reaches {self.level:g}"


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
    def unit(self) -> str:
        """Unit of the number; a share is an accuracy or a difference of two."""
        return "" if self.summary == "sign_changes" else UNITS.get(base_of(self.metric), "")

    @property
    def signed(self) -> bool:
        """Whether the number may be negative, so that it has no ratio."""
        return base_of(self.metric) in SIGNED and self.summary not in ("total_variation", "sign_changes")

    @property
    def transform(self) -> Transform:
        """Scale on which a one-sample interval of the number can be trusted."""
        base = base_of(self.metric)
        if base in SHARES and base != "gap" and self.summary not in ("total_variation", "sign_changes"):
            return "logit"
        positive = base in POSITIVE and self.summary != "sign_changes"
        return "log" if positive or self.summary == "total_variation" else "identity"

    @property
    def recorded(self) -> set[tuple[str, str]]:
        """The (split, metric) pairs that the tables must hold."""
        if self.when:
            return Quantity(self.metric, self.split).recorded | self.when.quantity.recorded
        base = base_of(self.metric)
        split = split_of(self.metric, self.split)
        if base == "gap":
            return {("train", "accuracy"), (split, "accuracy")}
        if base == "updates":
            return set()
        return {(split, base if self.metric.startswith(("best/", "trial/")) else self.metric)}

    def __str__(self) -> str:
        base = base_of(self.metric)
        split = split_of(self.metric, self.split)
        told = (base not in ("loss", "accuracy") and split == "train") or base in ("gap", "updates")
        words = [WORDS[self.summary], "" if told else split, spoken(self.metric, split)]
        if self.when or (self.summary == "last" and "/layer" in self.metric):
            words[0] = ""
        if self.when:
            words.append(f"when {self.when}")
        if self.first_step is not None:
            words.append(f"from step {self.first_step}")
        if self.last_step is not None:
            words.append(f"up to step {self.last_step}")
        return " ".join(word for word in words if word)


WORDS: dict[Summary, str] = {
    "last": "final",
    "first": "initial",
    "mean": "mean",
    "median": "median",
    "minimum": "lowest",
    "maximum": "highest",
    "total": "total",
    "total_variation": "total variation of",
    "sign_changes": "number of sign changes of",
}


def base_of(metric: str) -> str:
    """The metric behind a layer's or a search's: that of ``rank/layer-2`` is ``rank``."""
    head, _, tail = metric.partition("/")
    return tail if head in ("best", "trial") else head


def split_of(metric: str, split: Split | None) -> Split:
    """The split meant: the one given, or a loss is the batch's, an accuracy the test's, the rest train's."""
    return split or SPLITS.get(base_of(metric), "train")


def spoken(metric: str, split: str = "test") -> str:
    """A metric's name in words."""
    head, _, tail = metric.partition("/")
    if head in ("best", "trial"):
        return f"{tail} of the {'best trial so far' if head == 'best' else 'trials'}"
    if head == "gap":
        return f"gap between train and {split} accuracy"
    name = head.replace("_", " ")
    return f"{name} of {tail.replace('-', ' ')}" if tail else name


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
