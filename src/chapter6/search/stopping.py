"""Rules that stop bad trials early, replayed on full learning curves: what would have been saved, and lost."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chapter6.registry import Count, Family, Share

Curves = NDArray[np.float64]  # (trials, looks): validation score at each look, higher is better


@dataclass(frozen=True)
class StoppingRule(Family):
    """Decides from the curves of all trials after how many looks each of them is stopped."""

    @abstractmethod
    def looks(self, curves: Curves) -> NDArray[np.intp]:
        """Return for each trial the number of looks it is given, at least 1."""


@dataclass(frozen=True)
class Halving(StoppingRule):
    """Successive halving (Jamieson and Talwalkar, arXiv:1502.07943): at each rung the better half goes on."""

    rungs: Count = 3

    def looks(self, curves: Curves) -> NDArray[np.intp]:
        """Stop half of the trials at 1/2^rungs, ..., 1/2 of all looks."""
        trials, total = curves.shape
        given = np.full(trials, total)
        alive = np.arange(trials)
        for rung in range(self.rungs, 0, -1):
            look = max(1, total >> rung)
            order = alive[np.argsort(-curves[alive, look - 1], kind="stable")]
            survivors = max(1, (len(alive) + 1) // 2)
            given[order[survivors:]] = look
            alive = np.sort(order[:survivors])
        return given


@dataclass(frozen=True)
class Median(StoppingRule):
    """Median rule (Golovin et al. 2017): stop a trial that falls below the median of those before it.

    Trials come in their order; a trial is compared, look by look from ``grace`` of all looks on, with the median
    of the scores that earlier trials, stopped or not, had at that look.
    """

    grace: Share = 0.2

    def looks(self, curves: Curves) -> NDArray[np.intp]:
        trials, total = curves.shape
        given = np.full(trials, total)
        for trial in range(1, trials):
            for look in range(max(1, round(self.grace * total)), total):
                earlier = curves[:trial, look - 1][given[:trial] >= look]
                if len(earlier) and curves[trial, look - 1] < np.median(earlier):
                    given[trial] = look
                    break
        return given
