"""Update rules: small classes over flat arrays.

``step`` changes ``weights`` and the arrays of ``state`` in place and may use ``gradient`` as scratch
space. ``t`` counts updates from 1. Every slot of the state starts at zero.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import numpy as np

from chapter6.engine.arrays import Array
from chapter6.registry import Family, Positive, Share

State = dict[str, Array]


@dataclass(frozen=True)
class Optimizer(Family):
    """An update rule; ``slots`` names its state, ``scratch`` being room for an intermediate result."""

    slots: ClassVar[Sequence[str]] = ()

    def start(self, weights: Array) -> State:
        """Return the state before the first update, one array shaped like ``weights`` per slot."""
        return {slot: np.zeros_like(weights) for slot in self.slots}

    @abstractmethod
    def step(self, weights: Array, gradient: Array, state: State, t: int) -> None:
        """Apply update number ``t`` in place."""


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent (section 6.1.2): W <- W - eta g."""

    learning_rate: Positive = 0.01

    def step(self, weights: Array, gradient: Array, state: State, t: int) -> None:
        """Subtract the scaled gradient."""
        gradient *= self.learning_rate
        weights -= gradient


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Heavy-ball momentum (section 6.1.4): v <- alpha v - eta g, W <- W + v.

    PyTorch keeps v / -eta: the same path as long as eta is constant, which holds for Nesterov's form too.
    """

    learning_rate: Positive = 0.01
    momentum: Share = 0.9
    slots: ClassVar[Sequence[str]] = ("velocity",)

    def step(self, weights: Array, gradient: Array, state: State, t: int) -> None:
        """Move along the decayed sum of past steps."""
        velocity = state["velocity"]
        velocity *= self.momentum
        gradient *= self.learning_rate
        velocity -= gradient
        weights += velocity


@dataclass(frozen=True)
class Nesterov(Optimizer):
    """Nesterov's accelerated gradient in the one-pass form of Bengio et al. (arXiv:1212.0901, eq. 7).

    With v the velocity before the update, W <- W + alpha^2 v - (1 + alpha) eta g; v <- alpha v - eta g. The
    weights kept are the ones looked up ahead, so that one gradient an update is enough.
    """

    learning_rate: Positive = 0.01
    momentum: Share = 0.9
    slots: ClassVar[Sequence[str]] = ("velocity", "scratch")

    def step(self, weights: Array, gradient: Array, state: State, t: int) -> None:
        """Move to the next looked-ahead point: W + alpha v_new - eta g, v_new = alpha v - eta g."""
        velocity, scratch = state["velocity"], state["scratch"]
        velocity *= self.momentum
        gradient *= self.learning_rate
        velocity -= gradient
        np.multiply(velocity, self.momentum, out=scratch)
        scratch -= gradient
        weights += scratch


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """AdaGrad (section 6.1.5; Duchi et al. 2011): h <- h + g*g, W <- W - eta g / (sqrt(h) + epsilon)."""

    learning_rate: Positive = 0.01
    epsilon: Positive = 1e-7
    slots: ClassVar[Sequence[str]] = ("squares", "scratch")

    def step(self, weights: Array, gradient: Array, state: State, t: int) -> None:
        """Scale each step by the root of all squared gradients so far."""
        squares, scratch = state["squares"], state["scratch"]
        np.multiply(gradient, gradient, out=scratch)
        squares += scratch
        _subtract_scaled(weights, gradient, squares, scratch, self.learning_rate, self.epsilon)


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """RMSProp (section 6.1.5; Tieleman and Hinton 2012): AdaGrad with h <- rho h + (1 - rho) g*g.

    Old gradients are forgotten, so the step does not shrink to zero.
    """

    learning_rate: Positive = 0.01
    decay_rate: Share = 0.99
    epsilon: Positive = 1e-7
    slots: ClassVar[Sequence[str]] = ("squares", "scratch")

    def step(self, weights: Array, gradient: Array, state: State, t: int) -> None:
        """Scale each step by the root of the running mean of squared gradients."""
        squares, scratch = state["squares"], state["scratch"]
        np.multiply(gradient, gradient, out=scratch)
        scratch *= 1 - self.decay_rate
        squares *= self.decay_rate
        squares += scratch
        _subtract_scaled(weights, gradient, squares, scratch, self.learning_rate, self.epsilon)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (section 6.1.6; Kingma and Ba, arXiv:1412.6980, with the order of their section 2).

    m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g*g, and with the bias correction folded into
    eta_t = eta sqrt(1 - beta2^t) / (1 - beta1^t): W <- W - eta_t m / (sqrt(v) + epsilon). The paper's algorithm 1,
    and PyTorch, add epsilon after the correction: theirs is this one's over sqrt(1 - beta2^t). What is kept are
    m / (1 - beta1) and v / (1 - beta2).
    """

    learning_rate: Positive = 0.001
    beta1: Share = 0.9
    beta2: Share = 0.999
    epsilon: Positive = 1e-7
    slots: ClassVar[Sequence[str]] = ("gradients", "squares")

    def step(self, weights: Array, gradient: Array, state: State, t: int) -> None:
        """Move along the running mean, scaled by the root of the running mean of squares."""
        gradients, squares = state["gradients"], state["squares"]
        gradients *= self.beta1
        gradients += gradient
        gradient *= gradient
        squares *= self.beta2
        squares += gradient
        unit = sqrt(1 - self.beta2)
        rate = self.learning_rate * sqrt(1 - self.beta2**t) / (1 - self.beta1**t) * (1 - self.beta1) / unit
        _subtract_scaled(weights, gradients, squares, gradient, rate, self.epsilon / unit)


def _subtract_scaled(
    weights: Array, direction: Array, squares: Array, scratch: Array, rate: float, epsilon: float
) -> None:
    """W <- W - rate d / (sqrt(h) + epsilon); overwrites ``scratch``."""
    np.sqrt(squares, out=scratch)
    scratch += epsilon
    np.divide(direction, scratch, out=scratch)
    scratch *= rate
    weights -= scratch
