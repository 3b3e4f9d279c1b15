"""Spaces of hyper-parameters, seen by strategies as a unit cube."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chapter6.registry import StudyError

Points = NDArray[np.float64]  # (points, dimensions), each coordinate in [0, 1]
ROUNDING = 1e-9  # of a value, since a range's end comes out of a logarithm


@dataclass(frozen=True)
class Dimension:
    """One hyper-parameter between ``low`` and ``high``, uniform on a linear or a logarithmic scale.

    That of a ``whole`` number is rounded to one. Its name is a setting's, unless ``sets`` names those that take its
    value, or patterns of them (``dense-[1-3].units``).
    """

    low: float
    high: float
    scale: Literal["log", "linear"] = "log"
    sets: tuple[str, ...] = ()
    whole: bool | None = field(default=None, metadata={"found": True})  # as the setting is

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise StudyError(f"low must be below high, but low is {self.low:g} and high is {self.high:g}")
        if self.scale == "log" and self.low <= 0:
            raise StudyError(f"a log scale needs low above 0, but low is {self.low:g}; or choose scale: linear")

    def value(self, position: float) -> float:
        """Return the value at ``position`` in [0, 1]."""
        if self.scale == "linear":
            value = self.low + position * (self.high - self.low)
        else:
            value = exp(log(self.low) + position * (log(self.high) - log(self.low)))
        return round(value) if self.whole else value

    def holds(self, value: float) -> bool:
        """Whether a value lies in the range, but for rounding."""
        return self.low - ROUNDING * abs(value) <= value <= self.high + ROUNDING * abs(value)


@dataclass(frozen=True)
class Space:
    """Named dimensions, in order."""

    dimensions: Mapping[str, Dimension]

    def __len__(self) -> int:
        return len(self.dimensions)

    def values(self, point: Sequence[float] | Points) -> dict[str, float]:
        """Return the hyper-parameters at a point of the unit cube."""
        pairs = zip(self.dimensions.items(), point, strict=True)
        return {name: dimension.value(float(position)) for (name, dimension), position in pairs}

    def settings(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return every setting's value at a point."""
        return {key: value for name, value in values.items() for key in self.dimensions[name].sets or (name,)}

    def holds(self, values: Mapping[str, float]) -> bool:
        """Whether a point is one of the space: the same settings, each within its range."""
        return set(values) == set(self.dimensions) and all(self.dimensions[k].holds(v) for k, v in values.items())
