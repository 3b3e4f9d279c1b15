"""An experiment's settings in words: what its variants share and in what they differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import or_
from typing import Any

from chapter6.report.numbers import TIMES, exact, number
from chapter6.report.strings import Strings
from chapter6.report.views import SettingsView, TableView
from chapter6.settings import flatten

MOST_ROWS = 24  # with more variants, the axes and levels are shown in their place

NEUTRAL = {  # values that change nothing and are not worth a line
    "data.augmentations": [],
    "data.classes": [],
    "data.input_noise": 0,
    "data.transforms": [],
    "data.validation": 0,
    "dtype": "float32",
    "data.wrong_labels": 0,
    "frozen": [],
    "learns": ["*"],
    "loss": "softmax_cross_entropy",
    "members": 1,
    "network": [],
    "network.dropout.form": "standard",
    "penalties": [],
    "steps_down.at": [],
}

Flat = Mapping[str, Any]  # settings under dotted keys, a part's kind under the part's own name


@dataclass(frozen=True)
class VariantSettings:
    """A variant as far as its settings go; ``runs_each`` counts the trainings of a replicate, many in a search."""

    label: str
    track: str
    replicates: int
    values: Flat
    runs_each: int = 1

    @property
    def is_search(self) -> bool:
        """Whether a replicate is a whole search."""
        return self.runs_each > 1


@dataclass(frozen=True)
class Level:
    """A level of a sweep's axis and what it sets."""

    axis: str
    name: str
    sets: Flat


def describe(variants: Sequence[VariantSettings], axes: Sequence[Level], words: Strings) -> SettingsView:
    """Return shared settings once and differing ones as a table."""
    parts = [_parts(_relevant(variant.values), words) for variant in variants]
    names = list(dict.fromkeys(name for part in parts for name in part))
    differing = [name for name in names if len({part.get(name) for part in parts}) > 1]
    shared = [(name, parts[0][name]) for name in names if name not in differing]
    if len({variant.replicates for variant in variants}) == 1:
        is_search = all(variant.is_search for variant in variants)
        name = words["settings"]["searches" if is_search else "replicates"]
        shared.append((name.lower(), str(variants[0].replicates)))
    if len(variants) > MOST_ROWS and axes:
        table = _levels_table(axes, words)
    else:
        table = _variants_table(variants, parts, differing, words)
    runs = sum(variant.replicates * variant.runs_each for variant in variants)
    return SettingsView(tuple(shared), table if len(variants) > 1 else None, len(variants), runs)


def levels(sweep: Mapping[str, Any], own: Collection[str]) -> Iterator[Level]:
    """Yield every level of a sweep, what it sets as its author wrote it; keys ``own`` are no settings of a run."""
    for axis, named in sweep.items():
        if isinstance(named, Mapping):
            for name, sets in named.items():
                label = sets.get("label", name if isinstance(name, str) else exact(name))
                run = {key: value for key, value in sets.items() if key not in own}
                yield Level(axis, str(label), flatten(run))
        else:
            for value in named:
                is_number = isinstance(value, int | float)
                yield Level(axis, exact(value) if is_number else str(value), {axis: value})


def term(key: str, words: Strings) -> str:
    """Return what readers call a key."""
    leaf = key.rpartition(".")[2]
    return str(words["term"].get(key) or words["term"].get(leaf) or leaf.replace("_", " "))


def kind_name(kind: str, words: Strings) -> str:
    """Return what readers call a member of a family."""
    return str(words["kind_name"].get(kind) or term(kind, words))


def value_text(value: Any, words: Strings) -> str:
    """Write a setting's value: 100 x 4 for equal layers, names for kinds, 0.001 to 0.1 for what is searched."""
    if isinstance(value, bool) or value is None:
        return str(words["settings"][{True: "yes", False: "no", None: "none"}[value]])
    if isinstance(value, int | float):
        return exact(value)
    if isinstance(value, Mapping) and "low" in value:
        text = words["settings"]["range"].format(low=exact(value["low"]), high=exact(value["high"]))
        return f"{text} ({term(value['scale'], words)})"
    if isinstance(value, Mapping):
        return f"{TIMES} {exact(value['times'])}" if set(value) == {"times"} else str(dict(value))
    if isinstance(value, list | tuple):
        items = [value_text(item, words) for item in value]
        is_repeated = len(items) > 1 and len(set(items)) == 1
        return f"{items[0]} {TIMES} {len(items)}" if is_repeated else ", ".join(items)
    return kind_name(value, words) if str(value).isidentifier() else str(value)


def recorded(records: Sequence[Mapping[str, Any]], words: Strings) -> str:
    """Say what is measured and when; schedules are those of a resolved run."""
    phrases = []
    for record in records:
        measure = record["measure"]
        splits = ", ".join(term(split, words) for split in measure.get("splits", ()))
        times = "; ".join(_when((at["first"], at["every"], at["last"]), words) for at in record["at"])
        place = f" ({splits})" if splits else ""
        phrases.append(f"{term(measure['kind'], words)}{place} {times}")
    return "\n".join(phrases)


def _when(steps: Sequence[int], words: Strings) -> str:
    text, (first, every, last) = words["settings"], steps
    if first >= last:
        return str(text["at_step"].format(count=number(last)) if last else text["at_start"])
    return str(text["every_step"] if every == 1 else text["every"].format(count=number(every)))


def _relevant(values: Flat) -> dict[str, Any]:
    """Leave out what plays no part in the run: data for a point on a surface, batches where nothing is trained."""
    idle: tuple[str, ...] = ("data", "loss", "sampling", "batch_size") if "surface" in values else ()
    if values.get("steps") == 0:
        idle += ("sampling", "batch_size", "steps")
    return {
        key: value
        for key, value in values.items()
        if value is not None
        and NEUTRAL.get(key) != value
        and not any(key == name or key.startswith(f"{name}.") for name in idle)
    }


def _parts(values: Flat, words: Strings) -> dict[str, str]:
    """Return each part of a run in words: ``optimizer: Adam, learning rate 0.001, ...``."""
    phrases: dict[str, str] = {}
    for key, value in values.items():
        root = next((root for root in values if key.startswith(f"{root}.")), key)
        if key == "record":
            phrases[words["settings"]["measured"]] = recorded(value, words)
        elif root == key:
            phrases[term(key, words)] = value_text(value, words)
        else:
            phrases[term(root, words)] += f", {term(key, words)} {value_text(value, words)}"
    return phrases


def _variants_table(
    variants: Sequence[VariantSettings], parts: Sequence[dict[str, str]], differing: Sequence[str], words: Strings
) -> TableView:
    text = words["settings"]
    own = [{text["track"]: term(v.track, words), text["replicates"]: str(v.replicates)} for v in variants]
    columns = [*differing, *(name for name in own[0] if len({each[name] for each in own}) > 1)]
    rows = (
        (variant.label, *(cells.get(name, text["none"]) for name in columns))
        for variant, cells in zip(variants, map(or_, parts, own), strict=True)
    )
    return TableView((text["variant"], *columns), tuple(rows))


def _kind(part: str | Mapping[str, Any]) -> str:
    """Return the kind of a part as its author wrote it, short or in full."""
    return part if isinstance(part, str) else str(part["kind"])


def _levels_table(levels: Sequence[Level], words: Strings) -> TableView:
    text = words["settings"]
    rows = []
    for level in levels:
        parts = _parts({key: value for key, value in level.sets.items() if key != "record"}, words)
        if records := level.sets.get("record"):
            parts[text["measured"]] = ", ".join(term(_kind(record["measure"]), words) for record in records)
        sets = "; ".join(f"{name}: {value}" for name, value in parts.items())
        rows.append((term(level.axis, words), level.name, sets or text["none"]))
    return TableView((text["axis"], text["level"], text["sets"]), tuple(rows))
