"""The floor: the matrix products of an update and nothing else, on the engine's own memory layout."""

from collections.abc import Iterator, Sequence

import numpy as np

from bench.sessions import Offer, Session
from bench.work import BATCH, STREAMS, TASKS, WIDTHS, Task, initial_weights, read_data
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
        if TASKS[task].side is not None:
            return Products(list(_convolutional(TASKS[task])), 1)
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


def _convolutional(task: Task) -> Iterator[Product]:
    """Yield the products of the small CNN: those of a convolution over the columns of all positions at once."""
    assert task.side is not None, "the small CNN's"
    *filters, hidden, last = initial_weights(task)
    for number, weights in enumerate(filters):
        positions = task.batch * (task.side // 2**number) ** 2
        columns = np.ones((len(weights), positions), np.float32)
        output = np.full((weights.shape[1], positions), 1e-3, np.float32)
        yield weights.T, columns, output
        yield columns, output.T, np.empty_like(weights)
        if number:
            yield weights, output, np.empty_like(columns)
    dense = [hidden, last]
    activations = [np.ones((task.batch, width), np.float32) for width in (len(hidden), len(last), last.shape[1])]
    yield from zip(activations, dense, activations[1:], strict=False)
    yield from _backward(activations, dense, [np.empty_like(weights) for weights in dense], gives_back=True)


def _backward(
    activations: Sequence[np.ndarray],
    weights: Sequence[np.ndarray],
    gradients: Sequence[np.ndarray],
    gives_back: bool = False,
) -> Iterator[Product]:
    """Yield the products of the way back: of each layer's weights, and of its input where a layer before needs it."""
    upstream = np.full_like(activations[-1], 1e-3)
    for number in reversed(range(len(weights))):
        yield activations[number].T, upstream, gradients[number]
        if number or gives_back:
            below = np.empty_like(activations[number])
            yield upstream, weights[number].T, below
            upstream = below
