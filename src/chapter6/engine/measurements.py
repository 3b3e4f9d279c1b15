"""What a run records: readings of (split, metric, value) taken from a problem between updates.

A metric of a layer carries its name behind a slash (``activation_std/layer-3``). A value is a number, or
an array for a histogram, whose metric starts with ``histogram/``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from chapter6.engine.activations import Activation
from chapter6.engine.arrays import Array
from chapter6.engine.problems import Classifier, NetworkProblem, Problem, SurfaceProblem
from chapter6.registry import Count, Family, Positive

Reading = tuple[str, str, float | Array]
Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Measurement(Family):
    """One way of reading a problem; ``metrics`` lists what it yields, ``subject`` what it can read."""

    subject: ClassVar[type[Problem]] = NetworkProblem
    metrics: ClassVar[tuple[str, ...]] = ()

    @property
    def splits_read(self) -> tuple[str, ...]:
        """The splits the readings belong to."""
        return ("train",)

    @abstractmethod
    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the readings of this moment."""


@dataclass(frozen=True)
class Position(Measurement):
    """Where the point stands on the surface: x, y, the height f(x, y) and the distance from the minimum."""

    subject: ClassVar[type[Problem]] = SurfaceProblem
    metrics: ClassVar[tuple[str, ...]] = ("x", "y", "height", "distance")

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield x, y, the height and the distance from the minimum, which is the origin."""
        assert isinstance(problem, SurfaceProblem)
        x, y = problem.values
        yield "train", "x", float(x)
        yield "train", "y", float(y)
        yield "train", "height", float(problem.surface.value(x, y))
        yield "train", "distance", float(np.hypot(x, y))


@dataclass(frozen=True)
class Misalignment(Measurement):
    """How far the negative gradient points past the minimum, in degrees, over a window of the surface.

    ``misaligned_share`` is the share of the points of a regular grid where the angle between the negative
    gradient and the direction of the minimum exceeds ``degrees``; ``angle`` is the median over the grid.
    """

    subject: ClassVar[type[Problem]] = SurfaceProblem
    metrics: ClassVar[tuple[str, ...]] = ("angle", "misaligned_share")
    half_width: Positive = 10.0
    half_height: Positive = 5.0
    points: Count = 200
    degrees: Positive = 30.0

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the median angle and the share of misaligned points."""
        assert isinstance(problem, SurfaceProblem)
        x, y = np.meshgrid(
            np.linspace(-self.half_width, self.half_width, self.points),
            np.linspace(-self.half_height, self.half_height, self.points),
        )
        slope_x, slope_y = problem.surface.gradient(x, y)
        lengths = np.hypot(slope_x, slope_y) * np.hypot(x, y)
        cosine = (slope_x * x + slope_y * y)[lengths > 0] / lengths[lengths > 0]  # the minimum has no direction
        angle = np.degrees(np.arccos(cosine.clip(-1, 1)))
        yield "train", "angle", float(np.median(angle))
        yield "train", "misaligned_share", float((angle > self.degrees).mean())


@dataclass(frozen=True)
class BatchLoss(Measurement, key="batch_loss"):
    """Loss of the mini-batch: after its update (the book's scripts), or of the training pass itself.

    The loss of the training pass is known without a second forward pass, but only when the update's gradient
    is computed: it belongs to the weights before the update and is recorded one step earlier.
    """

    subject: ClassVar[type[Problem]] = Classifier  # type: ignore[type-abstract]
    metrics: ClassVar[tuple[str, ...]] = ("loss",)
    after_update: bool = False

    @property
    def splits_read(self) -> tuple[str, ...]:
        """The batch."""
        return ("batch",)

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the loss of the current batch."""
        assert isinstance(problem, Classifier)
        yield "batch", "loss", problem.loss_after_update() if self.after_update else problem.batch_loss


@dataclass(frozen=True)
class Evaluation(Measurement):
    """Loss (without penalty) and accuracy over whole splits."""

    subject: ClassVar[type[Problem]] = Classifier  # type: ignore[type-abstract]
    metrics: ClassVar[tuple[str, ...]] = ("loss", "accuracy")
    splits: tuple[Split, ...] = ("train", "test")

    @property
    def splits_read(self) -> tuple[str, ...]:
        """The splits evaluated."""
        return self.splits

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield loss and accuracy of each split."""
        assert isinstance(problem, Classifier)
        for split in self.splits:
            loss, accuracy = problem.evaluate(split)
            yield split, "loss", loss
            yield split, "accuracy", accuracy


@dataclass(frozen=True)
class DistinctUnits(Measurement, key="distinct_units"):
    """Numerical rank of each hidden weight matrix, and the largest of them (section 6.2.1).

    The tolerance is NumPy's: the largest singular value times the longer side times the type's epsilon.
    """

    metrics: ClassVar[tuple[str, ...]] = ("rank", "rank/layer-*")

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the rank of every hidden layer's weights."""
        assert isinstance(problem, NetworkProblem)
        ranks = [_rank(problem.parameters.value_of[f"weights/{name}"]) for name in _hidden_names(problem)]
        yield "train", "rank", float(max(ranks))
        for name, rank in zip(_hidden_names(problem), ranks, strict=True):
            yield "train", f"rank/{name}", float(rank)


@dataclass(frozen=True)
class Activations(Measurement):
    """Distribution of every hidden layer's activations over the first ``examples`` of the train split.

    ``activation_std`` pools units and inputs, which is what the book's histograms show; ``unit_std`` is each
    unit's spread over the inputs (root mean square over units), which is what carries information. ``slope``
    is the mean of f'(z) and ``saturated`` the share of activations whose slope is under 0.01. ``histogram``
    holds shares of all activations, so what lies outside [low, high] is what its sum lacks to one.
    """

    metrics: ClassVar[tuple[str, ...]] = tuple(
        f"{metric}/layer-*"
        for metric in ("activation_mean", "activation_std", "unit_std", "slope", "saturated", "histogram")
    )
    examples: Count = 1000
    low: float = -1.0
    high: float = 4.0
    bins: Count = 200

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield moments and histogram of every hidden layer."""
        assert isinstance(problem, NetworkProblem)
        images, _ = next(problem.splits["train"].first(self.examples).chunks(self.examples, problem.dtype))
        network = problem.evaluator(len(images))
        network.forward(images)
        for layer in network.nonlinearities:
            name = layer.name
            y = layer.output.astype(np.float64)
            slope = np.ones_like(y)
            layer.activation.backward(y, slope)
            yield "train", f"activation_mean/{name}", float(y.mean())
            yield "train", f"activation_std/{name}", float(y.std())
            yield "train", f"unit_std/{name}", float(np.sqrt(y.var(axis=0).mean()))
            yield "train", f"slope/{name}", float(slope.mean())
            yield "train", f"saturated/{name}", float((slope < 0.01).mean())
            counts, _ = np.histogram(y, self.bins, (self.low, self.high))
            yield "train", f"histogram/{name}", counts / y.size


@dataclass(frozen=True)
class Gradients(Measurement):
    """Frobenius norm of the loss's gradient with respect to each layer's weights, over ``examples``."""

    metrics: ClassVar[tuple[str, ...]] = ("gradient_norm/layer-*",)
    examples: Count = 1000

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the norm for every affine layer."""
        assert isinstance(problem, NetworkProblem)
        images, targets = next(problem.splits["train"].first(self.examples).chunks(self.examples, problem.dtype))
        problem.evaluator(len(images)).differentiate(images, targets)
        for slot, gradient in problem.parameters.gradient_of.items():
            if slot.startswith("weights/"):
                name = slot.removeprefix("weights/")
                yield "train", f"gradient_norm/{name}", float(np.linalg.norm(gradient.astype(np.float64)))


def _hidden_names(problem: NetworkProblem) -> list[str]:
    """Return the names of the layers that an activation follows."""
    return [name for layer, name, *_ in problem.architecture.walk() if isinstance(layer, Activation)]


def _rank(weights: Array) -> int:
    return int(np.linalg.matrix_rank(weights)) if np.isfinite(weights).all() else 0
