"""What can be trained: a network on examples, or a point on a surface."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from chapter6.engine.arrays import Array
from chapter6.engine.examples import Examples, draw_indices
from chapter6.engine.losses import log_softmax
from chapter6.engine.network import Architecture, Network
from chapter6.engine.parameters import Parameters, Weights, joined
from chapter6.engine.penalties import Penalty
from chapter6.engine.stages import Stage
from chapter6.engine.streams import Streams
from chapter6.engine.surfaces import Surface

EVALUATION_CHUNK = 500  # examples a forward pass, so that a chunk stays in the cache


class Problem:
    """A flat array of ``values`` to optimize and its ``gradient``, written by ``differentiate``.

    ``windows`` are the stretches of both that the present stage trains.
    """

    values: Array
    gradient: Array
    windows: Sequence[slice] = (slice(None),)

    def begin(self, stage: Stage, number: int) -> None:
        """Prepare for the updates of a stage, the first being number 0."""

    @abstractmethod
    def differentiate(self, step: int) -> float:
        """Write the gradient for update number ``step`` of the stage (from 1) and return the loss it belongs to."""

    def weights(self) -> Weights:
        """Return all that another run may start from, by name."""
        return {}


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
        self._decaying = [(self.values[: parameters.decayed], self.gradient[: parameters.decayed])]
        self._evaluators: dict[tuple[int, int, int | None], Network] = {}
        self._still = 0
        self.batch: tuple[Array, NDArray[Any]] | None = None
        self.batch_loss = float("nan")
        self.origin: Origin | None = None

    @property
    def dtype(self) -> DTypeLike:
        """Type of every float of the network."""
        return self.values.dtype

    def begin(self, stage: Stage, number: int) -> None:
        """Draw the batches of the stage and bind the network to their size."""
        self._train_only(stage.learning([slot.name for slot in self.architecture.slots()]))
        assert self.streams is not None, "training needs random streams"
        own = self.streams.within(f"stage-{number}") if number else self.streams
        train = self.splits["train"]
        indices = draw_indices(own("batches"), len(train), stage.updates, stage.batch_size, stage.sampling)
        self.train_on(indices, own, self.architecture.still(self.parameters.learning))

    def train_on(self, indices: NDArray[np.integer], streams: Streams | None = None, still: int = 0) -> None:
        """Train on the batches of these ``indices`` (steps, batch) of the training split.

        What the first ``still`` layers make of each image is computed once, where images are seen more than once.
        """
        train = self.splits["train"]
        self._still = still if indices.size > len(train) and not train.augmented else 0
        rng = streams("augmentation") if streams else None
        self.batches = (self._after_still(train) if self._still else train).batches(indices, self.dtype, rng)
        part = slice(self._still, None)
        self._network = Network(self.architecture, self.parameters, indices.shape[1], streams, part=part)

    def _after_still(self, examples: Examples) -> Examples:
        """Return what the layers that stay as they are make of all examples."""
        chunks = (images for images, _ in examples.chunks(EVALUATION_CHUNK, self.dtype))
        made = [self.evaluator(len(images), 0, self._still).forward(images).copy() for images in chunks]
        return Examples(np.concatenate(made).reshape(len(examples), -1), examples.targets)

    def differentiate(self, step: int) -> float:
        """Gather batch number ``step``, run forward and backward; return the batch's loss."""
        self.batch = self.batches[step - 1]
        self.batch_loss = self._network.differentiate(*self.batch)
        for penalty in self.penalties:
            for weights, gradient in self._decaying:
                self.batch_loss += penalty.value(weights)
                penalty.add_gradient(weights, gradient)
        return self.batch_loss

    def loss_after_update(self) -> float:
        """Return the loss of the current batch under the updated weights: a second forward pass."""
        if self.batch is None:
            return float("nan")
        loss = self.evaluator(self._network.batch_size, self._still).loss(*self.batch, training=True)
        return loss + sum(penalty.value(weights) for penalty in self.penalties for weights, _ in self._decaying)

    def _train_only(self, learning: frozenset[str]) -> None:
        """Leave alone all but these slots; penalties touch only what learns."""
        parameters = self.parameters
        if learning != parameters.learning:
            parameters.learning = learning
            self._evaluators.clear()  # they are bound to what learned before
        self.windows = parameters.windows(learning)
        decaying = [slice(w.start, min(w.stop, parameters.decayed)) for w in self.windows]
        self._decaying = [(self.values[w], self.gradient[w]) for w in decaying if w.start < w.stop]

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

    def evaluate_masked(self, split: str, masks: int) -> tuple[float, float]:
        """Return mean loss and accuracy of probabilities averaged over so many passes that drop units."""
        return evaluate_mean((self,), self.splits[split], self.dtype, masks)

    def weights(self) -> Weights:
        """Return parameters and running averages."""
        return self.parameters.all

    def take(self, weights: Weights, names: Collection[str]) -> None:
        """Take over parameters of these names, and the running averages of their layers."""
        self.parameters.take(weights, names)

    def earlier(self) -> NetworkProblem:
        """Return what the run started from, on its own data: with the present weights where they were taken over.

        So its ``fresh`` parts are the old ones, as the old classifier on what was learned since.
        """
        assert self.origin is not None, "the run starts from another"
        before = self.origin.problem()
        before.take(self.weights(), self.origin.taken)
        return before

    def snapshot(self) -> list[Array]:
        """Return copies of everything that a forward pass depends on."""
        return [self.values.copy(), *(array.copy() for array in self.parameters.statistics.values())]

    def restore(self, snapshot: Sequence[Array]) -> None:
        """Write a snapshot back."""
        for array, copy in zip((self.values, *self.parameters.statistics.values()), snapshot, strict=True):
            array[...] = copy

    def evaluator(self, batch_size: int, first: int = 0, last: int | None = None) -> Network:
        """Return a network that looks on, for batches of this size; it is kept for later calls.

        It is that of all layers, or of those from position ``first`` to before ``last``.
        """
        key = (batch_size, first, last)
        if key not in self._evaluators:
            own, part = self.streams and self.streams.within(f"evaluator-{batch_size}"), slice(first, last)
            network = Network(self.architecture, self.parameters, batch_size, own, learns=False, part=part)
            self._evaluators[key] = network
        return self._evaluators[key]


@dataclass(frozen=True)
class Origin:
    """What a network started from, built when it is asked for, and the names of the parameters that it took over."""

    problem: Callable[[], NetworkProblem]
    taken: Collection[str]


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
        windows: list[slice] = []
        for place, member in enumerate(self.members):
            member.begin(stage, number)
            first = place * len(member.values)
            windows += [slice(first + window.start, first + window.stop) for window in member.windows]
        self.windows = joined(windows)

    def weights(self) -> Weights:
        """Return those of all members."""
        members = enumerate(self.members)
        return {f"member-{n}/{name}": array for n, member in members for name, array in member.weights().items()}

    def take(self, weights: Weights, names: Collection[str]) -> None:
        """Take them over, each member from its own."""
        for number, member in enumerate(self.members):
            own = f"member-{number}/"
            found = {name.removeprefix(own): array for name, array in weights.items() if name.startswith(own)}
            member.take(found, names)

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


def evaluate_mean(
    members: Sequence[NetworkProblem], examples: Examples, dtype: DTypeLike, masks: int = 0
) -> tuple[float, float]:
    """Return mean loss and accuracy of probabilities that are averaged over networks and views.

    With ``masks`` also over so many passes of each, dropping units as in training.
    """
    loss, correct = 0.0, 0
    seen = [each.chunks(EVALUATION_CHUNK, dtype) for each in examples.views or (examples,)]
    for views in zip(*seen, strict=True):
        labels = views[0][1]
        passes = [(m.evaluator(len(labels)), images) for images, _ in views for m in members] * max(masks, 1)
        outputs = [log_softmax(network.forward(images, training=masks > 0)) for network, images in passes]
        mean = np.logaddexp.reduce(outputs) - np.log(len(outputs))  # of probabilities, on their log scale
        loss -= float(mean[np.arange(len(labels)), labels].sum())
        correct += int((mean.argmax(axis=1) == labels).sum())
    return loss / len(examples), correct / len(examples)
