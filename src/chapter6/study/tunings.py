"""Tuning: a number of a run, or a rate and then a strength, chosen in two phases on seeds that no replicate uses.

First half decades for a few updates, then quarter decades at the budget that is judged; or one phase at that budget.
A best point at the edge of what was tried adds points beyond it, so often at most. Where none has learned a loss does
not tell which will, so points are added at both edges; and where none has for want of updates, half decades are tried
once more at the judged budget. Each judged quantity has its own choice, read off the same runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Literal

from chapter6.registry import Count, Positive, build
from chapter6.study.results import UNREADABLE, Files, UnreadableError, told
from chapter6.study.scores import Judged, Score

if TYPE_CHECKING:
    from chapter6.study.plan import Tuning

EXTENSIONS = 4  # at most so often are points added at an edge
TUNING_SEED = 1_000_000  # the first of them: far from every replicate that is judged

PhaseName = Literal["coarse", "fine", "strength"]
Values = tuple[float, ...]  # of the parameter, and of the strength where there is one


@dataclass(frozen=True)
class Phase:
    """Points ``spacing`` decades apart around a centre, each trained on so many ``seeds``."""

    spacing: Positive = 0.25
    seeds: Count = 3
    steps: Count | None = None
    points: Count = 3
    adds: Count = 1


@dataclass(frozen=True)
class Coarse(Phase):
    """The first phase, or the only one."""

    spacing: Positive = 0.5
    seeds: Count = 2
    steps: Count | None = 300
    adds: Count = 2


@dataclass(frozen=True)
class Strength(Phase):
    """A second setting, chosen after the first, at its chosen value and around its own."""

    parameter: str = "penalties.l2.strength"
    spacing: Positive = 0.5


@dataclass(frozen=True)
class Knob:
    """A setting that is tuned: its ``own`` value, and how many decades below and above that it may lie."""

    key: str
    own: float
    lowest: float
    highest: float

    def at(self, decades: float) -> float:
        """Return the value so many decades above the own one, to three digits."""
        return float(f"{self.own * 10**decades:.3g}")

    def allowed(self, points: Sequence[float]) -> list[float]:
        """Return the points, in decades, at which it may lie."""
        return [point for point in points if self.lowest <= point <= self.highest]


@dataclass(frozen=True)
class Candidate:
    """What one point came to in a phase: for each quantity a score a seed; an accuracy a seed, None: it diverged."""

    phase: PhaseName
    values: Values
    updates: int
    scores: Mapping[str, tuple[Score, ...]]
    accuracies: tuple[float | None, ...]


@dataclass(frozen=True)
class Choice:
    """The best of those tried; ``at_edge`` where a better one may lie beyond.

    Where nothing ``learned`` there was no choice, and the variant keeps its own values.
    """

    value: float
    strength: float | None
    at_edge: bool
    learned: bool


@dataclass(frozen=True)
class Tuned:
    """The choice for each judged quantity, all that was tried, and how many updates that took."""

    choices: Mapping[str, Choice]
    candidates: tuple[Candidate, ...]
    updates: int


Train = Callable[[PhaseName, Values], Candidate]


@dataclass(frozen=True)
class Procedure:
    """What is tuned, by which quantities, in which phases; a run has ``learned`` whose accuracy is over so much."""

    rate: Knob
    strength: Knob | None
    by: Mapping[str, Judged]
    phases: Mapping[PhaseName, Phase]
    learned: float

    def run(self, train: Train) -> Tuned:
        """Tune, training each point once; it depends on nothing but what ``train`` returns."""
        seen: dict[tuple[PhaseName, Values], Candidate] = {}

        def look(phase: PhaseName, values: Values) -> Candidate:
            if (phase, values) not in seen:
                seen[phase, values] = train(phase, values)
            return seen[phase, values]

        choices = {name: self._chosen(name, look) for name in self.by}
        tried = tuple(sorted(seen.values(), key=lambda each: (list(self.phases).index(each.phase), each.values)))
        return Tuned(choices, tried, sum(each.updates for each in tried))

    def _chosen(self, name: str, look: Train) -> Choice:
        """Return the choice by one quantity: the rate, and at this rate the strength."""
        own = () if self.strength is None else (self.strength.own,)

        def with_rate(phase: PhaseName) -> Callable[[float], Candidate]:
            return lambda decades: look(phase, (self.rate.at(decades), *own))

        found = self._explored("coarse", self.rate, 0.0, name, with_rate("coarse"))
        if "fine" in self.phases:
            if not found.learned:
                found = self._explored("coarse", self.rate, 0.0, name, with_rate("fine"))
            found = self._explored("fine", self.rate, found.best, name, with_rate("fine"))
        value, at_edge, strength = self.rate.at(found.best), found.at_edge, None
        if knob := self.strength:
            found = self._explored("strength", knob, 0.0, name, lambda d: look("strength", (value, knob.at(d))))
            at_edge, strength = at_edge or found.at_edge, knob.at(found.best)
        if not found.learned:
            return Choice(self.rate.own, self.strength.own if self.strength else None, at_edge, learned=False)
        return Choice(value, strength, at_edge, learned=True)

    def _explored(
        self, name: PhaseName, knob: Knob, centre: float, by: str, look: Callable[[float], Candidate]
    ) -> _Explored:
        """Return the best point around a centre, the grid being extended where that lies at its edge.

        Of equal points it is the one nearest to the centre; where all diverged, the lowest, so that lower ones follow.
        """
        phase, half = self.phases[name], self.phases[name].points // 2
        points = knob.allowed([centre + k * phase.spacing for k in range(-half, half + 1)])
        for extension in range(EXTENSIONS + 1):
            tried = {point: look(point) for point in points}
            ranks = {point: self.by[by].rank(each.scores[by]) for point, each in tried.items()}
            best = min(ranks, key=lambda point: (ranks[point], abs(point - centre) * (ranks[point][0] < inf)))
            is_learned = any((accuracy or 0) > self.learned for each in tried.values() for accuracy in each.accuracies)
            ends = [(points[0], -1), *([(points[-1], 1)] if ranks[points[-1]][0] < inf else [])]
            ends = [(end, side) for end, side in ends if end == best or not is_learned]
            away = [k * phase.spacing for k in range(1, phase.adds + 1)]
            beyond = knob.allowed([end + side * step for end, side in ends for step in away])
            if not beyond or extension == EXTENSIONS:
                break
            points = sorted([*points, *beyond])
        return _Explored(best, best in (points[0], points[-1]), is_learned)


@dataclass(frozen=True)
class _Explored:
    """Where the best point of a phase lies, in decades from the own value."""

    best: float
    at_edge: bool
    learned: bool


def read_tuned(files: Files, name: str, planned: Tuning) -> Tuned:
    """Return what a tuning came to; :class:`UnreadableError` where that cannot be read, or others were tried."""
    try:
        tuned = build(Tuned, json.loads(files[name]))
        again = replayed(tuned, planned.procedure)
    except UNREADABLE as error:
        raise UnreadableError(name, told(error, "it")) from None
    if again is None or again.candidates != tuned.candidates or again.choices.keys() != tuned.choices.keys():
        raise UnreadableError(name, "it is the choice among other candidates")
    return tuned


def replayed(tuned: Tuned, procedure: Procedure) -> Tuned | None:
    """Return what the scores that are stored lead to; None where one that is needed was not tried."""
    stored = {(each.phase, each.values): each for each in tuned.candidates}
    try:
        return procedure.run(lambda phase, values: stored[phase, values])
    except KeyError:
        return None
