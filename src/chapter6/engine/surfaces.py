"""Two-variable functions on which section 6.1 draws the path of each update rule."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from chapter6.engine.arrays import Array
from chapter6.registry import Family, Positive


@dataclass(frozen=True, kw_only=True)
class Surface(Family):
    """A differentiable function of (x, y) with its minimum at the origin, and where a point starts on it."""

    start: tuple[float, float] = (-7.0, 2.0)

    @abstractmethod
    def value(self, x: Array, y: Array) -> Array:
        """Return f(x, y), element by element."""

    @abstractmethod
    def gradient(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return the partial derivatives with respect to x and y."""


@dataclass(frozen=True)
class Bowl(Surface):
    """The elongated bowl of section 6.1.3: f(x, y) = x^2 / elongation + y^2."""

    elongation: Positive = 20.0

    def value(self, x: Array, y: Array) -> Array:
        """Return x^2 / elongation + y^2."""
        return x**2 / self.elongation + y**2

    def gradient(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return (2 x / elongation, 2 y)."""
        return 2 * x / self.elongation, np.multiply(2, y)
