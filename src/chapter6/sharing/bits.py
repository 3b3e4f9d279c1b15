"""Which runs of two studies ended in the same bits, and by how much the others differ."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chapter6.sharing.archive import Facts, Made
from chapter6.sharing.contents import rounds_of, runs_of, searches_of
from chapter6.study.gathering import Files, curves_in, trial_curves_in
from chapter6.study.plan import Experiment, Study, canonical
from chapter6.study.searches import curves_file

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
    others = {(run.experiment, run.variant.name, run.replicate): run for run in runs_of(b.study)}
    for run in runs_of(a.study):
        other = others.get((run.experiment, run.variant.name, run.replicate))
        if other is None:
            continue
        records = [json.loads(side.files[of.record]) for side, of in ((a, run), (b, other))]
        told = [(record["curves"], record["outcome"], record["steps"]) for record in records]
        if told[0] == told[1]:
            yield None
            continue
        promised = all(records[0][key] == records[1][key] for key in ("key", "environment"))
        finals = [
            {"outcome": record["outcome"], "updates": record["steps"], **_finals(curves_in(side.files[of.curves]))}
            for side, of, record in ((a, run, records[0]), (b, other, records[1]))
        ]
        yield _pair(f"{run.experiment} {run.variant.name} replicate {run.replicate}", promised, *finals)
    for experiment in a.study.experiments.values():
        if experiment.id in b.study.experiments:
            yield from _searches(a, b, experiment, b.study.experiments[experiment.id])


def _searches(a: Side, b: Side, of_a: Experiment, of_b: Experiment) -> Iterator[RunPair | None]:
    """Compare searches: their rounds with all trials, and what they chose."""
    wanted = {(variant.name, replicate): variant for variant, replicate in searches_of(of_b)}
    for variant, replicate in searches_of(of_a):
        other = wanted.get((variant.name, replicate))
        if other is None:
            continue
        ways = [canonical([v.run, v.search]) for v in (variant, other)]
        promised = ways[0] == ways[1] and _same_conditions(a, b)
        chosen = [json.loads(side.files[side.study.paths.chosen(of_a.id, variant.name, replicate)]) for side in (a, b)]
        rounds = [
            rounds_of(side.study.paths, experiment, v, replicate)
            for side, experiment, v in ((a, of_a, variant), (b, of_b, other))
        ]
        same = chosen[0] == chosen[1] and _contents(a, rounds[0]) == _contents(b, rounds[1])
        if same:
            yield None
            continue
        finals = [
            {f"chosen {name}": value for name, value in (choice["values"] | choice["test"]).items()}
            | {key: value for file in files for key, value in _trial_finals(side.files[curves_file(file)])}
            for side, choice, files in ((a, chosen[0], rounds[0]), (b, chosen[1], rounds[1]))
        ]
        yield _pair(f"{of_a.id} {variant.name} search {replicate}", promised, *finals)


def _contents(side: Side, rounds: Sequence[str]) -> list[Any]:
    return [json.loads(side.files[name]) for name in rounds]


def _trial_finals(content: bytes) -> Iterator[tuple[str, float]]:
    for number, curves in trial_curves_in(content).items():
        for metric, value in _finals(curves).items():
            yield f"trial {number} {metric}", value


def _same_conditions(a: Side, b: Side) -> bool:
    """Whether everything is the same that a search's bits depend on."""
    machines = [
        {
            canonical({key: value for key, value in each.items() if key != "runs"})
            for each in side.facts.model_dump()["environments"]
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
