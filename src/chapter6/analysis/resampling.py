"""Bootstrap-t beside t: whether a verdict hangs on the shape of the replicates (Efron and Tibshirani 1993, 12.5)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from chapter6.analysis.levels import Distribution
from chapter6.intervals import Array

SKEWED = 1.0  # |skewness| from which t is not trusted alone


@dataclass(frozen=True, eq=False)
class Resampled:
    """Replicates drawn again, with replacement: ``draws`` are uniform numbers, a row a sample and a column a replicate.

    Every part of a claim is drawn by the same ones, so replicates are drawn whole.
    """

    draws: Array

    @classmethod
    def draw(cls, rng: Generator, samples: int, replicates: int) -> Resampled:
        """Draw so many samples of up to so many replicates."""
        return cls(rng.random((samples, replicates)))

    def distribution(self, values: Array) -> Distribution:
        """How (truth - mean) / error is distributed: as (mean - mean*) / error* of samples with variance."""
        n = values.size
        drawn = values[(self.draws[:, :n] * n).astype(int)]
        error = drawn.std(axis=1, ddof=1) / math.sqrt(n)
        varies = np.ptp(drawn, axis=1) > 0
        found = np.sort((values.mean() - drawn.mean(axis=1))[varies] / error[varies])
        return lambda studentized: np.searchsorted(found, studentized, side="right") / found.size


def is_skewed(values: Array) -> bool:
    """Whether the replicates' skewness is beyond what a t interval bears."""
    if values.size < 3 or not np.ptp(values) > 0:
        return False
    centered = values - values.mean()
    return bool(abs((centered**3).mean()) > SKEWED * (centered**2).mean() ** 1.5)
