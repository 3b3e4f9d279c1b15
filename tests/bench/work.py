"""What is measured: the network, its initial weights, its batches, and the tasks."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from chapter6.data.storage import Dataset, load
from chapter6.engine.examples import draw_indices
from chapter6.engine.initializers import He
from chapter6.engine.streams import Streams

WIDTHS = (784, 100, 100, 100, 100, 10)
BATCH = 128
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

    @property
    def unit(self) -> str:
        """What is counted."""
        return "evaluation" if self.evaluates else "update"


TASKS = {
    task.key: task
    for task in (
        Task("sgd", "update, SGD"),
        Task("momentum", "update, Momentum", optimizer="momentum"),
        Task("adam", "update, Adam", optimizer="adam"),
        Task("sgd-after", "update, SGD, recording the loss after it", after_update=True),
        Task("batch-norm", "update, SGD, batch normalization", normalized=True),
        Task("dropout", "update, SGD, dropout", dropout=RATIO),
        Task("evaluation", "evaluation on the test images", evaluates=True),
    )
}


def initial_weights() -> list[np.ndarray]:
    """Return one float32 matrix (inputs, outputs) a layer: the engine's own draws for He's initializer."""
    shapes = list(pairwise(WIDTHS))
    draws = [STREAMS(f"weights/layer-{n}").standard_normal(shape) for n, shape in enumerate(shapes, start=1)]
    return [He().weights(draw).astype(np.float32) for draw in draws]


def batch_indices(dataset: Dataset, steps: int) -> np.ndarray:
    """Return the images of each update, (steps, BATCH): the engine's own draws."""
    return draw_indices(STREAMS("batches"), len(dataset.train_images), steps, BATCH, "replacement")


def read_data(folder: str) -> Dataset:
    """Map MNIST as the study does."""
    return load(Path(folder))
