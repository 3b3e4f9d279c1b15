"""Error levels: how sure a verdict is, for any number of studies at once.

The error level of a verdict is the smallest one at which it still stands: what a p-value is to a rejection. Arrays hold
parts, or what is counted as one, along their last axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chapter6.intervals import CONFIDENCE, ROUNDING, Array, Verdict, to_scale
from chapter6.metrics import Transform
from chapter6.records import Range

Flags = NDArray[np.bool_]
Distribution = Callable[[Array], Array]  # the share of studies whose (truth - mean) / error is at most so much
Unbounded = tuple[Flags | np.bool, Flags | np.bool]

NOT_CENSORED: Unbounded = (np.False_, np.False_)


class Levels(NamedTuple):
    """The smallest error levels at which "supported", and "contradicted", stand; 1 where neither ever does."""

    supported: Array
    contradicted: Array

    def of(self, verdict: Verdict) -> float | None:
        """The level of one study's verdict, None where it is undecided."""
        if verdict is Verdict.UNDECIDED:
            return None
        return float(self.supported if verdict is Verdict.SUPPORTED else self.contradicted)

    def gives(self, verdict: Verdict) -> Flags:
        """Which of the studies come to a verdict."""
        error = 1 - CONFIDENCE
        supported, contradicted = self.supported <= error, self.contradicted <= error
        if verdict is Verdict.UNDECIDED:
            return np.logical_not(supported | contradicted)
        return supported if verdict is Verdict.SUPPORTED else contradicted


def level_of(
    values: Array,
    claimed: Range,
    transform: Transform,
    unbounded: Unbounded,
    agreed: float,
    distribution: Distribution | None = None,
    count: int | None = None,
) -> Levels:
    """Levels of "the mean lies in the range", by a t interval on the scale over the last axis.

    ``values`` stand on the scale already; ``unbounded`` says, below and above, where censored times leave the interval
    open. One replicate, and values that are not finite, decide nothing; values that agree do at the level ``agreed``,
    and for certain where the range holds all of the scale or nothing of it. ``distribution`` takes Student's place;
    ``count`` is what `to_scale` was told.
    """
    from scipy.special import stdtr

    replicates = values.shape[-1]
    if replicates < 2:
        return Levels(*np.ones((2, *values.shape[:-1])))
    low, high = (_end(end, transform) for end in (claimed.least, claimed.most))
    mean, error = values.mean(axis=-1), values.std(axis=-1, ddof=1) / math.sqrt(replicates)
    below = distribution or partial(stdtr, replicates - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        not_above = [np.asarray(below((end - mean) / error)) for end in (low, high)]
    (above_low, under_low), (above_high, under_high) = (
        _sides(p, end, unbounded) for p, end in zip(not_above, (low, high), strict=True)
    )
    supported, contradicted = two_sided((above_low, under_low), (above_high, under_high))
    certain = alike(values) & np.logical_not(unbounded[0] | unbounded[1])
    least, most = (_end(end, transform, count, reached=True) for end in (claimed.least, claimed.most))
    inside = _within(mean, least, most, claimed.closed or claimed.bounded)
    agreed = 0.0 if math.isinf(low) and math.isinf(high) else agreed
    supported = np.where(certain, np.where(inside, agreed, 1.0), supported)
    contradicted = np.where(certain, np.where(inside, 1.0, agreed), contradicted)
    return Levels(*(np.nan_to_num(np.minimum(side, 1), nan=1.0) for side in (supported, contradicted)))


def two_sided(low: tuple[Array, Array], high: tuple[Array, Array]) -> Levels:
    """Levels of "within" and "outside" of one-sided p-values, "above" and "below" each end of a range."""
    (above_low, under_low), (above_high, under_high) = low, high
    return Levels(2 * np.maximum(above_low, under_high), 2 * np.minimum(under_low, above_high))


def share_levels(successes: Array, replicates: int, claimed: Range) -> Levels:
    """Levels of "the share of successes lies in the range", by binomial tails: where Clopper-Pearson intervals end."""
    from scipy.special import bdtr, bdtrc

    def tails(end: float) -> tuple[Array, Array]:
        if not 0 <= end <= 1:
            return np.full(successes.shape, end > 1, dtype=float), np.full(successes.shape, end < 0, dtype=float)
        return bdtrc(successes - 1.0, replicates, end), bdtr(successes, replicates, end)

    return Levels(*(np.minimum(side, 1.0) for side in two_sided(tails(claimed.least), tails(claimed.most))))


def alike(values: Array) -> Flags:
    """Whether the replicates of a study all agree, up to rounding."""
    return np.asarray(np.ptp(values, axis=-1) <= ROUNDING * np.abs(values).max(axis=-1))


def agreement(replicates: int) -> float:
    """Error level of what so many replicates agree on: that of a sign test, whose median lies between all of them."""
    return float(min(1.0, 2 * 0.5**replicates))


def _sides(not_above: Array, end: float, unbounded: Unbounded) -> tuple[Array, Array]:
    """One-sided p-values of "above the end" and "below it"; 1 where the interval is open to the other side."""
    above = not_above if math.isinf(end) else np.where(unbounded[0], 1.0, not_above)
    below = 1 - not_above if math.isinf(end) else np.where(unbounded[1], 1.0, 1 - not_above)
    return above, below


def _within(mean: Array, low: float, high: float, closed: bool) -> Flags:
    """Whether exact numbers lie in a range: what is on an end, up to rounding, does where that belongs to it."""
    at_end = np.isclose(mean, low, rtol=ROUNDING, atol=0) | np.isclose(mean, high, rtol=ROUNDING, atol=0)
    return np.asarray(np.where(at_end, closed, (mean > low) & (mean < high)), dtype=bool)


def _end(end: float, transform: Transform, count: int | None = None, reached: bool = False) -> float:
    """An end of a range on the scale, infinite where the scale does not reach it.

    Values that agree may have ``reached`` the bound of the scale itself, as accuracies of 1 do.
    """
    least, most = {"identity": (-math.inf, math.inf), "log": (0.0, math.inf), "logit": (0.0, 1.0)}[transform]
    if end < least or end > most or (end in (least, most) and not reached):
        return -math.inf if end <= least else math.inf
    return float(to_scale(np.asarray(end, dtype=float), transform, count))


def stacked(levels: Sequence[Levels]) -> Levels:
    """Parts side by side along a last axis."""
    return Levels(*(np.stack(side, axis=-1) for side in zip(*levels, strict=True)))


def joined(levels: Sequence[Levels]) -> Levels:
    """Groups of parts side by side."""
    return Levels(*(np.concatenate(side, axis=-1) for side in zip(*levels, strict=True)))


def holm(levels: Array) -> Array:
    """Levels adjusted by Holm's step-down procedure (1979) over the last axis."""
    order = np.argsort(levels, axis=-1, kind="stable")
    factors = np.arange(levels.shape[-1], 0, -1)
    adjusted = np.maximum.accumulate(np.take_along_axis(levels, order, axis=-1) * factors, axis=-1)
    found = np.empty_like(adjusted)
    np.put_along_axis(found, order, np.minimum(adjusted, 1), axis=-1)
    return found


def all_hold(levels: Levels) -> Levels:
    """A conjunction needs no correction; it is contradicted where one part is, corrected for their number."""
    parts = levels.contradicted.shape[-1]
    return Levels(levels.supported.max(axis=-1), np.minimum(parts * levels.contradicted.min(axis=-1), 1))


def some_hold(levels: Levels, needed: int) -> Levels:
    """At least so many of the parts hold, or so many do not that they cannot, each by Holm's procedure."""
    parts = levels.supported.shape[-1]
    supported, contradicted = (np.sort(holm(side), axis=-1) for side in levels)
    return Levels(supported[..., needed - 1], contradicted[..., parts - needed])
