"""About how long trainings take: from shapes, and from how fast this machine multiplies."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import prod

import numpy as np

from chapter6.engine.data import Images
from chapter6.engine.measurements.base import Measurement
from chapter6.engine.measurements.losses import BatchLoss, Evaluation, MaskedEvaluation, UpdatedLoss
from chapter6.engine.network import Architecture
from chapter6.engine.run import Record, Run
from chapter6.engine.stages import Stage
from chapter6.study.plan import Timing

# Measured with NumPy 2.4 on one core, in seconds.
A_NUMBER = 1e-9  # that a layer of images gathers or writes in a pass; three passes make an update
A_LAYER = 30e-6  # with weights, in an update
AN_UPDATE = 50e-6
A_WEIGHT = 1e-9  # in an update
AN_EXAMPLE = 0.5e-6  # in an evaluation
A_LOOK = 0.02  # of any other measurement


@dataclass(frozen=True)
class Work:
    """What a pass does for one example: multiplications by layer with weights, numbers that layers of images move."""

    multiplications: tuple[int, ...]
    numbers: int

    @classmethod
    def of(cls, architecture: Architecture) -> Work:
        """Count: weights of (inputs, outputs) are used once a position, where the inputs are gathered."""
        multiplications, numbers = [], 0
        for layer, name, before, after in architecture.walk():
            positions = prod(after[1:])
            weights = [slot for slot in layer.slots(name, before) if slot.decays]
            multiplications += [slot.size * positions for slot in weights]
            if len(after) > 1:
                numbers += prod(after) + sum(slot.shape[0] * positions for slot in weights)
        return cls(tuple(multiplications), numbers)


@dataclass(frozen=True)
class Machine:
    """What estimates go by: multiplications a second, and how many images are tested."""

    rate: float
    test_images: int

    def run(self, run: Run) -> float:
        """Seconds of a run; a point that moves on a surface takes none."""
        if not run.network:
            return 0.0
        seconds = sum(stage.updates * self.update(run, stage) for stage in run.stages)
        return seconds + run.members * sum(looks(record) * self._look(record.measure, run) for record in run.record)

    def timing(self, timing: Timing) -> float:
        """Seconds in which variants are timed."""
        spec = timing.spec
        pairs = [run for variant in timing.of for run in (variant.run, timing.beside.run)]
        update = (spec.updates + 1) * sum(self.update(run, run.stages[0]) for run in pairs)
        evaluation = 2 * sum(self.evaluation(run) for run in pairs)
        return spec.rounds * sum({"update": update, "evaluation": evaluation}[task] for task in spec.tasks)

    def update(self, run: Run, stage: Stage) -> float:
        """Seconds of an update of all members; the gradient of the images themselves is not computed."""
        if not run.network:
            return AN_UPDATE
        work, size = Work.of(run.architecture), run.architecture.size
        products = 3 * sum(work.multiplications) - sum(work.multiplications[:1])
        batch = stage.batch_size * (products / self.rate + 3 * A_NUMBER * work.numbers)
        return run.members * (batch + A_LAYER * len(work.multiplications) + AN_UPDATE + A_WEIGHT * size)

    def _look(self, measurement: Measurement, run: Run) -> float:
        if isinstance(measurement, BatchLoss):
            return 0.0
        if isinstance(measurement, UpdatedLoss):
            return run.stages[-1].batch_size * self._example(run)
        if isinstance(measurement, MaskedEvaluation):
            return measurement.masks * self.evaluation(run)
        if isinstance(measurement, Evaluation):
            return sum(self.evaluation(run, split) for split in measurement.splits)
        return A_LOOK

    def evaluation(self, run: Run, split: str = "test") -> float:
        """Seconds of an evaluation of all examples of a split."""
        if not isinstance(run.data, Images):
            return A_LOOK
        tested = round(self.test_images * run.data.outputs / run.data.source.classes)
        held = {"train": run.data.size or 0, "validation": run.data.held_out}
        return held.get(split, tested) * (self._example(run) + AN_EXAMPLE)

    def _example(self, run: Run) -> float:
        work = Work.of(run.architecture)
        return sum(work.multiplications) / self.rate + A_NUMBER * work.numbers


def looks(record: Record) -> int:
    """Return how often a measurement is taken."""
    return sum(len(schedule.steps) for schedule in record.at)


def multiplications_per_second() -> float:
    """Time this machine on the product that the study spends most of its time in."""
    x, w = np.ones((128, 784), np.float32), np.ones((784, 100), np.float32)
    out = np.empty((128, 100), np.float32)
    best = float("inf")
    for _ in range(50):
        start = time.perf_counter()
        np.matmul(x, w, out=out)
        best = min(best, time.perf_counter() - start)
    return 128 * 784 * 100 / best
