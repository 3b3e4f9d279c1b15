"""Penalties on the weights, added to the loss and its gradient."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from chapter6.engine.arrays import Array
from chapter6.registry import Family, NonNegative


@dataclass(frozen=True)
class Penalty(Family):
    """A penalty on the decayed slice of the parameters (weights; not biases, not gains)."""

    @abstractmethod
    def value(self, weights: Array) -> float:
        """Return what the loss grows by."""

    @abstractmethod
    def add_gradient(self, weights: Array, gradient: Array) -> None:
        """Add the penalty's gradient to ``gradient`` in place."""


@dataclass(frozen=True)
class L2(Penalty):
    """Weight decay (section 6.4.2): lambda/2 * sum(W^2), on weights only; PyTorch's acts on all it is given."""

    strength: NonNegative = 0.1

    def value(self, weights: Array) -> float:
        """Return lambda/2 times the squared norm."""
        return 0.5 * self.strength * float(np.dot(weights, weights))

    def add_gradient(self, weights: Array, gradient: Array) -> None:
        """Add lambda W."""
        gradient += self.strength * weights


@dataclass(frozen=True)
class L1(Penalty):
    """Lasso penalty (section 6.4.2): lambda * sum(|W|), with subgradient 0 at 0."""

    strength: NonNegative = 1e-3

    def value(self, weights: Array) -> float:
        """Return lambda times the sum of magnitudes."""
        return self.strength * float(np.abs(weights).sum())

    def add_gradient(self, weights: Array, gradient: Array) -> None:
        """Add lambda sign(W)."""
        gradient += self.strength * np.sign(weights)
