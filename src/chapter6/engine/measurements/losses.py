"""Losses and accuracies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from chapter6.engine.measurements.base import Measurement, Reading, Split
from chapter6.engine.problems import Classifier, NetworkProblem, Problem
from chapter6.registry import Count


@dataclass(frozen=True)
class BatchLoss(Measurement, key="batch_loss"):
    """Loss of the mini-batch in its training pass.

    It is known without a second forward pass, but only when the update's gradient is computed: it belongs to the
    weights before the update and is recorded one step earlier.
    """

    subject: ClassVar[type[Problem]] = Classifier  # type: ignore[type-abstract]
    metrics: ClassVar[tuple[str, ...]] = ("loss",)

    @property
    def splits_read(self) -> tuple[str, ...]:
        """The batch."""
        return ("batch",)

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the loss of the current batch."""
        assert isinstance(problem, Classifier)
        yield "batch", "loss", problem.batch_loss


@dataclass(frozen=True)
class UpdatedLoss(Measurement, key="updated_loss"):
    """Loss of the mini-batch after its update, as the book's scripts print it, in a second forward pass.

    It is lower than what an unseen batch would have: the update has just fitted this one.
    """

    subject: ClassVar[type[Problem]] = Classifier  # type: ignore[type-abstract]
    metrics: ClassVar[tuple[str, ...]] = ("updated_loss",)

    @property
    def splits_read(self) -> tuple[str, ...]:
        """The batch."""
        return ("batch",)

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the loss of the batch that was learned last."""
        assert isinstance(problem, Classifier)
        yield "batch", "updated_loss", problem.loss_after_update()


@dataclass(frozen=True)
class Evaluation(Measurement):
    """Loss (without penalty) and accuracy over whole splits."""

    subject: ClassVar[type[Problem]] = Classifier  # type: ignore[type-abstract]
    metrics: ClassVar[tuple[str, ...]] = ("loss", "accuracy")
    splits: tuple[Split, ...] = ("train", "test")

    @property
    def splits_read(self) -> tuple[str, ...]:
        """The splits evaluated."""
        return self.splits

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield loss and accuracy of each split."""
        assert isinstance(problem, Classifier)
        for split in self.splits:
            loss, accuracy = problem.evaluate(split)
            yield split, "loss", loss
            yield split, "accuracy", accuracy


@dataclass(frozen=True)
class MaskedEvaluation(Measurement, key="masked_evaluation"):
    """Loss and accuracy on the test images of the probabilities' mean over passes that drop units as training does.

    Each pass draws ``masks`` anew for every image: the average over thinned networks that the scaled output stands for
    (Srivastava et al. 2014, section 7.5). Batch normalization takes the batch's own mean and variance.
    """

    metrics: ClassVar[tuple[str, ...]] = ("loss", "accuracy")
    masks: Count = 100

    @property
    def splits_read(self) -> tuple[str, ...]:
        """The test images."""
        return ("test",)

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield loss and accuracy."""
        assert isinstance(problem, NetworkProblem)
        loss, accuracy = problem.evaluate_masked("test", self.masks)
        yield "test", "loss", loss
        yield "test", "accuracy", accuracy


@dataclass(frozen=True)
class Forgetting(Measurement):
    """How well the run that this one starts from would still do: accuracy on its own test images.

    Its own parts stand where this run's are fresh, as the old classifier over the features of now; all that was taken
    over is as it is now (catastrophic forgetting; French 1999).
    """

    metrics: ClassVar[tuple[str, ...]] = ("earlier_accuracy",)
    needs_start: ClassVar[bool] = True

    @property
    def splits_read(self) -> tuple[str, ...]:
        """The test images of before."""
        return ("test",)

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the accuracy."""
        assert isinstance(problem, NetworkProblem)
        yield "test", "earlier_accuracy", problem.earlier().evaluate("test")[1]
