"""What a claim compares, and what the interval says about it.

A `Comparison` is one number over replicates with the range in which the claim says it lies; a `Part` is the
same with its interval and verdict. Parts are combined by one rule: of n parts, k must hold (n in a
conjunction, 1 in an any-of), so the k-th strongest part decides, and its verdict is the verdict of them all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from chapter6.analysis.levels import Levels
from chapter6.analysis.runs import Readings
from chapter6.analysis.samples import UNBOUNDED, Bounds, Drawn, Sample
from chapter6.analysis.variant_data import Setting, VariantData, aligned
from chapter6.intervals import (
    CONFIDENCE,
    Array,
    Interval,
    Verdict,
    exact,
    replicates_to_decide,
)
from chapter6.metrics import Transform
from chapter6.quantities import Quantity
from chapter6.records import Correction, Outcome, PartRecord, Question, Range, Scale, Side, finite

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

    `diverged` counts the runs behind it that did. How runs ended may have `settled` the verdict, whatever the interval.
    """

    sample: Sample
    claimed: Range
    diverged: int = 0
    settled: Verdict | None = None

    def part(self, confidence: float = CONFIDENCE, correction: Correction = "none") -> Part:
        """The verdict at a confidence; a number that cannot be had is undecided, and the outcomes say why."""
        try:
            interval = self.sample.interval(confidence)
            found = self._undefined(interval)
        except ValueError as error:
            interval = Interval(math.nan, math.nan, math.nan, confidence, 0)
            found = (Outcome("problem", problem=str(error)),)
        verdict = self.settled or self.claimed.judge(interval)
        return Part(replace(self, outcomes=(*self.outcomes, *found)), interval, verdict, correction)

    def levels(self, drawn: Drawn | None = None) -> Levels:
        """Error levels of the verdicts, of these replicates or of every fresh study."""
        found = self.sample.levels(self.claimed, drawn)
        if self.settled is None:
            return found
        sure = (Verdict.SUPPORTED, Verdict.CONTRADICTED)
        return Levels(*(np.full_like(found.supported, self.settled is not verdict) for verdict in sure))

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
        open_ = self.verdict is Verdict.UNDECIDED and self.comparison.settled is None
        if not (open_ and math.isfinite(self.interval.estimate)):
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
            settled=comparison.settled,
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


def judge_each(comparisons: Sequence[Comparison], tests: int = 1) -> list[Part]:
    """Comparisons that all have to hold: no correction to support, and one for the number of ``tests`` to contradict.

    That one of several parts fails contradicts them all, so each is asked at (1 - CONFIDENCE) / tests (Bonferroni).
    """
    strict = 1 - (1 - CONFIDENCE) / tests
    corrected: Correction = "bonferroni" if tests > 1 else "none"
    found = []
    for comparison in comparisons:
        inside, outside = comparison.part(), comparison.part(strict, corrected)
        is_decided = inside.verdict is Verdict.SUPPORTED or outside.verdict is Verdict.CONTRADICTED
        decided = inside if inside.verdict is Verdict.SUPPORTED else outside
        found.append(decided if is_decided else _on_its_side(replace(inside, verdict=Verdict.UNDECIDED), outside))
    return found


def judge_family(comparisons: Sequence[Comparison], tests: int = 1) -> list[Part]:
    """Comparisons of which some have to hold, by Holm's sequentially rejective procedure (1979).

    Two procedures: one supports, one contradicts (as one of so many ``tests``), each over all comparisons. Every round
    asks what is left at its error level / (number left), and what is decided leaves. What stays undecided gets the
    interval of the failed step on the side where its estimate lies.
    """
    decided: dict[int, Part] = {}
    failed: dict[Verdict, dict[int, Part]] = {}
    for sought, error in ((Verdict.SUPPORTED, 1 - CONFIDENCE), (Verdict.CONTRADICTED, (1 - CONFIDENCE) / tests)):
        left = set(range(len(comparisons)))
        while left:
            asked = {index: comparisons[index].part(1 - error / len(left), "holm") for index in left}
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


def compared(demand: Demand, a: Array, b: Array, *, bounds: Bounds = UNBOUNDED) -> Sample:
    """The sample of a - b or a / b over replicates, each of them between the bounds."""
    return Sample(a, b, "ratio" if demand.scale == "ratio" else "difference", bounds=bounds, certain=demand.certain)


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

    def comparison(self, demand: Demand, sample: Sample, variants: Sequence[str], **told: Any) -> Comparison:
        """What is demanded of a number made from those of the variants; what is not told is the quantity's own."""
        unit = "" if demand.scale == "ratio" else self.quantity.unit
        own = {"quantity": self.quantity, "unit": unit}
        of_demand = {"claimed": demand.claimed, "margin": demand.margin, "scale": demand.scale}
        return Comparison(sample=sample, **{**own, **of_demand, **self.data.behind(variants, self.values), **told})

    def pair(self, demand: Demand, sides: tuple[str, str], where: Setting | None = None) -> Comparison:
        """One variant's quantity against another's, paired over replicates."""
        subject, rival = (Side("variant", (side,)) for side in sides)
        sample = compared(demand, *aligned(self.values, *sides), bounds=self.quantity.bounds)
        return self.comparison(demand, sample, sides, subject=subject, rival=rival, where=where or {})

    def single(
        self, demand: Demand, variant: str, transform: Transform = "identity", count: int | None = None
    ) -> Comparison:
        """One variant's quantity over replicates."""
        (numbers,) = aligned(self.values, variant)
        sample = Sample(numbers, transform=transform, count=count, bounds=self.quantity.bounds, certain=demand.certain)
        return self.comparison(demand, sample, (variant,), subject=Side("variant", (variant,)))
