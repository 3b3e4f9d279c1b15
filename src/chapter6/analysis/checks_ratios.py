"""Checks on ratios within and between runs: one layer relative to another, one time relative to another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Annotated, Any

import numpy as np
from annotated_types import MinLen

from chapter6.analysis.checks_base import Check, Fields, OneOrMore, each_pair
from chapter6.analysis.comparisons import Comparison, Demand, Numbers, Part, compared, judge_family
from chapter6.analysis.levels import Levels, all_hold, some_hold, stacked
from chapter6.analysis.runs import Readings, budgets, times
from chapter6.analysis.samples import Drawn, Sample
from chapter6.analysis.variant_data import Setting, VariantData, aligned
from chapter6.metrics import Split
from chapter6.quantities import Quantity, Target
from chapter6.records import Outcome, Range
from chapter6.registry import Count, Names, Positive, plain


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
class Timed(Fields):
    """A level of a metric, smoothed over ``window`` readings, which is reached sooner by the factor ``margin``."""

    metric: str
    split: Split | None = None
    at_least: float | None = None
    at_most: float | None = None
    window: Count = 1
    margin: Positive = 1.0

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
        """Return what the tables must hold for the target."""
        return self.target.quantity.recorded


@dataclass(frozen=True, kw_only=True)
class TimeToTarget(Timed, Check, key="time_to_target"):
    """One variant reaches a level of a metric sooner than another: the ratio of steps, paired, on the log scale.

    ``margin`` is a factor (1 by default; 2: in less than half the steps). The metric is smoothed over ``window``
    readings. A run that never gets there is censored and gives a bound only (`intervals.censored_ratio`). On
    ``best/accuracy`` of a search, steps are trials.
    """

    sooner: OneOrMore
    than: OneOrMore
    each: tuple[str, ...] = ()

    def comparisons(self, data: VariantData) -> list[Comparison]:
        pairs, _ = each_pair(data, self.sooner, self.than, self.each)
        return time_ratios(data, self.target, self.beyond("less", self.margin, "ratio"), pairs)


@dataclass(frozen=True, kw_only=True)
class Reversal(Timed, Check):
    """Of two methods one is sooner to a level of a metric in one setting, and the other in another (`TimeToTarget`).

    Each of the ``pairs`` names two variants of one setting, the sooner first, and two of another. One pair for which
    both hold is enough: pairs are a Holm family, of which the two parts of the strongest are told.
    """

    pairs: Annotated[tuple[tuple[Names, Names], ...], MinLen(1)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.needs is not None:
            self.refuse("needs: a reversal is made of exactly two parts")
        for sides in chain.from_iterable(self.pairs):
            if len(sides) != 2:
                self.refuse(f"pairs: two variants are compared, the sooner first, not {list(sides)}")

    def variants_named(self) -> set[str]:
        return {name for pair in self.pairs for sides in pair for name in sides}

    def comparisons(self, data: VariantData) -> list[Comparison]:
        compared = [((sooner, than), dict[str, Any]()) for sooner, than in chain.from_iterable(self.pairs)]
        return time_ratios(data, self.target, self.beyond("less", self.margin, "ratio"), compared)

    def tests(self, asked: Sequence[Comparison]) -> int:
        return 1

    def levels(self, asked: Sequence[Comparison], drawn: Drawn | None = None) -> Levels:
        both = [all_hold(stacked([each.levels(drawn) for each in pair])) for pair in _in_twos(asked)]
        return stacked([some_hold(stacked(both), 1)])

    def judge(self, asked: Sequence[Comparison], tests: int) -> list[Part]:
        pairs = [sorted(pair, key=lambda each: each.part().strength) for pair in _in_twos(asked)]
        weaker = judge_family([pair[0] for pair in pairs], 2 * tests)
        part, pair = max(zip(weaker, pairs, strict=True), key=lambda found: found[0].strength)
        return [part, *(each.part(part.interval.confidence, part.correction) for each in pair[1:])]


def _in_twos(asked: Sequence[Comparison]) -> list[Sequence[Comparison]]:
    return [asked[start : start + 2] for start in range(0, len(asked), 2)]


def time_ratios(
    data: VariantData, target: Target, demand: Demand, pairs: Sequence[tuple[tuple[str, str], Setting]]
) -> list[Comparison]:
    """The steps to a target of one variant over another's, for each pair and its setting."""
    involved = sorted({name for sides, _ in pairs for name in sides})
    taken = Numbers(data, target.quantity, times(data.tables, target, involved))
    limits = budgets(data.tables, target, involved)
    return [_time_ratio(taken.pair(demand, sides, where), target, taken, limits) for sides, where in pairs]


def _time_ratio(pair: Comparison, target: Target, taken: Numbers, limits: dict[str, float]) -> Comparison:
    """A pair with the times of runs that never got there censored, and counted."""
    sides = pair.variants
    a, b = aligned(taken.values, *sides)
    limit = min((limits[side] for side in sides if side in limits), default=math.inf)
    never = [
        Outcome("unreached", side, int(np.isinf(values).sum()), values.size)
        for side, values in zip(sides, (a, b), strict=True)
        if np.isinf(values).any()
    ]
    sample = Sample(a, b, "ratio", limit=limit)
    return replace(pair, sample=sample, details={"target": plain(target)}, outcomes=(*pair.outcomes, *never))
