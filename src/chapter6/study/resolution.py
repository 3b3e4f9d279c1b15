"""From a variant's settings, as authors write them, to the run: short forms, references, validation, budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from chapter6.engine.network import Perceptron
from chapter6.engine.run import Data, Images, Run
from chapter6.engine.stages import Stage
from chapter6.registry import StudyError, plain
from chapter6.settings import key_among
from chapter6.study.schema import parse
from chapter6.study.taken import Taken

STAGE_KEYS = tuple(field.name for field in dataclasses.fields(Stage) if field.name != "name")
DEFAULT_RECORD = ({"measure": "batch_loss", "at": {}}, {"measure": "evaluation"})


def resolve(settings: Mapping[str, Any], place: str) -> Taken:
    """Return the run that ``settings`` describe, its open numbers still open; ``place`` is what messages name."""
    takes: dict[str, str] = {}
    given = _without_references(settings, takes)
    renamed = {} if "stages" in settings else {"stages.0.": ""}
    run = parse(Run, _expanded(given, place), place, renamed)
    return Taken(run, {key_among(run.settings, key, place): reference for key, reference in takes.items()})


def _without_references(settings: Mapping[str, Any], takes: dict[str, str], prefix: str = "") -> dict[str, Any]:
    """Return the settings without the values ``{from: FILE#KEY}``, which are entered in ``takes``."""
    kept: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and set(value) == {"from"}:
            takes[f"{prefix}{key}"] = str(value["from"])
        elif isinstance(value, Mapping):
            kept[key] = _without_references(value, takes, f"{prefix}{key}.")
        else:
            kept[key] = value
    return kept


def _expanded(settings: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return the settings with their short forms written out; what is no short form stays for the schema to refuse."""
    full: dict[str, Any] = {"record": DEFAULT_RECORD, **settings}
    stage = {key: full.pop(key) for key in STAGE_KEYS if key in full}
    if "stages" not in full:
        full["stages"] = [stage]
    elif stage:
        raise StudyError(f"{place}: {', '.join(stage)}: say so within stages, or leave stages out")
    if full.get("surface") is not None and "data" not in full:
        full["data"] = None
    network = full.get("network")
    if isinstance(network, Mapping):
        data = full.get("data", {})
        known = parse(Data, {"kind": Images.key, **data} if isinstance(data, Mapping) else data, f"{place}: data")
        full["network"] = plain(parse(Perceptron, network, f"{place}: network").layers(known.shape))
    if isinstance(full["record"], list | tuple):
        full["record"] = [_expanded_record(record) for record in full["record"]]
    return full


def _expanded_record(record: Any) -> Any:
    if not isinstance(record, Mapping) or "at" not in record:
        return record
    at = record["at"]
    if at == "end":
        at = {"first": None}
    return {**record, "at": [at] if isinstance(at, Mapping) else at}


def written(run: Run) -> dict[str, Any]:
    """Return a run in the short forms that an author would write: what readers are shown."""
    settings: dict[str, Any] = plain(run)
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
