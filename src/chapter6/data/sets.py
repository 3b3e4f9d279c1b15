"""Data sets: four IDX files, each known by its SHA-256, and what stands in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from chapter6.registry import Count, StudyError

AXES = {"train-images": 3, "train-labels": 1, "test-images": 3, "test-labels": 1}  # of the array in each of the files


class DataError(StudyError):
    """A data set cannot be had, or is not what it should be."""


@dataclass(frozen=True)
class ImageFiles:
    """``files`` and their ``checksums`` (SHA-256 of what is not compressed) by part, and what they must hold.

    ``shape`` is that of an image, rows and columns; ``sizes`` are numbers of images by split, where they are stated.
    """

    name: str
    files: Mapping[str, str]
    checksums: Mapping[str, str]
    shape: tuple[Count, Count]
    classes: Count
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """What identifies all four files."""
        return sha256("".join(f"{name} {self.checksums[name]}\n" for name in AXES).encode()).hexdigest()


MNIST = ImageFiles(
    name="MNIST",
    files={
        "train-images": "train-images-idx3-ubyte",
        "train-labels": "train-labels-idx1-ubyte",
        "test-images": "t10k-images-idx3-ubyte",
        "test-labels": "t10k-labels-idx1-ubyte",
    },
    checksums={
        "train-images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "test-images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "test-labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    shape=(28, 28),
    classes=10,
)
