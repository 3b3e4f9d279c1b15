"""The tables of one experiment as a check sees them: which variants there are, and what is known of each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import product
from typing import Any, Literal

import numpy as np

from chapter6.analysis.runs import Readings, Tables, metrics_like, readings
from chapter6.intervals import Array
from chapter6.quantities import Quantity
from chapter6.records import Outcome
from chapter6.registry import StudyError
from chapter6.settings import has_key, key_among

Levels = tuple[Any, ...]  # a level of each of some axes
Setting = Mapping[str, Any]  # axis -> level


def names(given: str | Sequence[str]) -> tuple[str, ...]:
    """One name or several as several."""
    return (given,) if isinstance(given, str) else tuple(given)


@dataclass(frozen=True)
class VariantData:
    """The tables with what they say about variants, looked up once."""

    tables: Tables

    @cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        """Every variant's hyper-parameters, axes and track."""
        table, found = self.tables.get("settings"), dict[str, dict[str, Any]]()
        if table is not None:
            for variant, parameter, value in zip(table["variant"], table["parameter"], table["value"], strict=True):
                found.setdefault(variant, {})[parameter] = json.loads(value)
        return found

    @cached_property
    def variants(self) -> list[str]:
        """All variants, those without a finished run included, in the order of the experiment."""
        tables = [self.tables.get(name) for name in ("settings", "runs", "curves")]
        present = [table["variant"].unique() for table in tables if table is not None]
        return list(dict.fromkeys(str(name) for listed in present for name in listed))

    @cached_property
    def outcomes(self) -> dict[str, Counter[str]]:
        """How many runs of each variant ended how."""
        table, found = self.tables.get("runs"), dict[str, Counter[str]]()
        if table is not None:
            for variant, outcome in zip(table["variant"], table["outcome"], strict=True):
                found.setdefault(variant, Counter())[outcome] += 1
        return found

    def expand(self, given: str | Sequence[str]) -> list[str]:
        """The variants that names and patterns stand for; what stands for none is kept as it is."""
        found = (
            [name for name in self.variants if fnmatchcase(name, given_name)] or [given_name]
            for given_name in names(given)
        )
        return list(dict.fromkeys(name for matched in found for name in matched))

    def readings(self, quantity: Quantity, variants: Iterable[str]) -> Readings:
        """The quantity of every run of the variants, by variant and replicate."""
        return readings(self.tables, quantity, variants)

    def each_layer(self, quantity: Quantity) -> list[Quantity]:
        """The quantity of each layer where its metric is a pattern, else the one."""
        metrics = metrics_like(self.tables, quantity.metric, quantity.split)
        return [replace(quantity, metric=metric) for metric in metrics]

    def track(self, variants: Iterable[str]) -> str:
        """The track of the variants: book or tuned, or both."""
        tracks = (str(self.settings.get(variant, {}).get("track", "book")) for variant in variants)
        return " and ".join(dict.fromkeys(tracks))

    def level(self, variant: str, axis: str) -> Any:
        """A variant's level on an axis of the sweep, or of a dotted parameter; None where it has none."""
        settings = self.settings.get(variant, {})
        if f"axis.{axis}" in settings:
            return settings[f"axis.{axis}"]
        return settings[key_among(settings, axis)] if has_key(settings, axis) else None

    def numeric_level(self, variant: str, axis: str) -> float:
        """A variant's level as a number; StudyError where it is none."""
        level = self.level(variant, axis)
        try:
            return float(level)
        except (TypeError, ValueError):
            raise StudyError(f"axis {axis!r} of {variant} is {level!r}, not a number") from None

    def by_setting(self, variants: Iterable[str], axes: Sequence[str]) -> list[tuple[Setting, list[str]]]:
        """Settings of the axes, each with its variants; one setting, {}, where there are no axes."""
        groups: dict[Levels, list[str]] = {}
        for variant in variants:
            groups.setdefault(tuple(self.level(variant, axis) for axis in axes), []).append(variant)
        return [(dict(zip(axes, levels, strict=True)), members) for levels, members in groups.items()]

    def pairs(
        self, subjects: str | Sequence[str], rivals: str | Sequence[str], axes: Sequence[str] = ()
    ) -> Iterator[tuple[tuple[str, str], Setting]]:
        """Every subject with every rival of the same setting, and that setting."""
        of_rivals = self.by_setting(self.expand(rivals), axes)
        for setting, of_subjects in self.by_setting(self.expand(subjects), axes):
            same = (members for other, members in of_rivals if other == setting)
            for subject, rival in product(of_subjects, next(same, [])):
                if subject != rival:
                    yield (subject, rival), setting

    def behind(self, variants: Sequence[str], found: Readings) -> dict[str, Any]:
        """What a comparison says of the variants behind its number: which they are, their track, how runs ended."""
        return {"variants": tuple(variants), "track": self.track(variants), "outcomes": self.ended(variants, found)}

    def ended(self, variants: Iterable[str], found: Readings) -> tuple[Outcome, ...]:
        """What a reader must know of how the runs ended: diverged, without data, or without such a number."""
        return tuple(outcome for name in variants for outcome in self._ended(name, found.get(name, {})))

    def diverged(self, variants: Iterable[str]) -> int:
        """How many runs of the variants diverged."""
        return sum(self.outcomes.get(variant, Counter())["diverged"] for variant in variants)

    def _ended(self, variant: str, values: dict[int, float]) -> Iterator[Outcome]:
        runs = self.outcomes.get(variant, Counter())
        if not values:
            yield Outcome("no_data", variant)
        if runs["diverged"]:
            each: Literal["trial", "replicate"] = "trial" if "trial" in self.tables["runs"] else "replicate"
            yield Outcome("diverged", variant, runs["diverged"], runs.total(), each)
        undefined = sum(bool(np.isnan(value)) for value in values.values())
        if undefined:
            yield Outcome("undefined", variant, undefined, len(values))


def across(values: Readings, variants: Sequence[str]) -> dict[int, Array]:
    """The values of all the variants, in their order, for each replicate that all of them have."""
    of_variants = [values.get(variant, {}) for variant in variants]
    common = sorted(set.intersection(*map(set, of_variants)))
    return {replicate: np.array([of[replicate] for of in of_variants]) for replicate in common}


def aligned(values: Readings, *variants: str) -> list[Array]:
    """The values of each variant over the replicates that all of them have."""
    rows = list(across(values, variants).values())
    return list(np.array(rows, dtype=float).reshape(-1, len(variants)).T)


def ranks(values: Array) -> Array:
    """Return ranks from 1, ties averaged: pandas' and not SciPy's, whose import takes half a second."""
    from pandas import Series

    return np.asarray(Series(values).rank(), dtype=np.float64)
