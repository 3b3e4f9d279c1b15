"""This engine, as the study runs it: the training loop itself, stopped and taken up at its progress callback."""

import time
from collections.abc import Mapping, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np

from bench.sessions import Offer, Session
from bench.work import (
    BATCH,
    BETAS,
    EPSILON,
    LEARNING_RATES,
    MOMENTUM,
    NORMALIZATION_EPSILON,
    NORMALIZATION_MOMENTUM,
    SCALE,
    STREAMS,
    TASKS,
    WIDTHS,
    Task,
    read_data,
)
from chapter6.data.mnist import Dataset
from chapter6.engine.examples import Examples
from chapter6.engine.network import Architecture
from chapter6.engine.problems import NetworkProblem
from chapter6.study.assemble import execute
from chapter6.study.plan import within_budget
from chapter6.study.spec import RunSpec, load_config

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "momentum": {"momentum": MOMENTUM},
    "adam": {"beta1": BETAS[0], "beta2": BETAS[1], "epsilon": EPSILON},
}


def run_of(
    task: Task,
    steps: int,
    sizes: Mapping[str, int],
    dropout: float | None = None,
    record: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the complete specification of ``steps`` updates, as the plan hands it to a training job.

    ``sizes`` are the numbers of images of the data set; ``record`` takes the place of the loss of every batch.
    """
    network: dict[str, Any] = {"hidden": WIDTHS[1:-1], "activation": "relu", "initializer": "he"}
    if task.normalized:
        averages = {"momentum": NORMALIZATION_MOMENTUM, "epsilon": NORMALIZATION_EPSILON}
        network["batch_normalization"] = {"placement": "before", **averages}
    if dropout is not None:
        network["dropout"] = {"kind": "inverted", "ratio": dropout}
    rate = LEARNING_RATES[task.optimizer]
    loss = {"kind": "batch_loss", "after_update": task.after_update}
    spec = RunSpec(
        network=network,
        optimizer={"kind": task.optimizer, "learning_rate": rate, **OPTIMIZERS[task.optimizer]},
        steps=steps,
        batch_size=BATCH,
        record=record or [{"measure": loss, "at": {"first": 1 if task.after_update else 0}}],
    )
    return within_budget(spec, load_config({"data": {"sizes": dict(sizes)}}), "bench")


class Training(Session):
    """``execute`` in a thread of its own, which waits at the progress callback between two blocks."""

    def __init__(self, run: Mapping[str, Any], dataset: Dataset) -> None:
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

    def _train(self, run: Mapping[str, Any], dataset: Dataset) -> None:
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
        architecture = Architecture(WIDTHS[0], WIDTHS[1:-1], WIDTHS[-1])
        train = Examples(dataset.train_images, dataset.train_labels, SCALE)
        test = Examples(dataset.test_images, dataset.test_labels, SCALE)
        self._problem = NetworkProblem(
            architecture,
            architecture.initial_parameters(STREAMS, np.float32),
            {"train": train, "test": test},
            np.zeros((1, BATCH), np.uint32),
        )

    def run(self, count: int) -> list[float]:
        return [value for _ in range(count) for value in self._problem.evaluate("test")]


class Candidate(Offer):
    def __init__(self, data: str) -> None:
        self._dataset = read_data(data)
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        self.versions = {"numpy": np.__version__, blas["name"]: blas["version"]}

    def forms(self, task: str) -> Sequence[str]:
        return ("evaluate" if TASKS[task].evaluates else "train",)

    def session(self, task: str, form: str, horizon: int, dropout: float | None) -> Session:
        if TASKS[task].evaluates:
            return Evaluating(self._dataset)
        sizes = {"train": len(self._dataset.train_images), "test": len(self._dataset.test_images)}
        return Training(run_of(TASKS[task], horizon, sizes, dropout), self._dataset)
