"""An experiment's tables, made from what its jobs left: records and curves of replicates, or the rounds of searches.

Files come in as a mapping from their name in the study to their content: a folder, or an archive.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import sha256
from io import BytesIO
from itertools import product
from math import nan
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np

from chapter6.analysis.tables import (
    CHOSEN,
    Described,
    Level,
    Run,
    curves_table,
    flatten,
    histograms_table,
    runs_table,
    settings_table,
    trials_table,
)
from chapter6.engine.measurements import Activations, Measurement
from chapter6.registry import StudyError
from chapter6.study.paths import Paths, replicate_files
from chapter6.study.plan import Experiment, Variant
from chapter6.study.records import read_curves
from chapter6.study.references import with_references
from chapter6.study.resolve import axis_levels
from chapter6.study.searches import Trial, curves_file
from chapter6.study.spec import ExperimentSpec

if TYPE_CHECKING:
    import pandas as pd

Files = Mapping[str, bytes]
UNREADABLE = (AttributeError, LookupError, OSError, TypeError, ValueError, BadZipFile, StudyError)
Arrays = tuple[np.ndarray, np.ndarray]


class UnreadableError(StudyError):
    """A file that a table needs, or the curves beside it, cannot be read."""

    def __init__(self, file: str, problem: object) -> None:
        super().__init__(f"{file}: {problem}")
        self.file = file


def tables_of(files: Files, paths: Paths, experiment: Experiment) -> dict[str, pd.DataFrame]:
    """Return the tables by kind, the curves under "".

    :class:`UnreadableError` where a file is missing, damaged, or not the curves that its record describes.
    """
    read = _searched if experiment.spec.search else _trained
    runs = [
        run
        for variant in experiment.variants.values()
        for replicate in range(variant.replicates)
        for run in read(files, paths, experiment, variant, replicate)
    ]
    return {
        "settings": settings_table(experiment.id, described(experiment, files)),
        "runs": runs_table(runs),
        "histograms": histograms_table(runs, _histogram_ranges(experiment)),
        "trials": trials_table(record for record, _ in runs if "values" in record),
        "": curves_table(runs),
    }


def described(experiment: Experiment, files: Files) -> Iterator[Described]:
    """Yield the variants as tables describe them."""
    parts, sources = _parts(experiment.spec), {t.tuned.name: t.of.name for t in experiment.tunings.values()}
    for name, variant in experiment.variants.items():
        search = flatten({"search": variant.search}) if variant.search else {}
        settings = flatten(dereferenced(variant.run, files)) | search
        of = sources.get(name, "")
        yield Described(name, variant.label, variant.track, settings, *parts[of or name], of)


def _parts(spec: ExperimentSpec) -> dict[str, tuple[Level | None, tuple[Level, ...]]]:
    """Return of each variant its listed part and its levels on the axes of the sweep."""
    named = (Level("", name, name, str(own.get("label", ""))) for name, own in spec.variants.items())
    listed: list[Level | None] = [*named] or [None]
    axes = [
        [Level(*next(iter(draft.axes.items())), draft.name, draft.label) for draft in axis_levels(axis, levels)]
        for axis, levels in spec.sweep.items()
    ]
    return {
        "_".join(level.key for level in (own, *levels) if level) or "only": (own, levels)
        for own in listed
        for levels in product(*axes)
    }


def dereferenced(value: Any, files: Files) -> Any:
    """Return ``value`` with every reference replaced by what it refers to."""

    def read(file: str, key: str) -> Any:
        with _reading(file):
            return json.loads(files[file])[key]

    return with_references(value, read)


def trials_of(round_record: Mapping[str, Any]) -> list[Trial]:
    """Return the trials of one round."""
    return [Trial(**trial) for trial in round_record["trials"]]


def curves_in(content: bytes) -> dict[tuple[str, str], Arrays]:
    """Return the curves of an .npz file by (split, metric)."""
    with ZipFile(BytesIO(content)) as arrays:
        if any(array.compress_type != ZIP_STORED for array in arrays.infolist()):
            raise StudyError("curves are stored as they are, and these are packed")  # and may unpack without bound
    return read_curves(BytesIO(content))


def trial_curves_in(content: bytes) -> dict[int, dict[tuple[str, str], Arrays]]:
    """Return the curves of a round by trial, each by (split, metric)."""
    found: dict[int, dict[tuple[str, str], Arrays]] = {}
    for (number, name), curve in curves_in(content).items():
        split, metric = name.split("/", 1)
        found.setdefault(int(number), {})[split, metric] = curve
    return found


def checked_curves(files: Files, name: str, stated: str) -> bytes:
    """Return a file of curves, which must have the SHA-256 that its record states."""
    if sha256(files[name]).hexdigest() != stated:
        raise StudyError(f"{name}: not the curves that its record describes")
    return files[name]


def _trained(files: Files, paths: Paths, experiment: Experiment, variant: Variant, replicate: int) -> Iterator[Run]:
    curves, record_file = replicate_files(paths.run_folder(experiment.id, variant.name), replicate)
    with _reading(record_file, "it or its curves"):
        record = json.loads(files[record_file])
        run = record, curves_in(checked_curves(files, curves, record["curves"]))
    yield run


def _searched(files: Files, paths: Paths, experiment: Experiment, variant: Variant, replicate: int) -> Iterator[Run]:
    """Yield every trial of a search, cut where a replayed rule stopped it, and the choice."""
    assert variant.search is not None
    replay = variant.search["replay"]
    chosen_file = paths.chosen(experiment.id, variant.name, replicate)
    with _reading(chosen_file):
        chosen = json.loads(files[chosen_file])
        stopped, test = dict(chosen["stopped"]), dict(chosen["test"])
    source = experiment.variants[replay["of"]] if replay else variant
    names = {"experiment": experiment.id, "variant": variant.name, "replicate": replicate, "seconds": nan}
    for number in range(1, len(source.rounds) + 1):
        file = paths.search_round(experiment.id, source.name, replicate, number)
        with _reading(file, "it or its curves"):
            record = json.loads(files[file])
            curves = trial_curves_in(checked_curves(files, curves_file(file), record["curves"]))
            trials = trials_of(record)
        for trial in trials:
            last = stopped.get(str(trial.number), trial.steps)
            told = asdict(trial) | names | {"trial": trial.number, "steps": last}
            yield told, {name: _cut(curve, last) for name, curve in curves.get(trial.number, {}).items()}
    steps = variant.run["steps"]
    results = {("test", metric): (np.array([steps]), np.array([value])) for metric, value in test.items()}
    yield names | {"trial": CHOSEN, "outcome": "finished", "steps": steps}, results


@contextmanager
def _reading(file: str, what: str = "it") -> Iterator[None]:
    """Turn whatever goes wrong in reading into an error that names the file to be made again."""
    try:
        yield
    except UNREADABLE as error:
        problem = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
        raise UnreadableError(file, f"{what} cannot be read ({problem})") from None


def _cut(curve: Arrays, last: int) -> Arrays:
    steps, values = curve
    return steps[steps <= last], values[steps <= last]


def _histogram_ranges(experiment: Experiment) -> dict[str, tuple[float, float]]:
    ranges = {name: _histogram_range(variant) for name, variant in experiment.variants.items()}
    return {name: bounds for name, bounds in ranges.items() if bounds}


def _histogram_range(variant: Variant) -> tuple[float, float] | None:
    for record in variant.run["record"]:
        measurement = Measurement.build(record["measure"])
        if isinstance(measurement, Activations):
            return measurement.low, measurement.high
    return None
