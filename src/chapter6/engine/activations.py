"""Activation functions: layers that work in place.

``forward`` overwrites the pre-activations z with y = f(z); ``backward`` multiplies the incoming gradient by f'(z),
which most functions here can tell from y. Those that cannot are given z, of which their layer keeps a copy.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cache
from math import pi, sqrt
from typing import Any, ClassVar

import numpy as np

from chapter6.engine.arrays import Array
from chapter6.engine.layers import BoundLayer, Layer, Place, Shape
from chapter6.engine.parameters import Slot
from chapter6.registry import Positive, Share


@dataclass(frozen=True)
class Activation(Layer, abstract=True):
    """An element-wise function of the pre-activations."""

    lends: ClassVar[bool] = False
    keeps_input: ClassVar[bool] = False  # whether backward is given z instead of y

    def bind(self, place: Place) -> Nonlinearity:
        """Return the function at work."""
        return Nonlinearity(self, place)

    @abstractmethod
    def forward(self, z: Array) -> None:
        """Overwrite ``z`` with f(z)."""

    @abstractmethod
    def backward(self, kept: Array, gradient: Array) -> None:
        """Multiply ``gradient`` in place by f'(z), given y = f(z), or z where ``keeps_input`` says so."""


class Nonlinearity(BoundLayer):
    """An activation, in place on the output of the layer before, or on a copy of what is not lent."""

    def __init__(self, activation: Activation, place: Place) -> None:
        self.activation = activation
        self.name = place.name
        self._is_lent = place.is_lent
        self._copy = None if place.is_lent and not activation.keeps_input else place.buffer()

    def forward(self, x: Array, training: bool) -> Array:
        """Overwrite ``x`` with f(x)."""
        y = z = x
        if self._copy is not None:
            np.copyto(self._copy, x)
            y, z = (x, self._copy) if self._is_lent else (self._copy, x)
        self._apply(y)
        self.output, self._kept = y, z if self.activation.keeps_input else y
        return y

    def backward(self, gradient: Array) -> Array:
        """Overwrite ``gradient`` with its product with f'."""
        self._multiply(self._kept, gradient)
        return gradient

    def slope(self) -> Array:
        """Return f'(z) of the last pass, in float64."""
        kept = self._kept.astype(np.float64)
        slope = np.ones_like(kept)
        self._multiply(kept, slope)
        return slope

    def _apply(self, z: Array) -> None:
        self.activation.forward(z)

    def _multiply(self, kept: Array, gradient: Array) -> None:
        self.activation.backward(kept, gradient)


@dataclass(frozen=True)
class Sigmoid(Activation):
    """Logistic sigmoid (section 6.2.2): 1 / (1 + exp(-z)), computed as (1 + tanh(z/2)) / 2.

    So nothing overflows; far below zero the result is exact to the type's epsilon, not to its smallest number.
    """

    def forward(self, z: Array) -> None:
        """Overwrite ``z`` with the sigmoid."""
        z *= 0.5
        np.tanh(z, out=z)
        z += 1
        z *= 0.5

    def backward(self, y: Array, gradient: Array) -> None:
        """Multiply by y (1 - y)."""
        gradient *= y
        gradient *= 1 - y


@dataclass(frozen=True)
class Tanh(Activation):
    """Hyperbolic tangent (section 6.2.2)."""

    def forward(self, z: Array) -> None:
        """Overwrite ``z`` with tanh(z)."""
        np.tanh(z, out=z)

    def backward(self, y: Array, gradient: Array) -> None:
        """Multiply by 1 - y^2."""
        gradient *= 1 - y * y


@dataclass(frozen=True)
class CentredSigmoid(Activation, key="centred_sigmoid"):
    """Sigmoid moved to lie around 0 (LeCun et al. 1998, section 4.4): 2 sigmoid(z) - 1, twice as steep."""

    def forward(self, z: Array) -> None:
        """Overwrite ``z`` with the function."""
        z *= 0.5
        np.tanh(z, out=z)

    def backward(self, y: Array, gradient: Array) -> None:
        """Multiply by (1 - y^2) / 2."""
        gradient *= 0.5 * (1 - y * y)


@dataclass(frozen=True)
class ReLU(Activation):
    """Rectified linear unit (section 6.2.3): max(z, 0), with derivative 0 at z = 0."""

    def forward(self, z: Array) -> None:
        """Overwrite ``z`` with max(z, 0)."""
        np.maximum(z, _zeros(z.shape, z.strides, z.dtype), out=z)

    def backward(self, y: Array, gradient: Array) -> None:
        """Zero the gradient where the unit was off."""
        gradient *= y > 0


@cache
def _zeros(shape: tuple[int, ...], strides: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return zeros that stay: NumPy takes the larger of two arrays in a quarter of the time of array and number.

    Their axes have the order in memory of those of an array with these strides.
    """
    order = sorted(range(len(shape)), key=lambda axis: -strides[axis])
    zeros = np.zeros([shape[axis] for axis in order], dtype).transpose(np.argsort(order))
    zeros.flags.writeable = False
    return zeros


@dataclass(frozen=True)
class LeakyReLU(Activation, key="leaky_relu"):
    """Leaky rectifier (Maas et al. 2013): z above zero, slope times z below."""

    slope: Share = 0.01

    def forward(self, z: Array) -> None:
        """Overwrite ``z`` with max(z, slope z)."""
        np.maximum(z, self.slope * z, out=z)

    def backward(self, y: Array, gradient: Array) -> None:
        """Multiply by the slope where z was not above zero."""
        np.multiply(gradient, self.slope, out=gradient, where=y <= 0)


@dataclass(frozen=True)
class PReLU(LeakyReLU):
    """Leaky rectifier whose slope is learned, one a unit or channel (He et al. 2015, arXiv:1502.01852).

    ``slope`` is what it starts at. Decay does not touch it, as in the paper: it would draw it towards ReLU.
    """

    slope: Share = 0.25
    keeps_input: ClassVar[bool] = True  # a learned slope may turn negative

    def slots(self, name: str, shape: Shape) -> list[Slot]:
        """Return the slopes."""
        return [Slot(f"slopes/{name}", shape[:1], self.slope)]

    def bind(self, place: Place) -> ParametricNonlinearity:
        """Return the rectifier with its learned slopes."""
        return ParametricNonlinearity(self, place)


class ParametricNonlinearity(Nonlinearity):
    """PReLU at work: y = max(z, 0) + a min(z, 0)."""

    def __init__(self, activation: PReLU, place: Place) -> None:
        super().__init__(activation, place)
        slopes, self._slopes_gradient = place.views("slopes")
        self._slopes = slopes.reshape(-1, *(1 for _ in place.shape[1:]))
        self._all_but_units = (0, *range(2, 1 + len(place.shape)))

    def backward(self, gradient: Array) -> Array:
        """Write the gradient of the slopes, sum of dy min(z, 0), too."""
        products = np.minimum(self._kept, 0) * gradient
        self._slopes_gradient[...] = products.sum(axis=self._all_but_units)
        return super().backward(gradient)

    def _apply(self, z: Array) -> None:
        np.multiply(z, self._slopes, out=z, where=z < 0)

    def _multiply(self, kept: Array, gradient: Array) -> None:
        np.multiply(gradient, self._slopes, out=gradient, where=kept <= 0)


@dataclass(frozen=True)
class ELU(Activation):
    """Exponential linear unit (arXiv:1511.07289): z above zero, alpha (exp(z) - 1) below."""

    alpha: Positive = 1.0

    def forward(self, z: Array) -> None:
        """Overwrite ``z`` with the function."""
        _exponential_below_zero(z, self.alpha)

    def backward(self, y: Array, gradient: Array) -> None:
        """Multiply by 1 above zero and by y + alpha below."""
        gradient *= np.where(y > 0, 1, y + self.alpha)


@dataclass(frozen=True)
class SELU(Activation):
    """Scaled ELU (arXiv:1706.02515): lambda ELU(z), constants for which mean 0 and variance 1 are a fixed point."""

    alpha: ClassVar[float] = 1.6732632423543772
    scale: ClassVar[float] = 1.0507009873554805

    def forward(self, z: Array) -> None:
        """Overwrite ``z`` with the function."""
        _exponential_below_zero(z, self.alpha)
        z *= self.scale

    def backward(self, y: Array, gradient: Array) -> None:
        """Multiply by lambda above zero and by y + lambda alpha below."""
        gradient *= np.where(y > 0, self.scale, y + self.scale * self.alpha)


def _exponential_below_zero(z: Array, alpha: float) -> None:
    below = alpha * np.expm1(np.minimum(z, 0))
    np.copyto(z, below, where=z <= 0)


@dataclass(frozen=True)
class GELU(Activation):
    """Gaussian error linear unit (arXiv:1606.08415): z Phi(z), Phi by the paper's own approximation.

    That is z (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (z + 0.044715 z^3), PyTorch's ``approximate="tanh"``, at most
    0.0005 from z Phi(z).
    """

    keeps_input: ClassVar[bool] = True
    slope: ClassVar[float] = sqrt(2 / pi)
    cubic: ClassVar[float] = 0.044715

    def forward(self, z: Array) -> None:
        """Overwrite ``z`` with the function."""
        z *= 0.5 * (1 + self._tanh(z))

    def backward(self, z: Array, gradient: Array) -> None:
        """Multiply by (1 + t) / 2 + z (1 - t^2) u' / 2, where t = tanh(u)."""
        tanh = self._tanh(z)
        inner = self.slope * (1 + 3 * self.cubic * z * z)
        gradient *= 0.5 * (1 + tanh + z * (1 - tanh * tanh) * inner)

    def _tanh(self, z: Array) -> Array:
        tanh: Array = np.tanh(self.slope * (z + self.cubic * z * z * z))
        return tanh


@dataclass(frozen=True)
class Swish(Activation):
    """Swish (arXiv:1710.05941): z sigmoid(beta z); SiLU at beta 1."""

    beta: Positive = 1.0
    keeps_input: ClassVar[bool] = True

    def forward(self, z: Array) -> None:
        """Overwrite ``z`` with the function."""
        z *= self._sigmoid(z)

    def backward(self, z: Array, gradient: Array) -> None:
        """Multiply by s + beta z s (1 - s), where s = sigmoid(beta z)."""
        s = self._sigmoid(z)
        gradient *= s + self.beta * z * s * (1 - s)

    def _sigmoid(self, z: Array) -> Array:
        s: Array = 0.5 * (1 + np.tanh(0.5 * self.beta * z))
        return s
