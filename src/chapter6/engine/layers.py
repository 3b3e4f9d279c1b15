"""Layers: views into the flat parameters plus the buffers of one batch size.

``forward`` returns a buffer of the layer that stays valid until its next forward pass, with one exception:
an activation works in place on the buffer of the layer before it, which does not need its output again.
``backward`` takes the gradient with respect to the output, may overwrite it, writes the gradients of the
parameters and returns the gradient with respect to the input (None where nobody needs it).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator

from chapter6.engine.activations import Activation
from chapter6.engine.parameters import Array, Parameters, Slot
from chapter6.registry import Family, Positive, Share


class Layer:
    """One step of a network."""

    @abstractmethod
    def forward(self, x: Array, training: bool) -> Array:
        """Return the output for ``x`` (batch, inputs)."""

    @abstractmethod
    def backward(self, gradient: Array) -> Array | None:
        """Return the gradient with respect to the input."""


class Affine(Layer):
    """y = x W + b (section 5.6), W of shape (inputs, outputs)."""

    @staticmethod
    def slots(name: str, inputs: int, outputs: int) -> list[Slot]:
        """Return the parameters of the layer called ``name``."""
        return [Slot(f"weights/{name}", (inputs, outputs)), Slot(f"biases/{name}", (outputs,), "bias")]

    def __init__(self, name: str, parameters: Parameters, batch_size: int, is_first: bool) -> None:
        self.weights, self.weights_gradient = _views(parameters, f"weights/{name}")
        self.biases, self.biases_gradient = _views(parameters, f"biases/{name}")
        inputs, outputs = self.weights.shape
        dtype = self.weights.dtype
        self._output: Array = np.empty((batch_size, outputs), dtype)
        self._input_gradient: Array | None = None if is_first else np.empty((batch_size, inputs), dtype)
        self._ones = np.ones(batch_size, dtype)

    def forward(self, x: Array, training: bool) -> Array:
        """Multiply and add."""
        self._input = x
        np.matmul(x, self.weights, out=self._output)
        self._output += self.biases
        return self._output

    def backward(self, gradient: Array) -> Array | None:
        """Write both parameter gradients; the first layer of a network skips its input's."""
        np.matmul(self._input.T, gradient, out=self.weights_gradient)
        np.matmul(self._ones, gradient, out=self.biases_gradient)
        if self._input_gradient is None:
            return None
        return np.matmul(gradient, self.weights.T, out=self._input_gradient)


class Nonlinearity(Layer):
    """An activation, in place on the output of the layer before."""

    def __init__(self, activation: Activation) -> None:
        self.activation = activation

    def forward(self, x: Array, training: bool) -> Array:
        """Overwrite ``x`` with f(x)."""
        self.activation.forward(x)
        self.output = x
        return x

    def backward(self, gradient: Array) -> Array:
        """Overwrite ``gradient`` with its product with f'."""
        self.activation.backward(self.output, gradient)
        return gradient


@dataclass(frozen=True)
class BatchNormalization:
    """Batch normalization (section 6.3; Ioffe and Szegedy, arXiv:1502.03167) before or after the activation.

    ``epsilon`` is the book's 10e-7. The running averages start at zero and move by (1 - momentum) a batch; the
    running variance is the biased one of the batch. PyTorch's starts at one, takes the unbiased variance, n / (n - 1)
    times this one, and calls 1 - momentum its momentum.
    """

    placement: Literal["before", "after"] = "before"
    momentum: Share = 0.9
    epsilon: Positive = 10e-7

    @staticmethod
    def slots(name: str, width: int) -> list[Slot]:
        """Return gamma, which starts at one, and beta, which starts at zero."""
        return [Slot(f"gains/{name}", (width,), "gain"), Slot(f"shifts/{name}", (width,), "bias")]


class Normalization(Layer):
    """y = gamma xhat + beta, xhat = (x - mean) / sqrt(var + epsilon) over the batch in training.

    In evaluation mean and variance are the running averages.
    """

    def __init__(
        self, kind: BatchNormalization, name: str, parameters: Parameters, batch_size: int, learns: bool = True
    ) -> None:
        self._kind = kind
        self._learns = learns
        self.gain, self.gain_gradient = _views(parameters, f"gains/{name}")
        self.shift, self.shift_gradient = _views(parameters, f"shifts/{name}")
        zeros = np.zeros_like(self.gain)
        self.running_mean = parameters.statistics.setdefault(f"mean/{name}", zeros.copy())
        self.running_variance = parameters.statistics.setdefault(f"variance/{name}", zeros.copy())
        self._normalized: Array = np.empty((batch_size, len(self.gain)), self.gain.dtype)
        self._output: Array = np.empty_like(self._normalized)
        self._ones = np.ones(batch_size, self.gain.dtype)

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


@dataclass(frozen=True)
class Dropout(Family):
    """Switch hidden units off at random in training (section 6.4.3; Srivastava et al. 2014)."""

    ratio: Share = 0.5

    @property
    @abstractmethod
    def training_scale(self) -> float:
        """What the units that stay on are multiplied by in training."""

    @property
    @abstractmethod
    def evaluation_scale(self) -> float:
        """What all units are multiplied by in evaluation."""


@dataclass(frozen=True)
class Standard(Dropout):
    """The book's form (section 6.4.3): unscaled in training, multiplied by 1 - ratio in evaluation.

    PyTorch's is the inverted form: its outputs are these over 1 - ratio, in training as in evaluation.
    """

    @property
    def training_scale(self) -> float:
        """One."""
        return 1.0

    @property
    def evaluation_scale(self) -> float:
        """The share of units that was on."""
        return 1 - self.ratio


@dataclass(frozen=True)
class Inverted(Dropout):
    """Inverted dropout, today's form of section 6.4.3: divided by 1 - ratio in training, untouched in evaluation."""

    @property
    def training_scale(self) -> float:
        """One over the share of units that stay on."""
        return 1 / (1 - self.ratio)

    @property
    def evaluation_scale(self) -> float:
        """One."""
        return 1.0


class Mask(Layer):
    """Dropout: a fresh mask from ``rng`` for each training pass."""

    def __init__(
        self, kind: Dropout, shape: tuple[int, int], rng: Generator | None, dtype: np.dtype[np.floating]
    ) -> None:
        self._kind = kind
        self._rng = rng
        self._draw = np.empty(shape, np.float32)
        self._scales: Array = np.empty(shape, dtype)
        self._output: Array = np.empty(shape, dtype)

    def forward(self, x: Array, training: bool) -> Array:
        """Multiply by the mask, or by the evaluation scale."""
        if not training:
            return np.multiply(x, self._kind.evaluation_scale, out=self._output)
        assert self._rng is not None, "a network that trains with dropout needs random streams"
        self._rng.random(out=self._draw, dtype=np.float32)
        np.copyto(self._scales, self._draw >= self._kind.ratio)
        self._scales *= self._kind.training_scale
        return np.multiply(x, self._scales, out=self._output)

    def backward(self, gradient: Array) -> Array:
        """Pass the gradient where the mask was on."""
        gradient *= self._scales
        return gradient


def _views(parameters: Parameters, name: str) -> tuple[Array, Array]:
    return parameters.value_of[name], parameters.gradient_of[name]
