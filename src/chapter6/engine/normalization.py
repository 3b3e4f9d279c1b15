"""Batch normalization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chapter6.engine.arrays import Array
from chapter6.engine.layers import BoundLayer, Layer, Place, Shape, refuse_unless_flat
from chapter6.engine.parameters import Slot
from chapter6.registry import Positive, Share


@dataclass(frozen=True)
class BatchNormalization(Layer, key="batch_normalization"):
    """Batch normalization (section 6.3; Ioffe and Szegedy, arXiv:1502.03167).

    ``epsilon`` is the book's 10e-7. The running averages start at zero and move by (1 - momentum) a batch; the
    running variance is the biased one of the batch. PyTorch's starts at one, takes the unbiased variance, n / (n - 1)
    times this one, and calls 1 - momentum its momentum.
    """

    momentum: Share = 0.9
    epsilon: Positive = 10e-7

    def output_shape(self, shape: Shape) -> Shape:
        """The same."""
        refuse_unless_flat(shape)
        return shape

    def slots(self, name: str, shape: Shape) -> list[Slot]:
        """Return gamma, which starts at one, and beta, which starts at zero."""
        return [Slot(f"gains/{name}", shape, 1.0), Slot(f"shifts/{name}", shape)]

    def bind(self, place: Place) -> Normalization:
        """Return the normalization."""
        return Normalization(self, place)


class Normalization(BoundLayer):
    """y = gamma xhat + beta, xhat = (x - mean) / sqrt(var + epsilon) over the batch in training.

    In evaluation mean and variance are the running averages.
    """

    def __init__(self, kind: BatchNormalization, place: Place) -> None:
        self._kind = kind
        self._learns = place.learns
        self.gain, self.gain_gradient = place.views("gains")
        self.shift, self.shift_gradient = place.views("shifts")
        zeros, statistics = np.zeros_like(self.gain), place.parameters.statistics
        self.running_mean = statistics.setdefault(f"mean/{place.name}", zeros.copy())
        self.running_variance = statistics.setdefault(f"variance/{place.name}", zeros.copy())
        self._normalized = place.buffer()
        self._output = place.buffer()
        self._ones = np.ones(place.batch_size, place.dtype)

    def forward(self, x: Array, training: bool) -> Array:
        """Normalize, scale and shift; in training also update the running averages."""
        xhat = self._normalized
        if training:
            mean = (self._ones @ x) / len(x)
            np.subtract(x, mean, out=xhat)
            np.multiply(xhat, xhat, out=self._output)
            variance: Array = (self._ones @ self._output) / len(x)
            if self._learns:
                self._update_running(mean, variance)
        else:
            np.subtract(x, self.running_mean, out=xhat)
            variance = self.running_variance
        self._inverse_std = 1 / np.sqrt(variance + self._kind.epsilon)
        xhat *= self._inverse_std
        np.multiply(xhat, self.gain, out=self._output)
        self._output += self.shift
        return self._output

    def backward(self, gradient: Array) -> Array:
        """Write the gradients of gamma and beta; return, in place, the gradient of the training pass's input.

        dx = gamma / std * (dy - mean(dy) - xhat * mean(dy * xhat)), the means over the batch.
        """
        batch = len(gradient)
        np.matmul(self._ones, gradient, out=self.shift_gradient)
        np.multiply(gradient, self._normalized, out=self._output)
        np.matmul(self._ones, self._output, out=self.gain_gradient)
        np.multiply(self._normalized, self.gain_gradient / batch, out=self._output)
        gradient -= self._output
        gradient -= self.shift_gradient / batch
        gradient *= self.gain * self._inverse_std
        return gradient

    def _update_running(self, mean: Array, variance: Array) -> None:
        for running, current in ((self.running_mean, mean), (self.running_variance, variance)):
            running *= self._kind.momentum
            running += (1 - self._kind.momentum) * current
