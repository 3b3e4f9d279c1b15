"""Checks over the settings of a sweep: what changes along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from chapter6.analysis.checks_base import Check, Compared, Measured, OneOrMore, each_pair
from chapter6.analysis.comparisons import Comparison, Demand, Numbers, compared
from chapter6.analysis.samples import UNBOUNDED, Bounds, Sample, of_differences
from chapter6.analysis.variant_data import Setting, VariantData, across, aligned, names, ranks
from chapter6.intervals import Array, Direction
from chapter6.quantities import Quantity, Target
from chapter6.records import Outcome, Range, Side
from chapter6.registry import StudyError, plain

Better = Literal["higher", "lower"]


def direction_of(word: Literal["higher", "lower", "rises", "falls"]) -> Direction:
    """On which side of nothing a number lies that is higher, or that rises."""
    return "greater" if word in ("higher", "rises") else "less"


@dataclass(frozen=True, kw_only=True)
class Trend(Measured, Check):
    """A number rises, or falls, along a numeric axis: one slope a replicate, then a one-sample interval.

    ``by: slope`` is that of a straight line over the axis's decimal logarithm, so that the margin is the
    metric's change in a decade (``axis: linear``: in a unit of the axis), ``by: change`` what this line changes from
    one end of the axis to the other; ``by: rank`` is Spearman's rank correlation. ``each`` gives one part for every
    setting of other axes.
    """

    along: str
    direction: Literal["rises", "falls"]
    variants: OneOrMore = "*"
    each: tuple[str, ...] = ()
    by: Literal["slope", "change", "rank"] = "slope"
    axis: Literal["log", "linear"] = "log"
    margin: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by == "rank" and not -1 <= self.margin <= 1:
            self.refuse(f"margin: a rank correlation lies in -1..1, so {self.margin:g} does not fit it")

    def numeric_axes_named(self) -> set[str]:
        return {self.along}

    def comparisons(self, data: VariantData) -> list[Comparison]:
        variants = data.expand(self.variants)
        numbers = Numbers.of(data, self.quantity, variants)
        return [
            self._trend(numbers, members, setting)
            for setting, members in data.by_setting(variants, self.each)
            if all(data.level(member, self.along) is not None for member in members)
        ]

    def _trend(self, numbers: Numbers, members: list[str], where: Setting) -> Comparison:
        levels = np.array([numbers.data.numeric_level(member, self.along) for member in members])
        if self.axis == "log" and self.by != "rank" and levels.min() <= 0:
            raise StudyError(f"axis {self.along!r} has the level {levels.min():g}; write axis: linear")
        slopes = np.array([self._slope(levels, row) for row in across(numbers.values, members).values()])
        told: dict[str, Any] = {"details": {"along": self.along, "by": self.by, "axis": self.axis}, "where": where}
        told |= {"unit": ""} if self.by == "rank" else {}
        demand = self.beyond(direction_of(self.direction), self.margin)
        sample = Sample(slopes, bounds=(-1.0, 1.0) if self.by == "rank" else UNBOUNDED, certain=self.exact)
        return numbers.comparison(demand, sample, members, **told)

    def _slope(self, levels: Array, row: Array) -> float:
        if self.by == "rank":
            levels, row = (rank - rank.mean() for rank in (ranks(levels), ranks(row)))
            length = float(np.sqrt((levels @ levels) * (row @ row)))
            return float(levels @ row) / length if length else 0.0
        levels = np.log10(levels) if self.axis == "log" else levels
        length = float(np.ptp(levels)) if self.by == "change" else 1.0
        levels = levels - levels.mean()
        return length * float(levels @ row / (levels @ levels)) if levels.any() else math.nan


@dataclass(frozen=True, kw_only=True)
class Spread(Measured, Compared, Check):
    """One group's number varies less (or more) over the settings of an axis than another group's.

    Each side is a group of variants, one a setting. The spread of a replicate is the standard deviation over
    the settings, or the range from lowest to highest.
    """

    along: str
    by: Literal["deviation", "range"] = "deviation"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_points(self.amount, self.scale)

    def comparisons(self, data: VariantData) -> list[Comparison]:
        demand, details = self.beyond(self.direction, self.amount, self.scale), {"along": self.along, "by": self.by}
        bounds = (0.0, of_differences(self.quantity.bounds)[1])
        return [between_groups(self, demand, data, self.quantity, self._spreads, bounds, details=details)]

    def _spreads(self, numbers: Numbers, side: list[str]) -> dict[int, float]:
        return {replicate: self._spread(row) for replicate, row in across(numbers.values, side).items()}

    def _spread(self, row: Array) -> float:
        if row.size < 2:
            return math.nan
        return float(np.ptp(row) if self.by == "range" else row.std(ddof=1))


@dataclass(frozen=True, kw_only=True)
class Reach(Compared, Check):
    """One group learns up to a higher (or down to a lower) setting of a numeric axis than another, or at more settings.

    Each side is a group of variants, one a setting. A replicate's number is the largest (or smallest)
    setting at which the target is reached at the end; where it is reached at none, the setting at the other
    end of the axis, which favours the other group. With ``end: none`` it is the number of settings at which it is
    reached. By default the two are compared as a ratio.
    """

    along: str
    learned: Target
    end: Literal["largest", "smallest", "none"] = "largest"
    scale: Literal["difference", "ratio"] = "ratio"

    def metrics_named(self) -> set[tuple[str, str]]:
        return self.learned.quantity.recorded

    def numeric_axes_named(self) -> set[str]:
        return {self.along}

    def comparisons(self, data: VariantData) -> list[Comparison]:
        details = {"along": self.along, "end": self.end, "target": plain(self.learned)}
        demand = self.beyond(self.direction, self.amount, self.scale)
        settings = max(len(data.expand(side)) for side in (self.subjects, self.than))
        bounds = (0.0, settings) if self.end == "none" else UNBOUNDED
        return [between_groups(self, demand, data, self.learned.quantity, self._ends, bounds, details=details, unit="")]

    def _ends(self, numbers: Numbers, side: list[str]) -> dict[int, float]:
        rows = across(numbers.values, side)
        if not rows:
            return {}
        if self.end == "none":
            return {replicate: float(self.learned.reached(row).sum()) for replicate, row in rows.items()}
        levels = np.array([numbers.data.numeric_level(variant, self.along) for variant in side])
        best, worst = (max, min) if self.end == "largest" else (min, max)
        return {
            replicate: float(best(levels[self.learned.reached(row)], default=worst(levels)))
            for replicate, row in rows.items()
        }


@dataclass(frozen=True, kw_only=True)
class SettingShare(Check, key="setting_share"):
    """Of several variants, tuned ones say, the share whose setting lies between ``low`` and ``high``.

    It is counted over variants and not over replicates, so the answer is exact.
    """

    variants: OneOrMore
    along: str
    low: float
    high: float
    at_least: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            self.refuse(f"low {self.low:g} is not below high {self.high:g}")
        if not 0 <= self.at_least <= 1:
            self.refuse(f"at_least {self.at_least:g} is a share, between 0 and 1")

    def metrics_named(self) -> set[tuple[str, str]]:
        return set()

    def numeric_axes_named(self) -> set[str]:
        return {self.along}

    def comparisons(self, data: VariantData) -> list[Comparison]:
        variants = data.expand(self.variants)
        if missing := [variant for variant in variants if variant not in data.settings]:
            return [replace(self.blank(), outcomes=tuple(Outcome("no_data", variant) for variant in missing))]
        inside = [self.low <= data.numeric_level(variant, self.along) <= self.high for variant in variants]
        return [
            Comparison(
                sample=Sample(np.array([np.mean(inside)]), bounds=(0.0, 1.0), certain=True),
                claimed=Range(least=self.at_least, closed=True),
                subject=Side("group", names(self.variants)),
                details={
                    "along": self.along,
                    "low": self.low,
                    "high": self.high,
                    "count": sum(inside),
                    "of": len(inside),
                },
                unit="share",
                margin=self.at_least,
                variants=tuple(variants),
                track=data.track(variants),
            )
        ]


@dataclass(frozen=True, kw_only=True)
class Learning(Measured, Check):
    """One variant learns where another does not: it passes a level which the other stays short of.

    A replicate's number is the smaller of two distances: by how much ``learner``'s number passes ``learned``,
    and by how much ``than``'s stays short of ``unlearned`` (by default the same level). One part for each
    pair, with ``each`` for each pair of one setting of those axes; with ``needs: 1`` one setting is enough.
    """

    learner: OneOrMore
    than: OneOrMore
    learned: float
    unlearned: float | None = None
    better: Better = "higher"
    each: tuple[str, ...] = ()
    margin: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_points(self.learned)

    def comparisons(self, data: VariantData) -> list[Comparison]:
        pairs, involved = each_pair(data, self.learner, self.than, self.each)
        numbers = Numbers.of(data, self.quantity, involved)
        demand = self.beyond("greater", self.margin)
        return [
            replace(
                numbers.pair(demand, sides, where),
                sample=Sample(
                    self._clearance(*aligned(numbers.values, *sides)),
                    bounds=of_differences(numbers.quantity.bounds),
                    certain=self.exact,
                ),
                details={"unlearned": sides[1]},
                rival=None,
            )
            for sides, where in pairs
        ]

    def _clearance(self, learner: Array, rival: Array) -> Array:
        short = self.learned if self.unlearned is None else self.unlearned
        sign = 1 if self.better == "higher" else -1
        return np.minimum(sign * (learner - self.learned), sign * (short - rival))


def between_groups(
    check: Compared,
    demand: Demand,
    data: VariantData,
    of: Quantity,
    reduced: Callable[[Numbers, list[str]], dict[int, float]],
    bounds: Bounds,
    **told: Any,
) -> Comparison:
    """One group's number against another's, paired over replicates; ``reduced`` makes it of a group's quantities."""
    sides = (data.expand(check.subjects), data.expand(check.than))
    involved = [*sides[0], *sides[1]]
    numbers = Numbers.of(data, of, involved)
    found = {"subject": reduced(numbers, sides[0]), "rival": reduced(numbers, sides[1])}
    sample = compared(demand, *aligned(found, *found), bounds=bounds)
    subject, rival = (Side("group", given) for given in (check.subjects, names(check.than)))
    return numbers.comparison(demand, sample, involved, subject=subject, rival=rival, **told)
