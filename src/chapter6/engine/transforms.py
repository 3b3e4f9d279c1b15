"""What is done to all images before a network sees them: fitted once, on the training split (data/transforms.py)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from chapter6.engine.layers import Shape
from chapter6.registry import Count, Family, Positive, StudyError


@dataclass(frozen=True)
class Transform(Family):
    """A change of every image; ``gives_images`` says whether what comes out still has rows and columns."""

    gives_images: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of what comes out; StudyError where it does not fit."""
        return shape

    def least(self, shape: Shape) -> int:
        """Return how many images it takes to fit it."""
        return 1


@dataclass(frozen=True)
class Raw(Transform):
    """Pixels from 0 to 255, as they are stored, in the place of 0 to 1 (LeCun et al. 1998, section 4.3)."""


@dataclass(frozen=True)
class MeanImage(Transform, key="mean_image"):
    """Zero-centring: the mean image is subtracted (Krizhevsky et al. 2012, section 2)."""


@dataclass(frozen=True)
class MeanPixel(Transform, key="mean_pixel"):
    """Zero-centring: the mean of all pixels is subtracted (Simonyan and Zisserman, arXiv:1409.1556, section 2.1)."""


@dataclass(frozen=True)
class Standardize(Transform):
    """Each pixel with mean 0 and variance 1 (LeCun et al. 1998, section 4.3); those that never vary are left alone."""

    def least(self, shape: Shape) -> int:
        return 2


@dataclass(frozen=True)
class _Projection(Transform, abstract=True):
    """Coordinates along principal axes, the widest first; ``components`` null means all."""

    gives_images: ClassVar[bool] = False

    @property
    @abstractmethod
    def wanted(self) -> int | None:
        """Number of components that are kept; None for all."""

    def output_shape(self, shape: Shape) -> Shape:
        if (self.wanted or 0) > prod(shape):
            raise StudyError(f"components: {self.wanted} of {prod(shape)} inputs")
        return (self.wanted or prod(shape),)

    def least(self, shape: Shape) -> int:
        return self.output_shape(shape)[0] + 1  # so many images, less their mean, span one dimension less


@dataclass(frozen=True)
class PCA(_Projection):
    """Centred images along their principal axes, the widest first (LeCun et al. 1998, section 4.3).

    ``components`` null keeps all. Of an axis' two directions it takes the one in which its largest entry is positive.
    """

    components: Count | None = None

    @property
    def wanted(self) -> int | None:
        return self.components


@dataclass(frozen=True)
class Whitening(_Projection):
    """Principal components divided by sqrt(variance + epsilon), of variance near 1 (LeCun et al. 1998, section 4.3)."""

    epsilon: Positive
    components: Count | None = None

    @property
    def wanted(self) -> int | None:
        return self.components


@dataclass(frozen=True)
class BlockMeans(Transform, key="block_means"):
    """The mean of each block of ``side`` x ``side`` pixels, 28 x 28 to 14 x 14 (LeCun et al. 1998, subsampling)."""

    side: Count = 2

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3 or shape[1] % self.side or shape[2] % self.side:
            given = " x ".join(map(str, shape))
            raise StudyError(f"{given} has no blocks of {self.side} x {self.side}")
        return (shape[0], shape[1] // self.side, shape[2] // self.side)
