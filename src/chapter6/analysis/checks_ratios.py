"""Checks on ratios within and between runs: one layer relative to another, one time relative to another."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from chapter6.analysis.checks_base import Check, OneOrMore, each_pair
from chapter6.analysis.comparisons import Comparison, Numbers, compared
from chapter6.analysis.runs import Readings, budgets, times
from chapter6.analysis.samples import Sample
from chapter6.analysis.variant_data import Setting, VariantData, aligned
from chapter6.metrics import Split
from chapter6.quantities import Quantity, Target
from chapter6.records import Outcome, Range
from chapter6.registry import Count, Positive, plain


@dataclass(frozen=True, kw_only=True)
class LayerRatio(Check, key="layer_ratio"):
    """A metric at one layer relative to another of the same run, in an interval on the log scale.

    ``within: 1.25`` means between 0.8 and 1.25 times. ``layer`` may be a pattern: one part for each layer
    but the reference.
    """

    metric: str
    variants: OneOrMore
    layer: str
    reference: str
    split: Split | None = None
    above: Positive | None = None
    below: Positive | None = None
    within: Positive | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.one_of("above", "below", "within")
        if self.within is not None and self.within <= 1:
            self.refuse(f"within: a factor above 1 is needed, not {self.within:g}")
        if "/" in self.metric or Quantity(self.metric).signed:
            self.refuse(f"metric: {self.metric!r} does not fit: write a positive metric, without its layer")

    def metrics_named(self) -> set[tuple[str, str]]:
        layers = (self._at(self.layer), self._at(self.reference))
        return {pair for quantity in layers for pair in quantity.recorded}

    @property
    def claimed(self) -> Range:
        """The range in which the ratio should lie."""
        if self.within is not None:
            return Range(1 / self.within, self.within, closed=True)
        return Range(most=self.below) if self.below is not None else Range(least=self.above or 0.0)

    def comparisons(self, data: VariantData) -> list[Comparison]:
        variants, reference = data.expand(self.variants), self._at(self.reference)
        below = data.readings(reference, variants)
        layers = [Numbers.of(data, layer, variants) for layer in data.each_layer(self._at(self.layer))]
        return [
            self._ratio(numbers, variant, below)
            for numbers in layers
            if numbers.quantity != reference
            for variant in variants
        ]

    def _at(self, layer: str) -> Quantity:
        return Quantity(f"{self.metric}/{layer}", self.split)

    def _ratio(self, numbers: Numbers, variant: str, reference: Readings) -> Comparison:
        of_layer, of_reference = (values.get(variant, {}) for values in (numbers.values, reference))
        a, b = aligned({"layer": of_layer, "reference": of_reference}, "layer", "reference")
        demand = self.demand(self.claimed, getattr(self, self.one_of("above", "below", "within")), "ratio")
        sample, details = compared(demand, a, b), {"reference": self.reference}
        return replace(numbers.single(demand, variant), sample=sample, details=details)


@dataclass(frozen=True, kw_only=True)
class TimeToTarget(Check, key="time_to_target"):
    """One variant reaches a level of a metric sooner than another: the ratio of steps, paired, on the log scale.

    ``margin`` is a factor (1 by default; 2: in less than half the steps). The metric is smoothed over ``window``
    readings. A run that never gets there is censored and gives a bound only (`intervals.censored_ratio`). On
    ``best/accuracy`` of a search, steps are trials.
    """

    metric: str
    sooner: OneOrMore
    than: OneOrMore
    split: Split | None = None
    at_least: float | None = None
    at_most: float | None = None
    window: Count = 1
    margin: Positive = 1.0
    each: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.target  # noqa: B018 (a target without a level is refused here)

    @property
    def target(self) -> Target:
        """The level to reach."""
        return Target(
            metric=self.metric, split=self.split, at_least=self.at_least, at_most=self.at_most, window=self.window
        )

    def metrics_named(self) -> set[tuple[str, str]]:
        return self.target.quantity.recorded

    def comparisons(self, data: VariantData) -> list[Comparison]:
        pairs, involved = each_pair(data, self.sooner, self.than, self.each)
        taken = Numbers(data, self.target.quantity, times(data.tables, self.target, involved))
        limits = budgets(data.tables, self.target, involved)
        return [self._ratio(taken, sides, where, limits) for sides, where in pairs]

    def _ratio(self, taken: Numbers, sides: tuple[str, str], where: Setting, limits: dict[str, float]) -> Comparison:
        a, b = aligned(taken.values, *sides)
        limit = min((limits[side] for side in sides if side in limits), default=math.inf)

        whole = taken.pair(self.beyond("less", self.margin, "ratio"), sides, where)
        never = [
            Outcome("unreached", side, int(np.isinf(values).sum()), values.size)
            for side, values in zip(sides, (a, b), strict=True)
            if np.isinf(values).any()
        ]
        details = {"target": plain(self.target)}
        sample = Sample(a, b, "ratio", limit=limit)
        return replace(whole, sample=sample, details=details, outcomes=(*whole.outcomes, *never))
