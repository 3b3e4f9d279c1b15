"""Readings of a point on a surface."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chapter6.engine.measurements.base import Measurement, Reading
from chapter6.engine.problems import Problem, SurfaceProblem
from chapter6.registry import Count, Positive


@dataclass(frozen=True)
class Position(Measurement):
    """Where the point stands on the surface: x, y, the height f(x, y) and the distance from the minimum."""

    subject: ClassVar[type[Problem]] = SurfaceProblem
    metrics: ClassVar[tuple[str, ...]] = ("x", "y", "height", "distance")

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield x, y, the height and the distance from the minimum, which is the origin."""
        assert isinstance(problem, SurfaceProblem)
        x, y = problem.values
        yield "train", "x", float(x)
        yield "train", "y", float(y)
        yield "train", "height", float(problem.surface.value(x, y))
        yield "train", "distance", float(np.hypot(x, y))


@dataclass(frozen=True)
class Misalignment(Measurement):
    """How far the negative gradient points past the minimum, in degrees, over a window of the surface.

    ``misaligned_share`` is the share of the points of a regular grid where the angle between the negative
    gradient and the direction of the minimum exceeds ``degrees``; ``angle`` is the median over the grid.
    """

    subject: ClassVar[type[Problem]] = SurfaceProblem
    metrics: ClassVar[tuple[str, ...]] = ("angle", "misaligned_share")
    half_width: Positive = 10.0
    half_height: Positive = 5.0
    points: Count = 200
    degrees: Positive = 30.0

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the median angle and the share of misaligned points."""
        assert isinstance(problem, SurfaceProblem)
        x, y = np.meshgrid(
            np.linspace(-self.half_width, self.half_width, self.points),
            np.linspace(-self.half_height, self.half_height, self.points),
        )
        slope_x, slope_y = problem.surface.gradient(x, y)
        lengths = np.hypot(slope_x, slope_y) * np.hypot(x, y)
        cosine = (slope_x * x + slope_y * y)[lengths > 0] / lengths[lengths > 0]  # the minimum has no direction
        angle = np.degrees(np.arccos(cosine.clip(-1, 1)))
        yield "train", "angle", float(np.median(angle))
        yield "train", "misaligned_share", float((angle > self.degrees).mean())
