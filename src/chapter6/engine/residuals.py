"""Residual layers: what layers add to their input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Interval, MinLen

from chapter6.engine.arrays import Array
from chapter6.engine.layers import (
    BoundLayer,
    Layer,
    Place,
    Shape,
    as_text,
    back_through,
    bind_all,
    steps,
    through,
    walk,
)
from chapter6.registry import StudyError


@dataclass(frozen=True)
class Residual(Layer):
    """Residual block y = x + f(x) (He et al. 2016, arXiv:1512.03385), f a list of layers.

    With a ``survival`` below 1 it is stochastic depth (Huang et al., arXiv:1603.09382): for a training batch f is left
    out with probability 1 - survival; in evaluation it is multiplied by survival.
    """

    layers: Annotated[tuple[Layer, ...], MinLen(1)]
    survival: Annotated[float, Interval(gt=0, le=1)] = 1.0

    @property
    def within(self) -> tuple[Layer, ...]:
        """The layers of f."""
        return self.layers

    @property
    def is_random(self) -> bool:
        """Whether f is left out at times, or draws."""
        return self.survival < 1 or super().is_random

    def output_shape(self, shape: Shape) -> Shape:
        """The same, which f must keep."""
        *_, after = [step[-1] for step in steps(self.layers, shape)]
        if after != shape:
            raise StudyError(f"needs layers that keep the shape, gets {as_text(shape)}: they give {as_text(after)}")
        return shape

    def bind(self, place: Place) -> BoundResidual:
        """Return the block."""
        return BoundResidual(self, place)


class BoundResidual(BoundLayer):
    """The block at work; f may overwrite neither x nor the gradient that x gets as well."""

    def __init__(self, kind: Residual, place: Place) -> None:
        self._survival = kind.survival
        self._rng = place.stream(kind.key) if kind.survival < 1 else None
        self._layers = bind_all(kind.layers, replace(place, is_lent=False))
        self._output, self._gradient, self._copy = place.buffer(), place.buffer(), place.buffer()
        self._gives_back = place.gives_back
        slots = [
            slot.name
            for layer, number, shape, _ in walk(kind.layers, place.shape, place.number)
            for slot in layer.slots(f"layer-{number}", shape)
        ]
        self._own_gradients = [place.parameters.gradient_of[name] for name in slots]

    @property
    def within(self) -> Sequence[BoundLayer]:
        """The layers of f."""
        return self._layers

    def forward(self, x: Array, training: bool) -> Array:
        """Add f(x), or nothing where f is left out."""
        self._is_left_out = training and self._survival < 1 and self._draw() >= self._survival
        if self._is_left_out:
            np.copyto(self._output, x)
            return self._output
        added = through(self._layers, x, training)
        np.multiply(added, 1.0 if training else self._survival, out=self._output)
        self._output += x
        return self._output

    def backward(self, gradient: Array) -> Array | None:
        """Return the sum of both ways back; the parameters of an f that was left out have gradients of zero."""
        if self._is_left_out:
            for each in self._own_gradients:
                each.fill(0)
            return gradient
        np.copyto(self._copy, gradient)
        below = back_through(self._layers, self._copy)
        if below is None or not self._gives_back:
            return None
        return np.add(gradient, below, out=self._gradient)

    def _draw(self) -> float:
        assert self._rng is not None, "a network that trains with stochastic depth needs random streams"
        return self._rng.random()
