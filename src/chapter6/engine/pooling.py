"""Pooling: the largest value of each region of an image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Interval
from numpy.random import Generator
from numpy.typing import NDArray

from chapter6.engine.arrays import Array
from chapter6.engine.convolutions import refuse_unless_images
from chapter6.engine.layers import BoundLayer, Layer, Place, Shape, batch_last
from chapter6.registry import Count

Window = tuple[Any, ...]  # an index that takes one pixel of each region


def shares(gradient: Array, candidates: Sequence[Array], largest: Array) -> Iterator[Array]:
    """Yield for each candidate ``gradient`` where it is the first to equal the largest, else 0; overwrite ``gradient``.

    A candidate takes from what those before it left; the last, what is left.
    """
    share = np.empty_like(gradient)
    for candidate in candidates[:-1]:
        np.multiply(gradient, candidate == largest, out=share)
        gradient -= share
        yield share
    yield gradient


def tile(windows: Sequence[Window], shape: Shape) -> bool:
    """Return whether each pixel of images of ``shape`` is taken once."""
    times = np.zeros(shape, int)
    for window in windows:
        times[window] += 1
    return bool((times == 1).all())


@dataclass(frozen=True)
class Pooling(Layer, abstract=True):
    """Each region of an image becomes its largest value."""

    lends: ClassVar[bool] = False  # backward looks for the largest value

    def bind(self, place: Place) -> BoundPooling:
        """Return the pooling."""
        return BoundPooling(self, place)

    @abstractmethod
    def windows(self, shape: Shape, rng: Generator | None) -> list[Window]:
        """Return indices of (channel, y, x, image), each of which takes one pixel of every region.

        Without ``rng`` the regions are those of evaluation. A region that is smaller than others has a pixel twice.
        """


@dataclass(frozen=True)
class MaxPooling(Pooling, key="max_pooling"):
    """Max pooling (Ranzato et al. 2007) over square windows, ``size`` apart unless a ``stride`` is given.

    What does not fill a window at the lower and right edge is left out. It commutes with every activation that never
    falls: before ReLU it gives the same network for a quarter of the work.
    """

    size: Count = 2
    stride: Count | None = None

    def output_shape(self, shape: Shape) -> Shape:
        """As many channels, and a position for each window."""
        refuse_unless_images(shape, self.size, self.size)
        return (shape[0], *((side - self.size) // (self.stride or self.size) + 1 for side in shape[1:]))

    def windows(self, shape: Shape, rng: Generator | None) -> list[Window]:
        """Return the places of a window, first by rows."""
        step = self.stride or self.size
        _, height, width = self.output_shape(shape)
        rows = [slice(y, y + step * height, step) for y in range(self.size)]
        columns = [slice(x, x + step * width, step) for x in range(self.size)]
        return [(slice(None), y, x) for y in rows for x in columns]


@dataclass(frozen=True)
class FractionalMaxPooling(Pooling, key="fractional_max_pooling"):
    """Fractional max pooling (Graham, arXiv:1412.6071): regions that lie 1 or 2 pixels apart, in random order.

    ``ratio`` is that of the sides, met as nearly as whole numbers can. Regions are drawn once a training batch, for all
    its images and channels; in evaluation they are spread evenly. Overlapping regions share their edges.
    """

    ratio: Annotated[float, Interval(gt=1, lt=2)] = sqrt(2)
    overlapping: bool = True

    @property
    def is_random(self) -> bool:
        """Each training batch has regions of its own."""
        return True

    def output_shape(self, shape: Shape) -> Shape:
        """As many channels, and smaller sides."""
        refuse_unless_images(shape, 2, 2)
        return (shape[0], *(min(round(side / self.ratio), side - 1) for side in shape[1:]))

    def windows(self, shape: Shape, rng: Generator | None) -> list[Window]:
        """Return the places of the largest region; a smaller region has its last pixel again."""
        rows, columns = (
            self._pixels(side, count, rng) for side, count in zip(shape[1:], self.output_shape(shape)[1:], strict=True)
        )
        return [(slice(None), y[:, None], x) for y in rows for x in columns]

    def _pixels(self, side: int, count: int, rng: Generator | None) -> NDArray[np.integer]:
        """Return the pixels of every region along one axis, one row for each place in a region."""
        edges = np.arange(count + 1) * (side - 1) // count
        if rng is not None:
            edges[1:] = np.cumsum(rng.permutation(np.diff(edges)))
        last = edges[1:] if self.overlapping else edges[1:] - 1
        places = np.arange(3 if self.overlapping else 2)[:, None]
        pixels: NDArray[np.integer] = np.minimum(edges[:-1] + places, last)
        return pixels


class BoundPooling(BoundLayer):
    """Pooling at work; the gradient goes to the first of the largest pixels of a region."""

    def __init__(self, kind: Pooling, place: Place) -> None:
        self._kind, self._shape = kind, place.shape
        self._rng = place.stream(kind.key) if kind.is_random else None
        self._fixed = kind.windows(place.shape, None)
        self._output = place.buffer(*kind.output_shape(place.shape))
        self._gradient = place.buffer()
        self._tiles = not kind.is_random and tile(self._fixed, place.shape)

    def forward(self, x: Array, training: bool) -> Array:
        """Take the largest of each region."""
        self._windows = self._draw() if training and self._kind.is_random else self._fixed
        self._input = batch_last(x)
        output = batch_last(self._output)
        first, *rest = self._windows
        np.copyto(output, self._input[first])
        for window in rest:
            np.maximum(output, self._input[window], out=output)
        return self._output

    def backward(self, gradient: Array) -> Array:
        """Send each gradient to the pixel that was the largest."""
        below = batch_last(self._gradient)
        if not self._tiles:
            below.fill(0)
        pixels = [self._input[window] for window in self._windows]
        each = shares(batch_last(gradient), pixels, batch_last(self._output))
        for window, share in zip(self._windows, each, strict=True):
            if self._tiles:
                below[window] = share
            else:
                below[window] += share
        return self._gradient

    def _draw(self) -> list[Window]:
        assert self._rng is not None, "a network that trains with random regions needs random streams"
        return self._kind.windows(self._shape, self._rng)
