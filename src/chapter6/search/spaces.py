"""Spaces of hyper-parameters, seen by strategies as a unit cube."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (points, dimensions), each coordinate in [0, 1]


@dataclass(frozen=True)
class Dimension:
    """One hyper-parameter between ``low`` and ``high``, uniform on a linear or a logarithmic scale."""

    low: float
    high: float
    scale: Literal["log", "linear"] = "log"

    def value(self, position: float) -> float:
        """Return the value at ``position`` in [0, 1]."""
        if self.scale == "linear":
            return self.low + position * (self.high - self.low)
        return exp(log(self.low) + position * (log(self.high) - log(self.low)))


@dataclass(frozen=True)
class Space:
    """Named dimensions, in order."""

    dimensions: Mapping[str, Dimension]

    @classmethod
    def of(cls, plain: Mapping[str, Mapping[str, Any]]) -> Space:
        """Build a space from plain data: a dotted hyper-parameter's low, high and scale."""
        return cls({name: Dimension(**bounds) for name, bounds in plain.items()})

    def __len__(self) -> int:
        return len(self.dimensions)

    def values(self, point: Sequence[float] | Points) -> dict[str, float]:
        """Return the hyper-parameters at a point of the unit cube."""
        pairs = zip(self.dimensions.items(), point, strict=True)
        return {name: dimension.value(float(position)) for (name, dimension), position in pairs}
