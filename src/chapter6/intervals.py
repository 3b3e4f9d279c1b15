"""Intervals over replicates and the verdicts read off them (design: "Claims").

Every interval of a measured quantity is a t interval on a scale where a t interval can be trusted: the plain
one for paired differences, the logarithm for skewed positive metrics, the logit for shares. `bounds` computes
them over the last axis of any array, so that `calibration` measures the very code that judges the claims.

A value that is not finite (a run that diverged) makes its interval undefined (NaN) and its verdict undecided:
dropping the replicate would compare survivors only. Whoever asks gives such a run its outcome's value first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chapter6.metrics import Transform

if TYPE_CHECKING:
    from pandas import DataFrame

Array = NDArray[np.float64]
Direction = Literal["greater", "less"]
Bound = Literal["", "at least", "at most"]

ROUNDING = 1e-9  # relative: values that differ by less agree, what is nearer to a margin lies on it
SHARE_EDGE = 1e-6  # stands for shares of 0 and 1 on the logit scale where no count of trials is known
CONFIDENCE = 0.95
POWER = 0.8
MOST_REPLICATES = 10_000


class Verdict(StrEnum):
    """What an interval says about a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Interval:
    """An estimate over replicates with its confidence interval, in the unit of the metric.

    `transform` is the scale on which the interval is symmetric. `bound` is set where censored times leave
    only a bound: the estimate is then "at least" or "at most" what is written, and the open end is infinite.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    replicates: int
    transform: Transform = "identity"
    bound: Bound = ""


def exact(value: float, confidence: float = CONFIDENCE) -> Interval:
    """Interval without width, of a quantity without randomness: one replicate is all."""
    return Interval(value, value, value, confidence, 1)


def one_sample(
    values: ArrayLike, confidence: float = CONFIDENCE, transform: Transform = "identity", count: int | None = None
) -> Interval:
    """Mean on the transformed scale with its t interval, transformed back.

    The estimate is the mean (identity), the geometric mean (log), or the share whose log-odds are the mean
    log-odds (logit): for skewed values a median rather than a mean. Shares of 0 and 1 have no log-odds; they
    count as half a success short of it, 0.5 / count and 1 - 0.5 / count, or as SHARE_EDGE where `count` (the
    images behind a share) is not given. Values that all agree give an exact interval, low == high; a single
    value gives the whole line. ValueError for negative values under log and shares outside [0, 1].
    """
    values = np.asarray(values, dtype=float)
    estimate, low, high = (float(end) for end in bounds(values, confidence, transform, count))
    return Interval(estimate, low, high, confidence, values.size, transform)


def paired_difference(a: ArrayLike, b: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """Mean of a - b with its paired t interval; a and b are aligned by replicate."""
    a, b = _aligned(a, b)
    with np.errstate(invalid="ignore"):  # infinite - infinite
        return one_sample(a - b, confidence)


def paired_ratio(a: ArrayLike, b: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """Geometric mean of a / b, which is the ratio of geometric means, with its interval on the log scale."""
    a, b = _aligned(a, b)
    if (a < 0).any() or (b < 0).any():
        raise ValueError(f"a ratio on the log scale needs positive values, got {min(a.min(), b.min())}")
    with np.errstate(divide="ignore", invalid="ignore"):  # zeros, and what is not finite
        return one_sample(np.where(np.isfinite(b), a / b, np.nan), confidence, "log")


def censored_ratio(a: ArrayLike, b: ArrayLike, limit: float, confidence: float = CONFIDENCE) -> Interval:
    """paired_ratio of two times to a target, where infinity means "not reached within `limit` steps".

    A censored time enters as `limit`, its least possible value. Where only b is censored, such ratios are
    larger than the true ones: estimate and high hold as "at most", and nothing bounds the ratio from below
    (low = 0), so that "a needs less than b" can be supported but never contradicted. Where only a is censored
    it is the mirror image ("at least", high = infinity). Where both are, nothing is known: estimate NaN, from
    0 to infinity. (A claim about the time spent within the budget, the restricted mean survival time, has no
    censoring: give paired_ratio the times cut off at `limit`.)
    """
    a, b = _aligned(a, b)
    whole = paired_ratio(np.where(np.isposinf(a), limit, a), np.where(np.isposinf(b), limit, b), confidence)
    a_censored, b_censored = bool(np.isposinf(a).any()), bool(np.isposinf(b).any())
    if not (a_censored or b_censored) or math.isnan(whole.estimate):
        return whole
    low, high = 0.0 if b_censored else whole.low, math.inf if a_censored else whole.high
    if a_censored and b_censored:
        return Interval(math.nan, low, high, confidence, a.size, "log")
    return Interval(whole.estimate, low, high, confidence, a.size, "log", "at least" if a_censored else "at most")


def bounds(
    values: Array, confidence: float, transform: Transform = "identity", count: int | None = None
) -> tuple[Array, Array, Array]:
    """Estimate, low and high of `one_sample` over the last axis, mean -+ t(n - 1) s / sqrt(n)."""
    from scipy.special import stdtrit  # quantile of Student's t

    mean, error, agreed = _moments(values, transform, count)
    replicates = values.shape[-1]
    half = stdtrit(replicates - 1, (1 + confidence) / 2) * error if replicates > 1 else error
    estimate, low, high = (from_scale(end, transform) for end in (mean, mean - half, mean + half))
    same = values[..., 0] if replicates else mean
    return np.where(agreed, same, estimate), np.where(agreed, same, low), np.where(agreed, same, high)


def by_group(rows: DataFrame, by: list[str], log: bool = False, share: bool = False) -> DataFrame:
    """Return mean, low, high and replicates of ``value`` for each group, with 95 % intervals.

    ``log`` computes on the logarithm where a group is all positive: the mean is then the geometric one. ``share``
    keeps the interval inside [0, 1]. One replicate has no interval: low and high are NaN.
    """
    rows = rows.dropna(subset=by)
    groups = rows.groupby(by, sort=False)["value"]
    result = groups.agg(smallest="min", replicates="size").reset_index()
    ordered = rows["value"].to_numpy(dtype=float)[np.argsort(groups.ngroup().to_numpy(), kind="stable")]
    starts = result["replicates"].cumsum().to_numpy() - result["replicates"].to_numpy()
    logs = (result.pop("smallest") > 0).to_numpy() & log
    ends = np.full((3, len(result)), np.nan)
    for size, is_log in {*zip(result["replicates"], logs, strict=True)}:
        alike = (result["replicates"] == size).to_numpy() & (logs == is_log)
        values = ordered[starts[alike, None] + np.arange(size)]
        ends[:, alike] = bounds(values, CONFIDENCE, "log" if is_log else "identity")
    ends[1:, result["replicates"] == 1] = np.nan
    ends[1:] = np.clip(ends[1:], 0, 1) if share else ends[1:]
    return result.assign(mean=ends[0], low=ends[1], high=ends[2])


def to_scale(values: Array, transform: Transform, count: int | None = None) -> Array:
    """Image of the values on the scale of the interval; for `count` see `one_sample`."""
    from scipy.special import logit

    if transform == "identity":
        return values
    most = math.inf if transform == "log" else 1.0
    outside = values[(values < 0) | (values > most)]
    if outside.size:
        raise ValueError(f"{transform} needs values in 0..{most:g}, got {outside[0]}")
    if transform == "logit":
        edge = 0.5 / count if count else SHARE_EDGE
        return np.asarray(logit(np.clip(values, edge, 1 - edge)))
    with np.errstate(divide="ignore"):  # a zero makes the interval undefined, see _moments
        return np.asarray(np.log(values))


def from_scale(scaled: Array, transform: Transform) -> Array:
    """Back from the scale of the interval to the unit of the metric."""
    from scipy.special import expit

    if transform == "identity":
        return scaled
    with np.errstate(over="ignore"):  # the upper end of a very wide interval is infinity
        return np.asarray(np.exp(scaled) if transform == "log" else expit(scaled))


def decide(low: Any, high: Any, margin: float, direction: Direction = "greater") -> tuple[Any, Any]:
    """Whether intervals support "beyond the margin", and whether they contradict it; floats or arrays.

    "greater" is supported where low > margin and contradicted where high <= margin; "less" is its mirror
    image. On the margin (up to ROUNDING) is not beyond it: an exact interval there contradicts the claim, and
    an exact interval is never undecided. NaN is neither.
    """
    if direction == "less":
        low, high, margin = -high, -low, -margin
    supported = (low > margin) & ~_at(low, margin)
    contradicted = (high <= margin) | _at(high, margin)
    return supported, contradicted


def judge(interval: Interval, margin: float, direction: Direction = "greater") -> Verdict:
    """Verdict on "the quantity is greater (less) than the margin", by the rules of `decide`."""
    return _verdict(*decide(interval.low, interval.high, margin, direction))


def judge_equivalence(interval: Interval, margin: float, constant: float = 0) -> Verdict:
    """Verdict on "the quantity equals the constant, give or take the margin".

    Supported where the whole interval lies within constant -+ margin, ends included; contradicted where it
    lies wholly outside; else undecided, so that few replicates never show equality. Two one-sided tests at
    5 % would do with a 90 % interval; we keep the 95 % of every other verdict, that is 2.5 % on either side.
    """
    if margin < 0:
        raise ValueError(f"an equivalence margin must not be negative, got {margin}")
    least, most = constant - margin, constant + margin
    above, not_above = decide(interval.low, interval.high, most, "greater")
    below, not_below = decide(interval.low, interval.high, least, "less")
    return _verdict(not_above and not_below, above or below)


def replicates_to_decide(interval: Interval, margin: float) -> int | None:
    """About how many replicates decide with 80 % power, were the present estimate and spread the true ones.

    The least n with distance * sqrt(n) / s >= t(confidence) + t(power), both with n - 1 degrees of freedom.
    For an equivalence the margin is its `nearest_edge`. None where the estimate lies on the margin, where the
    spread is unknown (one replicate, a censored time), where the quantity cannot reach the margin, or where it takes
    more than MOST_REPLICATES.
    """
    from scipy.special import stdtrit

    if interval.low == interval.high:
        return interval.replicates
    now = interval.replicates
    try:
        estimate, low, high, edge = (
            float(to_scale(np.asarray(value, dtype=float), interval.transform))
            for value in (interval.estimate, interval.low, interval.high, margin)
        )
    except ValueError:  # the margin lies where the quantity cannot, a share of 1.03 perhaps
        return None
    half, distance = (high - low) / 2, abs(estimate - edge)
    if now < 2 or not math.isfinite(half) or not math.isfinite(distance):
        return None
    side = (1 + interval.confidence) / 2
    spread = half * math.sqrt(now) / float(stdtrit(now - 1, side))
    n = np.arange(2, MOST_REPLICATES + 1)
    enough = distance * np.sqrt(n) >= spread * (stdtrit(n - 1, side) + stdtrit(n - 1, POWER))
    return int(n[enough.argmax()]) if enough.any() else None


def nearest_edge(interval: Interval, margin: float, constant: float = 0) -> float:
    """End of the equivalence range constant -+ margin that lies on the estimate's side."""
    return constant + math.copysign(margin, interval.estimate - constant)


def _verdict(supported: bool, contradicted: bool) -> Verdict:
    if supported:
        return Verdict.SUPPORTED
    return Verdict.CONTRADICTED if contradicted else Verdict.UNDECIDED


def _at(value: Any, margin: float) -> Any:
    return np.isclose(value, margin, rtol=ROUNDING, atol=0)


def _aligned(a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"paired values must be aligned by replicate, got shapes {a.shape} and {b.shape}")
    return a, b


def _moments(values: Array, transform: Transform, count: int | None) -> tuple[Array, Array, Array]:
    """Mean and standard error on the scale, and whether the values all agree; NaN where one is not finite."""
    replicates = values.shape[-1]
    if replicates == 0:
        undefined = np.full(values.shape[:-1], np.nan)
        return undefined, undefined, np.isfinite(undefined)
    values = np.where(np.isfinite(values), values, np.nan)
    scaled = to_scale(values, transform, count)
    scaled = np.where(np.isfinite(scaled), scaled, np.nan)  # the logarithm of 0
    mean = scaled.mean(axis=-1)
    if replicates == 1:
        return mean, np.where(np.isnan(mean), np.nan, np.inf), np.zeros(mean.shape, dtype=bool)
    error = scaled.std(axis=-1, ddof=1) / math.sqrt(replicates)
    spread, size = np.ptp(values, axis=-1), np.abs(values).max(axis=-1)
    return mean, error, (spread <= ROUNDING * size) | (error == 0)
