"""Layers that switch parts of a network off at random in training."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from chapter6.engine.arrays import Array
from chapter6.engine.layers import BoundDense, BoundLayer, Dense, Layer, Place, Shape
from chapter6.registry import Share


@dataclass(frozen=True)
class Dropout(Layer):
    """Switch units off at random in training (section 6.4.3; Srivastava et al. 2014).

    ``standard`` is the book's form: unscaled in training, multiplied by 1 - ratio in evaluation. ``inverted`` is
    today's, PyTorch's too: divided by 1 - ratio in training, untouched in evaluation.
    """

    ratio: Share = 0.5
    form: Literal["standard", "inverted"] = "standard"

    @property
    def is_random(self) -> bool:
        """It draws a mask."""
        return True

    @property
    def training_scale(self) -> float:
        """What the units that stay on are multiplied by in training."""
        return 1 / (1 - self.ratio) if self.form == "inverted" else 1.0

    @property
    def evaluation_scale(self) -> float:
        """What all units are multiplied by in evaluation."""
        return 1.0 if self.form == "inverted" else 1 - self.ratio

    def bind(self, place: Place) -> Mask:
        """Return the mask."""
        return Mask(self, place)


class Mask(BoundLayer):
    """Dropout at work: a fresh mask for each training pass."""

    def __init__(self, kind: Dropout, place: Place) -> None:
        self._kind = kind
        self._rng = place.stream(kind.key)
        self._output, self._scales = place.buffer(), place.buffer()

    def forward(self, x: Array, training: bool) -> Array:
        """Multiply by the mask, or by the evaluation scale."""
        if not training:
            return np.multiply(x, self._kind.evaluation_scale, out=self._output)
        assert self._rng is not None, "a network that trains with dropout needs random streams"
        np.copyto(self._scales, draw_kept(self._rng, self._scales.shape, self._kind.ratio))
        if self._kind.training_scale != 1:
            self._scales *= self._kind.training_scale
        return np.multiply(x, self._scales, out=self._output)

    def backward(self, gradient: Array) -> Array:
        """Pass the gradient where the mask was on."""
        gradient *= self._scales
        return gradient


@dataclass(frozen=True)
class DropConnect(Dense, key="drop_connect"):
    """A dense layer whose weights are switched off at random in training (Wan et al. 2013).

    A mask is drawn once a training batch, not for each example as in the paper. Evaluation uses the mean weights,
    (1 - ratio) W, where the paper samples what a unit gets from a Gaussian of their moments.
    """

    ratio: Share = 0.5

    @property
    def is_random(self) -> bool:
        """It draws a mask."""
        return True

    def bind(self, place: Place) -> MaskedDense:
        """Return the layer with its mask."""
        return MaskedDense(self, place)


class MaskedDense(BoundDense):
    """DropConnect at work: a fresh mask of the weights for each training pass."""

    def __init__(self, kind: DropConnect, place: Place) -> None:
        super().__init__(place)
        self._ratio = kind.ratio
        self._rng = place.stream(kind.key)
        self._learned, self.weights = self.weights, np.empty_like(self.weights)
        self._mask: NDArray[np.bool_] | float = 1 - kind.ratio

    def forward(self, x: Array, training: bool) -> Array:
        """Multiply with what the mask leaves of the weights, or with the mean weights."""
        self._mask = 1 - self._ratio
        if training:
            assert self._rng is not None, "a network that trains with DropConnect needs random streams"
            self._mask = draw_kept(self._rng, self.weights.shape, self._ratio)
        np.multiply(self._learned, self._mask, out=self.weights)
        return super().forward(x, training)

    def backward(self, gradient: Array) -> Array | None:
        """Write the gradients of the weights that were on."""
        below = super().backward(gradient)
        self.weights_gradient *= self._mask
        return below


def draw_kept(rng: Generator, shape: Shape, ratio: float) -> NDArray[np.bool_]:
    """Return which units stay on: ``rng.random(shape, np.float32) >= ratio``, in less than half of its time.

    Such a float is made of the upper 24 bits of half a word; of an odd number the last half word is left unused.
    """
    count = prod(shape)
    words = np.asarray(rng.bit_generator.random_raw(-(-count // 2)))
    return words.view(np.uint32)[:count].reshape(shape) >= ceil(float(np.float32(ratio)) * 2**24) << 8
