"""Where examples come from: images of the study's data set, or noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import ClassVar, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from chapter6.engine.augmentations import Augmentation, Views
from chapter6.engine.examples import Examples
from chapter6.engine.layers import Shape
from chapter6.engine.streams import Streams
from chapter6.engine.transforms import Transform
from chapter6.registry import Count, Family, Fraction, Index, NonNegative, Share, StudyError

LARGEST_COPIES = 256 * 2**20  # bytes of warped images; a job may have 400 MiB in all

Splits = Mapping[str, Examples]


@dataclass(frozen=True)
class ImageSet:
    """What is known of the study's images: channels, rows and columns of one, and how many classes there are."""

    shape: tuple[Count, Count, Count] = (1, 28, 28)
    classes: Count = 10


class Dataset(Protocol):
    """Images (uint8, n x pixels) and labels (uint8, n), on disk perhaps.

    Transforms and augmentations take more than the engine has: who holds the data has them done.
    """

    @property
    def train_images(self) -> NDArray[np.uint8]: ...
    @property
    def train_labels(self) -> NDArray[np.uint8]: ...
    @property
    def test_images(self) -> NDArray[np.uint8]: ...
    @property
    def test_labels(self) -> NDArray[np.uint8]: ...

    def prepared(self, images: Images, splits: Splits, streams: Streams) -> Splits:
        """Return the splits with what ``images`` declares done to them."""


@dataclass(frozen=True)
class Data(Family):
    """Where examples come from."""

    needs_dataset: ClassVar[bool] = False

    @property
    def splits_held(self) -> frozenset[str]:
        """Names of the splits that there are."""
        return frozenset({"train"})

    @property
    def holds_out(self) -> bool:
        """Whether there are validation data."""
        return "validation" in self.splits_held

    @property
    def outputs(self) -> int | None:
        """How many classes the labels have; None where there are no labels."""
        return None

    @property
    def mixes(self) -> bool:
        """Whether training sees distributions over the classes in the place of labels."""
        return False

    @property
    def shape(self) -> Shape:
        """Shape of one example."""
        raise NotImplementedError

    @property
    def size(self) -> int | None:
        """Number of training examples, what is held out being left out; None where it is not known yet."""
        raise NotImplementedError

    def within(self, images: int, most: int | None = None) -> Data:
        """Return the data with open numbers closed, of so many training ``images`` at most so many."""
        return self

    def splits(self, streams: Streams, dataset: Dataset | None, width: int) -> Splits:
        """Return examples by split; ``width`` is that of the network's output."""
        raise NotImplementedError


@dataclass(frozen=True)
class Images(Data):
    """Training images of the data set, the first ``examples`` or ``per_class``, and all its test images.

    Only those of the ``classes`` that are named, if any, the first of which becomes label 0, and so on. ``validation``
    is the share of the training images that is held out, drawn at random, and ``wrong_labels`` the share of the others
    whose label is replaced by another one, drawn at random. With ``input_noise`` there is a split ``noisy``, the test
    images with Gaussian noise of this standard deviation (1: the range of pixels). ``transforms`` are fitted on what
    training sees and applied to all images, in order. ``augmentations`` change images for training, before the
    transforms; of those that warp, each image has so many ``copies``. ``source`` is filled in from the study's
    configuration.
    """

    examples: Count | None = None
    validation: Share = 0.0
    per_class: Count | None = None
    classes: tuple[Index, ...] = ()
    wrong_labels: Fraction = 0.0
    input_noise: NonNegative = 0.0
    transforms: tuple[Transform, ...] = ()
    augmentations: tuple[Augmentation, ...] = ()
    copies: Count = 32
    views: Views | None = None
    source: ImageSet = field(default_factory=ImageSet)
    needs_dataset: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._check_choice()
        if self.chosen and self.validation and not 0 < self.held_out < self.chosen:
            share = f"{self.validation:g} of {self.chosen} examples"
            raise StudyError(f"data.validation: {share} are {self.held_out}")
        self._check_changes()

    @property
    def splits_held(self) -> frozenset[str]:
        held = {"validation": self.validation, "noisy": self.input_noise}
        return frozenset({"train", "test", *(split for split, amount in held.items() if amount)})

    @property
    def outputs(self) -> int:
        """Number of classes."""
        return len(self.classes) or self.source.classes

    @property
    def mixes(self) -> bool:
        return any(augmentation.mixes for augmentation in self.augmentations)

    @property
    def shape(self) -> Shape:
        """That of an image, channels, rows and columns, after the transforms."""
        return self._walk()[-1]

    @property
    def chosen(self) -> int | None:
        """Number of images that are taken, those held out included; None where it is not known yet."""
        return self.per_class * self.outputs if self.per_class else self.examples

    @property
    def held_out(self) -> int:
        """Number of validation images, once the number of images is known."""
        return round(self.validation * (self.chosen or 0))

    @property
    def size(self) -> int | None:
        return self.chosen - self.held_out if self.chosen else None

    @property
    def is_prepared(self) -> bool:
        """Whether anything is done to the images."""
        return bool(self.transforms or self.augmentations or self.views)

    def within(self, images: int, most: int | None = None) -> Images:
        if (self.chosen or 0) > images:
            key = "per_class" if self.per_class else "examples"
            raise StudyError(f"data.{key}: there are {images} training images, not {self.chosen}")
        if self.per_class:
            closed = replace(self, per_class=min(self.per_class, max(1, (most or images) // self.outputs)))
        elif self.classes and not most:  # how many there are of them, the labels will tell
            closed = self
        else:
            closed = replace(self, examples=min(self.examples or images, most or images))
        if closed.size:
            closed.check_size(closed.size)
        return closed

    def check_size(self, count: int) -> None:
        """Raise StudyError where so many training images do not do for what is done to them."""
        for transform, shape in zip(self.transforms, self._walk(), strict=False):
            if (least := transform.least(shape)) > count:
                raise StudyError(
                    f"data.transforms.{transform.key}: takes {least} training images, and there are {count}"
                )
        size = count * self.copies * prod(self.source.shape)
        if any(augmentation.warps for augmentation in self.augmentations) and size > LARGEST_COPIES:
            least = LARGEST_COPIES // (count * prod(self.source.shape))
            raise StudyError(
                f"data.copies: {self.copies} of each of {count} images are {size >> 20} MiB, and a job may have"
                f" {LARGEST_COPIES >> 20}: take {least} copies or fewer, or fewer images"
            )

    def splits(self, streams: Streams, dataset: Dataset | None, width: int) -> Splits:
        assert dataset is not None, "a run on images needs the data set"
        if (pixels := dataset.train_images.shape[1]) != prod(self.source.shape):
            wanted = " x ".join(map(str, self.source.shape[1:]))
            raise StudyError(f"data.shape: {wanted} are stated, and the images that were fetched have {pixels} pixels")
        scale = 1 / 255
        train = self._first(self._of_classes(Examples(dataset.train_images, dataset.train_labels, scale)))
        test = self._of_classes(Examples(dataset.test_images, dataset.test_labels, scale))
        splits = {"train": train, "test": test}
        if self.validation:
            splits["validation"], splits["train"] = train.split(self.validation, streams("split"))
        if self.wrong_labels:
            splits["train"] = mislabelled(splits["train"], self.wrong_labels, self.outputs, streams("wrong_labels"))
        if self.input_noise:
            splits["noisy"] = noisy(test, self.input_noise, streams("input_noise"))
        if not self.is_prepared:
            return splits
        self.check_size(len(splits["train"]))
        return dataset.prepared(self, splits, streams)

    def _of_classes(self, examples: Examples) -> Examples:
        """Return the images of the classes that are named, with their new labels."""
        if not self.classes:
            return examples
        label_of = np.zeros(self.source.classes, examples.targets.dtype)
        label_of[list(self.classes)] = range(len(self.classes))
        rows = np.flatnonzero(np.isin(examples.targets, self.classes))
        return replace(examples, images=examples.images[rows], targets=label_of[examples.targets[rows]])

    def _first(self, examples: Examples) -> Examples:
        """Return the first images, of each class or of all."""
        labels = np.asarray(examples.targets)
        if self.per_class:
            of_class = [np.flatnonzero(labels == label)[: self.per_class] for label in range(self.outputs)]
            for label, rows in enumerate(of_class):
                if len(rows) < self.per_class:
                    name = self.classes[label] if self.classes else label
                    raise StudyError(f"data.per_class: of class {name} there are {len(rows)}, not {self.per_class}")
            rows = np.sort(np.concatenate(of_class))
            return replace(examples, images=examples.images[rows], targets=labels[rows])
        if (self.examples or 0) > len(examples):
            raise StudyError(f"data.examples: there are {len(examples)} training images, not {self.examples}")
        return examples.first(self.examples or len(examples))

    def _check_choice(self) -> None:
        if self.examples and self.per_class:
            raise StudyError("data.per_class: give this or examples")
        if not self.classes:
            return
        if strange := [label for label in self.classes if label >= self.source.classes]:
            raise StudyError(f"data.classes: no class {strange[0]}; they go from 0 to {self.source.classes - 1}")
        if len(set(self.classes)) < max(2, len(self.classes)):
            raise StudyError(f"data.classes: two or more, each once, not {', '.join(map(str, self.classes))}")

    def _check_changes(self) -> None:
        self._walk()
        if not (self.augmentations or self.views):
            return
        if flat := next((transform.key for transform in self.transforms if not transform.gives_images), None):
            key = "augmentations" if self.augmentations else "views"
            raise StudyError(f"data.{key}: made for images, and {flat} leaves none")
        for augmentation in self.augmentations:
            try:
                augmentation.check(self.source.shape)
            except StudyError as error:
                raise StudyError(f"data.augmentations.{augmentation.key}.{error}") from None
        if self.views and self.views.shift >= min(self.source.shape[1:]):
            raise StudyError(f"data.views.shift: {self.views.shift} moves images out of sight")

    def _walk(self) -> list[Shape]:
        """Return the shapes before each transform and after the last; StudyError where one does not fit."""
        shapes: list[Shape] = [self.source.shape]
        for transform in self.transforms:
            try:
                shapes.append(transform.output_shape(shapes[-1]))
            except StudyError as error:
                raise StudyError(f"data.transforms.{transform.key}: {error}") from None
        return shapes


@dataclass(frozen=True)
class Noise(Data):
    """Inputs from N(0, 1), and random directions for the linear loss in the place of labels."""

    examples: Count
    inputs: Count = 100

    @property
    def shape(self) -> Shape:
        """One axis."""
        return (self.inputs,)

    @property
    def size(self) -> int:
        return self.examples

    def splits(self, streams: Streams, dataset: Dataset | None, width: int) -> Splits:
        """Return one split of noise."""
        directions = streams("directions").standard_normal((self.examples, width))
        return {"train": Examples(streams("noise").standard_normal((self.examples, self.inputs)), directions)}


def mislabelled(examples: Examples, share: float, classes: int, rng: Generator) -> Examples:
    """Return examples of which a ``share`` (rounded) has another label, each of the others with the same chance."""
    rows = rng.permutation(len(examples))[: round(share * len(examples))]
    labels: NDArray[np.integer] = np.array(examples.targets)
    labels[rows] = (labels[rows] + rng.integers(1, classes, len(rows))) % classes
    return replace(examples, targets=labels)


def noisy(examples: Examples, deviation: float, rng: Generator) -> Examples:
    """Return examples with Gaussian noise on their scaled images."""
    images = rng.standard_normal(examples.images.shape, np.float32)
    images *= deviation
    images += examples.scaled(examples.images, np.empty_like(images))
    return replace(examples, images=images, scale=1.0)
