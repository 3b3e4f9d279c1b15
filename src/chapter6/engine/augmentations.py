"""Changes of images, and of their targets, that are drawn anew for training (data/augmentation.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Interval

from chapter6.engine.layers import Shape
from chapter6.registry import Count, Family, Fraction, NonNegative, Positive, StudyError


@dataclass(frozen=True)
class Augmentation(Family):
    """A random change of a batch.

    Those that warp are costly: they are applied together to make a number of copies of each image, once. The others
    come after them and are drawn for each batch. ``mixes`` says whether targets become distributions.
    """

    warps: ClassVar[bool] = False
    mixes: ClassVar[bool] = False

    def check(self, shape: Shape) -> None:
        """Raise StudyError where it does not fit images of this shape."""


@dataclass(frozen=True)
class Shift(Augmentation):
    """Moved by up to so many pixels, rows and columns apart, zeros where nothing was (LeCun et al. 1998)."""

    pixels: Count = 2

    def check(self, shape: Shape) -> None:
        if self.pixels >= min(shape[1:]):
            raise StudyError(f"pixels: {self.pixels} move images of {shape[1]} x {shape[2]} out of sight")


@dataclass(frozen=True)
class Crop(Augmentation):
    """A window of the image's size, anywhere in the image enlarged to a side of ``smallest`` to ``largest`` pixels.

    Scale jittering (Simonyan and Zisserman, arXiv:1409.1556, section 3.1).
    """

    smallest: Count = 32
    largest: Count = 60
    warps: ClassVar[bool] = True

    def check(self, shape: Shape) -> None:
        if not shape[1] <= self.smallest <= self.largest:
            raise StudyError(f"smallest, largest: {self.smallest} to {self.largest} pixels, of images of {shape[1]}")


@dataclass(frozen=True)
class Rotation(Augmentation):
    """Turned about the centre by an angle from -degrees to degrees (Simard et al. 2003, affine distortions)."""

    degrees: Positive = 15.0
    warps: ClassVar[bool] = True


@dataclass(frozen=True)
class Elastic(Augmentation):
    """Elastic distortion (Simard et al. 2003): random displacements from (-1, 1), smoothed by a Gaussian, times alpha.

    ``deviation`` is the standard deviation of the Gaussian, in pixels.
    """

    deviation: Positive = 4.0
    alpha: Positive = 34.0
    warps: ClassVar[bool] = True


@dataclass(frozen=True)
class Lens(Augmentation):
    """Radial distortion r (1 + k r^2), k in [-strength, strength], r = 1 halfway up a side (Buslaev et al. 2020)."""

    strength: Annotated[float, Interval(gt=0, lt=1)] = 0.3
    warps: ClassVar[bool] = True


@dataclass(frozen=True)
class Brightness(Augmentation):
    """Contrast times 1 + (-contrast to contrast) about the image's mean, then brighter by (-brightness to brightness).

    Both in shares of the pixels' range, to which the result is cut (Krizhevsky et al. 2012, section 4.1, on intensity).
    """

    brightness: NonNegative = 0.2
    contrast: Fraction = 0.2


@dataclass(frozen=True)
class Flip(Augmentation):
    """Mirrored, left to right, with a probability (Krizhevsky et al. 2012, section 4.1)."""

    probability: Fraction = 0.5


@dataclass(frozen=True)
class Cutout(Augmentation):
    """A square of zeros around a random pixel, at the border a part of it (DeVries and Taylor, arXiv:1708.04552)."""

    side: Count = 8


@dataclass(frozen=True)
class Mixup(Augmentation):
    """Each image and target mixed with another's of the batch (Zhang et al., arXiv:1710.09412).

    ``weight`` is the one's share, 0.4 or 0.6 as well; null draws it for each batch from Beta(alpha, alpha).
    """

    weight: Fraction | None = None
    alpha: Positive = 0.2
    mixes: ClassVar[bool] = True


@dataclass(frozen=True)
class Views:
    """Evaluation by the mean of probabilities over five windows, the centre and those at the corners, ``shift`` away.

    With ``flips`` also over their mirror images (Krizhevsky et al. 2012, section 4.1: ten).
    """

    shift: Count = 2
    flips: bool = False
