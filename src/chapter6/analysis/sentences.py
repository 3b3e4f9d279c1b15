"""One sentence in plain English for a verdict, made from its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from chapter6.analysis.comparisons import Comparison, Group, Part, Scale
from chapter6.intervals import Interval, Verdict

FIGURES, MOST_FIGURES = 3, 7
NAMED_UNITS = ("updates", "degrees")  # nats and bare numbers are told without a unit
BOUNDS = {
    ("greater", False): "more than",
    ("less", False): "less than",
    ("greater", True): "at least",
    ("less", True): "at most",
}


def sentence(groups: Sequence[Group], leading: Part) -> str:
    """How many parts hold, where there are several, and what the deciding one measured."""
    group = next(group for group in groups if leading in group.parts)
    all_hold = (part for each in groups for part in ((each.leading,) if each.needed else each.parts))
    counted = group if group.needed else Group(tuple(all_hold))
    return capitalized(f"{_count(counted)}{part_sentence(leading)}")


def part_sentence(part: Part) -> str:
    """What was measured, with its interval, what is claimed, and the verdict."""
    told = _Telling(part)
    outcome = part.comparison.outcome
    noted = f" ({capitalized(outcome)}.)" if outcome and part.interval.replicates else ""
    return f"{told.finding}{told.behind}{told.claim}: {part.verdict.value}.{noted}"


def number(value: float, unit: str = "", scale: Scale = "value", figures: int = FIGURES) -> str:
    """A number to some significant figures with its unit: shares as percent, their differences as points."""
    if unit == "share":
        amount = _rounded(100 * value, figures + (scale == "value"))
        return f"{amount} %" if scale == "value" else f"{amount} {'point' if amount in ('1', '-1') else 'points'}"
    rounded = _rounded(value, figures)
    return f"{rounded} {unit}" if unit in NAMED_UNITS else rounded


def figures_of(interval: Interval) -> int:
    """Significant figures that tell the ends of an interval apart, three or more."""
    width, size = interval.high - interval.low, max(abs(interval.low), abs(interval.high))
    if not math.isfinite(width) or width <= 0:
        return FIGURES
    return max(FIGURES, min(math.ceil(math.log10(size / width)) + 1, MOST_FIGURES))


@dataclass(frozen=True)
class _Telling:
    """The pieces of a part's sentence."""

    part: Part

    @cached_property
    def figures(self) -> int:
        """Significant figures of every number in the sentence."""
        return figures_of(self.part.interval)

    def amount(self, value: float, scale: Scale | None = None) -> str:
        """A number in the part's unit."""
        comparison = self.part.comparison
        return number(value, comparison.unit, scale or comparison.scale, self.figures)

    @property
    def finding(self) -> str:
        """The estimate in words."""
        comparison, interval = self.part.comparison, self.part.interval
        if not interval.replicates or math.isnan(interval.estimate):
            return f"{comparison.label} could not be estimated"
        where = f" ({comparison.where})" if comparison.where else ""
        whose = f"{_possessive(comparison.subject)} " if comparison.subject else ""
        bound = f"{interval.bound} " if interval.bound else ""
        return f"{whose}{comparison.quantity}{where} {self._compared(comparison, interval.estimate, bound)}"

    def _compared(self, comparison: Comparison, estimate: float, bound: str) -> str:
        if not comparison.rival:
            return f"is {bound}{self.amount(estimate)}"
        whose = _possessive(comparison.rival)
        if comparison.scale == "ratio":
            return f"is {bound}{self.amount(estimate)} times {whose}"
        if estimate == 0:
            return f"equals {whose}"
        return f"is {self.amount(abs(estimate))} {'lower' if estimate < 0 else 'higher'} than {whose}"

    @property
    def behind(self) -> str:
        """Interval and replicates in brackets."""
        interval, comparison = self.part.interval, self.part.comparison
        if not interval.replicates:
            return f" ({comparison.outcome})" if comparison.outcome else ""
        runs = f"{interval.replicates} replicate{'s' * (interval.replicates > 1)}"
        if interval.low == interval.high:
            return f" (exact, {runs})"
        if math.isnan(interval.low) or interval.replicates == 1:
            return f" ({runs}, no interval)"
        level = f"{_rounded(100 * interval.confidence, 4)} % interval"
        corrected = ", Holm-corrected" if self.part.correction == "holm" else ""
        return f" ({level} {self._ends(interval, comparison)}, {runs}{corrected})"

    def _ends(self, interval: Interval, comparison: Comparison) -> str:
        lower = comparison.rival and comparison.scale == "difference" and interval.estimate < 0
        ends = (-interval.high, -interval.low) if lower else (interval.low, interval.high)
        low, high = (self.amount(end) for end in ends)
        unit = high.rpartition(" ")[2] if " " in high else ""
        return f"{low.removesuffix(f' {unit}').removesuffix(' point')} to {high}"

    @property
    def claim(self) -> str:
        """How the interval lies to what is claimed."""
        part, asked = self.part, self.asked
        if part.comparison.exception:
            return ", which counts as an exception"
        if not part.interval.replicates:
            return ""
        if part.verdict is Verdict.SUPPORTED:
            return self._passed(asked)
        about = f", and about {part.decides_at} replicates would decide" if part.decides_at else ""
        return f", where {asked} is claimed{about}"

    def _passed(self, asked: str) -> str:
        comparison = self.part.comparison
        if asked in ("lower", "higher", "smaller", "larger"):  # the finding says so already
            return ""
        one_sided = comparison.scale == "difference" and comparison.rival and not comparison.claimed.bounded
        if one_sided and comparison.margin > 0:
            return f", beyond the margin of {self.amount(comparison.margin)}"
        return f", as claimed: {asked}"

    @property
    def asked(self) -> str:
        """What is claimed of the number."""
        comparison = self.part.comparison
        claimed, scale = comparison.claimed, comparison.scale
        if claimed.bounded:
            return self._asked_equality(comparison)
        if scale == "difference" and comparison.rival:
            return self._asked_difference(comparison)
        if scale == "ratio" and claimed.end == 1:
            return "larger" if claimed.direction == "greater" else "smaller"
        times = " times" if scale == "ratio" and comparison.rival else ""
        return f"{BOUNDS[claimed.direction, claimed.closed]} {self.amount(claimed.end)}{times}"

    def _asked_equality(self, comparison: Comparison) -> str:
        claimed = comparison.claimed
        if comparison.scale == "ratio":
            return f"between {self.amount(claimed.least)} and {self.amount(claimed.most)}"
        within = f"within {self.amount(comparison.margin, 'difference')}"
        if comparison.scale == "difference":
            return f"a difference {within}"
        return f"{within} of {self.amount((claimed.least + claimed.most) / 2)}"

    def _asked_difference(self, comparison: Comparison) -> str:
        greater, margin = comparison.claimed.direction == "greater", comparison.margin
        if margin < 0:
            return f"no more than {self.amount(-margin)} {'lower' if greater else 'higher'}"
        side = "higher" if greater else "lower"
        return f"more than {self.amount(margin)} {side}" if margin else side


def capitalized(text: str) -> str:
    """The text with a capital, unless it starts with an identifier such as relu_he."""
    first = text.partition(" ")[0]
    return text if "_" in first else text[:1].upper() + text[1:]


def _count(group: Group) -> str:
    """How many of several parts hold, and which do not."""
    total, needed = len(group.parts), group.needed
    if total == 1:
        return ""
    holding = sum(part.verdict is Verdict.SUPPORTED for part in group.parts)
    if needed is None:
        return f"{holding} of {total} parts hold; the weakest: "
    wanted = "one is enough" if needed == 1 else f"{needed} are needed"
    missed = [part.comparison for part in group.parts if part.verdict is not Verdict.SUPPORTED]
    exceptions = ", ".join(each.where or each.sides for each in missed)
    listed = f"; exceptions: {exceptions}" if missed and needed > 1 else ""
    return f"{holding} of {total} parts hold ({wanted}{listed}); the deciding one: "


def _rounded(value: float, figures: int) -> str:
    if not math.isfinite(value):
        return "infinity" if value > 0 else "minus infinity" if value < 0 else "unknown"
    short = float(f"{value:.{figures}g}") + 0.0
    return f"{short:.10g}" if short == 0 or 1e-4 <= abs(short) < 1e7 else f"{short:.{figures}g}"


def _possessive(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"
