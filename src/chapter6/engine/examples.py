"""Labelled examples and the order in which training sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray

from chapter6.engine.arrays import Array

Sampling = Literal["replacement", "epochs"]


Prepare = Callable[[Array], Array]  # from scaled images to what a network sees
Change = Callable[[Array, NDArray[Any], Generator], tuple[Array, NDArray[Any]]]  # of scaled images and their targets


@dataclass(frozen=True)
class Augmented:
    """What batches are drawn from in the place of images: one of ``copies`` (n, copies, inputs), then changed."""

    copies: NDArray[Any]
    change: Change


@dataclass(frozen=True)
class Examples:
    """``images`` (n, inputs) as stored (uint8 for MNIST), their ``targets`` (n, ...) and the scale of a pixel.

    The images stay as they are, memory-mapped perhaps; a batch is scaled while it is gathered, and then ``prepare``
    does the rest. Batches may be ``augmented``; evaluation may be by ``views``, the same examples seen in
    several ways.
    """

    images: NDArray[Any]
    targets: NDArray[Any]
    scale: float = 1.0
    prepare: Prepare | None = None
    augmented: Augmented | None = None
    views: tuple[Examples, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def inputs(self) -> int:
        """Number of inputs of one example."""
        return int(self.images.shape[1])

    def first(self, count: int) -> Examples:
        """Return the first ``count`` examples, as a view."""
        return replace(self, images=self.images[:count], targets=self.targets[:count])

    def split(self, share: float, rng: Generator) -> tuple[Examples, Examples]:
        """Return a random ``share`` held out (rounded) and the rest, both in their old order."""
        held_out = np.zeros(len(self), dtype=bool)
        held_out[rng.permutation(len(self))[: round(share * len(self))]] = True
        parts = (np.flatnonzero(held_out), np.flatnonzero(~held_out))
        first, rest = (replace(self, images=self.images[rows], targets=self.targets[rows]) for rows in parts)
        return first, rest

    def chunks(self, size: int, dtype: DTypeLike) -> Iterator[tuple[Array, NDArray[Any]]]:
        """Yield scaled images, in a buffer that is used again, and targets, ``size`` examples at a time, in order.

        The last chunk may be smaller.
        """
        buffer = np.empty((min(size, len(self)), self.inputs), dtype)
        for start in range(0, len(self), size):
            images = self.images[start : start + size]
            scaled = self.scaled(images, buffer[: len(images)])
            yield self.prepare(scaled) if self.prepare else scaled, self.targets[start : start + size]

    def batches(self, indices: NDArray[np.integer], dtype: DTypeLike, rng: Generator | None = None) -> Batches:
        """Return the mini-batches of ``indices`` (steps, batch); augmented ones need a random stream."""
        return AugmentedBatches(self, indices, dtype, rng) if self.augmented else Batches(self, indices, dtype)

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


class AugmentedBatches(Batches):
    """Mini-batches that are changed at random: one of the copies of each image, then the change."""

    def __init__(
        self, examples: Examples, indices: NDArray[np.integer], dtype: DTypeLike, rng: Generator | None
    ) -> None:
        assert examples.augmented is not None, "examples that are augmented"
        assert rng is not None, "augmentation needs a random stream"
        self._change, self._rng = examples.augmented.change, rng
        count = examples.augmented.copies.shape[1]
        copies = replace(
            examples,
            images=examples.augmented.copies.reshape(len(examples) * count, -1),
            targets=np.repeat(examples.targets, count, axis=0),
        )
        drawn = rng.integers(0, count, indices.shape, dtype=np.uint32)
        super().__init__(copies, indices * np.uint32(count) + drawn, dtype)

    def __getitem__(self, step: int) -> tuple[Array, NDArray[Any]]:
        """Return batch number ``step``, drawn anew at each call."""
        return self._change(*super().__getitem__(step), self._rng)


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
