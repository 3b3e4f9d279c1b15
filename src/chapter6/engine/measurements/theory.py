"""What goes forward and back through layers of infinite width: the theory beside what is measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import ClassVar, NamedTuple

import numpy as np

from chapter6.engine.activations import Activation
from chapter6.engine.arrays import Array
from chapter6.engine.initializers import Constant
from chapter6.engine.layers import Dense, Flatten
from chapter6.engine.losses import Linear
from chapter6.engine.measurements.base import Measurement, Reading, first_examples
from chapter6.engine.measurements.gradients import Deltas
from chapter6.engine.network import Architecture
from chapter6.engine.problems import NetworkProblem, Problem
from chapter6.registry import Count

COVERED = (Flatten, Dense, Activation)
FAR = 8.0  # standard deviations to which integrals go
ALONG, ACROSS = 4000, 400  # points of an integral over one number, and over each of two: good to a thousandth


@dataclass(frozen=True)
class ExpectedSignals(Measurement, key="expected_signals"):
    """Spreads, deltas and gradients that layers of infinite width would have at their initial weights.

    Pre-activations are then normal; their variance and the covariance of two inputs follow from layer to layer (for
    ReLU the arc-cosine kernel: Cho and Saul 2009; else Poole et al., arXiv:1606.05340). Both start from the mean square
    and mean product over the first ``examples``, deltas from the measured one of the last layer (Schoenholz et al.,
    arXiv:1611.01232). Gradients are those of deltas that are independent between examples, as under the linear loss.
    """

    metrics: ClassVar[tuple[str, ...]] = tuple(
        f"expected_{metric}/layer-*" for metric in ("activation_std", "unit_std", "delta_norm", "gradient_norm")
    )
    examples: Count = 1000

    def refuses(self, architecture: Architecture) -> str:
        if other := next((each for each in architecture.layers if not isinstance(each, COVERED)), None):
            return f"dense layers and activation functions, not {other.key}"
        if any(isinstance(layer, Dense) and isinstance(layer.initializer, Constant) for layer in architecture.layers):
            return "weights from a normal distribution, not constant"
        return "" if isinstance(architecture.loss, Linear) else f"loss linear, not {architecture.loss.key}"

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield all four for every hidden layer."""
        assert isinstance(problem, NetworkProblem)
        images, _ = first_examples(problem, self.examples, np.float64)
        signals = list(_signals(problem.architecture, *_products(images)))
        *_, (_, _, measured) = Deltas(self.examples).measure(problem)
        delta = float(measured)
        for signal in reversed(signals):
            yield "train", f"expected_activation_std/{signal.name}", signal.seen.std
            yield "train", f"expected_unit_std/{signal.name}", signal.seen.unit_std
            yield "train", f"expected_delta_norm/{signal.name}", delta
            yield "train", f"expected_gradient_norm/{signal.name}", delta * sqrt(signal.length)
            delta *= signal.back


class Normal(NamedTuple):
    """What a function f of normal z and z' with the same variance has: means over both.

    ``std`` is the spread of f(z), ``unit_std`` that of a unit between two inputs, ``square`` and ``product`` the means
    of f(z)^2 and f(z) f(z'), ``slope`` that of f'(z)^2.
    """

    std: float
    unit_std: float
    square: float
    product: float
    slope: float


class Signal(NamedTuple):
    """The theory of one hidden layer.

    ``length`` is the mean squared length of what enters it, ``back`` the factor by which the norm of delta changes from
    it to the layer before.
    """

    name: str
    seen: Normal
    length: float
    back: float


def _signals(architecture: Architecture, square: float, product: float) -> Iterator[Signal]:
    """Yield that of every hidden layer, given the mean square of inputs and their mean product for two examples."""
    slope, width, variance = 1.0, 0, 0.0
    for layer, name, before, _ in architecture.walk():
        if isinstance(layer, Dense):
            (width,) = before
            variance = float(layer.initializer.weights(np.ones((width, 1)))[0, 0]) ** 2
        elif isinstance(layer, Activation):
            gain = width * variance
            seen = through(layer, gain * square, gain * product)
            yield Signal(name, seen, width * square, sqrt(gain * slope))
            square, product, slope = seen.square, seen.product, seen.slope


def through(activation: Activation, variance: float, covariance: float) -> Normal:
    """Return the means of an activation of two normal numbers, by the midpoint rule."""
    size = sqrt(variance)
    correlation = min(1.0, max(-1.0, covariance / variance if variance else 1.0))
    z, weights = _normal(ALONG)
    y, slope = _applied(activation, size * z)
    mean, square = float(weights @ y), float(weights @ y**2)
    std = sqrt(float(weights @ (y - mean) ** 2))
    one, across = _normal(ACROSS)
    other = correlation * one[:, None] + sqrt(1 - correlation**2) * one
    differences = _applied(activation, size * one)[0][:, None] - _applied(activation, size * other)[0]
    apart = float(across @ differences**2 @ across) / 2
    return Normal(std, sqrt(apart), square, square - apart, float(weights @ slope**2))


def _applied(activation: Activation, z: Array) -> tuple[Array, Array]:
    """Return f(z) and f'(z)."""
    y, slope = z.copy(), np.ones_like(z)
    activation.forward(y)
    activation.backward(z if activation.keeps_input else y, slope)
    return y, slope


@cache
def _normal(points: int) -> tuple[Array, Array]:
    """Return an even number of points, none at 0, and their weights under the standard normal distribution."""
    z = (np.arange(points) + 0.5) * (2 * FAR / points) - FAR
    weights = np.exp(-(z**2) / 2)
    return z, weights / weights.sum()


def _products(images: Array) -> tuple[float, float]:
    """Return the mean square of the inputs, and the mean product of one input in two examples."""
    rows = images.reshape(len(images), -1)
    squares = float((rows**2).sum())
    pairs = float((rows.sum(axis=0) ** 2).sum()) - squares
    return squares / rows.size, pairs / (rows.size * max(1, len(rows) - 1))
