"""Layers: declarations that know their parameters and shapes, and what they become at one batch size.

A declaration (a member of :class:`Layer`) is bound to a :class:`Place` and gives a :class:`BoundLayer`. ``forward``
returns a buffer of the bound layer that stays valid until its next forward pass, with one exception: an activation
works in place on the buffer of the layer before it, where that layer lends it. ``backward`` takes the gradient with
respect to the output, may overwrite it, writes the gradients of the parameters and returns the gradient with respect
to the input (None where nobody needs it).

An array of a batch has the shape (batch, *shape). Where ``shape`` has several axes, as that of images (channel, y, x),
buffers hold the batch innermost: (channel, y, x, batch) in memory, of which :func:`batch_last` is a view. So whatever
moves along y or x copies long runs. A convolution turns what it is given into this order; flatten turns gradients back.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from chapter6.engine.arrays import Array
from chapter6.engine.initializers import He, Initializer
from chapter6.engine.parameters import Parameters, Slot
from chapter6.registry import Count, Family, StudyError

Shape = tuple[int, ...]  # of one example


def batch_last(x: Array) -> Array:
    """Return a view (*shape, batch) of ``x`` (batch, *shape)."""
    return np.moveaxis(x, 0, -1)


def batch_first(x: Array) -> Array:
    """Return a view (batch, *shape) of ``x`` (*shape, batch)."""
    return np.moveaxis(x, -1, 0)


class BoundLayer:
    """One step of a network at one batch size."""

    @property
    def within(self) -> Sequence[BoundLayer]:
        """The layers that it is made of."""
        return ()

    @abstractmethod
    def forward(self, x: Array, training: bool) -> Array:
        """Return the output for ``x`` (batch, *shape)."""

    @abstractmethod
    def backward(self, gradient: Array) -> Array | None:
        """Return the gradient with respect to the input."""


@dataclass(frozen=True)
class Place:
    """Where a layer is bound: ``number`` is that in its name, ``shape`` that of one example of its input.

    ``learns`` is off in a network that looks on. ``gives_back`` says whether a layer before needs the gradient,
    ``is_lent`` whether the input may be overwritten. ``rng`` returns the random stream of a purpose.
    """

    number: int
    shape: Shape
    parameters: Parameters
    batch_size: int
    learns: bool
    gives_back: bool
    is_lent: bool
    rng: Callable[[str], Generator | None]

    @property
    def name(self) -> str:
        """What the layer's parameters, streams and metrics are called after."""
        return f"layer-{self.number}"

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Type of every float of the network."""
        return self.parameters.values.dtype

    def views(self, kind: str) -> tuple[Array, Array]:
        """Return values and gradient of one of the layer's slots."""
        slot = f"{kind}/{self.name}"
        return self.parameters.value_of[slot], self.parameters.gradient_of[slot]

    def is_frozen(self, *kinds: str) -> bool:
        """Whether none of these slots of the layer learns."""
        return not any(f"{kind}/{self.name}" in self.parameters.learning for kind in kinds)

    def buffer(self, *shape: int) -> Array:
        """Return an array for a batch, of the input's shape if none is given."""
        shape = shape or self.shape
        return batch_first(np.empty((*shape, self.batch_size), self.dtype)) if len(shape) > 1 else self.rows(*shape)

    def rows(self, width: int) -> Array:
        """Return an array for a batch of flat examples."""
        return np.empty((self.batch_size, width), self.dtype)

    def stream(self, key: str) -> Generator | None:
        """Return the layer's own random stream."""
        return self.rng(f"{key}/{self.name}")


@dataclass(frozen=True)
class Layer(Family):
    """A step from an input to an output; ``lends`` says that it does not need its output again."""

    is_weighted: ClassVar[bool] = False  # opens a new number: layer-1, layer-2, ...
    lends: ClassVar[bool] = True
    keeps_averages: ClassVar[bool] = False  # over the batches seen while it learns, which it takes where it is frozen

    @property
    def within(self) -> tuple[Layer, ...]:
        """The layers that it is made of."""
        return ()

    @property
    def is_random(self) -> bool:
        """Whether it, or one within it, draws anew for each training pass."""
        return any(layer.is_random for layer in self.within)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of an output, given that of an input; StudyError where it does not fit."""
        return shape

    def slots(self, name: str, shape: Shape) -> list[Slot]:
        """Return the parameters of the layer called ``name``, without those of the layers within."""
        return []

    @abstractmethod
    def bind(self, place: Place) -> BoundLayer:
        """Return the layer at one batch size."""


Step = tuple[Layer, int, Shape, Shape]  # number in its name, shape before and after


def walk(layers: Sequence[Layer], shape: Shape, number: int = 0) -> Iterator[Step]:
    """Yield each layer, those within it after it; StudyError where one does not fit.

    A layer with weights has the next number after ``number``; what follows goes by it until the next.
    """
    for step in steps(layers, shape, number):
        yield step
        layer, number, before, _ = step
        yield from walk(layer.within, before, number)


def steps(layers: Sequence[Layer], shape: Shape, number: int = 0) -> Iterator[Step]:
    """Yield each layer as :func:`walk` does, without those within."""
    for position, layer in enumerate(layers, start=1):
        number += layer.is_weighted
        try:
            after = layer.output_shape(shape)
        except StudyError as error:
            raise StudyError(f"layer {position} ({layer.key}) {error}") from None
        yield layer, number, shape, after
        number, shape = max((inner for _, inner, *_ in walk(layer.within, shape, number)), default=number), after


def bind_all(layers: Sequence[Layer], place: Place) -> list[BoundLayer]:
    """Return layers bound one after the other, the first at ``place``."""
    bound = []
    for step in steps(layers, place.shape, place.number):
        layer, number, before, _ = step
        place = replace(place, number=number, shape=before)
        bound.append(layer.bind(place))
        place = replace(place, gives_back=place.gives_back or is_learned(step, place), is_lent=layer.lends)
    return bound


def is_learned(step: Step, place: Place) -> bool:
    """Whether a layer, or one within it, has parameters that learn; where all only looks on, whether it has any."""
    slots = {slot.name for slot in slots_of(step)}
    return bool(slots & place.parameters.learning if place.learns else slots)


def slots_of(step: Step) -> list[Slot]:
    """Return the parameters of a layer and of those within it."""
    layer, number, before, _ = step
    every = walk((layer,), before, number - layer.is_weighted)
    return [slot for each, own, shape, _ in every for slot in each.slots(f"layer-{own}", shape)]


def through(layers: Sequence[BoundLayer], x: Array, training: bool) -> Array:
    """Return what comes out of layers one after the other."""
    for layer in layers:
        x = layer.forward(x, training)
    return x


def back_through(layers: Sequence[BoundLayer], gradient: Array) -> Array | None:
    """Return the gradient with respect to the input of layers, or None where nothing before one needs it."""
    upstream: Array | None = gradient
    for layer in reversed(layers):
        if upstream is None:
            break
        upstream = layer.backward(upstream)
    return upstream


def as_text(shape: Shape) -> str:
    """Return a shape as messages write it."""
    return " x ".join(map(str, shape))


def refuse_unless_flat(shape: Shape) -> None:
    """Raise StudyError where ``shape`` has more than one axis."""
    if len(shape) != 1:
        raise StudyError(f"needs a flat input, gets {as_text(shape)}: put flatten before it")


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
    """A change of shape, without a copy on the way forward; images' gradients are turned on the way back."""

    def __init__(self, place: Place) -> None:
        self._gradient = place.buffer() if place.gives_back else None

    def forward(self, x: Array, training: bool) -> Array:
        """Return a view."""
        return x.reshape(len(x), -1)

    def backward(self, gradient: Array) -> Array | None:
        """Return a copy in the input's shape and order in memory."""
        if self._gradient is not None:
            np.copyto(self._gradient, gradient.reshape(self._gradient.shape))
        return self._gradient
