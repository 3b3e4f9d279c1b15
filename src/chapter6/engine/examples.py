"""Labelled examples and the order in which training sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray

from chapter6.engine.arrays import Array

Sampling = Literal["replacement", "epochs"]


class Dataset(Protocol):
    """Images (uint8, n x pixels) and labels (uint8, n), on disk perhaps."""

    @property
    def train_images(self) -> NDArray[np.uint8]: ...
    @property
    def train_labels(self) -> NDArray[np.uint8]: ...
    @property
    def test_images(self) -> NDArray[np.uint8]: ...
    @property
    def test_labels(self) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class Examples:
    """``images`` (n, inputs) as stored (uint8 for MNIST), their ``targets`` (n, ...) and the scale of a pixel.

    The images stay as they are, memory-mapped perhaps; a batch is scaled while it is gathered.
    """

    images: NDArray[Any]
    targets: NDArray[Any]
    scale: float = 1.0

    def __len__(self) -> int:
        return len(self.images)

    @property
    def inputs(self) -> int:
        """Number of inputs of one example."""
        return int(self.images.shape[1])

    def first(self, count: int) -> Examples:
        """Return the first ``count`` examples, as a view."""
        return Examples(self.images[:count], self.targets[:count], self.scale)

    def split(self, share: float, rng: Generator) -> tuple[Examples, Examples]:
        """Return a random ``share`` held out (rounded) and the rest, both in their old order."""
        held_out = np.zeros(len(self), dtype=bool)
        held_out[rng.permutation(len(self))[: round(share * len(self))]] = True
        parts = (np.flatnonzero(held_out), np.flatnonzero(~held_out))
        first, rest = (Examples(self.images[rows], self.targets[rows], self.scale) for rows in parts)
        return first, rest

    def chunks(self, size: int, dtype: DTypeLike) -> Iterator[tuple[Array, NDArray[Any]]]:
        """Yield scaled images, in a buffer that is used again, and targets, ``size`` examples at a time, in order.

        The last chunk may be smaller.
        """
        buffer = np.empty((min(size, len(self)), self.inputs), dtype)
        for start in range(0, len(self), size):
            images = self.images[start : start + size]
            yield self.scaled(images, buffer[: len(images)]), self.targets[start : start + size]

    def scaled(self, images: NDArray[Any], out: Array) -> Array:
        """Write ``images`` times the scale into ``out``, computed in its type."""
        np.copyto(out, images, casting="unsafe")
        out *= self.scale
        return out


class Batches:
    """Mini-batches of ``examples`` in the order of ``indices`` (steps, batch), gathered into one buffer."""

    def __init__(self, examples: Examples, indices: NDArray[np.integer], dtype: DTypeLike) -> None:
        self._examples = examples
        self._images, self._all_targets = np.asarray(examples.images), np.asarray(examples.targets)  # no memmaps: slow
        self._indices = indices
        batch_size = indices.shape[1]
        self._stored = np.empty((batch_size, examples.inputs), examples.images.dtype)
        self._scaled: Array = np.empty((batch_size, examples.inputs), dtype)
        self._targets = np.empty((batch_size, *examples.targets.shape[1:]), examples.targets.dtype)

    def __getitem__(self, step: int) -> tuple[Array, NDArray[Any]]:
        """Return batch number ``step`` (from 0): images (batch, inputs) and targets, both reused buffers."""
        rows = self._indices[step]
        self._images.take(rows, axis=0, out=self._stored, mode="clip")
        self._examples.scaled(self._stored, self._scaled)
        self._all_targets.take(rows, axis=0, out=self._targets, mode="clip")
        return self._scaled, self._targets


def draw_indices(rng: Generator, examples: int, steps: int, batch_size: int, sampling: Sampling) -> NDArray[np.integer]:
    """Draw which examples each update sees, shape (steps, batch_size).

    ``replacement`` draws every batch independently from all examples, as the book's scripts do; ``epochs``
    passes through a fresh permutation each epoch, dropping the incomplete last batch. A shorter run's draws
    are the beginning of a longer one's.
    """
    if sampling == "replacement":
        return rng.integers(0, examples, size=(steps, batch_size), dtype=np.uint32)
    per_epoch = examples // batch_size
    epochs = -(-steps // per_epoch)
    order = np.empty((epochs, per_epoch * batch_size), dtype=np.uint32)
    for epoch in order:
        epoch[:] = rng.permutation(examples)[: len(epoch)]
    return order.reshape(-1, batch_size)[:steps]
