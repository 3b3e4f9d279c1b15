"""Checks on runs: one variant against another, or against a level."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from chapter6.analysis.checks_base import Bounded, Check, Compared, Measured, OneOrMore, each_pair
from chapter6.analysis.comparisons import Comparison, Range, pair, sampled, single
from chapter6.analysis.quantities import Quantity, Target
from chapter6.analysis.runs import Readings
from chapter6.analysis.variant_data import VariantData, aligned
from chapter6.metrics import Transform
from chapter6.registry import Count, Positive


@dataclass(frozen=True, kw_only=True)
class Ordering(Measured, Compared, Check):
    """One variant's number is lower, or higher, than another's, paired over replicates.

    One part for each pair; with ``each``, for each pair of one setting of those axes. A metric such as
    ``activation_mean/layer-*`` gives one part a layer. Where neither side reaches ``learned`` in any
    replicate, the outcome says so, and with ``neither_learned: exception`` the part does not hold.
    """

    each: tuple[str, ...] = ()
    learned: Target | None = None
    neither_learned: Literal["judged", "exception"] = "judged"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_points(self.amount, self.scale)
        if self.scale == "ratio" and self.quantity.signed:
            self.refuse(f"{self.metric} may be negative, so a ratio does not fit it")

    def metrics_named(self) -> set[tuple[str, str]]:
        """Return what the numbers need, and what tells whether a variant learned."""
        return super().metrics_named() | (self.learned.quantity.recorded if self.learned else set())

    def comparisons(self, data: VariantData) -> list[Comparison]:
        """Return one comparison a pair and layer."""
        pairs, involved = each_pair(data, self.subjects, self.than, self.each)
        levels = data.readings(self.learned.quantity, involved) if self.learned else {}
        found = []
        for quantity in self.quantities(data):
            values = data.readings(quantity, involved)
            for sides, where in pairs:
                claim = (self.claimed, self.amount, self.scale)
                comparison = pair(data, values, quantity, sides, *claim, where, self.exact)
                found.append(self._with_outcome(comparison, levels))
        return found

    def _with_outcome(self, comparison: Comparison, levels: Readings) -> Comparison:
        seen = np.array([value for name in comparison.variants for value in levels.get(name, {}).values()])
        if not self.learned or not seen.size or self.learned.reached(seen).any():
            return comparison
        outcome = "; ".join(filter(None, (comparison.outcome, "neither learned")))
        return replace(comparison, outcome=outcome, exception=self.neither_learned == "exception")


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
        """Return one comparison a variant and layer."""
        variants, how = data.expand(self.variants), (self.scale_of_interval, self.images, self.exact)
        return [
            single(data, values, quantity, variant, self.claimed, self.level, *how)
            for quantity in self.quantities(data)
            for values in [data.readings(quantity, variants)]
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
        """Return one comparison a pair (or variant) and layer."""
        middle = self.constant or 0.0
        claim = (Range(middle - self.margin, middle + self.margin, closed=True), self.margin)
        if self.than is None:
            variants = data.expand(self.variants)
            return [
                single(data, values, quantity, name, *claim, quantity.transform, self.images, self.exact)
                for quantity in self.quantities(data)
                for values in [data.readings(quantity, variants)]
                for name in variants
            ]
        pairs, involved = each_pair(data, self.variants, self.than, self.each)
        return [
            pair(data, values, quantity, sides, *claim, "difference", where, self.exact)
            for quantity in self.quantities(data)
            for values in [data.readings(quantity, involved)]
            for sides, where in pairs
        ]


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
        """Return one comparison a layer, as a rule one."""
        involved = (*self.larger, *self.than)
        return [
            self._difference(data, quantity, involved, data.readings(quantity, involved))
            for quantity in self.quantities(data)
        ]

    def _difference(
        self, data: VariantData, quantity: Quantity, involved: tuple[str, ...], values: Readings
    ) -> Comparison:
        a, b, c, d = aligned(values, *involved)
        first, second, third, fourth = (data.label(name) for name in involved)
        return Comparison(
            measure=sampled((a - b) - (c - d), certain=self.exact),
            claimed=Range(least=self.margin),
            margin=self.margin,
            quantity=f"{quantity}, what {first} has over {second} less what {third} has over {fourth}",
            metric=quantity.metric,
            subject="",
            scale="difference",
            unit=quantity.unit,
            **data.behind(involved, values),
        )
