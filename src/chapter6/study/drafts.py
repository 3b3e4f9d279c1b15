"""From an experiment's base, variants and sweep to one mapping of settings a variant, not yet validated."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from chapter6.analysis.tables import Level
from chapter6.engine.run import Run
from chapter6.engine.stages import Stage
from chapter6.registry import StudyError
from chapter6.settings import assigned, flatten, has_key, key_among, merge, shortened

if TYPE_CHECKING:
    from chapter6.study.spec import ExperimentSpec

OWN_KEYS = ("label", "track", "replicates", "strategy", "replay", "extends")  # beside the settings of the run
ONLY_STAGE = Stage.__dataclass_fields__["name"].default  # what the stage of the short form is called
OF_RUN = frozenset(field.name for field in fields(Run))
OF_STAGE = frozenset(field.name for field in fields(Stage)) - {"name"}


@dataclass(frozen=True)
class Draft:
    """A variant before validation: merged settings, and where it stands on the sweep's axes."""

    name: str
    label: str
    settings: Mapping[str, Any]
    listed: Level | None
    levels: tuple[Level, ...] = ()

    @property
    def own(self) -> dict[str, Any]:
        """What is said of the variant and not of its run."""
        return {key: self.settings[key] for key in OWN_KEYS if key in self.settings}

    @property
    def source(self) -> str | None:
        """The variant that it starts from, if from any."""
        start = self.settings.get("starts_from")
        name = start.get("variant") if isinstance(start, Mapping) else start
        return name if isinstance(name, str) else None

    @property
    def of_run(self) -> dict[str, Any]:
        """The settings of the run."""
        return {key: value for key, value in self.settings.items() if key not in OWN_KEYS}


def count(experiment: ExperimentSpec) -> int:
    """Return how many variants an experiment has."""
    return max(len(experiment.variants), 1) * prod(len(levels) for levels in experiment.sweep.values())


def drafts(experiment: ExperimentSpec) -> Iterator[Draft]:
    """Yield every variant of ``experiment``: its variants, each multiplied by all axes of the sweep."""
    axes = [list(_levels(axis, levels)) for axis, levels in experiment.sweep.items()]
    for listed, *levels in product(_listed(experiment), *axes):
        places = [level for level, _ in levels]
        parts = [part for part in (listed.listed, *places) if part]
        settings = listed.settings
        for _, sets in levels:
            settings = merge(settings, sets) if isinstance(sets, Mapping) else assign(settings, *sets)
        name = "_".join(part.key for part in parts) or "only"
        yield Draft(name, ", ".join(part.text for part in parts) or name, settings, listed.listed, tuple(places))


def assign(settings: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Return settings with another value of a dotted one; what stands before its key may be left out.

    ``stages.main.`` may stand before keys of the short form.
    """
    if isinstance(stages := settings.get("stages"), list | tuple):
        named = [{"name": ONLY_STAGE, **stage} if isinstance(stage, Mapping) else stage for stage in stages]
        settings = {**settings, "stages": named}
    else:
        key = key.removeprefix(f"stages.{ONLY_STAGE}.")
    is_whole = key.split(".")[0] in (OF_RUN if stages else OF_RUN | OF_STAGE) | set(OWN_KEYS)
    return assigned(settings, key if is_whole else _completed(flatten(settings), key), value)


def _completed(keys: Collection[str], wanted: str) -> str:
    """Return a key with what was left out before it; of what is not among the ``keys``, the part that holds it is."""
    parts = wanted.split(".")
    for end in range(len(parts), 0, -1):
        if has_key(keys, ".".join(parts[:end])):
            return ".".join([key_among(keys, ".".join(parts[:end])), *parts[end:]])
    return key_among(keys, wanted)


def _listed(experiment: ExperimentSpec) -> Iterator[Draft]:
    """Yield the variants that are listed, each laid over what it extends; or the base alone."""
    if not experiment.variants:
        yield Draft("", "", experiment.base, None)
    for name, own in experiment.variants.items():
        settings = experiment.base
        for ancestor in _line(experiment.variants, name):
            inherited = {k: v for k, v in experiment.variants[ancestor].items() if k not in ("label", "extends")}
            settings = merge(settings, inherited)
        place = Level("", name, name, str(own.get("label", "")))
        yield Draft(name, place.text, settings, place)


def _line(variants: Mapping[str, Mapping[str, Any]], name: str) -> list[str]:
    """Return a variant and what it extends, the farthest first."""
    line = [name]
    while (extended := variants[line[-1]].get("extends")) is not None:
        if extended not in variants:
            raise StudyError(
                f"variant {line[-1]!r}: extends: no variant {extended!r}; choose from {shortened(variants)}"
            )
        if extended in line:
            raise StudyError(f"variant {name!r}: extends goes in a circle: {' -> '.join([*line, extended])}")
        line.append(extended)
    return line[::-1]


def _levels(axis: str, levels: Any) -> Iterator[tuple[Level, Mapping[str, Any] | tuple[str, Any]]]:
    """Yield every level of an axis with what it sets: settings to be merged, or a dotted key and its value."""
    if isinstance(levels, Mapping):
        for value, sets in levels.items():
            key = value if isinstance(value, str) else f"{axis}-{_number(value)}"
            label = str(sets.get("label", key.replace("-", " ").replace("_", " ")))
            yield Level(axis, value, key, label), {k: v for k, v in sets.items() if k != "label"}
        return
    leaf = axis.split(".")[-1]
    for value in levels:
        label = f"{leaf.replace('_', ' ')} {_number(value)}"
        yield Level(leaf, value, f"{leaf}-{_number(value)}", label), (axis, value)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
