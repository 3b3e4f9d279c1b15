"""Layers: declarations that know their parameters and shapes, and what they become at one batch size.

A declaration (a member of :class:`Layer`) is bound to a :class:`Place` and gives a :class:`BoundLayer`. ``forward``
returns a buffer of the bound layer that stays valid until its next forward pass, with one exception: an activation
works in place on the buffer of the layer before it, where that layer lends it. ``backward`` takes the gradient with
respect to the output, may overwrite it, writes the gradients of the parameters and returns the gradient with respect
to the input (None where nobody needs it).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from chapter6.engine.arrays import Array
from chapter6.engine.initializers import He, Initializer
from chapter6.engine.parameters import Parameters, Slot
from chapter6.registry import Count, Family, StudyError

Shape = tuple[int, ...]  # of one example


class BoundLayer:
    """One step of a network at one batch size."""

    @abstractmethod
    def forward(self, x: Array, training: bool) -> Array:
        """Return the output for ``x`` (batch, *shape)."""

    @abstractmethod
    def backward(self, gradient: Array) -> Array | None:
        """Return the gradient with respect to the input."""


@dataclass(frozen=True)
class Place:
    """Where a layer is bound: ``name`` is that of its parameters, ``shape`` that of one example of its input.

    ``learns`` is off in a network that looks on. ``gives_back`` says whether a layer before needs the gradient,
    ``is_lent`` whether the input may be overwritten. ``rng`` returns the layer's own random stream.
    """

    name: str
    shape: Shape
    parameters: Parameters
    batch_size: int
    learns: bool
    gives_back: bool
    is_lent: bool
    rng: Callable[[], Generator | None]

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Type of every float of the network."""
        return self.parameters.values.dtype

    def views(self, kind: str) -> tuple[Array, Array]:
        """Return values and gradient of one of the layer's slots."""
        slot = f"{kind}/{self.name}"
        return self.parameters.value_of[slot], self.parameters.gradient_of[slot]

    def buffer(self, *shape: int) -> Array:
        """Return an array for a batch, of the input's shape if none is given."""
        return np.empty((self.batch_size, *(shape or self.shape)), self.dtype)


@dataclass(frozen=True)
class Layer(Family):
    """A step from an input to an output; ``lends`` says that it does not need its output again."""

    is_weighted: ClassVar[bool] = False  # opens a new number: layer-1, layer-2, ...
    lends: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of an output, given that of an input; StudyError where it does not fit."""
        return shape

    def slots(self, name: str, shape: Shape) -> list[Slot]:
        """Return the parameters of the layer called ``name``."""
        return []

    @abstractmethod
    def bind(self, place: Place) -> BoundLayer:
        """Return the layer at one batch size."""


def refuse_unless_flat(shape: Shape) -> None:
    """Raise StudyError where ``shape`` has more than one axis."""
    if len(shape) != 1:
        raise StudyError(f"needs a flat input, gets {' x '.join(map(str, shape))}: put flatten before it")


@dataclass(frozen=True)
class Dense(Layer):
    """Affine map y = x W + b (section 5.6), W of shape (inputs, units)."""

    units: Count
    initializer: Initializer = field(default_factory=He)
    is_weighted: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        """As many as it has units."""
        refuse_unless_flat(shape)
        return (self.units,)

    def slots(self, name: str, shape: Shape) -> list[Slot]:
        """Return weights and biases, which start at zero."""
        weights = Slot(f"weights/{name}", (*shape, self.units), self.initializer, decays=True)
        return [weights, Slot(f"biases/{name}", (self.units,))]

    def bind(self, place: Place) -> BoundDense:
        """Return the affine map."""
        return BoundDense(place)


class BoundDense(BoundLayer):
    """The affine map at work."""

    def __init__(self, place: Place) -> None:
        self.weights, self.weights_gradient = place.views("weights")
        self.biases, self.biases_gradient = place.views("biases")
        self._output = place.buffer(len(self.biases))
        self._input_gradient = place.buffer() if place.gives_back else None
        self._ones = np.ones(place.batch_size, place.dtype)

    def forward(self, x: Array, training: bool) -> Array:
        """Multiply and add."""
        self._input = x
        np.matmul(x, self.weights, out=self._output)
        self._output += self.biases
        return self._output

    def backward(self, gradient: Array) -> Array | None:
        """Write both parameter gradients; skip the input's where nobody needs it."""
        np.matmul(self._input.T, gradient, out=self.weights_gradient)
        np.dot(self._ones, gradient, out=self.biases_gradient)
        if self._input_gradient is None:
            return None
        return np.matmul(gradient, self.weights.T, out=self._input_gradient)


@dataclass(frozen=True)
class Flatten(Layer):
    """An image as a row of its pixels."""

    lends: ClassVar[bool] = False  # what it passes on is its own input

    def output_shape(self, shape: Shape) -> Shape:
        """One axis."""
        return (prod(shape),)

    def bind(self, place: Place) -> BoundFlatten:
        """Return the change of shape."""
        return BoundFlatten(place)


class BoundFlatten(BoundLayer):
    """A change of shape, without a copy."""

    def __init__(self, place: Place) -> None:
        self._shape = (place.batch_size, *place.shape)

    def forward(self, x: Array, training: bool) -> Array:
        """Return a view."""
        return x.reshape(len(x), -1)

    def backward(self, gradient: Array) -> Array:
        """Return a view in the input's shape."""
        return gradient.reshape(self._shape)
