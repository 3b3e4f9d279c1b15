"""Layers: views into the flat parameters plus the buffers of one batch size.

``forward`` returns a buffer of the layer that stays valid until its next forward pass, with one exception:
an activation works in place on the buffer of the layer before it, which does not need its output again.
``backward`` takes the gradient with respect to the output, may overwrite it, writes the gradients of the
parameters and returns the gradient with respect to the input (None where nobody needs it).
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from chapter6.engine.activations import Activation
from chapter6.engine.parameters import Array, Parameters, Slot


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


def _views(parameters: Parameters, name: str) -> tuple[Array, Array]:
    return parameters.value_of[name], parameters.gradient_of[name]
