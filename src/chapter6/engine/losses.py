"""Losses: the chapter's softmax with cross-entropy, and a linear one that only sends gradients back."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chapter6.engine.parameters import Array


def log_softmax(logits: Array) -> Array:
    """Return the logarithms of each row's probabilities, finite for any finite logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logarithms: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logarithms


class Loss:
    """A mean over the examples of a batch; buffers belong to one batch size."""

    @abstractmethod
    def __init__(self, batch_size: int, width: int, dtype: np.dtype[np.floating]) -> None: ...

    @abstractmethod
    def value(self, outputs: Array, targets: NDArray[Any]) -> float:
        """Return the mean loss of ``outputs`` (batch, width)."""

    @abstractmethod
    def value_and_gradient(self, outputs: Array, targets: NDArray[Any]) -> tuple[float, Array]:
        """Return the mean loss and its gradient with respect to the outputs, a buffer of the loss."""


class SoftmaxCrossEntropy(Loss):
    """Mean cross-entropy of softmax(logits) over a batch, with its gradient.

    Targets are integer labels (batch,). Logits are shifted by their row maximum and the logarithm is taken of
    the sum, so the loss is finite for any finite logits.
    """

    def __init__(self, batch_size: int, width: int, dtype: np.dtype[np.floating]) -> None:
        self._shifted = np.empty((batch_size, width), dtype)
        self._exponentials = np.empty((batch_size, width), dtype)
        self._rows = np.arange(batch_size)

    def value(self, outputs: Array, targets: NDArray[Any]) -> float:
        """Return the mean of log(sum(exp(logits))) - logit of the label."""
        sums = self._exponentiate(outputs)
        return self._mean_loss(sums, targets)

    def value_and_gradient(self, outputs: Array, targets: NDArray[Any]) -> tuple[float, Array]:
        """Return the mean loss and (softmax - one-hot) / batch."""
        sums = self._exponentiate(outputs)
        loss = self._mean_loss(sums, targets)
        gradient = self._exponentials
        gradient /= sums
        gradient[self._rows, targets] -= 1
        gradient *= 1 / len(self._rows)
        return loss, gradient

    def _exponentiate(self, logits: Array) -> Array:
        np.subtract(logits, logits.max(axis=1, keepdims=True), out=self._shifted)
        np.exp(self._shifted, out=self._exponentials)
        sums: Array = self._exponentials.sum(axis=1, keepdims=True)
        return sums

    def _mean_loss(self, sums: Array, labels: NDArray[Any]) -> float:
        return float((np.log(sums[:, 0]) - self._shifted[self._rows, labels]).mean())


class Linear(Loss):
    """Mean of the dot product with a fixed direction, the target (batch, width).

    Its gradient is the same at every output, so it shows what the layers alone do to a gradient on its way
    back (``6.2-activations``).
    """

    def __init__(self, batch_size: int, width: int, dtype: np.dtype[np.floating]) -> None:
        self._gradient: Array = np.empty((batch_size, width), dtype)

    def value(self, outputs: Array, targets: NDArray[Any]) -> float:
        """Return the mean dot product."""
        return float((outputs * targets).sum(axis=1).mean())

    def value_and_gradient(self, outputs: Array, targets: NDArray[Any]) -> tuple[float, Array]:
        """Return the mean dot product and targets / batch."""
        np.multiply(targets, 1 / len(targets), out=self._gradient, casting="unsafe")
        return self.value(outputs, targets), self._gradient
