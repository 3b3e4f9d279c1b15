"""This engine, as the study runs it: the training loop itself, stopped and taken up at its progress callback."""

import time
from collections.abc import Sequence
from itertools import chain
from queue import SimpleQueue
from threading import Thread

import numpy as np
from threadpoolctl import threadpool_info

from bench.sessions import Offer, Session
from bench.work import (
    BETAS,
    EPSILON,
    FILTERS,
    LEARNING_RATES,
    MOMENTUM,
    NORMALIZATION_EPSILON,
    NORMALIZATION_MOMENTUM,
    SCALE,
    SIDE,
    STREAMS,
    TASKS,
    UNITS,
    WIDTHS,
    WINDOW,
    Task,
    read_data,
    seen,
)
from chapter6.data.storage import Dataset
from chapter6.engine.activations import ReLU
from chapter6.engine.convolutions import Convolution
from chapter6.engine.data import Images, ImageSet
from chapter6.engine.examples import Examples
from chapter6.engine.execution import execute
from chapter6.engine.layers import Dense, Flatten, Layer
from chapter6.engine.masking import Dropout
from chapter6.engine.measurements.losses import BatchLoss, UpdatedLoss
from chapter6.engine.network import Architecture, Perceptron
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.optimizers import SGD, Adam, Momentum, Optimizer
from chapter6.engine.pooling import MaxPooling
from chapter6.engine.problems import NetworkProblem
from chapter6.engine.run import Record, Run, Schedule
from chapter6.engine.stages import Stage

OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": SGD(LEARNING_RATES["sgd"]),
    "momentum": Momentum(LEARNING_RATES["momentum"], MOMENTUM),
    "adam": Adam(LEARNING_RATES["adam"], *BETAS, EPSILON),
}


def network_of(task: Task, dropout: float | None = None) -> tuple[Layer, ...]:
    """Return the network of a task."""
    if task.side is not None:
        convolutions = [(Convolution(filters, WINDOW, padding=1), MaxPooling(), ReLU()) for filters in FILTERS]
        return (*chain(*convolutions), Flatten(), Dense(UNITS[0]), ReLU(), Dense(UNITS[1]))
    normalization = BatchNormalization(NORMALIZATION_MOMENTUM, NORMALIZATION_EPSILON) if task.normalized else None
    mask = None if dropout is None else Dropout(dropout, "inverted")
    short = Perceptron(WIDTHS[1:-1], WIDTHS[-1], batch_normalization=normalization, dropout=mask)
    return short.layers((WIDTHS[0],) if task.evaluates else Images().shape)


def run_of(
    task: Task, steps: int, images: int, dropout: float | None = None, record: Sequence[Record] | None = None
) -> Run:
    """Return the run of ``steps`` updates, as the plan hands it to a training job.

    ``images`` are those to train on; ``record`` takes the place of the loss of every batch.
    """
    loss = UpdatedLoss() if task.after_update else BatchLoss()
    every = Record(loss, (Schedule(first=1 if task.after_update else 0),))
    return Run(
        data=Images(source=ImageSet((1, task.side or SIDE, task.side or SIDE))),
        network=network_of(task, dropout),
        stages=(Stage(steps=steps, optimizer=OPTIMIZERS[task.optimizer], batch_size=task.batch),),
        record=tuple(record or [every]),
    ).within(images)


class Training(Session):
    """``execute`` in a thread of its own, which waits at the progress callback between two blocks."""

    def __init__(self, run: Run, dataset: Dataset) -> None:
        self._orders: SimpleQueue[int] = SimpleQueue()
        self._answers: SimpleQueue[tuple[float, float, list[float]] | BaseException] = SimpleQueue()
        self._losses: list[float] = []
        Thread(target=self._train, args=(run, dataset), daemon=True).start()

    def run(self, count: int) -> list[float]:
        return self._block(count)[2]

    def timed(self, count: int) -> tuple[float, float]:
        """Times are taken in the callback: from the end of one update to the end of the last of the block."""
        return self._block(count)[:2]

    def _block(self, count: int) -> tuple[float, float, list[float]]:
        self._orders.put(count)
        answer = self._answers.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _train(self, run: Run, dataset: Dataset) -> None:
        self._wait()
        try:
            execute(run, STREAMS, dataset, progress=self._progress)
            raise RuntimeError(f"the engine's training ended before update {self._last}")
        except BaseException as error:
            self._answers.put(error)

    def _wait(self, step: int = 0) -> None:
        self._last = step + self._orders.get()
        self._clock, self._cpu = time.perf_counter(), time.process_time()

    def _progress(self, step: int, loss: float) -> None:
        self._losses.append(loss)
        if step < self._last:
            return
        spent = time.perf_counter() - self._clock, time.process_time() - self._cpu
        self._answers.put((*spent, self._losses))
        self._losses = []
        self._wait(step)


class Evaluating(Session):
    """Evaluation of the untrained network."""

    def __init__(self, dataset: Dataset) -> None:
        architecture = Architecture(network_of(TASKS["evaluation"]), (WIDTHS[0],))
        train = Examples(dataset.train_images, dataset.train_labels, SCALE)
        test = Examples(dataset.test_images, dataset.test_labels, SCALE)
        self._problem = NetworkProblem(
            architecture,
            architecture.initial_parameters(STREAMS, np.float32),
            {"train": train, "test": test},
        )

    def run(self, count: int) -> list[float]:
        return [value for _ in range(count) for value in self._problem.evaluate("test")]


class Candidate(Offer):
    def __init__(self, data: str) -> None:
        self._dataset = read_data(data)
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        kernel = next(library["architecture"] for library in threadpool_info() if "architecture" in library)
        self.versions = {"numpy": np.__version__, blas["name"]: blas["version"], f"{blas['name']}'s kernel": kernel}

    def forms(self, task: str) -> Sequence[str]:
        return ("evaluate" if TASKS[task].evaluates else "train",)

    def session(self, task: str, form: str, horizon: int, dropout: float | None) -> Session:
        if TASKS[task].evaluates:
            return Evaluating(self._dataset)
        dataset = seen(TASKS[task], self._dataset)
        return Training(run_of(TASKS[task], horizon, len(dataset.train_images), dropout), dataset)
