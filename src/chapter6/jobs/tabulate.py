"""Gather an experiment's runs into tidy tables."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import asdict
from math import nan
from typing import Any

import numpy as np

from chapter6.analysis.tables import (
    CHOSEN,
    Run,
    curves_table,
    histograms_table,
    runs_table,
    settings_table,
    summary_table,
    trials_table,
)
from chapter6.engine.measurements import Activations, Measurement
from chapter6.files import read_json, replacing
from chapter6.jobs.common import add_experiment_arguments, experiment_of, study_of
from chapter6.study.paths import Paths
from chapter6.study.plan import Experiment, Variant
from chapter6.study.records import read_replicate
from chapter6.study.references import dereferenced
from chapter6.study.searches import read_trial_curves, read_trials


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_experiment_arguments(parser)


def run(args: Namespace) -> None:
    """Write the tables of one experiment from the files of its replicates or searches."""
    study = study_of(args)
    experiment = experiment_of(study, args.experiment)
    paths = study.paths
    read = _read_search if experiment.spec.search else _read_run
    runs: list[Run] = [
        run
        for variant in experiment.variants.values()
        for replicate in range(variant.replicates)
        for run in read(paths, experiment, variant, replicate)
    ]
    curves = curves_table(runs)
    settings = settings_table(experiment.id, [_described(variant) for variant in experiment.variants.values()])
    tables = {
        "settings": settings,
        "runs": runs_table(runs),
        "histograms": histograms_table(runs, _histogram_ranges(experiment)),
        "trials": trials_table(record for record, _ in runs if "values" in record),
        "": curves,
    }
    for kind, table in tables.items():
        with replacing(paths.table(experiment.id, kind)) as path:
            table.to_parquet(path, index=False)
    with replacing(paths.summary(experiment.id)) as path:
        summary_table(curves).to_csv(path, index=False, float_format="%.6g")


def _described(variant: Variant) -> dict[str, Any]:
    return {**asdict(variant), "run": dereferenced(variant.run)}


def _read_run(paths: Paths, experiment: Experiment, variant: Variant, replicate: int) -> Iterator[Run]:
    yield read_replicate(paths.run_folder(experiment.id, variant.name), replicate)


def _read_search(paths: Paths, experiment: Experiment, variant: Variant, replicate: int) -> Iterator[Run]:
    """Yield every trial of a search, cut where a replayed rule stopped it, and the choice."""
    assert variant.search is not None
    replay = variant.search["replay"]
    chosen = read_json(paths.chosen(experiment.id, variant.name, replicate))
    source = experiment.variants[replay["of"]] if replay else variant
    numbers = range(1, len(source.rounds) + 1)
    files = [paths.search_round(experiment.id, source.name, replicate, number) for number in numbers]
    curves = read_trial_curves(files)
    names = {"experiment": experiment.id, "variant": variant.name, "replicate": replicate, "seconds": nan}
    for trial in read_trials(files):
        last = chosen["stopped"].get(str(trial.number), trial.steps)
        record = asdict(trial) | names | {"trial": trial.number, "steps": last}
        yield record, {name: _cut(curve, last) for name, curve in curves.get(trial.number, {}).items()}
    steps = variant.run["steps"]
    results = {("test", metric): (np.array([steps]), np.array([value])) for metric, value in chosen["test"].items()}
    yield names | {"trial": CHOSEN, "outcome": "finished", "steps": steps}, results


def _cut(curve: tuple[np.ndarray, np.ndarray], last: int) -> tuple[np.ndarray, np.ndarray]:
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
