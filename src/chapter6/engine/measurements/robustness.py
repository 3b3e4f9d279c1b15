"""How much a network depends on its exact weights and on each of its units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import MinLen

from chapter6.engine.activations import Activation
from chapter6.engine.arrays import Array
from chapter6.engine.measurements.base import Measurement, Reading, Split, first_examples
from chapter6.engine.measurements.watching import watched
from chapter6.engine.network import Network
from chapter6.engine.parameters import Parameters
from chapter6.engine.problems import EVALUATION_CHUNK, NetworkProblem, Problem
from chapter6.engine.streams import Streams
from chapter6.registry import Count, Positive, Share


@dataclass(frozen=True)
class WeightNoise(Measurement, key="weight_noise"):
    """What noise on the weights does to the loss, over the first ``examples``, in evaluation and float64.

    Noise is normal, its spread ``relative`` times the root mean square of each layer's weights, the same at each look.
    It is added and subtracted, so that what the slope does to the loss does not count in ``noise_rise``, the mean
    rise; ``noise_change`` is the root mean square of all changes, slope and all.
    """

    metrics: ClassVar[tuple[str, ...]] = ("noise_rise", "noise_change")
    examples: Count = 1000
    relative: Positive = 0.01
    draws: Count = 10

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the mean rise and the root mean square of changes."""
        assert isinstance(problem, NetworkProblem)
        twin = _Twin(problem, self.examples)
        before = twin.loss()
        noises = [self._noise(twin.parameters, twin.streams(f"noise-{draw}")) for draw in range(self.draws)]
        changes = np.array([twin.loss(moved) - before for noise in noises for moved in (noise, -noise)])
        yield "train", "noise_rise", float(changes.mean())
        yield "train", "noise_change", float(np.sqrt((changes**2).mean()))

    def _noise(self, parameters: Parameters, rng: np.random.Generator) -> Array:
        noise = np.zeros_like(parameters.values)
        parts = [
            rng.standard_normal(slot.size) * np.sqrt((parameters.value_of[slot.name] ** 2).mean())
            for slot in parameters.slots
            if slot.decays
        ]
        noise[: parameters.decayed] = self.relative * np.concatenate(parts)
        return noise


@dataclass(frozen=True)
class Curvature(Measurement):
    """The eigenvalue of largest magnitude of the loss's Hessian over the first ``examples``, by power iteration.

    Products with the Hessian are central differences of gradients, in float64 (Pearlmutter 1994 gives them exactly);
    the loss is without penalty, in a training pass with the same masks throughout.
    """

    metrics: ClassVar[tuple[str, ...]] = ("curvature",)
    examples: Count = 1000
    iterations: Count = 20

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the eigenvalue."""
        assert isinstance(problem, NetworkProblem)
        twin = _Twin(problem, self.examples)
        direction = twin.streams("direction").standard_normal(twin.parameters.values.size)
        width = np.cbrt(np.finfo(np.float64).eps) * max(1.0, float(np.linalg.norm(twin.parameters.values)))
        eigenvalue = 0.0
        for _ in range(self.iterations):
            size = np.linalg.norm(direction)
            if size == 0:  # a plane
                break
            direction /= size
            product = (twin.gradient(width * direction) - twin.gradient(-width * direction)) / (2 * width)
            eigenvalue = float(direction @ product)
            direction = product
        yield "train", "curvature", eigenvalue


@dataclass(frozen=True)
class RemovedUnits(Measurement, key="removed_units"):
    """Accuracy over the first ``examples`` of splits with a share of each hidden layer's units removed.

    Which ones is drawn at random, the same at each look; the accuracy is the mean over ``draws``. Nothing makes up for
    what is missing.
    """

    metrics: ClassVar[tuple[str, ...]] = ("pruned_accuracy",)
    splits: Annotated[tuple[Split, ...], MinLen(1)] = ("test",)
    examples: Count = 10_000
    share: Share = 0.3
    draws: Count = 10

    @property
    def splits_read(self) -> tuple[str, ...]:
        return self.splits

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the accuracy of each split."""
        assert isinstance(problem, NetworkProblem)
        assert problem.streams is not None, "units are removed at random"
        for split in self.splits:
            streams = problem.streams.within("removed-units")
            shares = [self._accuracy(problem, split, streams.within(f"{draw}")) for draw in range(self.draws)]
            yield split, "pruned_accuracy", float(np.mean(shares))

    def _accuracy(self, problem: NetworkProblem, split: str, streams: Streams) -> float:
        """Return the accuracy without the units that ``streams`` choose."""
        kept: dict[str, Array] = {}

        def remove(name: str, y: Array) -> None:
            if name not in kept:
                shape = y.shape[1:]
                order = streams(name).permutation(y[0].size).reshape(shape)
                kept[name] = (order >= round(self.share * y[0].size)).astype(y.dtype)
            y *= kept[name]

        examples = problem.splits[split].first(self.examples)
        correct = 0
        for images, labels in examples.chunks(EVALUATION_CHUNK, problem.dtype):
            network = watched(problem, len(images), lambda layer: isinstance(layer, Activation), after=remove)
            correct += int((network.forward(images).argmax(axis=1) == labels).sum())
        return correct / len(examples)


class _Twin:
    """A network of its own, in float64, with the weights of a problem: they can be moved from where they stand."""

    def __init__(self, problem: NetworkProblem, examples: int) -> None:
        assert problem.streams is not None, "directions are drawn at random"
        self.streams = problem.streams.within("twin")
        self.parameters = Parameters(problem.architecture.slots(), np.float64)
        self.parameters.values[...] = problem.values
        statistics = problem.parameters.statistics
        self.parameters.statistics |= {name: array.astype(np.float64) for name, array in statistics.items()}
        self._start = self.parameters.values.copy()
        self._architecture = problem.architecture
        self._images, self._targets = first_examples(problem, examples, np.float64)

    def loss(self, moved: Array | float = 0.0) -> float:
        """Return the loss in evaluation with all parameters moved by so much."""
        return self._network(moved).loss(self._images, self._targets)

    def gradient(self, moved: Array) -> Array:
        """Return the gradient of a training pass there, with the same masks each time."""
        self._network(moved).differentiate(self._images, self._targets)
        return self.parameters.gradient.copy()

    def _network(self, moved: Array | float) -> Network:
        np.add(self._start, moved, out=self.parameters.values)
        return Network(self._architecture, self.parameters, len(self._images), self.streams, learns=False)
