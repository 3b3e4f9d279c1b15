"""Say how many jobs the study has, about how long they take and how much disk they need."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chapter6.engine.data import Images
from chapter6.engine.measurements.base import Measurement
from chapter6.engine.measurements.losses import BatchLoss, Evaluation
from chapter6.engine.run import Record, Run
from chapter6.engine.stages import Stage
from chapter6.jobs.common import add_overrides, overridden_study
from chapter6.study import orders
from chapter6.study.plan import Experiment, Study, Timing
from chapter6.terminal import say

OVERHEAD_SECONDS = 150.0  # tables, verdicts, figures, tracking and the page of the whole study, one core
JOB_SECONDS = 0.3  # start-up of a training job
BYTES_A_NUMBER = 16  # a step and a value, in the curves
COPIES = 3  # curves stand in results/, again in MLflow's artifacts, and once more in the tables


def add_arguments(parser: ArgumentParser) -> None:
    add_overrides(parser)
    parser.add_argument("--cores", type=int, default=1)


@dataclass(frozen=True)
class Job:
    """A job that trains: its output, its order and where that stands, and its runs, each so many times."""

    output: str
    place: str
    order: Any
    trained: Sequence[tuple[Run, int]]

    @property
    def runs(self) -> int:
        """Number of runs."""
        return sum(times for _, times in self.trained)

    @property
    def is_done(self) -> bool:
        """Whether its output is there, made by this order."""
        return orders.is_current(self.output, self.place, self.order)


def run(args: Namespace) -> None:
    """Print the plan."""
    study = overridden_study(args)
    jobs = [job for experiment in study.experiments.values() for job in _jobs(study, experiment)]
    due = [job for job in jobs if not job.is_done]
    clocks = dict(_timings(study))
    rate = _multiplications_per_second()
    seconds = sum(_seconds(job, rate) for job in due) / args.cores
    seconds += OVERHEAD_SECONDS * len(due) / max(len(jobs), 1) / min(args.cores, 2)
    disk = sum(times * _numbers(run) for job in due for run, times in job.trained) * BYTES_A_NUMBER * COPIES
    say(
        f"{len(study.experiments)} experiments, {sum(job.runs for job in jobs)} runs in {len(jobs)} training jobs,"
        f" {len(jobs) - len(due)} of them done already.\nAbout {_duration(seconds)} on {args.cores} cores,"
        f" about {disk / 1e6 + 60:.0f} MB of disk (and 55 MB for MNIST).\n" + _told_of(clocks, rate) * bool(clocks)
    )


def _timings(study: Study) -> Iterator[tuple[str, Timing]]:
    """Yield what is still to be timed, by experiment."""
    for name, experiment in study.experiments.items():
        if timing := experiment.timing:
            told = study.paths.order("clock", name), orders.timing(study, name, timing)
            if not orders.is_current(study.paths.times(name), *told):
                yield name, timing


def _told_of(clocks: Mapping[str, Timing], rate: float) -> str:
    """Say what is timed; it takes as long however many cores there are."""
    seconds = sum(JOB_SECONDS + _clock_seconds(timing, rate) for timing in clocks.values())
    return f"Times are taken in {', '.join(clocks)}: about {_duration(seconds)} in which nothing else runs.\n"


def _clock_seconds(timing: Timing, rate: float) -> float:
    """Estimate how long variants are timed."""
    spec = timing.spec
    pairs = [run for variant in timing.of for run in (variant.run, timing.beside.run)]
    update = (spec.updates + 1) * sum(_update_seconds(run, run.stages[0], rate) for run in pairs)
    evaluation = 2 * 10_000 * sum(_example_seconds(run, rate) for run in pairs)
    return spec.rounds * sum({"update": update, "evaluation": evaluation}[task] for task in spec.tasks)


def _jobs(study: Study, experiment: Experiment) -> Iterator[Job]:
    paths, name = study.paths, experiment.id
    for job in study.jobs[name].values():
        told = paths.order("train", f"{name}/{job.name}"), orders.training(study, name, job)
        yield Job(paths.trained(name, job.name), *told, [(b.variant.run, len(b.replicates)) for b in job.blocks])
    for of, tuning in experiment.tunings.items():
        asked = paths.order("tune", f"{name}/{of}"), orders.tuning(study, name, tuning)
        yield Job(paths.tuning(name, of), *asked, tuning.runs)
    for planned in experiment.searches():
        variant, search = planned.variant, planned.search
        rounds = paths.order("search", f"{name}/{variant.name}-{planned.replicate}"), orders.searching(study, planned)
        for file, trials in zip(planned.rounds, search.rounds, strict=True):
            yield Job(file, *rounds, [(variant.run, trials)])
        yield Job(planned.chosen, *rounds, [(variant.run, search.retrains)])


def _seconds(job: Job, rate: float) -> float:
    return JOB_SECONDS + sum(times * _run_seconds(run, rate) for run, times in job.trained)


def _run_seconds(run: Run, rate: float) -> float:
    """Estimate a run from the multiplications of its matrix products."""
    if not run.network:
        return 0.0
    seconds = sum(stage.updates * _update_seconds(run, stage, rate) for stage in run.stages)
    seconds += run.members * sum(_times(record) * _reading_seconds(record.measure, run, rate) for record in run.record)
    return seconds


def _update_seconds(run: Run, stage: Stage, rate: float) -> float:
    """Estimate an update of all members."""
    dense = _weights(run)
    weights = sum(dense)
    products = (3 * weights - dense[0]) * stage.batch_size / rate  # no gradient of the images
    return run.members * (products + 30e-6 * len(dense) + 50e-6 + 1e-9 * weights)


def _example_seconds(run: Run, rate: float) -> float:
    """Estimate the evaluation of an example."""
    return sum(_weights(run)) / rate + 0.5e-6


def _weights(run: Run) -> list[int]:
    """Return the number of weights of every layer; one layer of none where a point moves on a surface."""
    return [slot.size for slot in run.architecture.slots() if slot.decays] if run.network else [0]


def _reading_seconds(measurement: Measurement, run: Run, rate: float) -> float:
    if isinstance(measurement, BatchLoss):
        return run.stages[-1].batch_size * sum(_weights(run)) / rate if measurement.after_update else 0.0
    if isinstance(measurement, Evaluation) and isinstance(run.data, Images):
        examples = sum(10_000 if split == "test" else run.data.size or 0 for split in measurement.splits)
        return examples * _example_seconds(run, rate)
    return 0.02


def _times(record: Record) -> int:
    return sum(len(schedule.steps) for schedule in record.at)


def _numbers(run: Run) -> int:
    """Estimate how many numbers a run's curves hold."""
    return sum(_times(record) * len(record.measure.metrics) for record in run.record)


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
