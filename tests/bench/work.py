"""What is measured: the network, its initial weights, its batches, and the tasks."""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from chapter6.data.storage import Dataset, load
from chapter6.engine.examples import draw_indices
from chapter6.engine.initializers import He
from chapter6.engine.streams import Streams

WIDTHS = (784, 100, 100, 100, 100, 10)
BATCH = 128
SIDE = 28
FILTERS, UNITS, WINDOW = (8, 16), (64, 10), 3  # of the small CNN, whose convolutions are padded and pooled by 2
SCALE = 1 / 255
LEARNING_RATES = {"sgd": 0.01, "momentum": 0.01, "adam": 0.001}
MOMENTUM = 0.9
BETAS = (0.9, 0.999)
EPSILON = 1e-12  # of Adam: so small that it does not matter which root PyTorch adds it to
RATIO = 0.5  # of dropout
NORMALIZATION_MOMENTUM = 0.9
NORMALIZATION_EPSILON = 10e-7
STREAMS = Streams(6, 0)


@dataclass(frozen=True)
class Task:
    """One row of the table: an update of a network, or its evaluation on the test images."""

    key: str
    title: str
    optimizer: str = "sgd"
    normalized: bool = False
    dropout: float | None = None
    after_update: bool = False  # whether the loss after the update is recorded, by a second forward pass
    evaluates: bool = False
    side: int | None = None  # of the small CNN's images; None for the perceptron

    @property
    def unit(self) -> str:
        """What is counted."""
        return "evaluation" if self.evaluates else "update"

    @property
    def batch(self) -> int:
        """Images an update."""
        return BATCH if self.side is None else 100

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """The weights' (inputs, outputs) a layer: a convolution's inputs are those of a window, channel by channel."""
        if self.side is None:
            return list(pairwise(WIDTHS))
        convolutions = [(before * WINDOW**2, filters) for before, filters in pairwise((1, *FILTERS))]
        return convolutions + list(pairwise((FILTERS[-1] * (self.side // 4) ** 2, *UNITS)))


TASKS = {
    task.key: task
    for task in (
        Task("sgd", "update, SGD"),
        Task("momentum", "update, Momentum", optimizer="momentum"),
        Task("adam", "update, Adam", optimizer="adam"),
        Task("sgd-after", "update, SGD, recording the loss after it", after_update=True),
        Task("batch-norm", "update, SGD, batch normalization", normalized=True),
        Task("dropout", "update, SGD, dropout", dropout=RATIO),
        Task("cnn-14", "update, SGD, small CNN on 14 x 14", side=14),
        Task("cnn-28", "update, SGD, small CNN on 28 x 28", side=28),
        Task("evaluation", "evaluation on the test images", evaluates=True),
    )
}


def initial_weights(task: Task) -> list[np.ndarray]:
    """Return one float32 matrix (inputs, outputs) a layer: the engine's own draws for He's initializer."""
    draws = [STREAMS(f"weights/layer-{n}").standard_normal(shape) for n, shape in enumerate(task.shapes, start=1)]
    return [He().weights(draw).astype(np.float32) for draw in draws]


def batch_indices(task: Task, dataset: Dataset, steps: int) -> np.ndarray:
    """Return the images of each update, (steps, batch): the engine's own draws."""
    return draw_indices(STREAMS("batches"), len(dataset.train_images), steps, task.batch, "replacement")


def read_data(folder: str) -> Dataset:
    """Map MNIST as the study does."""
    return load(Path(folder))


def seen(task: Task, dataset: Dataset) -> Dataset:
    """Return the data as a task trains on them: smaller images have every second pixel."""
    if task.side in (None, SIDE):
        return dataset
    every = SIDE // task.side
    images = dataset.train_images.reshape(-1, SIDE, SIDE)[:, ::every, ::every]
    return replace(dataset, train_images=np.ascontiguousarray(images).reshape(len(images), -1))
