"""Batch normalization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chapter6.engine.arrays import Array
from chapter6.engine.layers import BoundLayer, Layer, Place, Shape, as_text, batch_first, batch_last
from chapter6.engine.parameters import Slot
from chapter6.registry import Positive, Share, StudyError


@dataclass(frozen=True)
class BatchNormalization(Layer, key="batch_normalization"):
    """Batch normalization (section 6.3; Ioffe and Szegedy, arXiv:1502.03167), of images per channel.

    ``epsilon`` is the book's 10e-7. The running averages start at zero and move by (1 - momentum) a batch; the
    running variance is the biased one of the batch. PyTorch's starts at one, takes the unbiased variance, n / (n - 1)
    times this one, and calls 1 - momentum its momentum.
    """

    momentum: Share = 0.9
    epsilon: Positive = 10e-7
    keeps_averages: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        """The same."""
        if len(shape) not in (1, 3):
            raise StudyError(
                f"needs a flat input or images of three axes, gets {as_text(shape)}: put flatten before it"
            )
        return shape

    def slots(self, name: str, shape: Shape) -> list[Slot]:
        """Return gamma, which starts at one, and beta, which starts at zero."""
        return [Slot(f"gains/{name}", shape[:1], 1.0), Slot(f"shifts/{name}", shape[:1])]

    def bind(self, place: Place) -> BoundLayer:
        """Return the normalization."""
        normalization = Normalization(self, place)
        return PerChannel(normalization) if len(place.shape) > 1 else normalization


class Normalization(BoundLayer):
    """y = gamma xhat + beta, xhat = (x - mean) / sqrt(var + epsilon) over the batch in training.

    In evaluation, and where nothing of it learns, mean and variance are the running averages.
    """

    def __init__(self, kind: BatchNormalization, place: Place) -> None:
        self._kind = kind
        self._learns, self._is_frozen = place.learns, place.is_frozen("gains", "shifts")
        self.gain, self.gain_gradient = place.views("gains")
        self.shift, self.shift_gradient = place.views("shifts")
        zeros, statistics = np.zeros_like(self.gain), place.parameters.statistics
        self.running_mean = statistics.setdefault(f"mean/{place.name}", zeros.copy())
        self.running_variance = statistics.setdefault(f"variance/{place.name}", zeros.copy())
        self._normalized = _rows(place.buffer())
        self._output = _rows(place.buffer())
        self._ones = np.ones(len(self._output), place.dtype)

    def forward(self, x: Array, training: bool) -> Array:
        """Normalize, scale and shift; in training also update the running averages."""
        xhat = self._normalized
        if training and not self._is_frozen:
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
        if self._is_frozen:
            gradient *= self.gain * self._inverse_std
            return gradient
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


class PerChannel(BoundLayer):
    """A normalization of images: each position of each image is an example of its channels."""

    def __init__(self, normalization: Normalization) -> None:
        self._normalization = normalization

    @property
    def within(self) -> Sequence[BoundLayer]:
        """The normalization of the channels."""
        return (self._normalization,)

    def forward(self, x: Array, training: bool) -> Array:
        """Normalize every channel."""
        return _images(self._normalization.forward(_rows(x), training), x.shape)

    def backward(self, gradient: Array) -> Array:
        """Return the gradient of the training pass's images."""
        return _images(self._normalization.backward(_rows(gradient)), gradient.shape)


def _rows(x: Array) -> Array:
    """Return images as (positions, channels), channels outermost in memory; flat examples as they are."""
    return batch_last(x).reshape(x.shape[1], -1).T if x.ndim > 2 else x


def _images(rows: Array, shape: Shape) -> Array:
    """Return the images that were made rows."""
    return batch_first(rows.T.reshape(*shape[1:], shape[0]))
