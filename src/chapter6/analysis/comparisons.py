"""What a claim compares, and what the interval says about it.

A `Comparison` is one number over replicates with the range in which the claim says it lies; a `Part` is the
same with its interval and verdict. Parts are combined by one rule: of n parts, k must hold (n in a
conjunction, 1 in an any-of), so the k-th strongest part decides, and its verdict is the verdict of them all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from chapter6.analysis.quantities import Quantity
from chapter6.analysis.runs import Readings
from chapter6.analysis.variant_data import VariantData, aligned
from chapter6.intervals import (
    CONFIDENCE,
    Array,
    Direction,
    Interval,
    Verdict,
    exact,
    judge,
    judge_equivalence,
    nearest_edge,
    one_sample,
    paired_difference,
    paired_ratio,
    replicates_to_decide,
)
from chapter6.metrics import Transform, metric_of

Scale = Literal["difference", "ratio", "value"]
Correction = Literal["none", "holm"]
Measure = Callable[[float], Interval]  # confidence -> interval

RANKS = (Verdict.CONTRADICTED, Verdict.UNDECIDED, Verdict.SUPPORTED)
OPPOSITE = {
    Verdict.SUPPORTED: Verdict.CONTRADICTED,
    Verdict.CONTRADICTED: Verdict.SUPPORTED,
    Verdict.UNDECIDED: Verdict.UNDECIDED,
}


@dataclass(frozen=True)
class Range:
    """Where a claim says that a quantity lies; `closed` means that the ends belong to it."""

    least: float = -math.inf
    most: float = math.inf
    closed: bool = False

    @property
    def end(self) -> float:
        """The one end of a range that is open to a side."""
        return self.most if math.isinf(self.least) else self.least

    @property
    def direction(self) -> Direction:
        """On which side of its end an open range lies."""
        return "less" if math.isinf(self.least) else "greater"

    @property
    def bounded(self) -> bool:
        """Whether both ends are finite: an equivalence."""
        return math.isfinite(self.least) and math.isfinite(self.most)

    def judge(self, interval: Interval) -> Verdict:
        """Supported where the interval lies within the range, contradicted where it lies outside."""
        if self.bounded:
            return judge_equivalence(interval, self._half, self._middle)
        if not self.closed:
            return judge(interval, self.end, self.direction)
        return OPPOSITE[judge(interval, self.end, "less" if self.direction == "greater" else "greater")]

    def nearest(self, interval: Interval) -> float:
        """The end that decides."""
        return nearest_edge(interval, self._half, self._middle) if self.bounded else self.end

    @property
    def _half(self) -> float:
        return (self.most - self.least) / 2

    @property
    def _middle(self) -> float:
        return (self.most + self.least) / 2


@dataclass(frozen=True)
class Demand:
    """What a check asks of a number: to lie in a range, by the margin as its author wrote it.

    ``scale`` says what the number is, ``certain`` that nothing in it is random, so that one replicate is exact.
    """

    claimed: Range
    margin: float
    scale: Scale = "value"
    certain: bool = False


@dataclass(frozen=True)
class Comparison:
    """One number over replicates and the range in which it should lie.

    The number is `subject`'s quantity, or its difference from or ratio to `rival`'s (subject first). `margin`
    is as the author wrote it; `claimed` is what it means for the number. `where` names a setting or a layer.
    `diverged` counts the runs behind it that did. An `exception` counts as contradicted whatever its interval.
    """

    measure: Measure
    claimed: Range
    margin: float
    quantity: str
    metric: str
    subject: str
    rival: str = ""
    where: str = ""
    scale: Scale = "value"
    unit: str = ""
    variants: tuple[str, ...] = ()
    track: str = "book"
    outcome: str = ""
    diverged: int = 0
    exception: bool = False

    @property
    def sides(self) -> str:
        """Who is compared, such as "Adam against SGD"."""
        return " against ".join(side for side in (self.subject, self.rival) if side)

    @property
    def label(self) -> str:
        """What is compared, for people."""
        where = f" ({self.where})" if self.where else ""
        return ": ".join(words for words in (self.quantity, self.sides) if words) + where

    def part(self, confidence: float = CONFIDENCE, correction: Correction = "none") -> Part:
        """The verdict at a confidence; a number that cannot be had is undecided, and the outcome says why."""
        try:
            interval = self.measure(confidence)
            problem = self._undefined(interval)
        except ValueError as error:
            interval = Interval(math.nan, math.nan, math.nan, confidence, 0)
            problem = str(error)
        verdict = Verdict.CONTRADICTED if self.exception else self.claimed.judge(interval)
        outcome = "; ".join(filter(None, (self.outcome, problem)))
        return Part(replace(self, outcome=outcome), interval, verdict, correction)

    def _undefined(self, interval: Interval) -> str:
        """Why there is no mean, where that is because a run that diverged counts as infinite."""
        metric = metric_of(self.metric)
        if not (self.diverged and interval.replicates and math.isnan(interval.low) and math.isinf(metric.diverged)):
            return ""
        return f"the {metric.name} of a run that diverged counts as infinite, and a mean over it is undefined"


@dataclass(frozen=True)
class Part:
    """A comparison with its interval and verdict."""

    comparison: Comparison
    interval: Interval
    verdict: Verdict
    correction: Correction = "none"

    @property
    def decides_at(self) -> int | None:
        """About how many replicates would decide what is undecided."""
        if self.verdict is not Verdict.UNDECIDED or not math.isfinite(self.interval.estimate):
            return None
        return replicates_to_decide(self.interval, self.comparison.claimed.nearest(self.interval))

    @property
    def strength(self) -> tuple[int, float]:
        """Sort key: the verdict, then the interval's distance from the nearest end in its own widths."""
        claimed, interval = self.comparison.claimed, self.interval
        room = min(interval.low - claimed.least, claimed.most - interval.high)
        if math.isnan(room) or math.isinf(interval.high - interval.low):
            room = -math.inf
        return RANKS.index(self.verdict), room / max(interval.high - interval.low, 1e-300)

    def record(self) -> dict[str, Any]:
        """The part as plain JSON data; what is not a finite number is null."""
        comparison, interval = self.comparison, self.interval
        return {
            "label": comparison.label,
            "track": comparison.track,
            "variants": list(comparison.variants),
            "metric": comparison.metric,
            "margin": comparison.margin,
            "unit": comparison.unit,
            "scale": comparison.scale,
            "estimate": finite(interval.estimate),
            "low": finite(interval.low),
            "high": finite(interval.high),
            "confidence": interval.confidence,
            "correction": self.correction,
            "replicates": interval.replicates,
            "verdict": self.verdict.value,
            "decides_at": self.decides_at,
            "outcome": comparison.outcome,
        }


@dataclass(frozen=True)
class Group:
    """Parts that are counted together: `needed` of them must hold, all where it is None."""

    parts: tuple[Part, ...]
    needed: int | None = None

    @property
    def leading(self) -> Part:
        """The part that decides."""
        return deciding(self.parts, self.needed)


def finite(value: float) -> float | None:
    """The number, or None where JSON has none for it."""
    return float(value) if math.isfinite(value) else None


def judge_each(comparisons: Sequence[Comparison]) -> list[Part]:
    """Each comparison at the full confidence: all of them have to hold."""
    return [comparison.part() for comparison in comparisons]


def judge_family(comparisons: Sequence[Comparison]) -> list[Part]:
    """Comparisons of which some have to hold, by Holm's sequentially rejective procedure (1979).

    Two procedures: one supports, one contradicts, each over all m comparisons. Every round asks what is left at
    (1 - CONFIDENCE) / (number left), and what is decided leaves. A family may mix differences, ratios, equivalences
    and censored times, for which SciPy and statsmodels, who adjust p-values, have no form; where there are p-values,
    a test compares. What stays undecided gets the interval of the failed step on the side where its estimate lies.
    """
    decided: dict[int, Part] = {}
    failed: dict[Verdict, dict[int, Part]] = {}
    for sought in (Verdict.SUPPORTED, Verdict.CONTRADICTED):
        left = set(range(len(comparisons)))
        while left:
            level = 1 - (1 - CONFIDENCE) / len(left)
            asked = {index: comparisons[index].part(level, "holm") for index in left}
            passed = {index: part for index, part in asked.items() if part.verdict is sought}
            if not passed:
                failed[sought] = asked
                break
            decided |= passed
            left -= passed.keys()
    return [
        decided.get(index) or _on_its_side(failed[Verdict.SUPPORTED][index], failed[Verdict.CONTRADICTED][index])
        for index in range(len(comparisons))
    ]


def _on_its_side(inside: Part, outside: Part) -> Part:
    """Of two undecided parts the one at the step on whose side of the range the estimate lies."""
    leaning = inside.comparison.claimed.judge(exact(inside.interval.estimate))
    return outside if leaning is Verdict.CONTRADICTED else inside


def deciding(parts: Sequence[Part], needed: int | None = None) -> Part:
    """The part that decides where `needed` of the parts must hold (None: all): the needed-th strongest."""
    ranked = sorted(parts, key=lambda part: part.strength, reverse=True)
    decisive = ranked[(needed or len(ranked)) - 1]
    return next((part for part in parts if part.strength == decisive.strength), decisive)  # of equal ones the first


def sampled(
    values: Array, transform: Transform = "identity", count: int | None = None, certain: bool = False
) -> Measure:
    """Interval of one sample; `certain` where nothing is random, so that one replicate is exact."""
    if certain and values.size == 1 and np.isfinite(values[0]):
        return partial(exact, float(values[0]))
    return lambda confidence: one_sample(values, confidence, transform, count)


def compared(demand: Demand, a: Array, b: Array) -> Measure:
    """Interval of a - b or a / b over replicates."""
    if demand.certain and a.size == 1 and np.isfinite([a[0], b[0]]).all():
        return partial(exact, float(np.divide(a[0], b[0]) if demand.scale == "ratio" else a[0] - b[0]))
    return partial(paired_ratio if demand.scale == "ratio" else paired_difference, a, b)


@dataclass(frozen=True)
class Numbers:
    """A quantity of some variants, of which comparisons are made."""

    data: VariantData
    quantity: Quantity
    values: Readings

    @classmethod
    def of(cls, data: VariantData, quantity: Quantity, variants: Iterable[str]) -> Numbers:
        """The quantity of every run of the variants."""
        return cls(data, quantity, data.readings(quantity, variants))

    def comparison(self, demand: Demand, measure: Measure, variants: Sequence[str], **told: Any) -> Comparison:
        """What is demanded of a number made from those of the variants; what is not told is the quantity's own."""
        unit = "" if demand.scale == "ratio" else self.quantity.unit
        own = {"quantity": str(self.quantity), "metric": self.quantity.metric, "subject": "", "unit": unit}
        of_demand = {"claimed": demand.claimed, "margin": demand.margin, "scale": demand.scale}
        return Comparison(measure, **{**own, **of_demand, **self.data.behind(variants, self.values), **told})

    def pair(self, demand: Demand, sides: tuple[str, str], where: str = "") -> Comparison:
        """One variant's quantity against another's, paired over replicates."""
        subject, rival = (self.data.label(side) for side in sides)
        measure = compared(demand, *aligned(self.values, *sides))
        return self.comparison(demand, measure, sides, subject=subject, rival=rival, where=where)

    def single(
        self, demand: Demand, variant: str, transform: Transform = "identity", count: int | None = None
    ) -> Comparison:
        """One variant's quantity over replicates."""
        (numbers,) = aligned(self.values, variant)
        measure = sampled(numbers, transform, count, demand.certain)
        return self.comparison(demand, measure, (variant,), subject=self.data.label(variant))
