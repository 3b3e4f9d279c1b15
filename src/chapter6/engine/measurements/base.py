"""What a run records: readings of (split, metric, value) taken from a problem between updates.

A metric of a layer carries its name behind a slash (``activation_std/layer-3``). A value is a number, or an array:
(bins) for a histogram, whose metric starts with ``histogram/``, (rows, columns) for a picture (``picture/``).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from chapter6.engine.arrays import Array
from chapter6.engine.network import Architecture
from chapter6.engine.problems import NetworkProblem, Problem
from chapter6.registry import Count, Family

Reading = tuple[str, str, float | Array]
Reader = Callable[[], Iterator[Reading]]
Split = Literal["train", "validation", "test", "noisy"]


@dataclass(frozen=True)
class Measurement(Family):
    """One way of reading a problem; ``metrics`` lists what it yields, ``subject`` what it can read.

    It is bound to the problem before the first update. What compares a look with earlier ones binds to a reader that
    remembers them; any other only says how to ``measure``.
    """

    subject: ClassVar[type[Problem]] = NetworkProblem
    metrics: ClassVar[tuple[str, ...]] = ()
    needs_start: ClassVar[bool] = False  # made for runs that start from others

    @property
    def splits_read(self) -> tuple[str, ...]:
        """The splits the readings belong to."""
        return ("train",)

    def refuses(self, architecture: Architecture) -> str:
        """Return which networks it can read, and what of this one it cannot; "" where it reads it."""
        del architecture
        return ""

    def bind(self, problem: Problem) -> Reader:
        """Return what yields the readings of the moment in which it is called."""
        return partial(self.measure, problem)

    @abstractmethod
    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the readings of this moment."""


@dataclass(frozen=True)
class Binned(Measurement, abstract=True):
    """Histograms of so many ``bins`` in [low, high] among what is read."""

    low: float = 0.0
    high: float = 1.0
    bins: Count = 100

    def shares(self, values: Array) -> Array:
        """Return shares of all ``values`` by bin: what lies outside is what they lack to one."""
        counts, _ = np.histogram(values, self.bins, (self.low, self.high))
        shares: Array = counts / values.size
        return shares


def first_examples(problem: NetworkProblem, count: int, dtype: DTypeLike | None = None) -> tuple[Array, NDArray[Any]]:
    """Return the first ``count`` training images, scaled, and their targets, or as many as there are.

    They are of the problem's type unless a ``dtype`` is given.
    """
    return next(problem.splits["train"].first(count).chunks(count, dtype or problem.dtype))
