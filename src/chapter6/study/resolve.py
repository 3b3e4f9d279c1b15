"""From an experiment's base, variants and sweep to one complete settings mapping a variant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from chapter6.registry import StudyError

if TYPE_CHECKING:  # the specification's models take a quarter of a second, which searches and tunings can do without
    from chapter6.study.spec import ExperimentSpec

OWN_KEYS = ("label", "track", "replicates", "strategy", "replay")  # of a variant, beside the settings of its run


class MergeError(StudyError):
    """Settings that cannot be laid over each other."""


@dataclass(frozen=True)
class Draft:
    """A variant before validation: merged settings and where it stands on the sweep's axes."""

    name: str
    label: str
    settings: Mapping[str, Any]
    axes: Mapping[str, Any]


def drafts(experiment: ExperimentSpec) -> Iterator[Draft]:
    """Yield every variant of ``experiment``: its variants, each multiplied by all axes of the sweep."""
    listed = experiment.variants or {"": {}}
    start = [
        Draft(name, settings.get("label", name), merge(experiment.base, settings), {})
        for name, settings in listed.items()
    ]
    axes = [list(axis_levels(axis, levels)) for axis, levels in experiment.sweep.items()]
    for draft, *levels in product(start, *axes):
        for level in levels:
            draft = _applied(draft, level)
        yield replace(draft, name=draft.name or "only")


def merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``change`` laid over it, mapping by mapping.

    A mapping of another ``kind`` replaces the old one whole; ``{times: f}`` multiplies the number below it.
    """
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        if not isinstance(value, Mapping):
            merged[key] = value
        elif set(value) == {"times"}:
            merged[key] = _scaled(key, old, value["times"])
        else:
            merged[key] = merge(_compatible(old, value), value)
    return merged


def _compatible(old: Any, change: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(old, str):
        old = {"kind": old}
    if not isinstance(old, Mapping) or ("kind" in change and change["kind"] != old.get("kind")):
        return {}
    return old


def _scaled(key: str, old: Any, factor: Any) -> Any:
    if not is_number(old) or not is_number(factor):
        raise MergeError(f"{key}: 'times: {factor!r}' multiplies a number, but the value below it is {old!r}")
    return old * factor


def is_number(value: Any) -> bool:
    """Whether a setting is a number, which truth values are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def axis_levels(axis: str, levels: Any) -> Iterator[Draft]:
    """Yield one partial draft a level of an axis."""
    if isinstance(levels, Mapping):
        for level, settings in levels.items():
            name = level if isinstance(level, str) else f"{axis}-{_number(level)}"
            yield Draft(name, settings.get("label", name.replace("-", " ")), settings, {axis: level})
        return
    leaf = axis.split(".")[-1]
    for value in levels:
        title = f"{leaf.replace('_', ' ')} {_number(value)}"
        yield Draft(f"{leaf}-{_number(value)}", title, nested(axis, value), {leaf: value})


def nested(key: str, value: Any) -> dict[str, Any]:
    """Return ``value`` under a dotted key: ``a.b`` and 1 give ``{a: {b: 1}}``."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _applied(draft: Draft, level: Draft) -> Draft:
    name = f"{draft.name}_{level.name}" if draft.name else level.name
    label = f"{draft.label}, {level.label}" if draft.label else level.label
    return Draft(name, label, merge(draft.settings, level.settings), {**draft.axes, **level.axes})


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
