"""Gradients of the loss, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from typing import ClassVar

import numpy as np

from chapter6.engine.activations import Activation
from chapter6.engine.arrays import Array
from chapter6.engine.measurements.base import Binned, Measurement, Reading, first_examples
from chapter6.engine.measurements.watching import watched
from chapter6.engine.problems import NetworkProblem, Problem
from chapter6.registry import Count


@dataclass(frozen=True)
class Gradients(Measurement):
    """Frobenius norm of the loss's gradient with respect to each layer's weights, over ``examples``."""

    metrics: ClassVar[tuple[str, ...]] = ("gradient_norm/layer-*",)
    examples: Count = 1000

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the norm for every affine layer."""
        assert isinstance(problem, NetworkProblem)
        images, targets = first_examples(problem, self.examples)
        problem.evaluator(len(images)).differentiate(images, targets)
        for slot, gradient in problem.parameters.gradient_of.items():
            if slot.startswith("weights/"):
                name = slot.removeprefix("weights/")
                yield "train", f"gradient_norm/{name}", float(np.linalg.norm(gradient.astype(np.float64)))


@dataclass(frozen=True)
class Deltas(Measurement):
    """Frobenius norm of delta, the loss's gradient with respect to the input of each activation, over ``examples``.

    What vanishes with depth: gradients of weights are deltas times activations, which may make up for them.
    """

    metrics: ClassVar[tuple[str, ...]] = ("delta_norm/layer-*",)
    examples: Count = 1000

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the norm for every hidden layer."""
        assert isinstance(problem, NetworkProblem)
        for name, delta in _deltas(problem, self.examples).items():
            yield "train", f"delta_norm/{name}", float(np.linalg.norm(delta))


@dataclass(frozen=True)
class GradientSizes(Binned, key="gradient_sizes"):
    """Histograms of log10 of the size of each layer's deltas and of the gradients of its weights, over ``examples``.

    They hold shares of all of a layer's numbers, so what lies outside of [low, high], such as all that is exactly 0, is
    what their sum lacks to one.
    """

    metrics: ClassVar[tuple[str, ...]] = ("histogram/delta/layer-*", "histogram/gradient/layer-*")
    examples: Count = 1000
    low: float = -20.0
    high: float = 10.0
    bins: Count = 150

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield both for every hidden layer."""
        assert isinstance(problem, NetworkProblem)
        for name, delta in _deltas(problem, self.examples).items():
            gradient = problem.parameters.gradient_of[f"weights/{name}"]
            yield "train", f"histogram/delta/{name}", self._histogram(delta)
            yield "train", f"histogram/gradient/{name}", self._histogram(gradient.astype(np.float64))

    def _histogram(self, values: Array) -> Array:
        sizes = np.abs(values)
        return self.shares(np.log10(sizes, where=sizes > 0, out=np.full_like(sizes, np.inf)))


@dataclass(frozen=True)
class GradientSigns(Measurement, key="gradient_signs"):
    """Share of each dense layer's units whose weights all have gradients of one sign, over ``examples``.

    Inputs that are all positive make it so for each single example (LeCun et al. 1998, "Efficient BackProp", 4.3). A
    gradient of zero has no sign; units without any other are left out.
    """

    metrics: ClassVar[tuple[str, ...]] = ("one_signed/layer-*",)
    examples: Count = 128

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the share for every layer whose weights are a matrix."""
        assert isinstance(problem, NetworkProblem)
        images, targets = first_examples(problem, self.examples)
        problem.evaluator(len(images)).differentiate(images, targets)
        for slot, gradient in problem.parameters.gradient_of.items():
            if slot.startswith("weights/") and gradient.ndim == 2:
                rises, falls = (gradient > 0).any(axis=0), (gradient < 0).any(axis=0)
                units = (rises | falls).sum()
                share = float((rises ^ falls).sum() / units) if units else nan
                yield "train", f"one_signed/{slot.removeprefix('weights/')}", share


def _deltas(problem: NetworkProblem, examples: int) -> dict[str, Array]:
    """Return every hidden layer's delta over the first ``examples``, in float64, and leave those of the parameters."""
    found: dict[str, Array] = {}

    def look(name: str, delta: Array) -> None:
        found[name] = delta.astype(np.float64)

    images, targets = first_examples(problem, examples)
    network = watched(problem, len(images), lambda layer: isinstance(layer, Activation), back=look)
    network.differentiate(images, targets)
    return dict(reversed(found.items()))
