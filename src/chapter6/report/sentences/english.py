"""Verdicts in plain English, made from the numbers of their records."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chapter6.intervals import Verdict
from chapter6.metrics import metric_of, recorded_key
from chapter6.quantities import Quantity, Summary, Target, split_of
from chapter6.records import ClaimRecord, Correction, Outcome, PartRecord, Scale, Side
from chapter6.registry import build
from chapter6.words import name, parameter_name

FIGURES, MOST_FIGURES = 3, 7
NAMED_UNITS = ("updates", "degrees")  # nats and bare numbers are told without a unit
BOUNDS = {
    ("greater", False): "more than",
    ("less", False): "less than",
    ("greater", True): "at least",
    ("less", True): "at most",
}
CORRECTIONS: dict[Correction, str] = {
    "none": "",
    "holm": ", Holm-corrected",
    "bonferroni": ", Bonferroni-corrected",
}
FRAGILE = "This is fragile: the replicates are skewed or stand at a bound, and bootstrap-t comes to another verdict."
SUMMARIES: dict[Summary, str] = {
    "last": "final",
    "first": "initial",
    "mean": "mean",
    "median": "median",
    "minimum": "lowest",
    "maximum": "highest",
    "total": "total",
    "total_variation": "total variation of",
    "sign_changes": "number of sign changes of",
}


@dataclass(frozen=True)
class English:
    """Tells records in English; ``labels`` are the variants' names for readers."""

    labels: Mapping[str, str]

    def verdict(self, claim: ClaimRecord) -> str:
        """Return how many parts hold, where there are several, and what the deciding one measured."""
        told = capitalized(f"{self._count(claim)}{self.part(claim.parts[claim.leading])}")
        return f"{told} {FRAGILE}" if claim.fragile else told

    def part(self, part: PartRecord) -> str:
        """Return what was measured, with its interval, what is claimed, and the verdict."""
        told, outcome = _Telling(part, self), self.outcome(part)
        noted = f" ({capitalized(outcome)}.)" if outcome and part.replicates else ""
        return f"{told.finding}{told.behind}{told.claim}: {part.verdict}.{noted}"

    def quantity(self, of: Quantity | Target) -> str:
        """Return what is measured of a run, or how soon it reaches something."""
        return f"updates until {target_words(of)}" if isinstance(of, Target) else quantity_words(of)

    def label(self, part: PartRecord) -> str:
        """Return what is compared."""
        where = f" ({self.where(part)})" if self.where(part) else ""
        return ": ".join(words for words in (self.number(part), self.sides(part)) if words) + where

    def outcome(self, part: PartRecord) -> str:
        """Return how the runs ended, where a reader must know it."""
        return "; ".join(self._ended(part, outcome) for outcome in part.outcomes)

    def variant(self, variant: str) -> str:
        """Return a variant's name for readers."""
        return self.labels.get(variant, variant)

    def sides(self, part: PartRecord) -> str:
        """Return who is compared, such as "Adam against SGD"."""
        return " against ".join(self.side(side) for side in (part.subject, part.rival) if side)

    def side(self, side: Side) -> str:
        """Return the name of a side."""
        if side.kind == "variant":
            return ", ".join(self.variant(each) for each in side.names)
        if side.kind == "group":
            return " and ".join(name(pattern.strip("*_-") or "all") for pattern in side.names)
        if side.kind == "parameter":
            return ", ".join(parameter_name(each) for each in side.names)
        return f"round {side.names[0]}" if side.kind == "round" else ", ".join(name(level) for level in side.names)

    def where(self, part: PartRecord) -> str:
        """Return the setting of a comparison, such as "rate 0.1, depth 4", or the strategy of its search."""
        levels = (f"{axis} {f'{level:g}' if isinstance(level, float) else level}" for axis, level in part.where.items())
        return self.variant(part.strategy) if part.strategy else ", ".join(levels)

    def number(self, part: PartRecord) -> str:
        """Return what a part's number is."""
        if part.quantity is None:  # of settings, or without data
            return _setting_share(part.details) if part.details else part.kind.replace("_", " ")
        told = NUMBERS.get(part.kind)
        return told(self, part.quantity, part.details) if told else quantity_words(part.quantity)

    def _count(self, claim: ClaimRecord) -> str:
        """Return how many of several parts hold, and which do not."""
        needed, parts = claim.deciding
        if needed is None:
            holding = [held for group in claim.grouped for held in _held(*group)]
            return f"{sum(holding)} of {len(holding)} parts hold; the weakest: " if len(holding) > 1 else ""
        if len(parts) == 1:
            return ""
        missed = [part for part in parts if part.verdict != Verdict.SUPPORTED]
        wanted = "one is enough" if needed == 1 else f"{needed} are needed"
        exceptions = ", ".join(self.where(part) or self.sides(part) for part in missed)
        listed = f"; exceptions: {exceptions}" if missed and needed > 1 else ""
        held = f"{len(parts) - len(missed)} of {len(parts)} parts hold"
        return f"{held} ({wanted}{listed}); the deciding one: "

    def _ended(self, part: PartRecord, outcome: Outcome) -> str:
        return OUTCOMES[outcome.what].format(
            name=self.variant(outcome.variant),
            count=outcome.count,
            of=outcome.of,
            each=outcome.each,
            metric=metric_of(part.quantity.metric).name if part.quantity else "",
            problem=outcome.problem,
        )


OUTCOMES = {
    "no_data": "no data for {name}",
    "diverged": "{name} diverged in {count} of {of} {each}s",
    "undefined": "{name} has no such number in {count} of {of} replicates",
    "unreached": "{name} did not reach it in {count} of {of}",
    "neither_learned": "neither learned",
    "not_converged": "not converged: the training loss of {name} still falls",
    "infinite": "the {metric} of a run that diverged counts as infinite, and a mean over it is undefined",
    "problem": "{problem}",
}


def quantity_words(quantity: Quantity) -> str:
    """Return what is measured of a run, such as "mean batch loss"."""
    metric, split, summary = quantity.metric, split_of(quantity.metric, quantity.split), quantity.summary
    told = quantity.of.by_split or (split != "train" and not quantity.of.derived)
    words = [SUMMARIES[summary], split if told else "", metric_words(metric, split)]
    if quantity.when or (summary == "last" and ("/layer" in metric or metric.startswith("time_ratio"))):
        words[0] = ""
    if quantity.when:
        words.append(f"when {target_words(quantity.when)}")
    if quantity.first_step is not None:
        words.append(f"from step {quantity.first_step}")
    if quantity.last_step is not None:
        words.append(f"up to step {quantity.last_step}")
    return " ".join(word for word in words if word)


def target_words(target: Target) -> str:
    """Return what is reached, such as "test accuracy reaches 0.9"."""
    split = split_of(target.metric, target.split)
    smoothed = f", smoothed over {target.window} readings," if target.window > 1 else ""
    return f"{split} {metric_words(target.metric)}{smoothed} reaches {target.level:g}"


def metric_words(metric: str, split: str = "test") -> str:
    """Return a metric's name."""
    recorded, called = recorded_key(metric), metric_of(metric).name
    if recorded != metric:
        whose = "best trial so far" if metric.startswith("best") else "trials"
        return f"{metric_words(recorded, split)} of the {whose}"
    if metric.startswith("time_ratio"):
        return f"time of an {metric.partition('/')[2]} by that of the variant beside it"
    if metric == "gap":
        return f"{called} between train and {split} accuracy"
    if metric == "optimism":
        return f"{called} (validation accuracy that it was chosen by less {split} accuracy, retrained)"
    layer = metric.partition("/")[2].replace("-", " ")
    return f"{called} of {layer}" if layer else called


Details = Mapping[str, Any]


def _layer_ratio(_: English, quantity: Quantity, details: Details) -> str:
    return f"{quantity_words(quantity)} relative to {details['reference'].replace('-', ' ')}"


def _time_to_target(_: English, quantity: Quantity, details: Details) -> str:
    unit = "trials" if quantity.metric.startswith("best/") else "steps"
    return f"number of {unit} until {target_words(build(Target, details['target']))}"


def _interaction(english: English, quantity: Quantity, details: Details) -> str:
    a, b, c, d = (english.variant(variant) for variant in (*details["larger"], *details["than"]))
    return f"{quantity_words(quantity)}, what {a} has over {b} less what {c} has over {d}"


def _explained_variance(_: English, quantity: Quantity, __: Details) -> str:
    return f"share in the variance of {quantity_words(quantity)}"


def _band(_: English, __: Quantity, details: Details) -> str:
    trials, parameter = f"the {details['best']} best trials", parameter_name(details["parameter"])
    if details["of"] == "edge":
        return f"distance of {trials} from the edge of the range of {parameter}"
    if details["of"] == "width":
        return f"width of the band of {parameter} with {trials}, relative to that of all trials"
    return f"{details['of']} end of the band of {parameter} with {trials}"


def _rounds(_: English, quantity: Quantity, __: Details) -> str:
    return f"median of {quantity_words(quantity)}"


def _trend(_: English, quantity: Quantity, details: Details) -> str:
    if details["by"] == "rank":
        return f"rank correlation of {quantity_words(quantity)} with {details['along']}"
    if details["by"] == "change":
        return f"change of {quantity_words(quantity)} from the least {details['along']} to the largest"
    step = "decade" if details["axis"] == "log" else "unit"
    return f"change of {quantity_words(quantity)} in a {step} of {details['along']}"


def _spread(_: English, quantity: Quantity, details: Details) -> str:
    word = "standard deviation" if details["by"] == "deviation" else "range"
    return f"{word} of {quantity_words(quantity)} over the settings of {name(details['along'])}"


def _reach(_: English, __: Quantity, details: Details) -> str:
    learned = target_words(build(Target, details["target"]))
    if details["end"] == "none":
        return f"number of settings of {parameter_name(details['along'])} at which {learned}"
    return f"{details['end']} {parameter_name(details['along'])} at which {learned}"


def _setting_share(details: Details) -> str:
    setting, low, high = parameter_name(details["along"]), number(details["low"]), number(details["high"])
    return f"share of choices of {setting} that lie between {low} and {high}, {details['count']} of {details['of']}"


def _learning(english: English, quantity: Quantity, details: Details) -> str:
    rival = english.variant(details["unlearned"])
    return f"margin of learning where {rival} does not, in {quantity_words(quantity)}"


def _frequency(english: English, quantity: Quantity, details: Details) -> str:
    side, amount = ("more", details["more_than"]) if details["less_than"] is None else ("less", details["less_than"])
    rival = "".join(f" minus {_possessive(english.variant(each))}" for each in details["than"])
    told = number(amount, quantity.unit, "difference" if rival else "value")
    return f"share of replicates whose {quantity_words(quantity)}{rival} is {side} than {told}"


# kinds of check whose number is more than a run's quantity
NUMBERS: dict[str, Callable[[English, Quantity, Details], str]] = {
    "layer_ratio": _layer_ratio,
    "time_to_target": _time_to_target,
    "reversal": _time_to_target,
    "interaction": _interaction,
    "explained_variance": _explained_variance,
    "band": _band,
    "rounds": _rounds,
    "trend": _trend,
    "spread": _spread,
    "reach": _reach,
    "learning": _learning,
    "frequency": _frequency,
}


def number(value: float, unit: str = "", scale: Scale = "value", figures: int = FIGURES) -> str:
    """A number to some significant figures with its unit: shares as percent, their differences as points."""
    if unit == "share":
        amount = _rounded(100 * value, figures + (scale == "value"))
        return f"{amount} %" if scale == "value" else f"{amount} {'point' if amount in ('1', '-1') else 'points'}"
    rounded = _rounded(value, figures)
    return f"{rounded} {unit}" if unit in NAMED_UNITS else rounded


def figures_of(low: float | None, high: float | None) -> int:
    """Significant figures that tell the ends of an interval apart, three or more."""
    if low is None or high is None or high <= low:
        return FIGURES
    size = max(abs(low), abs(high))
    return max(FIGURES, min(math.ceil(math.log10(size / (high - low))) + 1, MOST_FIGURES))


@dataclass(frozen=True)
class _Telling:
    """The pieces of a part's sentence."""

    part: PartRecord
    english: English

    @cached_property
    def figures(self) -> int:
        """Significant figures of every number in the sentence."""
        return figures_of(self.part.low, self.part.high)

    def amount(self, value: float, scale: Scale | None = None) -> str:
        """A number in the part's unit."""
        return number(value, self.part.unit, scale or self.part.scale, self.figures)

    @property
    def finding(self) -> str:
        """The estimate in words."""
        part, english = self.part, self.english
        if not part.replicates or part.estimate is None:
            return f"{english.label(part)} could not be estimated"
        where = f" ({english.where(part)})" if english.where(part) else ""
        whose = f"{_possessive(english.side(part.subject))} " if part.subject else ""
        return f"{whose}{english.number(part)}{where} {self._compared(part.estimate)}"

    def _compared(self, estimate: float) -> str:
        part, bound = self.part, f"{self.part.bound} " if self.part.bound else ""
        if part.rival is None:
            return f"is {bound}{self.amount(estimate)}"
        whose = _possessive(self.english.side(part.rival))
        if part.scale == "ratio":
            return f"is {bound}{self.amount(estimate)} times {whose}"
        if estimate == 0:
            return f"equals {whose}"
        return f"is {self.amount(abs(estimate))} {'lower' if estimate < 0 else 'higher'} than {whose}"

    @property
    def behind(self) -> str:
        """Interval and replicates in brackets."""
        part = self.part
        if not part.replicates:
            outcome = self.english.outcome(part)
            return f" ({outcome})" if outcome else ""
        runs = f"{part.replicates} replicate{'s' * (part.replicates > 1)}"
        if part.low is not None and part.low == part.high:
            return f" (exact, {runs})" if part.replicates == 1 else f" (all {runs} agree)"
        if (part.low is None and part.high is None) or part.replicates == 1:
            return f" ({runs}, no interval)"
        level = f"{_rounded(100 * part.confidence, 4)} % interval"
        corrected = CORRECTIONS[part.correction]
        return f" ({level} {self._ends()}, {runs}{corrected})"

    def _ends(self) -> str:
        part = self.part
        low, high = -math.inf if part.low is None else part.low, math.inf if part.high is None else part.high
        is_lower = part.rival and part.scale == "difference" and (part.estimate or 0) < 0
        ends = (self.amount(end) for end in ((-high, -low) if is_lower else (low, high)))
        least, most = ends
        unit = most.rpartition(" ")[2] if " " in most else ""
        return f"{least.removesuffix(f' {unit}').removesuffix(' point')} to {most}"

    @property
    def claim(self) -> str:
        """How the interval lies to what is claimed."""
        part, asked = self.part, self.asked
        if part.settled == Verdict.CONTRADICTED:
            return ", which counts as an exception"
        if not part.replicates:
            return ""
        if part.verdict == Verdict.SUPPORTED:
            return self._passed(asked)
        about = f", and about {part.decides_at} replicates would decide" if part.decides_at else ""
        return f", where {asked} is claimed{about}"

    def _passed(self, asked: str) -> str:
        part = self.part
        if asked in ("lower", "higher", "smaller", "larger"):  # the finding says so already
            return ""
        if part.scale == "difference" and part.rival and not part.claimed.bounded and part.margin > 0:
            return f", beyond the margin of {self.amount(part.margin)}"
        return f", as claimed: {asked}"

    @property
    def asked(self) -> str:
        """What is claimed of the number."""
        part, claimed = self.part, self.part.claimed
        if claimed.bounded:
            return self._asked_equality()
        if part.scale == "difference" and part.rival:
            return self._asked_difference()
        if part.scale == "ratio" and claimed.end == 1:
            return "larger" if claimed.direction == "greater" else "smaller"
        times = " times" if part.scale == "ratio" and part.rival else ""
        return f"{BOUNDS[claimed.direction, claimed.closed]} {self.amount(claimed.end)}{times}"

    def _asked_equality(self) -> str:
        part, claimed = self.part, self.part.claimed
        if part.scale == "ratio":
            return f"between {self.amount(claimed.least)} and {self.amount(claimed.most)}"
        within = f"within {self.amount(part.margin, 'difference')}"
        if part.scale == "difference":
            return f"a difference {within}"
        return f"{within} of {self.amount((claimed.least + claimed.most) / 2)}"

    def _asked_difference(self) -> str:
        greater, margin = self.part.claimed.direction == "greater", self.part.margin
        if margin < 0:
            return f"no more than {self.amount(-margin)} {'lower' if greater else 'higher'}"
        side = "higher" if greater else "lower"
        return f"more than {self.amount(margin)} {side}" if margin else side


def capitalized(text: str) -> str:
    """The text with a capital, unless it starts with an identifier such as relu_he."""
    first = text.partition(" ")[0]
    return text if "_" in first else text[:1].upper() + text[1:]


def _held(needed: int | None, parts: Sequence[PartRecord]) -> list[bool]:
    """Whether each part holds, or, of a family, whether as many do as must."""
    held = [part.verdict == Verdict.SUPPORTED for part in parts]
    return held if needed is None else [sum(held) >= needed]


def _rounded(value: float, figures: int) -> str:
    if not math.isfinite(value):
        return "infinity" if value > 0 else "minus infinity" if value < 0 else "unknown"
    short = float(f"{value:.{figures}g}") + 0.0
    return f"{short:.10g}" if short == 0 or 1e-4 <= abs(short) < 1e7 else f"{short:.{figures}g}"


def _possessive(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"
