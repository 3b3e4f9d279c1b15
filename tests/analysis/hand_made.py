"""Small tidy tables, made by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from chapter6.analysis.comparisons import Part
from chapter6.analysis.tables import Described, Level, settings_table

Runs = Mapping[str, Sequence[Any]]  # variant -> one entry a replicate: a number, or {step: number}


def tables(
    *recorded: tuple[str, str, Runs],
    axes: Mapping[str, Mapping[str, Any]] | None = None,
    tracks: Mapping[str, str] | None = None,
    diverged: Iterable[tuple[str, int]] = (),
    also: Iterable[str] = (),
) -> dict[str, pd.DataFrame]:
    """Tables of runs: ``recorded`` are (split, metric, runs); ``also`` names variants without a run."""
    curves = [
        ("e", variant, replicate, step, split, metric, value)
        for split, metric, runs in recorded
        for variant, entries in runs.items()
        for replicate, entry in enumerate(entries)
        for step, value in (entry if isinstance(entry, dict) else {10: entry}).items()
    ]
    variants = list(dict.fromkeys([*(row[1] for row in curves), *also]))
    gone = set(diverged)
    finished = sorted({(row[1], row[2]) for row in curves} | gone)
    described = [
        Described(
            name=variant,
            label=variant.upper() if variant in ("sgd", "adam") else variant,
            track=(tracks or {}).get(variant, "book"),
            settings={},
            levels=tuple(Level(axis, level, "", "") for axis, level in (axes or {}).get(variant, {}).items()),
        )
        for variant in variants
    ]
    return {
        "curves": pd.DataFrame(
            curves, columns=["experiment", "variant", "replicate", "step", "split", "metric", "value"]
        ),
        "settings": settings_table("e", described),
        "runs": pd.DataFrame(
            [("e", *run, "diverged" if run in gone else "finished", 10, 10) for run in finished],
            columns=["experiment", "variant", "replicate", "outcome", "steps", "classes"],
        ),
    }


def search_tables(
    accuracies: Mapping[str, Sequence[Sequence[float]]],
    parameters: Mapping[str, Sequence[Sequence[float]]] | None = None,
    rounds: Sequence[int] = (),
    updates: Mapping[str, Sequence[Sequence[int]]] | None = None,
) -> dict[str, pd.DataFrame]:
    """Tables of searches: per strategy and replicate the trials' accuracies; parameters for all strategies."""
    curves, trials = [], []
    for variant, searches in accuracies.items():
        for replicate, outcomes in enumerate(searches):
            for trial, accuracy in enumerate(outcomes):
                last = updates[variant][replicate][trial] if updates else 20
                curves += [
                    ("e", variant, replicate, trial, step, "validation", "accuracy", value)
                    for step, value in ((0, 0.1), (last, accuracy))
                ]
                trials += [
                    ("e", variant, replicate, trial, rounds[trial] if rounds else 1, name, columns[replicate][trial])
                    for name, columns in (parameters or {}).items()
                ]
    names = ["experiment", "variant", "replicate", "trial"]
    return {
        "curves": pd.DataFrame(curves, columns=[*names, "step", "split", "metric", "value"]),
        "trials": pd.DataFrame(trials, columns=[*names, "round", "parameter", "value"]),
    }


def outcomes(part: Part) -> list[tuple[str, str, int, int]]:
    """How the runs behind a part ended: what happened to which variant, in how many of how many."""
    return [(each.what, each.variant, each.count, each.of) for each in part.comparison.outcomes]


def verdicts(check: Any, of: Mapping[str, pd.DataFrame]) -> list[str]:
    """The verdicts of a check's parts."""
    return [part.verdict.value for part in check.evaluate(of)]
