"""The stages of a training run: how many updates, by which rule, of which parameters, on which batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from annotated_types import Interval

from chapter6.engine.examples import Sampling
from chapter6.engine.optimizers import Optimizer
from chapter6.engine.parameters import matching
from chapter6.registry import Count, Index, Names, StudyError

ALL = ("*",)


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the validation loss has not improved for ``patience`` looks, ``every`` so many updates.

    The weights of the best look are restored (section 6.4; Prechelt 1998).
    """

    every: Count = 10
    patience: Count = 10


@dataclass(frozen=True, kw_only=True)
class StepsDown:
    """The learning rate times ``factor``, again and again: ``every`` so many updates, or after those of ``at``."""

    factor: Annotated[float, Interval(gt=0, lt=1)] = 0.1
    every: Count | None = None
    at: tuple[Count, ...] = ()

    def __post_init__(self) -> None:
        if (self.every is None) == (not self.at):
            raise StudyError("give exactly one of every, at")

    def ends(self, steps: int) -> Sequence[int]:
        """Return after which updates the rate steps down, in a stage of so many."""
        return sorted(self.at) if self.every is None else range(self.every, steps, self.every)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """So many ``steps``, or ``epochs``, by one rule, on batches of one size.

    ``learns`` and ``frozen`` name layers (``layer-1``), single parameters (``biases/layer-1``), patterns of either, or
    ``output``, the last layer that has any: those of the first learn that are not among the second. Batch normalization
    of which nothing learns takes its running averages for those of the batch, and leaves them as they are.
    """

    name: str = "main"
    steps: Index | None = None
    epochs: Count | None = None
    optimizer: Optimizer | None = None
    steps_down: StepsDown | None = None
    learns: Names = ALL
    frozen: tuple[str, ...] = ()
    batch_size: Count = 128
    sampling: Sampling = "replacement"
    stopping: EarlyStopping | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise StudyError("give exactly one of steps, epochs")
        if self.steps != 0 and self.optimizer is None:
            raise StudyError("a run of one step or more needs an optimizer")
        if self.steps_down and not hasattr(self.optimizer, "learning_rate"):
            raise StudyError("steps_down: the optimizer has no learning_rate")
        if self.stopping and self.steps is not None and self.stopping.every > self.steps:
            raise StudyError(
                f"early stopping never looks: stopping.every is {self.stopping.every} of {self.steps} steps"
            )

    @property
    def updates(self) -> int:
        """Number of steps, once epochs are."""
        assert self.steps is not None, "a stage whose epochs are steps"
        return self.steps

    @property
    def rules(self) -> dict[int, Optimizer]:
        """The rule by the number of the update, from 1, from which on it is in force."""
        assert self.optimizer is not None, "a stage with updates has a rule"
        rules = {1: self.optimizer}
        if self.steps_down:
            rate = vars(self.optimizer)["learning_rate"]
            for number, end in enumerate(self.steps_down.ends(self.updates), start=1):
                slower: Any = {"learning_rate": rate * self.steps_down.factor**number}
                rules[end + 1] = replace(self.optimizer, **slower)
        return rules

    def learning(self, slots: Sequence[str]) -> frozenset[str]:
        """Return which of the ``slots``, in the network's order, learn; StudyError where a name answers to none."""
        learning = matching(slots, self.learns, "learns") - matching(slots, self.frozen, "frozen")
        if slots and not learning:
            raise StudyError("frozen: all that learns is frozen, and nothing is left")
        return learning

    def within(self, most_steps: int | None = None, examples: int = 0) -> Stage:
        """Return the stage of at most so many steps, these for epochs of so many training ``examples``.

        Where these are too few for a look, it is not stopped early.
        """
        steps = (self.epochs or 0) * max(1, examples // self.batch_size) if self.steps is None else self.steps
        steps = min(steps, most_steps or steps)
        stopping = self.stopping if self.stopping and self.stopping.every <= steps else None
        return replace(self, steps=steps, epochs=None, stopping=stopping)
