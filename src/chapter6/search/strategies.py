"""Strategies of search: where to try next, given what was tried.

A search is a sequence of rounds. ``propose`` is a pure function of the rounds before and a random generator of
its own, so a killed search resumes where it was, and the points of a finished round never change.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import isqrt
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from chapter6.registry import Count, Family, StudyError
from chapter6.search.spaces import Points

Scores = NDArray[np.float64]  # higher is better: validation accuracy, or validation loss times -1


@dataclass(frozen=True)
class Strategy(Family):
    """A way of choosing points in the unit cube."""

    @abstractmethod
    def rounds(self, trials: int) -> list[int]:
        """Return how many points each round has; they sum to ``trials``."""

    @abstractmethod
    def propose(self, count: int, dimensions: int, tried: Points, scores: Scores, rng: Generator) -> Points:
        """Return ``count`` new points (count, dimensions), given all points ``tried`` and their ``scores``."""


def _batches(trials: int, size: int) -> list[int]:
    return [min(size, trials - start) for start in range(0, trials, size)]


@dataclass(frozen=True)
class Random(Strategy):
    """Independent uniform points (section 6.5.2; Bergstra and Bengio 2012).

    Its rounds know nothing of each other; they are there so that a killed search keeps what it has.
    """

    batch: Count = 20

    def rounds(self, trials: int) -> list[int]:
        return _batches(trials, self.batch)

    def propose(self, count: int, dimensions: int, tried: Points, scores: Scores, rng: Generator) -> Points:
        return rng.random((count, dimensions))


@dataclass(frozen=True)
class Grid(Strategy):
    """Equally spaced points: the ``centres`` of equal cells, or from end to end of each range (``ends``).

    In two dimensions it is the most nearly square grid of so many points.
    """

    placement: Literal["centres", "ends"] = "centres"

    def rounds(self, trials: int) -> list[int]:
        return [trials]

    def propose(self, count: int, dimensions: int, tried: Points, scores: Scores, rng: Generator) -> Points:
        """Return the grid; more points along the first dimension."""
        if dimensions == 1:
            sides = [count]
        elif dimensions == 2:
            short = next(side for side in range(isqrt(count), 0, -1) if count % side == 0)
            sides = [count // short, short]
        else:
            raise StudyError(f"grid: made for one or two dimensions, not {dimensions}")
        axes = np.meshgrid(*map(self._positions, sides), indexing="ij")
        return np.stack([axis.ravel() for axis in axes], axis=1)

    def _positions(self, side: int) -> Points:
        """Return the positions along one dimension; a single one lies in the middle."""
        centres = (np.arange(side) + 0.5) / side
        return np.linspace(0, 1, side) if self.placement == "ends" and side > 1 else centres


@dataclass(frozen=True)
class Narrowing(Strategy):
    """Coarse to fine (section 6.5.2): each round draws uniformly from the box around the best points so far."""

    stages: Count = 3
    keep: Count = 5

    def rounds(self, trials: int) -> list[int]:
        """Split as evenly as possible, the first rounds taking what is left over."""
        sizes = [trials // self.stages + (stage < trials % self.stages) for stage in range(self.stages)]
        return [size for size in sizes if size]

    def propose(self, count: int, dimensions: int, tried: Points, scores: Scores, rng: Generator) -> Points:
        low, high = self.box(tried, scores, dimensions)
        return low + rng.random((count, dimensions)) * (high - low)

    def box(self, tried: Points, scores: Scores, dimensions: int) -> tuple[Points, Points]:
        """Return the corners of the smallest box around the ``keep`` best points, the whole cube at first."""
        if not len(tried):
            return np.zeros(dimensions), np.ones(dimensions)
        best = tried[np.argsort(-scores, kind="stable")[: self.keep]]
        return best.min(axis=0), best.max(axis=0)


@dataclass(frozen=True)
class Bayesian(Strategy):
    """Gaussian process and expected improvement (section 6.5.3; Snoek et al. 2012), points in batches.

    The first ``initial`` points are random; then each round proposes ``batch`` points, the ones still pending
    being assumed to score as badly as the worst so far (constant liar).
    """

    initial: Count = 8
    batch: Count = 4

    def rounds(self, trials: int) -> list[int]:
        return [*_batches(min(self.initial, trials), self.initial), *_batches(trials - self.initial, self.batch)]

    def propose(self, count: int, dimensions: int, tried: Points, scores: Scores, rng: Generator) -> Points:
        if not len(tried):
            return rng.random((count, dimensions))
        from bayes_opt import BayesianOptimization, acquisition

        names = [f"x{dimension}" for dimension in range(dimensions)]
        improvement = acquisition.ExpectedImprovement(xi=0.0)
        optimizer = BayesianOptimization(
            f=None,
            acquisition_function=acquisition.ConstantLiar(improvement, strategy="min"),
            pbounds=dict.fromkeys(names, (0.0, 1.0)),
            random_state=int(rng.integers(2**31)),
            verbose=0,
            allow_duplicate_points=True,
        )
        for point, score in zip(tried, scores, strict=True):
            optimizer.register(params=dict(zip(names, map(float, point), strict=True)), target=float(score))
        suggestions = [optimizer.suggest() for _ in range(count)]
        return np.array([[suggestion[name] for name in names] for suggestion in suggestions], dtype=np.float64)
