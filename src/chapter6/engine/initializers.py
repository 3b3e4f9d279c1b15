"""Initial weights.

An initializer turns a standard-normal draw into weights. Two initializers given the same draw therefore
differ by their scale alone, which is what section 6.2 compares.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import sqrt

from chapter6.engine.arrays import Array
from chapter6.registry import Family, NonNegative


@dataclass(frozen=True)
class Initializer(Family):
    """Turns standard-normal draws of shape (inputs, outputs) into initial weights."""

    @abstractmethod
    def weights(self, draw: Array) -> Array:
        """Return weights of the shape of ``draw``."""


@dataclass(frozen=True)
class Zeros(Initializer):
    """All weights zero (section 6.2.1)."""

    def weights(self, draw: Array) -> Array:
        """Return zeros."""
        return draw * 0


@dataclass(frozen=True)
class Constant(Initializer):
    """All weights the same number (section 6.2.1)."""

    value: float = 0.5

    def weights(self, draw: Array) -> Array:
        """Return the constant everywhere."""
        return draw * 0 + self.value


@dataclass(frozen=True)
class Normal(Initializer):
    """Gaussian with a fixed standard deviation (section 6.2.2)."""

    std: NonNegative = 0.01

    def weights(self, draw: Array) -> Array:
        """Return std times the draw."""
        return self.std * draw


@dataclass(frozen=True)
class Xavier(Initializer):
    """Gaussian with standard deviation sqrt(1/n), n inputs a unit (section 6.2.2; Glorot and Bengio 2010).

    The book's form, which looks at the inputs only; the paper's own is sqrt(2 / (inputs + outputs)).
    """

    def weights(self, draw: Array) -> Array:
        """Return the draw scaled by sqrt(1 / inputs)."""
        return sqrt(1 / draw.shape[0]) * draw


@dataclass(frozen=True)
class He(Initializer):
    """Gaussian with standard deviation sqrt(2/n), n inputs a unit (section 6.2.3; He et al. 2015)."""

    def weights(self, draw: Array) -> Array:
        """Return the draw scaled by sqrt(2 / inputs)."""
        return sqrt(2 / draw.shape[0]) * draw
