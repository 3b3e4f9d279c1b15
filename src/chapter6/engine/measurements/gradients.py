"""Gradients of the loss, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from typing import ClassVar

import numpy as np

from chapter6.engine.activations import Activation
from chapter6.engine.arrays import Array
from chapter6.engine.measurements.base import Measurement, Reading, first_examples
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
        norms: dict[str, float] = {}

        def look(name: str, delta: Array) -> None:
            norms[name] = float(np.linalg.norm(delta.astype(np.float64)))

        images, targets = first_examples(problem, self.examples)
        watched(problem, len(images), lambda layer: isinstance(layer, Activation), back=look).differentiate(
            images, targets
        )
        for name, norm in reversed(norms.items()):
            yield "train", f"delta_norm/{name}", norm


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
