"""What can be trained: a network on examples, or a point on a surface."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from chapter6.engine.arrays import Array
from chapter6.engine.examples import Examples, draw_indices
from chapter6.engine.losses import log_softmax
from chapter6.engine.network import Architecture, Network
from chapter6.engine.parameters import Parameters
from chapter6.engine.penalties import Penalty
from chapter6.engine.stages import Stage
from chapter6.engine.streams import Streams
from chapter6.engine.surfaces import Surface

EVALUATION_CHUNK = 500  # examples a forward pass, so that a chunk stays in the cache


class Problem:
    """A flat array of ``values`` to optimize and its ``gradient``, written by ``differentiate``."""

    values: Array
    gradient: Array

    def begin(self, stage: Stage, number: int) -> None:
        """Prepare for the updates of a stage, the first being number 0."""

    @abstractmethod
    def differentiate(self, step: int) -> float:
        """Write the gradient for update number ``step`` of the stage (from 1) and return the loss it belongs to."""


class SurfaceProblem(Problem):
    """A point (x, y) moving on ``surface``, in float64."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self.values = np.array(surface.start, dtype=np.float64)
        self.gradient = np.zeros(2)

    def differentiate(self, step: int) -> float:
        """Write both partial derivatives; return f(x, y)."""
        x, y = self.values
        self.gradient[...] = self.surface.gradient(x, y)
        return float(self.surface.value(x, y))


class Classifier(Problem):
    """What predicts labels; ``splits`` maps a split's name to its examples, ``batch_loss`` is the last pass's."""

    splits: Mapping[str, Examples]
    batch_loss: float

    @abstractmethod
    def evaluate(self, split: str) -> tuple[float, float]:
        """Return mean loss (without penalty) and accuracy, a share, over a whole split."""

    @abstractmethod
    def loss_after_update(self) -> float:
        """Return the loss of the current batch under the updated weights: a second forward pass."""


class NetworkProblem(Classifier):
    """A network and its penalties on the training split, batches drawn from ``streams`` stage by stage."""

    def __init__(
        self,
        architecture: Architecture,
        parameters: Parameters,
        splits: Mapping[str, Examples],
        penalties: Sequence[Penalty] = (),
        streams: Streams | None = None,
    ) -> None:
        self.architecture = architecture
        self.parameters = parameters
        self.values = parameters.values
        self.gradient = parameters.gradient
        self.splits = splits
        self.penalties = penalties
        self.streams = streams
        self._weights = self.values[: parameters.decayed]
        self._weights_gradient = self.gradient[: parameters.decayed]
        self._evaluators: dict[int, Network] = {}
        self.batch: tuple[Array, NDArray[Any]] | None = None
        self.batch_loss = float("nan")

    @property
    def dtype(self) -> DTypeLike:
        """Type of every float of the network."""
        return self.values.dtype

    def begin(self, stage: Stage, number: int) -> None:
        """Draw the batches of the stage and bind the network to their size."""
        assert self.streams is not None, "training needs random streams"
        own = self.streams.within(f"stage-{number}") if number else self.streams
        train = self.splits["train"]
        self.train_on(draw_indices(own("batches"), len(train), stage.steps, stage.batch_size, stage.sampling), own)

    def train_on(self, indices: NDArray[np.integer], streams: Streams | None = None) -> None:
        """Train on the batches of these ``indices`` (steps, batch) of the training split."""
        rng = streams("augmentation") if streams else None
        self.batches = self.splits["train"].batches(indices, self.dtype, rng)
        self._network = Network(self.architecture, self.parameters, indices.shape[1], streams)

    def differentiate(self, step: int) -> float:
        """Gather batch number ``step``, run forward and backward; return the batch's loss."""
        self.batch = self.batches[step - 1]
        self.batch_loss = self._network.differentiate(*self.batch)
        for penalty in self.penalties:
            self.batch_loss += penalty.value(self._weights)
            penalty.add_gradient(self._weights, self._weights_gradient)
        return self.batch_loss

    def loss_after_update(self) -> float:
        """Return the loss of the current batch under the updated weights: a second forward pass."""
        if self.batch is None:
            return float("nan")
        loss = self.evaluator(self._network.batch_size).loss(*self.batch, training=True)
        return loss + sum(penalty.value(self._weights) for penalty in self.penalties)

    def evaluate(self, split: str) -> tuple[float, float]:
        """Return mean loss (without penalty) and accuracy, a share, over a whole split."""
        examples = self.splits[split]
        if examples.views:
            return evaluate_mean((self,), examples, self.dtype)
        loss, correct = 0.0, 0
        for images, labels in examples.chunks(EVALUATION_CHUNK, self.dtype):
            network = self.evaluator(len(images))
            loss += network.loss(images, labels) * len(images)
            correct += int((network.outputs.argmax(axis=1) == labels).sum())
        return loss / len(examples), correct / len(examples)

    def snapshot(self) -> list[Array]:
        """Return copies of everything that a forward pass depends on."""
        return [self.values.copy(), *(array.copy() for array in self.parameters.statistics.values())]

    def restore(self, snapshot: Sequence[Array]) -> None:
        """Write a snapshot back."""
        for array, copy in zip((self.values, *self.parameters.statistics.values()), snapshot, strict=True):
            array[...] = copy

    def evaluator(self, batch_size: int) -> Network:
        """Return a network that looks on, for batches of this size; it is kept for later calls."""
        if batch_size not in self._evaluators:
            own = self.streams.within(f"evaluator-{batch_size}") if self.streams else None
            self._evaluators[batch_size] = Network(self.architecture, self.parameters, batch_size, own, learns=False)
        return self._evaluators[batch_size]


class EnsembleProblem(Classifier):
    """Several networks trained side by side and evaluated by the mean of their output probabilities.

    ``values`` and ``gradient`` are the buffers that the members' parameters share, one member after the other.
    """

    def __init__(self, members: Sequence[NetworkProblem], values: Array, gradient: Array) -> None:
        self.members = members
        self.values = values
        self.gradient = gradient
        self.splits = members[0].splits
        self.batch_loss = float("nan")

    def begin(self, stage: Stage, number: int) -> None:
        """Prepare every member."""
        for member in self.members:
            member.begin(stage, number)

    def differentiate(self, step: int) -> float:
        """Write every member's gradient; return the mean of their losses."""
        self.batch_loss = sum(member.differentiate(step) for member in self.members) / len(self.members)
        return self.batch_loss

    def loss_after_update(self) -> float:
        """Return the mean of the members' losses after the update."""
        return sum(member.loss_after_update() for member in self.members) / len(self.members)

    def evaluate(self, split: str) -> tuple[float, float]:
        """Return mean loss and accuracy of the averaged probabilities."""
        return evaluate_mean(self.members, self.splits[split], self.values.dtype)


def evaluate_mean(members: Sequence[NetworkProblem], examples: Examples, dtype: DTypeLike) -> tuple[float, float]:
    """Return mean loss and accuracy of probabilities that are averaged over networks and views."""
    loss, correct = 0.0, 0
    seen = [each.chunks(EVALUATION_CHUNK, dtype) for each in examples.views or (examples,)]
    for views in zip(*seen, strict=True):
        labels = views[0][1]
        outputs = [log_softmax(m.evaluator(len(labels)).forward(images)) for images, _ in views for m in members]
        mean = np.logaddexp.reduce(outputs) - np.log(len(outputs))  # of probabilities, on their log scale
        loss -= float(mean[np.arange(len(labels)), labels].sum())
        correct += int((mean.argmax(axis=1) == labels).sum())
    return loss / len(examples), correct / len(examples)
