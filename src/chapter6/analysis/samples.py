"""The replicates behind a comparison: their interval at any confidence, and fresh studies drawn from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from chapter6.analysis.levels import NOT_CENSORED, Flags, Levels, agreement, alike, level_of, share_levels
from chapter6.analysis.resampling import Resampled, is_skewed
from chapter6.intervals import (
    Array,
    Interval,
    censored_ratio,
    exact,
    one_sample,
    paired_difference,
    paired_ratio,
    to_scale,
)
from chapter6.metrics import Transform
from chapter6.records import Range, Scale

Bounds = tuple[float, float]  # least and most

UNBOUNDED = (-math.inf, math.inf)


def of_differences(bounds: Bounds) -> Bounds:
    """Between which the difference of two numbers lies that lie between the bounds."""
    least, most = bounds
    return least - most, most - least


@dataclass(frozen=True, eq=False)
class Fresh:
    """Studies as they could come out again, drawn in two levels: a truth from the replicates, a study from that truth.

    ``truths`` and ``studies`` are uniform numbers, a row a study and a column a replicate, ``spreads`` one a study.
    Every part of a claim is drawn by the same ones, so replicates are drawn whole; ``times`` as many as there are.
    """

    truths: Array
    studies: Array
    spreads: Array
    times: int = 1

    @classmethod
    def draw(cls, rng: Generator, studies: int, replicates: int, times: int = 1) -> Fresh:
        """Draw so many studies of up to so many replicates, or ``times`` as many."""
        truths, each = (rng.random((studies, size)) for size in (replicates, replicates * times))
        return cls(truths, each, rng.random((studies, 1)), times)

    def again(self, rng: Generator) -> Fresh:
        """Other studies from the same truths."""
        return replace(self, studies=rng.random(self.studies.shape))

    def of(self, values: Array, flags: tuple[Flags, Flags]) -> tuple[Array, tuple[Flags, Flags]]:
        """Studies of a number, a row each, with what is flagged of each replicate.

        The truth's spread is drawn as few replicates tell it, s^2 (n - 1) / chi^2 (Jeffreys' posterior), and given that
        its mean. Values drawn with replacement vary less than the replicates by (n - 1) / n, and are widened by that.
        """
        from scipy.special import chdtri

        n, free = values.size, max(values.size - 1, 1)
        truth, study = (self.truths[:, :n] * n).astype(int), (self.studies[:, : n * self.times] * n).astype(int)
        finite = values[np.isfinite(values)]
        first = finite[0] if finite.size else math.nan  # from here: a mean of equal numbers may be another number
        middle = (finite - first).mean() if finite.size else math.nan
        away = math.sqrt(n / free) * (values - first - middle)
        spread = np.sqrt(free / chdtri(free, self.spreads))
        drawn = first + (middle + spread * (away[truth].mean(axis=1, keepdims=True) + away[study]))
        below, above = (flag[study] for flag in flags)
        return drawn, (below, above)


Drawn = Fresh | Resampled


@dataclass(frozen=True, eq=False)
class Sample:
    """A number a replicate, or two that are paired: the first less the second or, where the scale is a ratio, by it.

    ``count`` is how many images a share counts, ``limit`` up to where times were watched (an infinite one was longer),
    ``bounds`` between which each number lies. ``certain`` says that nothing is random, so that one replicate is exact.
    """

    values: Array
    rival: Array | None = None
    scale: Scale = "value"
    transform: Transform = "identity"
    count: int | None = None
    limit: float | None = None
    bounds: Bounds = UNBOUNDED
    certain: bool = False

    def interval(self, confidence: float) -> Interval:
        """The interval, within the bounds; ValueError where the numbers do not fit the scale.

        Replicates that are random and agree say no more than a sign test: that the median lies there (`agreement`).
        """
        if self.certain and self.values.size == 1 and math.isfinite(number := float(self._numbers[0])):
            return exact(number)
        found, (least, most) = self._interval(confidence), self._reach
        if self.certain or found.low != found.high or agreement(self.values.size) <= 1 - confidence:
            return replace(found, low=max(found.low, least), high=min(found.high, most))
        return replace(found, low=least, high=most)

    def _interval(self, confidence: float) -> Interval:
        if self.rival is None:
            return one_sample(self.values, confidence, self.transform, self.count)
        if self.limit is not None:
            return censored_ratio(self.values, self.rival, self.limit, confidence)
        return (paired_ratio if self.scale == "ratio" else paired_difference)(self.values, self.rival, confidence)

    def levels(self, claimed: Range, drawn: Drawn | None = None) -> Levels:
        """Error levels of the verdicts on a range: of these replicates, resampled if in doubt, or of fresh studies."""
        if self.values.size == 0 or (self.certain and self.values.size == 1):  # a fresh study would be the same
            told = level_of(np.repeat(self._scaled, 2), claimed, self._transform, NOT_CENSORED, 0.0, count=self.count)
            return Levels(*(np.broadcast_to(s, len(drawn.truths)) for s in told)) if isinstance(drawn, Fresh) else told
        values, flags = self._scaled, self._censored
        agree = alike(values) and not self.certain  # else those that agree were drawn twice
        resampled = drawn.distribution(values) if isinstance(drawn, Resampled) and self.in_doubt else None
        if isinstance(drawn, Fresh):
            values, flags = drawn.of(values, flags)
        agreed = agreement(values.shape[-1]) if agree else 0.0
        below, above = (np.asarray(flag.any(axis=-1)) for flag in flags)
        return level_of(values, claimed, self._transform, (below, above), agreed, resampled, self.count)

    @property
    def in_doubt(self) -> bool:
        """Whether a t interval may mislead: the replicates are skewed, or one stands at a bound of what is measured."""
        scaled = self._scaled
        if self.certain or scaled.size < 2 or not np.isfinite(scaled).all() or alike(scaled):
            return False
        sides = [self.values] if self.rival is None else [self.values, self.rival]
        ends = [*self.bounds, math.inf]  # a time that was not reached stands at the end of its run
        return is_skewed(scaled) or any(np.isin(side, ends).any() for side in sides)

    @property
    def _reach(self) -> Bounds:
        """Between which what is judged lies."""
        if self._transform != "identity":
            return 0.0, 1.0 if self._transform == "logit" else math.inf
        return self.bounds if self.rival is None else of_differences(self.bounds)

    @property
    def _transform(self) -> Transform:
        return "log" if self.rival is not None and self.scale == "ratio" else self.transform

    @property
    def _numbers(self) -> Array:
        """One number a replicate, in its unit; a censored time counts as the limit."""
        if self.rival is None:
            return self.values
        a, b = self.values, self.rival
        if self.limit is not None:
            a, b = (np.where(np.isposinf(side), self.limit, side) for side in (a, b))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(np.isfinite(b), a / b, np.nan) if self.scale == "ratio" else a - b

    @property
    def _scaled(self) -> Array:
        """The numbers on the scale of the interval, NaN where it has none."""
        numbers = self._numbers
        numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        try:
            scaled = to_scale(numbers, self._transform, self.count)
        except ValueError:
            return np.full(numbers.shape, np.nan)
        return np.where(np.isfinite(scaled), scaled, np.nan)

    @property
    def _censored(self) -> tuple[Flags, Flags]:
        """Whose time leaves the ratio open below, and above."""
        if self.limit is None or self.rival is None:
            none = np.zeros(self.values.shape, dtype=bool)
            return none, none
        return np.isposinf(self.rival), np.isposinf(self.values)


@dataclass(frozen=True, eq=False)
class Successes(Sample):
    """Replicates of which each is a success or none (1 or 0): their share, as Clopper and Pearson (1934) bound it."""

    def interval(self, confidence: float) -> Interval:
        from scipy.special import betaincinv

        if not self.values.size or np.isnan(self.values).any():
            return Interval(math.nan, math.nan, math.nan, confidence, self.values.size)
        n, k, error = self.values.size, float(self.values.sum()), (1 - confidence) / 2
        low = betaincinv(k, n - k + 1, error) if k else 0.0
        high = betaincinv(k + 1, n - k, 1 - error) if k < n else 1.0
        return Interval(k / n, float(low), float(high), confidence, n)

    @property
    def in_doubt(self) -> bool:
        return False

    def levels(self, claimed: Range, drawn: Drawn | None = None) -> Levels:
        """Error levels of the verdicts; the truth of a fresh study is drawn from Jeffreys' beta distribution."""
        from scipy.special import betaincinv

        n = self.values.size
        if not n or np.isnan(self.values).any():
            return super().levels(claimed, drawn)
        k = self.values.sum()
        if isinstance(drawn, Fresh):
            truths = betaincinv(k + 0.5, n - k + 0.5, drawn.truths[:, :1])
            n *= drawn.times
            k = (drawn.studies[:, :n] < truths).sum(axis=-1)
        return share_levels(np.asarray(k), n, claimed)
