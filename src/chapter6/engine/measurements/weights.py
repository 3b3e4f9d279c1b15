"""The weights themselves: how alike units are, their size and path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, nan
from typing import ClassVar

import numpy as np

from chapter6.engine.activations import Activation
from chapter6.engine.arrays import Array
from chapter6.engine.measurements.base import Measurement, Reader, Reading
from chapter6.engine.problems import NetworkProblem, Problem
from chapter6.registry import Positive


@dataclass(frozen=True)
class DistinctUnits(Measurement, key="distinct_units"):
    """Second over first singular value of each hidden weight matrix, and the largest of these (section 6.2.1).

    It is 0 where all units of a layer are the same or multiples of each other, and where all weights are 0; rounding
    moves it by some 1e-7, while the numerical rank it replaces flips by rounding.
    """

    metrics: ClassVar[tuple[str, ...]] = ("second_value", "second_value/layer-*")

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the share for every hidden layer's weights."""
        assert isinstance(problem, NetworkProblem)
        names = _hidden_names(problem)
        shares = [_second_value(problem.parameters.value_of[f"weights/{name}"]) for name in names]
        yield "train", "second_value", max(shares)
        for name, share in zip(names, shares, strict=True):
            yield "train", f"second_value/{name}", share


@dataclass(frozen=True)
class WeightNorms(Measurement, key="weight_norms"):
    """Euclidean norm of all weights (not biases, not gains), and of each layer's."""

    metrics: ClassVar[tuple[str, ...]] = ("weight_norm", "weight_norm/layer-*")

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the norms."""
        assert isinstance(problem, NetworkProblem)
        norms = {name: float(np.linalg.norm(weights.astype(np.float64))) for name, weights in _weights(problem)}
        yield "train", "weight_norm", float(np.linalg.norm(list(norms.values())))
        for name, norm in norms.items():
            yield "train", f"weight_norm/{name}", norm


@dataclass(frozen=True)
class Sparsity(Measurement):
    """Share of each layer's weights that are smaller than ``threshold``; of the first, only those on live pixels.

    Live are the inputs that are not the same in all training images: the others' weights are never driven anywhere.
    """

    metrics: ClassVar[tuple[str, ...]] = ("sparsity/layer-*",)
    threshold: Positive = 1e-3

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the share for every layer with weights."""
        assert isinstance(problem, NetworkProblem)
        images = problem.splits["train"].images
        live = images.max(axis=0) > images.min(axis=0)
        for number, (name, weights) in enumerate(_weights(problem)):
            counted = weights[live] if number == 0 and len(weights) == len(live) else weights
            yield "train", f"sparsity/{name}", float((np.abs(counted) < self.threshold).mean())


@dataclass(frozen=True)
class Path(Measurement):
    """Length of the path from look to look, its net distance from the first, and the one over the other.

    The path is that of all parameters and as fine as the schedule: with one of every update it is exact. The ratio is
    1 for a straight line, and before anything has moved.
    """

    subject: ClassVar[type[Problem]] = Problem  # type: ignore[type-abstract]
    metrics: ClassVar[tuple[str, ...]] = ("path_length", "net_distance", "path_ratio")

    def bind(self, problem: Problem) -> Reader:
        """Return a reader that remembers where it has looked."""
        return _Walk(problem)


class _Walk:
    """Adds up the steps between looks."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._length = 0.0
        self._first: Array | None = None

    def __call__(self) -> Iterator[Reading]:
        here = self._problem.values.astype(np.float64)
        if self._first is None:
            self._first = self._last = here
        self._length += float(np.linalg.norm(here - self._last))
        self._last = here
        distance = float(np.linalg.norm(here - self._first))
        yield "train", "path_length", self._length
        yield "train", "net_distance", distance
        yield "train", "path_ratio", self._length / distance if distance else inf if self._length else 1.0


def _weights(problem: NetworkProblem) -> Iterator[tuple[str, Array]]:
    """Yield the name and the weights of every layer that has some, from the first on."""
    for slot, values in problem.parameters.value_of.items():
        if slot.startswith("weights/"):
            yield slot.removeprefix("weights/"), values


def _hidden_names(problem: NetworkProblem) -> list[str]:
    """Return the names of the layers that an activation follows."""
    return [name for layer, name, *_ in problem.architecture.walk() if isinstance(layer, Activation)]


def _second_value(weights: Array) -> float:
    if not np.isfinite(weights).all():
        return nan
    first, *others = np.linalg.svd(weights.astype(np.float64), compute_uv=False)
    return float(others[0] / first) if others and first else 0.0
