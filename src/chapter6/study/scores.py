"""What runs are chosen by, in a tuning or in a decision: one quantity of their curves, its median over seeds."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, get_args

import numpy as np

from chapter6.metrics import Split, metric_of
from chapter6.quantities import Curve, Quantity, Summary, Target, split_of, summarized
from chapter6.registry import Count, Family, StudyError

HELD_OUT = ("validation", "test", "noisy")  # splits that no run learns from
Score = tuple[float, ...] | None  # of one seed; None: it diverged, or recorded nothing


@dataclass(frozen=True)
class Judged:
    """A summary of a metric, or, with a level, the number of updates until it is reached.

    With a level the metric is smoothed over ``window`` readings. A run that never reaches it scores one update more
    than it took; among such runs the one that ended nearer to the level is better.
    """

    metric: str
    split: Split | None = None
    summary: Summary = "last"
    at_least: float | None = None
    at_most: float | None = None
    window: Count = 1

    def __post_init__(self) -> None:
        if self.summary not in get_args(Summary):
            raise StudyError(f"unknown summary {self.summary!r}; choose from {sorted(get_args(Summary))}")
        if self.at_least is not None and self.at_most is not None:
            raise StudyError(f"{self.metric}: give at_least or at_most, not both")
        if self.level is not None and self.summary != "last":
            raise StudyError(f"{self.metric}: a level asks for updates, and summary ({self.summary!r}) does not fit it")
        if self.window > 1 and self.level is None:
            raise StudyError(f"{self.metric}: window smooths what is to reach a level: give at_least or at_most")

    @property
    def level(self) -> float | None:
        """What is to be reached; None where a summary is asked for."""
        return self.at_most if self.at_least is None else self.at_least

    @property
    def source(self) -> tuple[Split, str]:
        """Split and metric of the curve."""
        return split_of(self.metric, self.split), self.metric

    @property
    def quantity(self) -> Quantity | Target:
        """What a run is reduced to, or what it is to reach."""
        if self.level is None:
            return Quantity(self.metric, self.split, self.summary)
        return Target(
            metric=self.metric, split=self.split, at_least=self.at_least, at_most=self.at_most, window=self.window
        )

    def score(self, curve: Curve, updates: int) -> Score:
        """Return what a run of so many ``updates`` came to, that ended whole."""
        if not curve.steps.size or not np.isfinite(curve.readings).all():
            return None
        target = self.quantity
        if isinstance(target, Quantity):
            return (summarized(self.summary, curve),)
        first, last = target.first_step(curve), float(target.smoothed(curve).readings[-1])
        return (min(first, updates + 1.0), abs(last - target.level) if first == inf else 0.0)

    def middle(self, scores: Sequence[Score]) -> float | None:
        """Return the median over seeds; None where that is of one that diverged."""
        found = float(np.median([inf if score is None else score[0] for score in scores]))
        return found if found < inf else None

    def rank(self, scores: Sequence[Score]) -> tuple[float, float]:
        """Return a number, and another for ties, by which to sort, the best first: medians, a diverged seed worst."""
        sign = -1.0 if self.level is None and metric_of(self.metric).better == "higher" else 1.0
        worst = (inf, inf)
        whole = [worst if score is None else (sign * score[0], *score[1:], 0.0)[:2] for score in scores]
        return float(np.median([first for first, _ in whole])), float(np.median([second for _, second in whole]))


Reason = Literal["best", "first that passes", "best, since none passes"]


@dataclass(frozen=True)
class Rule(Family):
    """How one of several is chosen: by a number for each (None: it diverged), and by where each ranks."""

    @abstractmethod
    def pick(self, numbers: Sequence[float | None], ranks: Sequence[tuple[float, float]]) -> tuple[int, Reason]:
        """Return the position of the one that is chosen, and why; of equal ones it is the first."""


@dataclass(frozen=True)
class Best(Rule):
    """The best one."""

    def pick(self, numbers: Sequence[float | None], ranks: Sequence[tuple[float, float]]) -> tuple[int, Reason]:
        return ranks.index(min(ranks)), "best"


@dataclass(frozen=True)
class First(Rule):
    """The first whose number is at least, or at most, so much; where there is none, the best one."""

    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise StudyError("rule: the first that passes what? Give one of at_least, at_most")

    def pick(self, numbers: Sequence[float | None], ranks: Sequence[tuple[float, float]]) -> tuple[int, Reason]:
        least = -inf if self.at_least is None else self.at_least
        most = inf if self.at_most is None else self.at_most
        passing = [place for place, number in enumerate(numbers) if number is not None and least <= number <= most]
        return (passing[0], "first that passes") if passing else (ranks.index(min(ranks)), "best, since none passes")
