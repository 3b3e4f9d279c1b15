"""Where examples come from: images of the study's data set, or noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from chapter6.engine.examples import Dataset, Examples
from chapter6.engine.layers import Shape
from chapter6.engine.streams import Streams
from chapter6.registry import Count, Family, Share, StudyError


@dataclass(frozen=True)
class Data(Family):
    """Where examples come from."""

    classes: ClassVar[int | None] = None
    needs_dataset: ClassVar[bool] = False

    @property
    def holds_out(self) -> bool:
        """Whether there are validation data."""
        return False

    @property
    def shape(self) -> Shape:
        """Shape of one example."""
        raise NotImplementedError

    def splits(self, streams: Streams, dataset: Dataset | None, width: int) -> Mapping[str, Examples]:
        """Return examples by split; ``width`` is that of the network's output."""
        raise NotImplementedError


@dataclass(frozen=True)
class Images(Data):
    """The first ``examples`` training images of the data set, pixels scaled to [0, 1], and all its test images.

    ``examples`` null means all; ``validation`` is the share of them that is held out, drawn at random.
    """

    examples: Count | None = None
    validation: Share = 0.0
    classes: ClassVar[int] = 10
    needs_dataset: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.examples and self.validation and not 0 < self.held_out < self.examples:
            share = f"{self.validation:g} of {self.examples} examples"
            raise StudyError(f"data.validation: {share} are {self.held_out}")

    @property
    def holds_out(self) -> bool:
        """Whether a share is held out."""
        return self.validation > 0

    @property
    def shape(self) -> Shape:
        """Channels, rows and columns."""
        return (1, 28, 28)

    @property
    def held_out(self) -> int:
        """Number of validation images, once the number of images is known."""
        return round(self.validation * (self.examples or 0))

    @property
    def trained_on(self) -> int:
        """Number of the others."""
        return (self.examples or 0) - self.held_out

    def splits(self, streams: Streams, dataset: Dataset | None, width: int) -> Mapping[str, Examples]:
        """Return train and test images, and validation images where some are held out."""
        assert dataset is not None, "a run on images needs the data set"
        scale = 1 / 255
        train = Examples(dataset.train_images, dataset.train_labels, scale).first(
            self.examples or len(dataset.train_images)
        )
        splits = {"train": train, "test": Examples(dataset.test_images, dataset.test_labels, scale)}
        if self.validation:
            splits["validation"], splits["train"] = train.split(self.validation, streams("split"))
        return splits


@dataclass(frozen=True)
class Noise(Data):
    """Inputs from N(0, 1), and random directions for the linear loss in the place of labels."""

    examples: Count
    inputs: Count = 100

    @property
    def shape(self) -> Shape:
        """One axis."""
        return (self.inputs,)

    def splits(self, streams: Streams, dataset: Dataset | None, width: int) -> Mapping[str, Examples]:
        """Return one split of noise."""
        directions = streams("directions").standard_normal((self.examples, width))
        return {"train": Examples(streams("noise").standard_normal((self.examples, self.inputs)), directions)}
