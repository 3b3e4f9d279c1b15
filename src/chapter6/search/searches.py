"""A search as a value: what is searched, by which strategy or replay, and within which budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from chapter6.registry import Count, StudyError
from chapter6.search.spaces import Dimension, Space
from chapter6.search.stopping import StoppingRule
from chapter6.search.strategies import Strategy

Equal = Literal["updates", "images"]  # of what every trial is given as much


@dataclass(frozen=True)
class Replay:
    """Replay a stopping rule on the full curves of another strategy's trials."""

    of: str
    rule: StoppingRule


@dataclass(frozen=True)
class Way:
    """How a variant of a searching experiment comes by its trials: exactly one of the two."""

    strategy: Strategy | None = None
    replay: Replay | None = None

    def __post_init__(self) -> None:
        if (self.strategy is None) == (self.replay is None):
            raise StudyError("give exactly one of strategy, replay")


@dataclass(frozen=True, kw_only=True)
class Search(Way):
    """One variant's search: each replicate of it is a whole one."""

    space: Mapping[str, Dimension]
    trials: Count
    metric: Literal["accuracy", "loss"] = "accuracy"
    retrains: Count = 5
    equal: Equal = "updates"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.strategy:  # what cannot propose points is refused here and not by the first job
            self.strategy.propose(1, self.size, np.empty((0, self.size)), np.empty(0), np.random.default_rng(0))

    @property
    def size(self) -> int:
        """Number of hyper-parameters."""
        return len(self.space)

    @cached_property
    def cube(self) -> Space:
        """The space, seen as a unit cube."""
        return Space(self.space)

    @property
    def rounds(self) -> list[int]:
        """Number of trials of each round; none for a replay."""
        return self.strategy.rounds(self.trials) if self.strategy else []

    @property
    def trainings(self) -> int:
        """How many trainings one search takes; a replay trains its choice only."""
        return self.retrains + (self.trials if self.strategy else 0)
