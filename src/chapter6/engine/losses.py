"""Losses: the chapter's softmax with cross-entropy, and a linear one that only sends gradients back."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from chapter6.engine.arrays import Array
from chapter6.registry import Family


def log_softmax(logits: Array) -> Array:
    """Return the logarithms of each row's probabilities, finite for any finite logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logarithms: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logarithms


class BoundLoss:
    """A mean over the examples of a batch; buffers belong to one batch size."""

    @abstractmethod
    def value(self, outputs: Array, targets: NDArray[Any]) -> float:
        """Return the mean loss of ``outputs`` (batch, width)."""

    @abstractmethod
    def value_and_gradient(self, outputs: Array, targets: NDArray[Any]) -> tuple[float, Array]:
        """Return the mean loss and its gradient with respect to the outputs, a buffer of the loss."""


@dataclass(frozen=True)
class Loss(Family):
    """What is minimized, a mean over the examples of a batch; some take distributions over the classes for labels."""

    takes_distributions: ClassVar[bool] = False

    @abstractmethod
    def bind(self, batch_size: int, width: int, dtype: np.dtype[np.floating]) -> BoundLoss:
        """Return the loss of ``width`` outputs at one batch size."""


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss, key="softmax_cross_entropy"):
    """Mean cross-entropy of softmax(outputs), for class labels (section 4.2.4) or distributions over the classes."""

    takes_distributions: ClassVar[bool] = True

    def bind(self, batch_size: int, width: int, dtype: np.dtype[np.floating]) -> BoundCrossEntropy:
        """Return the loss at one batch size."""
        return BoundCrossEntropy(batch_size, width, dtype)


@dataclass(frozen=True)
class Linear(Loss):
    """Mean of the dot product with a fixed direction, the target.

    Its gradient is the same at every output, so it shows what the layers alone do to a gradient on its way
    back (``6.2-activations``).
    """

    def bind(self, batch_size: int, width: int, dtype: np.dtype[np.floating]) -> BoundLinear:
        """Return the loss at one batch size."""
        return BoundLinear(batch_size, width, dtype)


class BoundCrossEntropy(BoundLoss):
    """Mean cross-entropy of softmax(logits) over a batch, with its gradient.

    Targets are integer labels (batch,) or distributions (batch, classes), rows that sum to one. Logits are shifted by
    their row maximum and the logarithm is taken of the sum, so the loss is finite for any finite logits. Inside,
    classes come first: NumPy reduces over the first axis several times as fast as over a short last one.
    """

    def __init__(self, batch_size: int, width: int, dtype: np.dtype[np.floating]) -> None:
        self._by_class = np.empty((width, batch_size), dtype)
        self._examples = np.arange(batch_size)

    def value(self, outputs: Array, targets: NDArray[Any]) -> float:
        """Return the mean of log(sum(exp(logits))) - logit of the label, or its mean under the distribution."""
        return self._exponentiate(outputs, targets)[0]

    def value_and_gradient(self, outputs: Array, targets: NDArray[Any]) -> tuple[float, Array]:
        """Return the mean loss and (softmax - target) / batch, a label being one-hot."""
        loss, sums = self._exponentiate(outputs, targets)
        gradient = self._by_class
        if targets.ndim == 1:
            gradient[targets, self._examples] -= sums
        else:
            gradient -= targets.T * sums
        sums *= len(sums)
        gradient /= sums
        return loss, gradient.T

    def _exponentiate(self, logits: Array, targets: NDArray[Any]) -> tuple[float, Array]:
        """Leave exp(logits - maximum) by class; return the mean loss and the sums over the classes."""
        powers = self._by_class
        np.copyto(powers, logits.T)
        powers -= powers.max(axis=0)
        are_labels = targets.ndim == 1
        of_targets = powers[targets, self._examples] if are_labels else (powers * targets.T).sum(axis=0)
        np.exp(powers, out=powers)
        sums: Array = powers.sum(axis=0)
        return float((np.log(sums) - of_targets).sum() / len(sums)), sums


class BoundLinear(BoundLoss):
    """The linear loss, targets of shape (batch, width)."""

    def __init__(self, batch_size: int, width: int, dtype: np.dtype[np.floating]) -> None:
        self._gradient: Array = np.empty((batch_size, width), dtype)

    def value(self, outputs: Array, targets: NDArray[Any]) -> float:
        """Return the mean dot product."""
        return float((outputs * targets).sum(axis=1).mean())

    def value_and_gradient(self, outputs: Array, targets: NDArray[Any]) -> tuple[float, Array]:
        """Return the mean dot product and targets / batch."""
        np.multiply(targets, 1 / len(targets), out=self._gradient, casting="unsafe")
        return self.value(outputs, targets), self._gradient
