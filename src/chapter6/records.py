"""What judging writes down: whose reading it is, what was compared and found, and the verdict. Data, no sentence.

`analysis` makes records, `report` tells them in a language, `sharing` compares them. `registry.plain` turns one into
JSON and `registry.build` turns it back; what is not a finite number is null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Literal

from chapter6.intervals import (
    Bound,
    Direction,
    Interval,
    Verdict,
    judge,
    judge_equivalence,
    nearest_edge,
)
from chapter6.quantities import Quantity

Scale = Literal["difference", "ratio", "value"]
Correction = Literal["none", "holm", "bonferroni"]
Source = Literal["source", "reader", "ours"]

OPPOSITE = {
    Verdict.SUPPORTED: Verdict.CONTRADICTED,
    Verdict.CONTRADICTED: Verdict.SUPPORTED,
    Verdict.UNDECIDED: Verdict.UNDECIDED,
}


@dataclass(frozen=True)
class Side:
    """Who is compared: variants by their names, a group by its patterns, a level, a round, or a hyper-parameter."""

    kind: Literal["variant", "group", "level", "parameter", "round"]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a reader must know of the runs behind a number: ``count`` of them, ``of`` so many, ended so.

    A ``problem`` is an error's message.
    """

    what: Literal[
        "no_data", "diverged", "undefined", "unreached", "neither_learned", "not_converged", "infinite", "problem"
    ]
    variant: str = ""
    count: int = 0
    of: int = 0
    each: Literal["replicate", "trial"] = "replicate"
    problem: str = ""


@dataclass(frozen=True)
class Range:
    """Where a claim says that a number lies; `closed` means that the ends belong to it."""

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


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is compared: a number of `subject`, or its difference from or ratio to `rival`'s (subject first).

    The number is made of runs' `quantity` as the kind of check says, by `details` of its own. `where` names the setting
    of a sweep, `strategy` that of a search. `margin` is as its author wrote it.
    """

    kind: str = ""
    quantity: Quantity | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    subject: Side | None = None
    rival: Side | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    strategy: str = ""
    scale: Scale = "value"
    unit: str = ""
    margin: float = 0.0
    variants: tuple[str, ...] = ()
    track: str = "book"
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PartRecord(Question):
    """A comparison with its interval and verdict; `least` and `most` bound what is claimed of the number.

    `bound` is set where censored times bound the estimate only, `settled` where how runs ended decided and not the
    interval. `decides_at` is about how many replicates would decide what is undecided.
    """

    verdict: Verdict
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    bound: Bound = ""
    confidence: float
    correction: Correction = "none"
    replicates: int
    least: float | None = None
    most: float | None = None
    closed: bool = False
    settled: Verdict | None = None
    decides_at: int | None = None

    @property
    def claimed(self) -> Range:
        """The range in which the number should lie."""
        least, most = (open_ if end is None else end for end, open_ in ((self.least, -math.inf), (self.most, math.inf)))
        return Range(least, most, self.closed)


@dataclass(frozen=True)
class Counted:
    """How many parts are counted together, and how many of them must hold (null: all)."""

    parts: int
    needed: int | None = None


@dataclass(frozen=True, kw_only=True)
class ClaimRecord:
    """A reading of a claim with its verdict; the numbers on top are those of the `leading` part, which decides.

    `whose` says whether it is the source's reading, a reader's or ours; `margin_by` who chose the margin. What is
    judged `at_convergence` is undecided where the training loss of runs behind it still falls. Parts are counted in
    `groups`, in their order, and every group has to hold. `error_level` is the smallest one at which what is
    decided still stands, `study_level` the same by Holm's procedure over the study's decided headline verdicts, and
    `replication` the chance that a fresh study of the same size gives another verdict. What is `fragile` would have
    another verdict by bootstrap-t intervals.
    """

    id: str
    experiment: str
    whose: Source = "source"
    margin_by: Source = "ours"
    at_convergence: bool = False
    verdict: Verdict
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    replicates: int
    leading: int
    parts: tuple[PartRecord, ...]
    groups: tuple[Counted, ...]
    error_level: float | None = None
    study_level: float | None = None
    replication: float | None = None
    fragile: bool = False
    preview: bool = False

    @property
    def is_headline(self) -> bool:
        """Whether it is the claim itself and no further reading of it."""
        return self.id == headline_of(self.id)

    @property
    def grouped(self) -> list[tuple[int | None, tuple[PartRecord, ...]]]:
        """How many of the parts of each group must hold, and these parts."""
        ends = accumulate(group.parts for group in self.groups)
        return [(each.needed, self.parts[end - each.parts : end]) for each, end in zip(self.groups, ends, strict=True)]

    @property
    def deciding(self) -> tuple[int | None, tuple[PartRecord, ...]]:
        """The group of the leading part."""
        ends = accumulate(group.parts for group in self.groups)
        return self.grouped[next(place for place, end in enumerate(ends) if self.leading < end)]


def headline_of(claim: str) -> str:
    """The claim that an id belongs to: C03 for its readings C03-time and C03-tuned-time, and for C03 itself."""
    return claim.partition("-")[0]


def finite(value: float) -> float | None:
    """The number, or None where JSON has none for it."""
    return float(value) if math.isfinite(value) else None
