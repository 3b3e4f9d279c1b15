"""From a variant's settings, as authors write them, to the run: short forms, references, validation, budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from chapter6.engine.data import Data, Images, ImageSet
from chapter6.engine.layers import Layer
from chapter6.engine.network import Perceptron
from chapter6.engine.run import Run
from chapter6.engine.stages import Stage
from chapter6.registry import StudyError, plain
from chapter6.settings import addresses, key_among
from chapter6.study.schema import parse
from chapter6.study.taken import TIMES, Taken

STAGE_KEYS = tuple(field.name for field in dataclasses.fields(Stage) if field.name != "name")
Way = tuple[str | int, ...]  # through settings, positions in lists included
DEFAULT_RECORD = ({"measure": "batch_loss", "at": {}}, {"measure": "evaluation"})


def resolve(settings: Mapping[str, Any], place: str, images: ImageSet | None = None) -> Taken:
    """Return the run that ``settings`` describe, its open numbers still open; ``place`` is what messages name.

    ``images`` are those of the study, MNIST's if None.
    """
    takes: dict[Way, str] = {}
    given = _without_references(settings, takes)
    renamed = {} if "stages" in settings else {"stages.0.": ""}
    run = parse(Run, _expanded(given, place, images or ImageSet()), place, renamed)
    is_short = isinstance(given.get("network"), Mapping)
    keys = {way: _taking(run, _dotted(plain(run), way, place), is_short, place) for way in takes}
    return Taken(run, {key: reference for way, reference in takes.items() for key in keys[way]})


def _taking(run: Run, key: str, is_short: bool, place: str) -> list[str]:
    """Return the full keys of what takes a value: of a network's short form, the same setting of all its layers."""
    head, _, setting = key.partition(".")
    if is_short and head == "network":
        kind, _, rest = setting.partition(".")
        patterns = (f"network.*.{setting}", f"network.{kind}-*.{rest}")
        if found := [each for each in run.settings if any(fnmatchcase(each, pattern) for pattern in patterns)]:
            return found
    return [key_among(run.settings, key, place)]


def _without_references(value: Any, takes: dict[Way, str], way: Way = ()) -> Any:
    """Return settings without the values ``{from: FILE#KEY}``, with or without a factor, which enter ``takes``."""
    if isinstance(value, list | tuple):
        return [_without_references(item, takes, (*way, number)) for number, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    kept: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping) and "from" in item and set(item) <= {"from", "times"}:
            takes[(*way, key)] = str(item["from"]) + (f"{TIMES}{item['times']}" if "times" in item else "")
        else:
            kept[key] = _without_references(item, takes, (*way, key))
    return kept


def _dotted(part: Any, way: Way, place: str) -> str:
    """Return a way of keys and positions as a dotted key, elements of lists by their names."""
    names: list[str] = []
    for step in way:
        if isinstance(step, int):
            found = addresses(part)
            if not found:
                where = ".".join(map(str, way))
                raise StudyError(f"{place}: {where}: no value can be taken from a file here, the list has no names")
            names.append(found[step])
            part = part[step]
        else:
            names.append(step)
            part = part.get(step) if isinstance(part, Mapping) else None
    return ".".join(names)


def _expanded(settings: Mapping[str, Any], place: str, images: ImageSet) -> dict[str, Any]:
    """Return the settings with their short forms written out; what is no short form stays for the schema to refuse."""
    _check_keys(settings, place)
    full: dict[str, Any] = {"record": DEFAULT_RECORD, **settings}
    stage = {key: full.pop(key) for key in STAGE_KEYS if key in full}
    if "stages" not in full:
        full["stages"] = [stage]
    elif stage:
        raise StudyError(f"{place}: {', '.join(stage)}: say so within stages, or leave stages out")
    network = full.get("network")
    if full.get("surface") is not None and not network:
        full.setdefault("data", None)
    full["data"] = _with_source(full.get("data", {}), images, place)
    if isinstance(network, Mapping):
        full["network"] = plain(_perceptron(network, full["data"], place))
    if isinstance(start := full.get("starts_from"), str):
        full["starts_from"] = {"variant": start}
    if isinstance(full["record"], list | tuple):
        full["record"] = [_expanded_record(record) for record in full["record"]]
    return full


def _check_keys(settings: Mapping[str, Any], place: str) -> None:
    """Refuse unknown keys, those of the short forms being known."""
    known = {field.name for field in dataclasses.fields(Run)} | set(STAGE_KEYS)
    if strange := [key for key in settings if key not in known]:
        raise StudyError("\n".join(f"{place}: {key}: unknown key; choose from {sorted(known)}" for key in strange))


def _with_source(data: Any, images: ImageSet, place: str) -> Any:
    """Return the settings of data; what is known of images is filled in, which a run's author does not write."""
    written = {"kind": data} if isinstance(data, str) else data
    if not isinstance(written, Mapping) or written.get("kind", Images.key) != Images.key:
        return data
    if "source" in written:
        raise StudyError(f"{place}: data.source: unknown key; the study's images are described in config/config.yaml")
    return {"kind": Images.key, **written, "source": plain(images)}


def _perceptron(network: Mapping[str, Any], data: Any, place: str) -> tuple[Layer, ...]:
    """Return the layers that the short form of a network stands for."""
    if data is None:
        raise StudyError(f"{place}: data: a network needs data")
    found = parse(Data, data, place, {"": "data."})
    short = parse(Perceptron, network, place, {"": "network."})
    try:
        return short.layers(found.shape, found.outputs)
    except StudyError as error:
        raise StudyError(f"{place}: network.{error}") from None


def _expanded_record(record: Any) -> Any:
    if not isinstance(record, Mapping) or "at" not in record:
        return record
    at = record["at"]
    if at == "end":
        at = {"first": None}
    return {**record, "at": [at] if isinstance(at, Mapping) else at}


def written(run: Run) -> dict[str, Any]:
    """Return a run in the short forms that an author would write: what readers are shown."""
    settings: dict[str, Any] = plain(run.alone)
    if isinstance(run.data, Images):
        del settings["data"]["source"]
        if not any(augmentation.warps for augmentation in run.data.augmentations):
            del settings["data"]["copies"]
    if len(run.stages) == 1:
        settings |= {key: value for key, value in settings.pop("stages")[0].items() if key != "name"}
    short = Perceptron.of(run.network, run.data.shape) if run.data else None
    if short:
        settings["network"] = plain(short)
        if not short.batch_normalization:
            del settings["network"]["placement"]
    return settings


def short_key(key: str) -> str:
    """Return a dotted setting as it is called where a run has one stage."""
    return key.removeprefix("stages.main.")
