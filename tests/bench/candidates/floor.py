"""The floor: the matrix products of an update and nothing else, on the engine's own memory layout."""

from collections.abc import Iterator, Sequence

import numpy as np

from bench.sessions import Offer, Session
from bench.work import BATCH, STREAMS, TASKS, WIDTHS, read_data
from chapter6.engine.network import Architecture, Perceptron
from chapter6.engine.problems import EVALUATION_CHUNK

Product = tuple[np.ndarray, np.ndarray, np.ndarray]


class Products(Session):
    """Products whose results go to arrays that stand ready."""

    def __init__(self, products: Sequence[Product], times: int) -> None:
        self._products = list(products) * times

    def run(self, count: int) -> list[float]:
        matmul = np.matmul
        for _ in range(count):
            for left, right, out in self._products:
                matmul(left, right, out=out)
        return []


class Candidate(Offer):
    def __init__(self, data: str) -> None:
        self._dataset = read_data(data)
        self.versions = {"numpy": np.__version__}

    def forms(self, task: str) -> Sequence[str]:
        return ("products",)

    def session(self, task: str, form: str, horizon: int, dropout: float | None) -> Session:
        layers = Perceptron(WIDTHS[1:-1], WIDTHS[-1]).layers((WIDTHS[0],))
        parameters = Architecture(layers, (WIDTHS[0],)).initial_parameters(STREAMS, np.float32)
        names = [f"weights/layer-{number}" for number in range(1, len(WIDTHS))]
        weights = [parameters.value_of[name] for name in names]
        gradients = [parameters.gradient_of[name] for name in names]
        examples = len(self._dataset.test_images)
        rows = min(EVALUATION_CHUNK, examples) if TASKS[task].evaluates else BATCH
        first = self._dataset.train_images[:rows] * np.float32(1 / 255)
        activations = [first, *(np.empty((rows, width), np.float32) for width in WIDTHS[1:])]
        forward = list(zip(activations, weights, activations[1:], strict=False))
        if TASKS[task].evaluates:
            return Products(forward, -(-examples // rows))
        backward = list(_backward(activations, weights, gradients))
        return Products([*forward, *backward, *(forward if TASKS[task].after_update else ())], 1)


def _backward(
    activations: Sequence[np.ndarray], weights: Sequence[np.ndarray], gradients: Sequence[np.ndarray]
) -> Iterator[Product]:
    """Yield the products of the way back: of each layer's weights, and but for the first, of its input."""
    upstream = np.full_like(activations[-1], 1e-3)
    for number in reversed(range(len(weights))):
        yield activations[number].T, upstream, gradients[number]
        if number:
            below = np.empty_like(activations[number])
            yield upstream, weights[number].T, below
            upstream = below
