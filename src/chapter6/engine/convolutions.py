"""Convolution: a dense layer over every window of an image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from chapter6.engine.arrays import Array
from chapter6.engine.initializers import He, Initializer
from chapter6.engine.layers import BoundLayer, Layer, Place, Shape, as_text, batch_first, batch_last
from chapter6.engine.parameters import Slot
from chapter6.registry import Count, Index, StudyError

PRODUCT = 10**6  # multiplications up to which OpenBLAS's kernels for small matrices are the faster ones


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
    """The convolution at work: windows as columns, one product over all positions of all images.

    Columns are (channel, window y, window x, y, x, image), so that each place of the window is one copy of long runs.
    """

    def __init__(self, kind: Convolution, place: Place) -> None:
        self._kind = kind
        self.weights, self.weights_gradient = place.views("weights")
        self.biases, self.biases_gradient = place.views("biases")
        channels, *sides = place.shape
        filters, *self._positions = kind.output_shape(place.shape)
        padded = (channels, *(side + 2 * kind.padding for side in sides), place.batch_size)
        inner = slice(kind.padding, -kind.padding or None)
        windows = (channels, kind.size, kind.size, *self._positions, place.batch_size)
        self._padded, self._columns = np.zeros(padded, place.dtype), np.empty(windows, place.dtype)
        self._inside = self._padded[:, inner, inner]
        self._output = place.buffer(filters, *self._positions)
        self._ones = np.ones(self._columns[0, 0, 0].size, place.dtype)
        if place.gives_back:
            self._padded_gradient, self._columns_gradient = np.empty_like(self._padded), np.empty_like(self._columns)
            self._gradient = batch_first(self._padded_gradient[:, inner, inner])
        self._gives_back = place.gives_back
        self._part = max(1, PRODUCT // self.weights.size)

    def forward(self, x: Array, training: bool) -> Array:
        """Gather the windows, multiply and add."""
        np.copyto(self._inside, batch_last(x))
        for place, window in self._windows():
            np.copyto(self._columns[:, *place], self._padded[:, *window])
        columns, output = self._matrix(self._columns), self._matrix(batch_last(self._output), axes=1)
        self._multiply(self.weights.T, columns, output)
        output += self.biases[:, None]
        return self._output

    def backward(self, gradient: Array) -> Array | None:
        """Write both parameter gradients; skip the input's where nobody needs it."""
        upstream, columns = self._matrix(batch_last(gradient), axes=1), self._matrix(self._columns)
        np.matmul(upstream, self._ones, out=self.biases_gradient)
        pairs = zip(self._parts(columns), self._parts(upstream), strict=True)
        products = [np.matmul(inputs, outputs.swapaxes(1, 2)).sum(axis=0) for inputs, outputs in pairs]
        np.sum(products, axis=0, out=self.weights_gradient)
        if not self._gives_back:
            return None
        self._multiply(self.weights, upstream, self._matrix(self._columns_gradient))
        self._padded_gradient.fill(0)
        for place, window in self._windows():
            self._padded_gradient[:, *window] += self._columns_gradient[:, *place]
        return self._gradient

    def _windows(self) -> Iterator[tuple[tuple[int, int], tuple[slice, slice]]]:
        """Yield each place of the window and the pixels that stand there, one a position."""
        size, stride = self._kind.size, self._kind.stride
        height, width = self._positions
        for y in range(size):
            for x in range(size):
                rows, columns = slice(y, y + stride * height, stride), slice(x, x + stride * width, stride)
                yield (y, x), (rows, columns)

    def _matrix(self, array: Array, axes: int = 3) -> Array:
        """Return an array as a matrix whose columns are the positions of all images."""
        return array.reshape(int(np.prod(array.shape[:axes])), -1)

    def _multiply(self, left: Array, right: Array, out: Array) -> None:
        for columns, product in zip(self._parts(right), self._parts(out), strict=True):
            np.matmul(left, columns, out=product)

    def _parts(self, matrix: Array) -> Iterator[Array]:
        """Yield the columns of a matrix as stacks of (part, rows, columns) whose products are small."""
        rows, columns = matrix.shape
        whole = columns // self._part * self._part
        for start, end, size in ((0, whole, self._part), (whole, columns, columns - whole)):
            if end > start:
                yield matrix[:, start:end].reshape(rows, -1, size).swapaxes(0, 1)
