"""Transforms at work: each function fits one on training images, a chunk at a time, and returns what applies it.

Chunks are arrays (n, inputs) that may be used again after the next one is taken; ``shape`` is that of one image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Chunks = Callable[[], Iterable[Array]]  # a fresh pass over the training images
Shape = tuple[int, ...]
RANGE = 255


@dataclass(frozen=True)
class Elementwise:
    """(x - shift) * factor, pixel by pixel."""

    shift: Any
    factor: Any

    def __call__(self, images: Array) -> Array:
        """Return the images, changed, in their own type."""
        changed: Array = ((images - self.shift) * self.factor).astype(images.dtype, copy=False)
        return changed


@dataclass(frozen=True)
class Projection:
    """(x - mean) @ axes, axes of shape (inputs, components)."""

    mean: Array
    axes: Array

    def __call__(self, images: Array) -> Array:
        """Return coordinates along the axes."""
        projected: Array = (images - self.mean).astype(images.dtype) @ self.axes.astype(images.dtype)
        return projected


@dataclass(frozen=True)
class Blocks:
    """Means of blocks of side x side pixels."""

    shape: Shape
    side: int

    def __call__(self, images: Array) -> Array:
        """Return smaller images, as rows of pixels."""
        channels, rows, columns = self.shape
        blocks = images.reshape(-1, channels, rows // self.side, self.side, columns // self.side, self.side)
        means: Array = blocks.mean(axis=(3, 5)).reshape(len(images), -1)
        return means


def raw(chunks: Chunks, shape: Shape) -> Elementwise:
    """Return the pixels' own range for that of 0 to 1."""
    return Elementwise(0, RANGE)


def mean_image(chunks: Chunks, shape: Shape) -> Elementwise:
    """Return zero-centring by the mean image."""
    return Elementwise(_mean(chunks), 1)


def mean_pixel(chunks: Chunks, shape: Shape) -> Elementwise:
    """Return zero-centring by the mean of all pixels of a channel."""
    means = _mean(chunks).reshape(shape[0], -1).mean(axis=1)
    return Elementwise(np.repeat(means, prod(shape[1:])), 1)


def standardize(chunks: Chunks, shape: Shape) -> Elementwise:
    """Return mean 0 and variance 1 for each pixel that varies."""
    mean = _mean(chunks)
    squares, low, high, count = np.zeros_like(mean), np.full_like(mean, np.inf), np.full_like(mean, -np.inf), 0
    for chunk in chunks():
        squares += ((chunk - mean) ** 2).sum(axis=0)
        low, high = np.minimum(low, chunk.min(axis=0)), np.maximum(high, chunk.max(axis=0))
        count += len(chunk)
    varies = low < high
    deviation = np.sqrt(squares / count, out=np.ones_like(mean), where=varies)
    return Elementwise(np.where(varies, mean, 0), 1 / deviation)


def pca(chunks: Chunks, shape: Shape, components: int | None) -> Projection:
    """Return the projection on the principal axes."""
    mean, _, axes = _principal_axes(chunks, components)
    return Projection(mean, axes)


def whitening(chunks: Chunks, shape: Shape, epsilon: float, components: int | None) -> Projection:
    """Return the projection on the principal axes, divided by the deviations along them."""
    mean, variances, axes = _principal_axes(chunks, components)
    return Projection(mean, axes / np.sqrt(variances + epsilon))


def block_means(chunks: Chunks, shape: Shape, side: int) -> Blocks:
    """Return means of blocks."""
    return Blocks(shape, side)


def _mean(chunks: Chunks) -> Array:
    total: Any = 0.0
    count = 0
    for chunk in chunks():
        total = total + chunk.sum(axis=0, dtype=np.float64)
        count += len(chunk)
    mean: Array = total / count
    return mean


def _principal_axes(chunks: Chunks, components: int | None) -> tuple[Array, Array, Array]:
    """Return mean, variances along the widest axes and the axes, from the covariance (inputs, inputs)."""
    mean = _mean(chunks)
    covariance, count = np.zeros((len(mean), len(mean))), 0
    for chunk in chunks():
        centred = chunk - mean
        covariance += centred.T @ centred
        count += len(chunk)
    variances, axes = np.linalg.eigh(covariance / count)
    widest = slice(None, None, -1)
    variances, axes = variances[widest][:components].clip(min=0), axes[:, widest][:, :components]
    largest = np.abs(axes).argmax(axis=0)
    return mean, variances, axes * np.sign(axes[largest, np.arange(axes.shape[1])])
