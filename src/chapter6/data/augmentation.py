"""Augmentations at work, on images (n, channels, rows, columns) with pixels from 0 to 1.

Those that warp move a grid of coordinates, (n, 2, rows, columns): where each pixel of the result is taken from. Their
moves are put together, so that pixels are interpolated once. SciPy is imported where it is used: jobs that warp nothing
start without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[np.floating]


def warped(images: Array, grid: Array) -> Array:
    """Return images with their pixels taken from the places of ``grid``, linearly between pixels, zeros outside."""
    from scipy import ndimage

    count, channels = images.shape[:2]
    out = np.empty_like(images)
    own = np.broadcast_to(np.arange(count)[:, None, None], grid[:, 0].shape)
    places = np.stack([own, grid[:, 0], grid[:, 1]])
    for channel in range(channels):
        ndimage.map_coordinates(images[:, channel], places, out[:, channel], order=1, mode="constant", cval=0.0)
    return out


def grid_of(count: int, rows: int, columns: int) -> Array:
    """Return the coordinates at which every pixel stays where it is."""
    still = np.indices((rows, columns), dtype=np.float64)
    return np.repeat(still[None], count, axis=0)


def crop(grid: Array, rng: Generator, smallest: int, largest: int) -> Array:
    """Return the coordinates of windows in images that are enlarged."""
    rows, columns = grid.shape[2:]
    zoom = _each(rng.uniform(smallest, largest, len(grid)) / rows)
    room = np.array([rows, columns])[:, None, None] * (1 - 1 / zoom)
    corner = rng.random((len(grid), 2, 1, 1)) * room
    moved: Array = (grid + 0.5) / zoom + corner - 0.5  # pixels are squares: their centres lie at a half
    return moved


def rotation(grid: Array, rng: Generator, degrees: float) -> Array:
    """Return coordinates turned about the centre."""
    angle = np.radians(rng.uniform(-degrees, degrees, len(grid)))[:, None, None]
    centre = _centre(grid)
    y, x = np.moveaxis(grid - centre, 1, 0)
    turned = np.stack([y * np.cos(angle) - x * np.sin(angle), y * np.sin(angle) + x * np.cos(angle)], axis=1)
    moved: Array = turned + centre
    return moved


def elastic(grid: Array, rng: Generator, deviation: float, alpha: float) -> Array:
    """Return coordinates moved by a smooth random field."""
    from scipy import ndimage

    field = rng.uniform(-1, 1, grid.shape)
    smooth = ndimage.gaussian_filter(field, (0, 0, deviation, deviation), mode="constant")
    moved: Array = grid + alpha * smooth
    return moved


def lens(grid: Array, rng: Generator, strength: float) -> Array:
    """Return coordinates moved towards the centre or away from it, the more the farther."""
    centre = _centre(grid)
    away = (grid - centre) / np.maximum(centre, 1)
    factor = 1 + _each(rng.uniform(-strength, strength, len(grid))) * (away**2).sum(axis=1, keepdims=True)
    moved: Array = centre + (grid - centre) * factor
    return moved


def shift(images: Array, targets: NDArray[Any], rng: Generator, pixels: int) -> tuple[Array, NDArray[Any]]:
    """Move each image by a whole number of pixels."""
    moves = rng.integers(-pixels, pixels + 1, (len(images), 2))
    rows, columns = images.shape[2:]
    padded = np.pad(images, ((0, 0), (0, 0), (pixels, pixels), (pixels, pixels)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), axis=(2, 3))
    down, right = (pixels + moves).T
    return windows[np.arange(len(images)), :, down, right], targets


def brightness(
    images: Array, targets: NDArray[Any], rng: Generator, brightness: float, contrast: float
) -> tuple[Array, NDArray[Any]]:
    """Change contrast and brightness of each image, within the range of its pixels."""
    factor = _each(rng.uniform(1 - contrast, 1 + contrast, len(images)))
    lighter = _each(rng.uniform(-brightness, brightness, len(images)))
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    return _like(images, ((images - mean) * factor + mean + lighter).clip(0, 1)), targets


def flip(images: Array, targets: NDArray[Any], rng: Generator, probability: float) -> tuple[Array, NDArray[Any]]:
    """Mirror some of the images."""
    mirrored = _each(rng.random(len(images)) < probability)
    return np.where(mirrored, images[..., ::-1], images), targets


def cutout(images: Array, targets: NDArray[Any], rng: Generator, side: int) -> tuple[Array, NDArray[Any]]:
    """Put a square of zeros into each image."""
    inside = [
        np.abs(np.arange(length) - rng.integers(0, length, (len(images), 1)) + (side % 2 == 0) / 2) < side / 2
        for length in images.shape[2:]
    ]
    square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return np.where(square, images.dtype.type(0), images), targets


def mixup(
    images: Array, targets: NDArray[Any], rng: Generator, weight: float | None, alpha: float
) -> tuple[Array, NDArray[Any]]:
    """Mix each image and its distribution over the classes with another's of the batch."""
    share = rng.beta(alpha, alpha) if weight is None else weight
    partners = rng.permutation(len(images))
    mixed = _like(images, share * images + (1 - share) * images[partners])
    return mixed, _like(images, share * targets + (1 - share) * targets[partners])


def views(images: Array, shift: int, flips: bool) -> list[Array]:
    """Return the images and how they look from four corners, perhaps also mirrored."""
    rows, columns = images.shape[2:]
    padded = np.pad(images, ((0, 0), (0, 0), (shift, shift), (shift, shift)))
    corners: Sequence[tuple[int, int]] = [(shift, shift), *((y, x) for y in (0, 2 * shift) for x in (0, 2 * shift))]
    seen = [padded[:, :, y : y + rows, x : x + columns] for y, x in corners]
    return [*seen, *(view[..., ::-1] for view in seen)] if flips else seen


def _each(values: NDArray[Any]) -> NDArray[Any]:
    """Return one value an image, ready to meet images or grids."""
    return values[:, None, None, None]


def _centre(grid: Array) -> Array:
    centre: Array = (np.array(grid.shape[2:])[:, None, None] - 1) / 2
    return centre


def _like(images: Array, values: Array) -> Array:
    return values.astype(images.dtype, copy=False)
