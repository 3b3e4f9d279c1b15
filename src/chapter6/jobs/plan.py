"""Say how many jobs the study has, about how long they take and how much disk they need."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from chapter6.engine.measurements import BatchLoss, Evaluation, Measurement
from chapter6.jobs.common import add_overrides, overridden_study
from chapter6.study.plan import Experiment, Study

OVERHEAD_SECONDS = 150.0  # tables, verdicts, figures, tracking and the page of the whole study, one core
JOB_SECONDS = 0.3  # start-up of a training job
BYTES_A_NUMBER = 16  # a step and a value, in the curves
COPIES = 3  # curves stand in results/, again in MLflow's artifacts, and once more in the tables


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_overrides(parser)
    parser.add_argument("--cores", type=int, default=1)


@dataclass(frozen=True)
class Job:
    """A job that trains, told by its output: runs, each so many times."""

    output: str
    trained: Sequence[tuple[Mapping[str, Any], int]]

    @property
    def runs(self) -> int:
        """Number of runs."""
        return sum(times for _, times in self.trained)

    @property
    def is_done(self) -> bool:
        """Whether its output is there; whether it is still true, Snakemake finds out."""
        return Path(self.output).exists()


def run(args: Namespace) -> None:
    """Print the plan."""
    study = overridden_study(args)
    jobs = [job for experiment in study.experiments.values() for job in _jobs(study, experiment)]
    due = [job for job in jobs if not job.is_done]
    rate = _multiplications_per_second()
    seconds = sum(_seconds(job, rate) for job in due) / args.cores
    seconds += OVERHEAD_SECONDS * len(due) / max(len(jobs), 1) / min(args.cores, 2)
    disk = sum(times * _numbers(run) for job in due for run, times in job.trained) * BYTES_A_NUMBER * COPIES
    sys.stdout.write(
        f"{len(study.experiments)} experiments, {sum(job.runs for job in jobs)} runs in {len(jobs)} training jobs,"
        f" {len(jobs) - len(due)} of them done already.\nAbout {_duration(seconds)} on {args.cores} cores,"
        f" about {disk / 1e6 + 60:.0f} MB of disk (and 55 MB for MNIST).\n"
    )


def _jobs(study: Study, experiment: Experiment) -> Iterator[Job]:
    """Yield every job of an experiment that trains."""
    paths, name = study.paths, experiment.id
    for batch in study.batches[name].values():
        yield Job(paths.trained(name, batch.name), [(block.variant.run, block.size) for block in batch.blocks])
    for of, tuning in experiment.tunings.items():
        yield Job(paths.tuning(name, of), [(tuning.run, len(tuning.candidates))])
    for variant in experiment.variants.values():
        for replicate in range(variant.replicates if variant.search else 0):
            for number, trials in enumerate(variant.rounds, start=1):
                yield Job(paths.search_round(name, variant.name, replicate, number), [(variant.run, trials)])
            retrains = variant.search["retrains"] if variant.search else 0
            yield Job(paths.chosen(name, variant.name, replicate), [(variant.run, retrains)])


def _seconds(job: Job, rate: float) -> float:
    """Estimate how long a training job takes."""
    return JOB_SECONDS + sum(times * _run_seconds(run, rate) for run, times in job.trained)


def _run_seconds(run: Mapping[str, Any], rate: float) -> float:
    """Estimate a run from the multiplications of its matrix products."""
    if run["network"] is None:
        return 0.0
    weights = sum(a * b for a, b in pairwise(_widths(run)))
    layers = len(run["network"]["hidden"]) + 1
    forward = weights * run["batch_size"] / rate
    backward = (2 * weights - _widths(run)[0] * _widths(run)[1]) * run["batch_size"] / rate  # no gradient of the images
    update = forward + backward + 30e-6 * layers + 50e-6 + 1e-9 * weights
    readings = 0.0
    for record in run["record"]:
        times = sum(max(0, 1 + (last - first) // every) for first, every, last in record["steps"])
        readings += times * _reading_seconds(record["measure"], run, forward, weights / rate)
    return float(run["members"] * (run["steps"] * update + readings))


def _reading_seconds(measure: Mapping[str, Any], run: Mapping[str, Any], batch: float, example: float) -> float:
    measurement = Measurement.build(measure)
    if isinstance(measurement, BatchLoss):
        return batch if measurement.after_update else 0.0
    if isinstance(measurement, Evaluation):
        examples = sum(10_000 if split == "test" else run["data"]["examples"] for split in measurement.splits)
        return float(examples * (example + 0.5e-6))
    return 0.02


def _widths(run: Mapping[str, Any]) -> list[int]:
    network = run["network"]
    return [run["data"]["inputs"], *network["hidden"], *([network["outputs"]] if network["outputs"] else [])]


def _numbers(run: Mapping[str, Any]) -> int:
    """Estimate how many numbers a run's curves hold."""
    points = 0
    for record in run["record"]:
        times = sum(max(0, 1 + (last - first) // every) for first, every, last in record["steps"])
        points += times * len(Measurement.build(record["measure"]).metrics)
    return points


def _multiplications_per_second() -> float:
    """Time this machine on the product that the study spends most of its time in."""
    x, w = np.ones((128, 784), np.float32), np.ones((784, 100), np.float32)
    out = np.empty((128, 100), np.float32)
    best = float("inf")
    for _ in range(50):
        start = time.perf_counter()
        np.matmul(x, w, out=out)
        best = min(best, time.perf_counter() - start)
    return 128 * 784 * 100 / best


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"
