"""Maxout: units that are the largest of several affine maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chapter6.engine.arrays import Array
from chapter6.engine.layers import BoundDense, Dense, Place, Shape
from chapter6.engine.parameters import Slot
from chapter6.engine.pooling import shares
from chapter6.registry import Count


@dataclass(frozen=True)
class Maxout(Dense):
    """Maxout (Goodfellow et al. 2013, arXiv:1302.4389): a unit is the largest of ``pieces`` affine maps.

    W of shape (inputs, pieces units), the first pieces of all units first.
    """

    pieces: Count = 2
    lends: ClassVar[bool] = False  # backward looks for the largest piece

    def slots(self, name: str, shape: Shape) -> list[Slot]:
        """Return weights and biases of every piece."""
        return Dense(self.units * self.pieces, self.initializer).slots(name, shape)

    def bind(self, place: Place) -> BoundMaxout:
        """Return the units."""
        return BoundMaxout(self, place)


class BoundMaxout(BoundDense):
    """The units at work; a gradient goes to the first of the largest pieces."""

    def __init__(self, kind: Maxout, place: Place) -> None:
        super().__init__(place)
        self._each = (place.batch_size, kind.pieces, kind.units)
        self._largest = place.buffer(kind.units)
        self._pieces_gradient = place.buffer(kind.units * kind.pieces)

    def forward(self, x: Array, training: bool) -> Array:
        """Take the largest piece of each unit."""
        self._pieces = super().forward(x, training).reshape(self._each)
        return np.max(self._pieces, axis=1, out=self._largest)

    def backward(self, gradient: Array) -> Array | None:
        """Send each gradient back through the largest piece alone."""
        below = self._pieces_gradient.reshape(self._each)
        candidates = list(self._pieces.swapaxes(0, 1))
        for number, share in enumerate(shares(gradient, candidates, self._largest)):
            below[:, number] = share
        return super().backward(self._pieces_gradient)
