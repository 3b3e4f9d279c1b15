"""Say how many jobs the study has, about how long they take and how much disk they need."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from chapter6.engine.data import Data, Images
from chapter6.engine.run import Run
from chapter6.jobs.advice import advice, table
from chapter6.jobs.common import add_overrides, overridden_study
from chapter6.jobs.estimates import Machine, looks, multiplications_per_second
from chapter6.study import orders
from chapter6.study.plan import Experiment, Study, Timing
from chapter6.terminal import say

OVERHEAD_SECONDS = 150.0  # tables, verdicts, figures, tracking and the page of the whole study, one core
JOB_SECONDS = 0.3  # start-up of a training job
BYTES_A_NUMBER = 16  # a step and a value, in the curves
BYTES_A_PIXEL = 4  # of images that are stored transformed
COPIES = 3  # curves stand in results/, again in MLflow's artifacts, and once more in the tables


def add_arguments(parser: ArgumentParser) -> None:
    add_overrides(parser)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--advise", action="store_true", help="of a finished study: where more replicates would pay")


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
    if args.advise:
        say(table(advice(study, Machine(multiplications_per_second(), study.config.data.sizes.test))))
    else:
        _say_plan(study, args.cores)


def _say_plan(study: Study, cores: int) -> None:
    data = study.config.data
    jobs = [job for experiment in study.experiments.values() for job in _jobs(study, experiment)]
    due = [job for job in jobs if not job.is_done]
    clocks = dict(_timings(study))
    machine = Machine(multiplications_per_second(), data.sizes.test)
    seconds = sum(JOB_SECONDS + sum(times * machine.run(run) for run, times in job.trained) for job in due) / cores
    seconds += OVERHEAD_SECONDS * len(due) / max(len(jobs), 1) / min(cores, 2)
    disk = sum(times * _numbers(run) for job in due for run, times in job.trained) * BYTES_A_NUMBER * COPIES
    disk += sum(_made(stored, data.sizes.test) for stored in {run.data for job in due for run, _ in job.trained})
    images = (data.sizes.train + data.sizes.test) * prod(data.shape)
    say(
        f"{len(study.experiments)} experiments, {sum(job.runs for job in jobs)} runs in {len(jobs)} training jobs,"
        f" {len(jobs) - len(due)} of them done already.\nAbout {_duration(seconds)} on {cores} cores,"
        f" about {disk / 1e6 + 60:.0f} MB of disk (and {images / 1e6:.0f} MB for {data.name}).\n"
        + (_told_of(clocks, machine) if clocks else "")
    )


def _timings(study: Study) -> Iterator[tuple[str, Timing]]:
    """Yield what is still to be timed, by experiment."""
    for name, experiment in study.experiments.items():
        if timing := experiment.timing:
            told = study.paths.order("clock", name), orders.timing(study, name, timing)
            if not orders.is_current(study.paths.times(name), *told):
                yield name, timing


def _told_of(clocks: Mapping[str, Timing], machine: Machine) -> str:
    """Say what is timed; it takes as long however many cores there are."""
    seconds = sum(JOB_SECONDS + machine.timing(timing) for timing in clocks.values())
    return f"Times are taken in {', '.join(clocks)}: about {_duration(seconds)} in which nothing else runs.\n"


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


def _numbers(run: Run) -> int:
    """Estimate how many numbers a run's curves hold."""
    return sum(looks(record) * len(record.measure.metrics) for record in run.record)


def _made(data: Data | None, tested: int) -> int:
    """Return how many bytes of transformed images are stored; where some are held out they are soon cleared."""
    if not isinstance(data, Images) or not data.transforms or data.augmentations or data.validation:
        return 0
    return ((data.size or 0) + tested) * prod(data.shape) * BYTES_A_PIXEL


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"
