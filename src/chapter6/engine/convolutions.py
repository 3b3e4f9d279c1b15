"""Convolution: a dense layer over every window of an image."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from chapter6.engine.arrays import Array
from chapter6.engine.initializers import He, Initializer
from chapter6.engine.layers import BoundLayer, Layer, Place, Shape, as_text, batch_first, batch_last
from chapter6.engine.parameters import Slot
from chapter6.registry import Count, Index, StudyError

CACHED = 2**19  # numbers in the columns of a band: 2 MiB, which stays in the cache while they are used


def refuse_unless_images(shape: Shape, height: int = 1, width: int = 1) -> None:
    """Raise StudyError where ``shape`` is not (channel, y, x) of images at least so large."""
    if len(shape) != 3 or shape[1] < height or shape[2] < width:
        what = f"images of {height} x {width} or more" if max(height, width) > 1 else "images"
        raise StudyError(f"needs {what}, gets {as_text(shape)}: their shape is channels x height x width")


@dataclass(frozen=True)
class Convolution(Layer):
    """Convolution of images with square filters (LeCun et al. 1998), W of shape (channels size^2, filters).

    A row of W belongs to a place (channel, y, x) of the window, so that the inputs of a unit are as many as W has rows.
    """

    filters: Count
    size: Count = 3
    stride: Count = 1
    padding: Index = 0
    initializer: Initializer = field(default_factory=He)
    is_weighted: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        """As many channels as filters, and a position for each window."""
        refuse_unless_images(shape, *[max(1, self.size - 2 * self.padding)] * 2)
        return (self.filters, *((side + 2 * self.padding - self.size) // self.stride + 1 for side in shape[1:]))

    def slots(self, name: str, shape: Shape) -> list[Slot]:
        """Return weights and biases, which start at zero."""
        inputs = shape[0] * self.size**2
        weights = Slot(f"weights/{name}", (inputs, self.filters), self.initializer, decays=True)
        return [weights, Slot(f"biases/{name}", (self.filters,))]

    def bind(self, place: Place) -> BoundConvolution:
        """Return the convolution."""
        return BoundConvolution(self, place)


class BoundConvolution(BoundLayer):
    """The convolution at work: windows as columns of a matrix, and a product for each band of the output's rows.

    Columns are (channel, window y, window x, y, x, image): each place of the window is a copy of long runs. Those of a
    band stay in the cache, so the way back gathers them again rather than have all of them read from memory.
    """

    def __init__(self, kind: Convolution, place: Place) -> None:
        self.weights, self.weights_gradient = place.views("weights")
        self.biases, self.biases_gradient = place.views("biases")
        filters, height, width = kind.output_shape(place.shape)
        self._output = place.buffer(filters, height, width)
        self._padded = _Padded(kind, place)
        self._padded_gradient = _Padded(kind, place) if place.gives_back else None
        row = len(self.weights) * width * place.batch_size
        rows = max(n for n in range(1, height + 1) if height % n == 0 and (n == 1 or n * row <= CACHED))
        self._bands = [slice(y, y + rows) for y in range(0, height, rows)]
        self._columns = np.empty_like(self._padded.windows[:, :, :, self._bands[0]], order="C")
        self._ones = np.ones(rows * width * place.batch_size, place.dtype)

    def forward(self, x: Array, training: bool) -> Array:
        """Gather the windows, multiply and add."""
        np.copyto(self._padded.inside, batch_last(x))
        output = batch_last(self._output)
        for band in self._bands:
            np.matmul(self.weights.T, self._gather(band), out=_matrix(output[:, band]))
            output[:, band] += self.biases[:, None, None, None]
        return self._output

    def backward(self, gradient: Array) -> Array | None:
        """Write both parameter gradients; skip the input's where nobody needs it."""
        below = self._padded_gradient
        for total in (self.weights_gradient, self.biases_gradient, *([below.values] if below else ())):
            total.fill(0)
        for band in self._bands:
            upstream = _matrix(batch_last(gradient)[:, band])
            self.weights_gradient += self._gather(band) @ upstream.T
            self.biases_gradient += upstream @ self._ones
            if below:
                np.matmul(self.weights, upstream, out=_matrix(self._columns, axes=3))
                for y, x in product(range(self._columns.shape[1]), repeat=2):
                    below.windows[:, y, x, band] += self._columns[:, y, x]
        return batch_first(below.inside) if below else None

    def _gather(self, band: slice) -> Array:
        np.copyto(self._columns, self._padded.windows[:, :, :, band])
        return _matrix(self._columns, axes=3)


class _Padded:
    """Images in a margin of zeros; ``windows`` is a view (channel, window y, window x, y, x, image)."""

    def __init__(self, kind: Convolution, place: Place) -> None:
        channels, height, width = place.shape
        margin, size = kind.padding, kind.size
        self.values = np.zeros((channels, height + 2 * margin, width + 2 * margin, place.batch_size), place.dtype)
        self.inside = self.values[:, margin : margin + height, margin : margin + width]
        windows = sliding_window_view(self.values, (size, size), axis=(1, 2), writeable=True)
        self.windows = windows[:, :: kind.stride, :: kind.stride].transpose(0, 4, 5, 1, 2, 3)


def _matrix(array: Array, axes: int = 1) -> Array:
    """Return an array as a matrix whose columns are positions of images."""
    return array.reshape(prod(array.shape[:axes]), -1)
