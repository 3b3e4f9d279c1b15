"""The stages of a training run: how many updates, by which rule, on which batches."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chapter6.engine.examples import Sampling
from chapter6.engine.optimizers import Optimizer
from chapter6.registry import Count, Index, StudyError


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the validation loss has not improved for ``patience`` looks, ``every`` so many updates.

    The weights of the best look are restored (section 6.4; Prechelt 1998).
    """

    every: Count = 10
    patience: Count = 10


@dataclass(frozen=True, kw_only=True)
class Stage:
    """So many updates by one rule, on batches of one size."""

    name: str = "main"
    steps: Index
    optimizer: Optimizer | None = None
    batch_size: Count = 128
    sampling: Sampling = "replacement"
    stopping: EarlyStopping | None = None

    def __post_init__(self) -> None:
        if self.steps and self.optimizer is None:
            raise StudyError("a run of one step or more needs an optimizer")
        if self.stopping and self.stopping.every > self.steps:
            raise StudyError(
                f"early stopping never looks: stopping.every is {self.stopping.every} of {self.steps} steps"
            )

    def within(self, most_steps: int) -> Stage:
        """Return the stage of at most so many updates; where these are too few for a look, it is not stopped early."""
        steps = min(self.steps, most_steps)
        stopping = self.stopping if self.stopping and self.stopping.every <= steps else None
        return replace(self, steps=steps, stopping=stopping)
