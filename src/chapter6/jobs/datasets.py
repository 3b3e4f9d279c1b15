"""The study's data set as jobs use it: what the engine declares to be done to images, done by ``data/``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial, reduce
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from chapter6.data import augmentation, storage, transforms
from chapter6.engine.arrays import Array
from chapter6.engine.augmentations import Augmentation
from chapter6.engine.examples import Augmented, Examples, Prepare
from chapter6.engine.streams import Streams
from chapter6.files import replacing
from chapter6.registry import canonical

if TYPE_CHECKING:
    from chapter6.engine.data import Images, Splits

CHUNK = 2000  # images that are transformed or warped at once


@dataclass(frozen=True)
class Dataset(storage.Dataset):
    """The arrays of the data set, and ``folder`` for what is made of them."""

    folder: Path

    def prepared(self, images: Images, splits: Splits, streams: Streams) -> Splits:
        """Return the splits with what ``images`` declares done to them.

        Transformed images are stored and mapped, once for all runs that fit them on the same ones, unless images are
        changed before they are transformed, or have noise of their own.
        """
        shown = splits
        if images.transforms:
            apply = Fitted(images, splits["train"])
            shown = {name: replace(examples, prepare=apply) for name, examples in splits.items()}
        if images.views:
            shown = {name: replace(examples, views=_views(examples, images)) for name, examples in shown.items()}
        if images.transforms and not images.augmentations:
            place = self.folder / self._identity(images, streams)
            shown = {n: e if n == "noisy" else _stored(e, place / f"{n}.npy") for n, e in shown.items()}
        if images.augmentations:
            shown = {**shown, "train": _augmented(shown["train"], images, streams)}
        return shown

    def _identity(self, images: Images, streams: Streams) -> str:
        """Return a digest of what transformed images depend on, the code that transforms them included."""
        drawn = [streams.seed, streams.replicate, streams.prefix] if images.validation else []
        chosen = replace(images, wrong_labels=0.0, input_noise=0.0, views=None)
        code = [sha256(Path(module).read_bytes()).hexdigest() for module in (transforms.__file__, __file__)]
        return sha256(canonical([self.digest, chosen, drawn, code]).encode()).hexdigest()[:24]


def load(directory: Path, made: Path | None = None) -> Dataset:
    """Map the data set in ``directory``; what is ``made`` of its images is stored there, too, if nowhere else."""
    arrays = storage.load(directory)
    folder = made or directory / "made"
    return Dataset(**{field.name: getattr(arrays, field.name) for field in fields(arrays)}, folder=folder)


@dataclass(frozen=True)
class Fitted:
    """The transforms of ``images`` in turn, each fitted on what comes out of those before it, when they are needed."""

    images: Images
    train: Examples

    def __call__(self, given: Array) -> Array:
        """Return scaled images, transformed."""
        return _in_turn(self.steps, given)

    @cached_property
    def steps(self) -> Sequence[Prepare]:
        """The fitted transforms."""
        done: list[Prepare] = []
        shape: tuple[int, ...] = self.images.source.shape
        for transform in self.images.transforms:
            fit = getattr(transforms, transform.key)
            done.append(fit(partial(_chunks, self.train, tuple(done)), shape, **vars(transform)))
            shape = transform.output_shape(shape)
        return done


def _in_turn(steps: Sequence[Prepare], images: Array) -> Array:
    return reduce(lambda changed, step: step(changed), steps, images)


def _chunks(train: Examples, before: Sequence[Prepare]) -> Iterator[Array]:
    """Yield training images as they are after the transforms ``before``, in float64."""
    for images, _ in train.chunks(CHUNK, np.float64):
        yield _in_turn(before, images)


def _stored(examples: Examples, file: Path) -> Examples:
    """Return the examples with their images transformed: mapped from a file, which is made if it is not there."""
    if not file.exists():
        chunks = examples.chunks(CHUNK, np.float32)
        first, _ = next(chunks)
        with replacing(file) as temporary:
            made = np.lib.format.open_memmap(temporary, "w+", np.float32, (len(examples), first.shape[1]))
            for start in range(0, len(examples), CHUNK):
                made[start : start + CHUNK] = first if start == 0 else next(chunks)[0]
            made.flush()
    return replace(examples, images=np.load(file, mmap_mode="r"), scale=1.0, prepare=None)


def _views(examples: Examples, images: Images) -> tuple[Examples, ...]:
    """Return the examples as they are seen from each side."""
    assert images.views is not None
    shape = images.source.shape
    count = len(augmentation.views(np.zeros((1, *shape)), **vars(images.views)))

    def seen(number: int, given: Array) -> Array:
        view = augmentation.views(given.reshape(-1, *shape), **vars(images.views))[number]
        rows: Array = np.ascontiguousarray(view).reshape(len(given), -1)
        return examples.prepare(rows) if examples.prepare else rows

    return tuple(replace(examples, prepare=partial(seen, number)) for number in range(count))


def _augmented(examples: Examples, images: Images, streams: Streams) -> Examples:
    """Return the examples with what their batches are drawn from."""
    warps = [each for each in images.augmentations if each.warps]
    others = [each for each in images.augmentations if not each.warps]
    copies = examples.images[:, None, :]
    if warps:
        copies = warped_copies(examples.images, images.source.shape, images.copies, warps, streams("copies"))
    change = _Change(tuple(others), images.source.shape, images.outputs, examples.prepare)
    return replace(examples, augmented=Augmented(copies, change))


def warped_copies(
    images: NDArray[Any], shape: tuple[int, ...], count: int, warps: Sequence[Augmentation], rng: Generator
) -> NDArray[np.uint8]:
    """Return ``count`` warped copies of each image (n, inputs), shape (n, count, inputs), rounded to whole pixels."""
    copies = np.empty((len(images), count, images.shape[1]), np.uint8)
    step = max(1, CHUNK // count)
    for start in range(0, len(images), step):
        some = np.repeat(images[start : start + step].reshape(-1, *shape).astype(np.float32), count, axis=0)
        grid = augmentation.grid_of(len(some), *shape[1:])
        for warp in warps:
            grid = getattr(augmentation, warp.key)(grid, rng, **vars(warp))
        copies[start : start + step] = augmentation.warped(some, grid).round().reshape(-1, count, images.shape[1])
    return copies


@dataclass(frozen=True)
class _Change:
    """What is done to a batch of scaled images and their labels: augmentations, then the transforms."""

    augmentations: tuple[Augmentation, ...]
    shape: tuple[int, ...]
    classes: int
    prepare: Prepare | None

    def __call__(self, images: Array, targets: NDArray[Any], rng: Generator) -> tuple[Array, NDArray[Any]]:
        """Return images (batch, inputs) and labels, or distributions over the classes where some mix."""
        if any(each.mixes for each in self.augmentations):
            targets = np.eye(self.classes, dtype=images.dtype)[targets]
        changed = images.reshape(-1, *self.shape)
        for each in self.augmentations:
            changed, targets = getattr(augmentation, each.key)(changed, targets, rng, **vars(each))
        rows: Array = np.ascontiguousarray(changed).reshape(len(images), -1)
        return self.prepare(rows) if self.prepare else rows, targets
