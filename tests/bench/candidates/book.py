"""The textbook implementation of tests/reference in the book's way: float64 weights, one-hot targets, no reuse."""

from collections.abc import Sequence

import numpy as np

from bench.sessions import Offer, RefusedError, Session
from bench.work import BETAS, EPSILON, LEARNING_RATES, MOMENTUM, SCALE, TASKS, batch_indices, initial_weights, read_data
from reference import textbook

SETTINGS = {
    "sgd": {},
    "momentum": {"momentum": MOMENTUM},
    "adam": {"beta1": BETAS[0], "beta2": BETAS[1], "epsilon": EPSILON},
}


def scaled(images: np.ndarray) -> np.ndarray:
    """Return all images as the book's loader keeps them, in float32."""
    return images * np.float32(SCALE)


def parameters_of(weights: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Return "W1", "b1", ... in float64."""
    parameters = {}
    for number, matrix in enumerate(weights, start=1):
        parameters[f"W{number}"] = matrix.astype(np.float64)
        parameters[f"b{number}"] = np.zeros(matrix.shape[1])
    return parameters


class Training(Session):
    """One forward and one backward pass an update: the loss comes from the pass that the gradient needs."""

    def __init__(self, optimizer: str, images: np.ndarray, labels: np.ndarray, indices: np.ndarray) -> None:
        self._images, self._labels = images, labels
        self._indices = iter(indices)
        self._parameters = parameters_of(initial_weights(TASKS["sgd"]))
        self._rule = textbook.RULES[optimizer]
        self._settings = {"learning_rate": LEARNING_RATES[optimizer], **SETTINGS[optimizer]}
        self._state: dict[str, np.ndarray] = {}

    def run(self, count: int) -> list[float]:
        return [self._update(next(self._indices)) for _ in range(count)]

    def _update(self, rows: np.ndarray) -> float:
        x, labels = self._images[rows], self._labels[rows]
        inputs, pre_activations = textbook.forward(self._parameters, x, "relu")
        loss = textbook.cross_entropy(pre_activations[-1], labels)
        upstream = textbook.cross_entropy_slope(pre_activations[-1], labels)
        slopes = {}
        for number in range(textbook.depth(self._parameters), 0, -1):
            below, slopes[f"W{number}"], slopes[f"b{number}"] = textbook.affine_slopes(
                upstream, inputs[number - 1], self._parameters[f"W{number}"]
            )
            if number > 1:
                upstream = below * textbook.relu_slope(pre_activations[number - 2])
        self._rule(self._parameters, slopes, self._state, **self._settings)
        return float(loss)


class Evaluating(Session):
    """All test images in one pass, as the book does it."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self._images, self._labels = images, labels
        self._parameters = parameters_of(initial_weights(TASKS["sgd"]))

    def run(self, count: int) -> list[float]:
        return [value for _ in range(count) for value in self._evaluate()]

    def _evaluate(self) -> tuple[float, float]:
        logits = textbook.forward(self._parameters, self._images, "relu")[1][-1]
        accuracy = np.mean(logits.argmax(axis=1) == self._labels)
        return float(textbook.cross_entropy(logits, self._labels)), float(accuracy)


class Candidate(Offer):
    def __init__(self, data: str) -> None:
        self._dataset = read_data(data)
        self._images = scaled(self._dataset.train_images)
        self._test_images = scaled(self._dataset.test_images)
        self.versions = {"numpy": np.__version__}

    def forms(self, task: str) -> Sequence[str]:
        if TASKS[task].normalized or TASKS[task].dropout is not None:
            raise RefusedError("written for comparing numbers, with several forward passes an update")
        if TASKS[task].side is not None:
            raise RefusedError("knows no convolutions")
        if TASKS[task].after_update:
            raise RefusedError("not measured: this row shows what a second forward pass costs the engine")
        return ("one pass",)

    def session(self, task: str, form: str, horizon: int, dropout: float | None) -> Session:
        if TASKS[task].evaluates:
            return Evaluating(self._test_images, self._dataset.test_labels)
        indices = batch_indices(TASKS[task], self._dataset, horizon)
        return Training(TASKS[task].optimizer, self._images, self._dataset.train_labels, indices)
