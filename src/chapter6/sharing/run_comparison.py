"""Which runs of two studies ended in the same bits, and by how much the others differ."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chapter6.registry import build, canonical, plain
from chapter6.sharing.archive import Facts, Made
from chapter6.study.plan import PlannedRun, PlannedSearch, Study
from chapter6.study.results import Files, RunRecord, curves_in
from chapter6.study.searches import read_chosen, read_trial_curves

NONE = "none"


@dataclass(frozen=True)
class Side:
    """One of the two studies: its settings, its files, and what the manifest tells of how it was made."""

    study: Study
    files: Files
    facts: Facts
    made: Made

    @property
    def claims(self) -> dict[str, Mapping[str, Any]]:
        """Verdicts by claim."""
        return {claim["id"]: claim for claim in json.loads(self.files[self.study.paths.claims()])}


@dataclass(frozen=True)
class RunPair:
    """A run or search whose recorded numbers are not the same bits in both studies.

    ``metric`` is the final value that differs most, with both values; empty where only earlier values differ.
    ``promised`` says that code, settings, data, seed and machine are the same, so that the bits should be too.
    """

    name: str
    metric: str
    a: Any
    b: Any
    promised: bool

    @property
    def distance(self) -> float:
        """Relative difference of the two values; infinite where they are of another kind."""
        if not isinstance(self.a, int | float) or not isinstance(self.b, int | float):
            return math.inf
        if not (math.isfinite(self.a) and math.isfinite(self.b)):
            return math.inf
        size = max(abs(self.a), abs(self.b))
        return abs(self.a - self.b) / size if size else 0.0


def run_pairs(a: Side, b: Side) -> Iterator[RunPair | None]:
    """Yield one entry a run or search that both studies have: None where all bits are equal."""
    for name, one in a.study.experiments.items():
        other = b.study.experiments.get(name)
        if other is None:
            continue
        runs = {(run.variant.name, run.replicate): run for run in other.runs()}
        for run in one.runs():
            if (run.variant.name, run.replicate) in runs:
                yield _runs(a, b, run, runs[run.variant.name, run.replicate])
        searches = {(search.variant.name, search.replicate): search for search in other.searches()}
        for search in one.searches():
            if (search.variant.name, search.replicate) in searches:
                yield _searches(a, b, search, searches[search.variant.name, search.replicate])


def _runs(a: Side, b: Side, of_a: PlannedRun, of_b: PlannedRun) -> RunPair | None:
    sides = ((a, of_a), (b, of_b))
    records = [build(RunRecord, json.loads(side.files[of.files[1]])) for side, of in sides]
    told = [(record.curves, record.outcome, record.steps) for record in records]
    if told[0] == told[1]:
        return None
    promised = records[0].key == records[1].key and records[0].environment == records[1].environment
    finals = [
        {"outcome": record.outcome, "updates": record.steps, **_finals(curves_in(side.files[of.files[0]]))}
        for (side, of), record in zip(sides, records, strict=True)
    ]
    return _pair(f"{of_a.experiment} {of_a.variant.name} replicate {of_a.replicate}", promised, *finals)


def _searches(a: Side, b: Side, of_a: PlannedSearch, of_b: PlannedSearch) -> RunPair | None:
    """Compare searches: their rounds with all trials, and what they chose."""
    sides = ((a, of_a), (b, of_b))
    ways = [canonical([of.variant.run, of.search]) for _, of in sides]
    chosen = [read_chosen(side.files, of) for side, of in sides]
    rounds = [[side.files[name] for name in of.rounds] for side, of in sides]
    if chosen[0] == chosen[1] and rounds[0] == rounds[1]:
        return None
    finals = [
        {f"chosen {name}": value for name, value in {**choice.values, **choice.test}.items()}
        | {key: value for file in of.rounds for key, value in _trial_finals(side.files, file)}
        for (side, of), choice in zip(sides, chosen, strict=True)
    ]
    promised = ways[0] == ways[1] and _same_conditions(a, b)
    return _pair(f"{of_a.experiment} {of_a.variant.name} search {of_a.replicate}", promised, *finals)


def _trial_finals(files: Files, name: str) -> Iterator[tuple[str, float]]:
    for number, curves in read_trial_curves(files, [name]).items():
        for metric, value in _finals(curves).items():
            yield f"trial {number} {metric}", value


def _same_conditions(a: Side, b: Side) -> bool:
    """Whether everything is the same that a search's bits depend on."""
    machines = [
        {
            canonical({key: value for key, value in each.items() if key != "runs"})
            for each in plain(side.facts.environments)
        }
        for side in (a, b)
    ]
    search = [side.made.sources.search for side in (a, b)]
    facts = all(getattr(a.facts, key) == getattr(b.facts, key) for key in ("seed", "data", "sources"))
    return facts and search[0] == search[1] and machines[0] == machines[1] and len(machines[0]) == 1


def _finals(curves: Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Return the last value of each curve of numbers."""
    return {
        f"{split} {metric}": float(values[-1])
        for (split, metric), (_, values) in curves.items()
        if values.ndim == 1 and len(values)
    }


def _pair(name: str, promised: bool, a: Mapping[str, Any], b: Mapping[str, Any]) -> RunPair:
    """Return the final value that differs most."""
    pairs = [RunPair(name, key, a.get(key, NONE), b.get(key, NONE), promised) for key in sorted(a.keys() | b.keys())]
    differing = [pair for pair in pairs if not _same(pair.a, pair.b)]
    return max(differing, key=lambda pair: pair.distance, default=RunPair(name, "", 0.0, 0.0, promised))


def _same(a: Any, b: Any) -> bool:
    both_nan = isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b)
    return both_nan or bool(a == b)
