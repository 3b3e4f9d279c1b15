"""Gather an experiment's runs into tidy tables."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from chapter6.analysis.tables import curves_table, histograms_table, runs_table, settings_table, summary_table
from chapter6.engine.measurements import Activations, Measurement
from chapter6.files import replacing
from chapter6.jobs.common import add_experiment_arguments, experiment_of, study_of
from chapter6.study.plan import Experiment, Variant
from chapter6.study.records import read_replicate


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_experiment_arguments(parser)


def run(args: Namespace) -> None:
    """Write the tables of one experiment from the files of its replicates."""
    study = study_of(args)
    experiment = experiment_of(study, args.experiment)
    paths = study.paths
    runs = [
        read_replicate(paths.run_folder(experiment.id, variant.name), replicate)
        for variant in experiment.variants.values()
        for replicate in range(variant.replicates)
    ]
    curves = curves_table(runs)
    settings = settings_table(experiment.id, [asdict(variant) for variant in experiment.variants.values()])
    tables = {"settings": settings, "runs": runs_table(runs), "": curves}
    if any(_histogram_range(variant) for variant in experiment.variants.values()):
        tables["histograms"] = histograms_table(runs, _histogram_ranges(experiment))
    for kind, table in tables.items():
        with replacing(paths.table(experiment.id, kind)) as path:
            table.to_parquet(path, index=False)
    with replacing(paths.summary(experiment.id)) as path:
        summary_table(curves).to_csv(path, index=False, float_format="%.6g")


def _histogram_ranges(experiment: Experiment) -> dict[str, tuple[float, float]]:
    ranges = {name: _histogram_range(variant) for name, variant in experiment.variants.items()}
    return {name: bounds for name, bounds in ranges.items() if bounds}


def _histogram_range(variant: Variant) -> tuple[float, float] | None:
    for record in variant.run["record"]:
        measurement = Measurement.build(record["measure"])
        if isinstance(measurement, Activations):
            return measurement.low, measurement.high
    return None
