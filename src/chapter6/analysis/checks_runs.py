"""Checks on runs: one variant against another, or against a level."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from chapter6.analysis.checks_base import Bounded, Check, Compared, Measured, OneOrMore, each_pair
from chapter6.analysis.comparisons import Comparison, Numbers
from chapter6.analysis.runs import Readings
from chapter6.analysis.samples import Sample, Successes, of_differences
from chapter6.analysis.variant_data import Setting, VariantData, aligned
from chapter6.intervals import Verdict
from chapter6.metrics import Transform
from chapter6.quantities import Target
from chapter6.records import Outcome, Range, Side
from chapter6.registry import Count, Positive


@dataclass(frozen=True, kw_only=True)
class Ordering(Measured, Compared, Check):
    """One variant's number is lower, or higher, than another's, paired over replicates.

    One part for each pair; with ``each``, for each pair of one setting of those axes. A metric such as
    ``activation_mean/layer-*`` gives one part a layer. Where neither side reaches ``learned`` in any
    replicate, the part is undecided, whatever their numbers, or with ``neither_learned: contradicted`` does not hold.
    """

    each: tuple[str, ...] = ()
    learned: Target | None = None
    neither_learned: Literal["undecided", "contradicted"] = "undecided"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_points(self.amount, self.scale)
        if self.scale == "ratio" and self.quantity.signed:
            self.refuse(f"{self.metric} may be negative, so a ratio does not fit it")

    def metrics_named(self) -> set[tuple[str, str]]:
        return super().metrics_named() | (self.learned.quantity.recorded if self.learned else set())

    def comparisons(self, data: VariantData) -> list[Comparison]:
        pairs, involved = each_pair(data, self.subjects, self.than, self.each)
        levels = data.readings(self.learned.quantity, involved) if self.learned else {}
        demand = self.beyond(self.direction, self.amount, self.scale)
        return [
            self._with_outcome(numbers.pair(demand, sides, where), levels)
            for numbers in self.numbers(data, involved)
            for sides, where in pairs
        ]

    def _with_outcome(self, comparison: Comparison, levels: Readings) -> Comparison:
        seen = np.array([value for name in comparison.variants for value in levels.get(name, {}).values()])
        if not self.learned or not seen.size or self.learned.reached(seen).any():
            return comparison
        outcomes = (*comparison.outcomes, Outcome("neither_learned"))
        return replace(comparison, outcomes=outcomes, settled=Verdict(self.neither_learned))


@dataclass(frozen=True, kw_only=True)
class Level(Measured, Bounded, Check):
    """A variant's number lies above or below a level, in a one-sample interval over replicates.

    The interval is a t interval of the logarithm or the log-odds where the metric is skewed or bounded;
    ``transform`` asks for another. ``images`` is how many images a share counts, for shares of 0 and 1.
    """

    variants: OneOrMore
    transform: Transform | None = None
    images: Count | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_points(self.level)
        if self.scale_of_interval != "identity" and self.level < 0:
            self.refuse(f"{self.metric} is never negative, so the level {self.level:g} does not fit it")

    @property
    def scale_of_interval(self) -> Transform:
        """Scale on which the interval is symmetric."""
        return self.transform or self.quantity.transform

    def comparisons(self, data: VariantData) -> list[Comparison]:
        variants, demand = data.expand(self.variants), self.demand(self.claimed, self.level)
        return [
            numbers.single(demand, variant, self.scale_of_interval, self.images)
            for numbers in self.numbers(data, variants)
            for variant in variants
        ]


@dataclass(frozen=True, kw_only=True)
class Equivalence(Measured, Check):
    """A variant's number equals a constant, or another variant's, give or take a margin in its unit.

    The whole interval must lie within the margin: few replicates never show equality. With ``needs: 1`` it is
    enough to equal one of several.
    """

    variants: OneOrMore
    margin: Positive
    constant: float | None = None
    than: OneOrMore | None = None
    each: tuple[str, ...] = ()
    images: Count | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.one_of("constant", "than")
        self.refuse_points(self.margin)

    def comparisons(self, data: VariantData) -> list[Comparison]:
        middle = self.constant or 0.0
        claimed = Range(middle - self.margin, middle + self.margin, closed=True)
        if self.than is None:
            variants, demand = data.expand(self.variants), self.demand(claimed, self.margin)
            return [
                numbers.single(demand, variant, numbers.quantity.transform, self.images)
                for numbers in self.numbers(data, variants)
                for variant in variants
            ]
        pairs, involved = each_pair(data, self.variants, self.than, self.each)
        demand = self.demand(claimed, self.margin, "difference")
        return [numbers.pair(demand, *each) for numbers in self.numbers(data, involved) for each in pairs]


@dataclass(frozen=True, kw_only=True)
class Interaction(Measured, Check):
    """One difference is larger than another: (a - b) - (c - d) exceeds the margin, paired over replicates.

    ``larger: [a, b], than: [c, d]``: what a has over b is more than what c has over d.
    """

    larger: tuple[str, str]
    than: tuple[str, str]
    margin: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_points(self.margin)

    def comparisons(self, data: VariantData) -> list[Comparison]:
        return [self._difference(numbers) for numbers in self.numbers(data, (*self.larger, *self.than))]

    def _difference(self, numbers: Numbers) -> Comparison:
        involved = (*self.larger, *self.than)
        a, b, c, d = aligned(numbers.values, *involved)
        bounds = of_differences(of_differences(numbers.quantity.bounds))
        sample = Sample((a - b) - (c - d), bounds=bounds, certain=self.exact)
        details = {"larger": self.larger, "than": self.than}
        return numbers.comparison(self.beyond("greater", self.margin), sample, involved, details=details)


@dataclass(frozen=True, kw_only=True)
class Frequency(Measured, Bounded, Check):
    """In how many of the replicates a variant's number, or its difference from another's, lies beyond an amount.

    The share of such replicates has a binomial interval (Clopper and Pearson, 1934): ten of ten say "at least 69 %".
    """

    variants: OneOrMore
    more_than: float | None = None
    less_than: float | None = None
    than: OneOrMore | None = None
    each: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_points(self.amount)
        if not 0 <= self.level <= 1:
            self.refuse(f"a share of replicates lies in 0..1, so {self.level:g} does not fit it")

    @property
    def amount(self) -> float:
        """Beyond what the number lies."""
        return float(getattr(self, self.one_of("more_than", "less_than")))

    def comparisons(self, data: VariantData) -> list[Comparison]:
        if self.than is None:
            sides: list[tuple[tuple[str, ...], Setting]] = [((variant,), {}) for variant in data.expand(self.variants)]
        else:
            sides = [*each_pair(data, self.variants, self.than, self.each)[0]]
        involved = {name for names, _ in sides for name in names}
        return [
            self._counted(numbers, names, where) for numbers in self.numbers(data, involved) for names, where in sides
        ]

    def _counted(self, numbers: Numbers, names: tuple[str, ...], where: Setting) -> Comparison:
        subject, *rival = aligned(numbers.values, *names)
        found = subject - rival[0] if rival else subject
        beyond = found > self.amount if self.less_than is None else found < self.amount
        sample = Successes(np.where(np.isnan(found), np.nan, beyond))
        details = {"more_than": self.more_than, "less_than": self.less_than, "than": names[1:]}
        demand = self.demand(self.claimed, self.level)
        told = {"subject": Side("variant", names[:1]), "unit": "share", "where": where, "details": details}
        return numbers.comparison(demand, sample, names, **told)
