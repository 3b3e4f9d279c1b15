"""What a claim compares, and what the interval says about it.

A `Comparison` is one number over replicates with the range in which the claim says it lies; a `Part` is the
same with its interval and verdict. Parts are combined by one rule: of n parts, k must hold (n in a
conjunction, 1 in an any-of), so the k-th strongest part decides, and its verdict is the verdict of them all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np

from chapter6.analysis.runs import Readings
from chapter6.analysis.variant_data import Setting, VariantData, aligned
from chapter6.intervals import (
    CONFIDENCE,
    Array,
    Interval,
    Verdict,
    exact,
    one_sample,
    paired_difference,
    paired_ratio,
    replicates_to_decide,
)
from chapter6.metrics import Transform
from chapter6.quantities import Quantity
from chapter6.records import Correction, Outcome, PartRecord, Question, Range, Scale, Side, finite

Measure = Callable[[float], Interval]  # confidence -> interval

RANKS = (Verdict.CONTRADICTED, Verdict.UNDECIDED, Verdict.SUPPORTED)


@dataclass(frozen=True)
class Demand:
    """What a check asks of a number: to lie in a range, by the margin as its author wrote it.

    ``scale`` says what the number is, ``certain`` that nothing in it is random, so that one replicate is exact.
    """

    claimed: Range
    margin: float
    scale: Scale = "value"
    certain: bool = False


@dataclass(frozen=True, kw_only=True)
class Comparison(Question):
    """A question with the number over replicates that answers it, and the range in which that should lie.

    `diverged` counts the runs behind it that did. An `exception` counts as contradicted whatever its interval.
    """

    measure: Measure
    claimed: Range
    diverged: int = 0
    exception: bool = False

    def part(self, confidence: float = CONFIDENCE, correction: Correction = "none") -> Part:
        """The verdict at a confidence; a number that cannot be had is undecided, and the outcomes say why."""
        try:
            interval = self.measure(confidence)
            found = self._undefined(interval)
        except ValueError as error:
            interval = Interval(math.nan, math.nan, math.nan, confidence, 0)
            found = (Outcome("problem", problem=str(error)),)
        verdict = Verdict.CONTRADICTED if self.exception else self.claimed.judge(interval)
        return Part(replace(self, outcomes=(*self.outcomes, *found)), interval, verdict, correction)

    def _undefined(self, interval: Interval) -> tuple[Outcome, ...]:
        """That there is no mean, where that is because a run that diverged counts as infinite."""
        if not (self.diverged and self.quantity and interval.replicates and math.isnan(interval.low)):
            return ()
        return (Outcome("infinite"),) if math.isinf(self.quantity.of.diverged) else ()


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

    def record(self) -> PartRecord:
        """What is written down of it."""
        comparison, interval = self.comparison, self.interval
        return PartRecord(
            **{field.name: getattr(comparison, field.name) for field in fields(Question)},
            verdict=self.verdict,
            estimate=finite(interval.estimate),
            low=finite(interval.low),
            high=finite(interval.high),
            bound=interval.bound,
            confidence=interval.confidence,
            correction=self.correction,
            replicates=interval.replicates,
            least=finite(comparison.claimed.least),
            most=finite(comparison.claimed.most),
            closed=comparison.claimed.closed,
            exception=comparison.exception,
            decides_at=self.decides_at,
        )


@dataclass(frozen=True)
class Group:
    """Parts that are counted together: `needed` of them must hold, all where it is None."""

    parts: tuple[Part, ...]
    needed: int | None = None

    @property
    def leading(self) -> Part:
        """The part that decides."""
        return deciding(self.parts, self.needed)


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
        own = {"quantity": self.quantity, "unit": unit}
        of_demand = {"claimed": demand.claimed, "margin": demand.margin, "scale": demand.scale}
        return Comparison(measure=measure, **{**own, **of_demand, **self.data.behind(variants, self.values), **told})

    def pair(self, demand: Demand, sides: tuple[str, str], where: Setting | None = None) -> Comparison:
        """One variant's quantity against another's, paired over replicates."""
        subject, rival = (Side("variant", (side,)) for side in sides)
        measure = compared(demand, *aligned(self.values, *sides))
        return self.comparison(demand, measure, sides, subject=subject, rival=rival, where=where or {})

    def single(
        self, demand: Demand, variant: str, transform: Transform = "identity", count: int | None = None
    ) -> Comparison:
        """One variant's quantity over replicates."""
        (numbers,) = aligned(self.values, variant)
        measure = sampled(numbers, transform, count, demand.certain)
        return self.comparison(demand, measure, (variant,), subject=Side("variant", (variant,)))
