"""Distributions of what hidden layers give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from typing import ClassVar

import numpy as np

from chapter6.engine.arrays import Array
from chapter6.engine.measurements.base import Binned, Measurement, Reader, Reading, first_examples
from chapter6.engine.measurements.watching import watched
from chapter6.engine.problems import NetworkProblem, Problem
from chapter6.registry import Count, Positive


@dataclass(frozen=True)
class Activations(Binned):
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
        for name, y, slope in _hidden(problem, self.examples):
            yield "train", f"activation_mean/{name}", float(y.mean())
            yield "train", f"activation_std/{name}", float(y.std())
            yield "train", f"unit_std/{name}", float(np.sqrt(y.var(axis=0).mean()))
            yield "train", f"slope/{name}", float(slope.mean())
            yield "train", f"saturated/{name}", float((slope < 0.01).mean())
            yield "train", f"histogram/{name}", self.shares(y)


@dataclass(frozen=True)
class Moments(Measurement):
    """How far from zero the activations of every hidden layer lie, over the first ``examples`` of the train split.

    ``offset`` is the distance of the mean over all units and inputs, ``unit_mean`` the root mean square over units of
    each one's mean over the inputs: units that lie on both sides of zero have no offset, and a mean each.
    """

    metrics: ClassVar[tuple[str, ...]] = ("offset/layer-*", "unit_mean/layer-*")
    examples: Count = 1000

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield both for every hidden layer."""
        assert isinstance(problem, NetworkProblem)
        for name, y, _ in _hidden(problem, self.examples):
            yield "train", f"offset/{name}", float(abs(y.mean()))
            yield "train", f"unit_mean/{name}", float(np.sqrt((y.mean(axis=0) ** 2).mean()))


@dataclass(frozen=True)
class Tails(Measurement):
    """Shares of every hidden layer's activations outside of [low, high], and of those with a slope below ``slope``."""

    metrics: ClassVar[tuple[str, ...]] = ("outside/layer-*", "flat/layer-*")
    examples: Count = 1000
    low: float = 0.1
    high: float = 0.9
    slope: Positive = 0.025

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield both shares for every hidden layer."""
        assert isinstance(problem, NetworkProblem)
        for name, y, slope in _hidden(problem, self.examples):
            yield "train", f"outside/{name}", float(((y < self.low) | (y > self.high)).mean())
            yield "train", f"flat/{name}", float((slope < self.slope).mean())


@dataclass(frozen=True)
class LayerInputs(Measurement, key="layer_inputs"):
    """Mean and spread of what enters every layer with weights, and how far it has drifted since the first look.

    Measured in a training pass over the first ``examples``: at first, batch normalization's running averages say
    nothing. ``input_drift`` is the root mean square, over the units that the input comes from, of the 2-Wasserstein
    distance of two normal distributions with a unit's mean and standard deviation, then and now, in units of the
    spread of the whole input at the first look (internal covariate shift; Ioffe and Szegedy, arXiv:1502.03167).
    """

    metrics: ClassVar[tuple[str, ...]] = ("input_mean/layer-*", "input_std/layer-*", "input_drift/layer-*")
    examples: Count = 1000

    def bind(self, problem: Problem) -> Reader:
        """Return a reader that keeps the moments of its first look."""
        assert isinstance(problem, NetworkProblem)
        return _Drift(problem, self.examples)


class _Drift:
    """Compares the inputs of layers with those of the first look."""

    def __init__(self, problem: NetworkProblem, examples: int) -> None:
        self._problem, self._examples = problem, examples
        self._first: dict[str, tuple[Array, float]] = {}

    def __call__(self) -> Iterator[Reading]:
        seen: dict[str, tuple[Array, float, float]] = {}

        def look(name: str, x: Array) -> None:
            x = x.astype(np.float64)
            seen[name] = np.array([x.mean(axis=0), x.std(axis=0)]), float(x.mean()), float(x.std())

        images, _ = first_examples(self._problem, self._examples)
        watched(self._problem, len(images), lambda layer: layer.is_weighted, before=look).forward(images, training=True)
        for name, (moments, mean, std) in seen.items():
            then, unit = self._first.setdefault(name, (moments, std))
            yield "train", f"input_mean/{name}", mean
            yield "train", f"input_std/{name}", std
            distance = np.sqrt(((moments - then) ** 2).sum(axis=0).mean())
            yield "train", f"input_drift/{name}", float(distance / unit) if unit else nan


def _hidden(problem: NetworkProblem, examples: int) -> Iterator[tuple[str, Array, Array]]:
    """Yield name, activations and slopes of every hidden layer over the first ``examples``, in float64."""
    images, _ = first_examples(problem, examples)
    network = problem.evaluator(len(images))
    network.forward(images)
    for layer in network.nonlinearities:
        yield layer.name, layer.output.astype(np.float64), layer.slope()
