"""Layers: declarations that know their parameters and shapes, and what they become at one batch size.

A declaration (a member of :class:`Layer`) is bound to a :class:`Place` and gives a :class:`BoundLayer`. ``forward``
returns a buffer of the bound layer that stays valid until its next forward pass, with one exception: an activation
works in place on the buffer of the layer before it, where that layer lends it. ``backward`` takes the gradient with
respect to the output, may overwrite it, writes the gradients of the parameters and returns the gradient with respect
to the input (None where nobody needs it).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import ClassVar, Literal

import numpy as np
from numpy.random import Generator

from chapter6.engine.arrays import Array
from chapter6.engine.initializers import He, Initializer
from chapter6.engine.parameters import Parameters, Slot
from chapter6.registry import Count, Family, Positive, Share, StudyError

Shape = tuple[int, ...]  # of one example


class BoundLayer:
    """One step of a network at one batch size."""

    @abstractmethod
    def forward(self, x: Array, training: bool) -> Array:
        """Return the output for ``x`` (batch, *shape)."""

    @abstractmethod
    def backward(self, gradient: Array) -> Array | None:
        """Return the gradient with respect to the input."""


@dataclass(frozen=True)
class Place:
    """Where a layer is bound: ``name`` is that of its parameters, ``shape`` that of one example of its input.

    ``learns`` is off in a network that looks on. ``gives_back`` says whether a layer before needs the gradient,
    ``is_lent`` whether the input may be overwritten. ``rng`` returns the layer's own random stream.
    """

    name: str
    shape: Shape
    parameters: Parameters
    batch_size: int
    learns: bool
    gives_back: bool
    is_lent: bool
    rng: Callable[[], Generator | None]

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Type of every float of the network."""
        return self.parameters.values.dtype

    def views(self, kind: str) -> tuple[Array, Array]:
        """Return values and gradient of one of the layer's slots."""
        slot = f"{kind}/{self.name}"
        return self.parameters.value_of[slot], self.parameters.gradient_of[slot]

    def buffer(self, *shape: int) -> Array:
        """Return an array for a batch, of the input's shape if none is given."""
        return np.empty((self.batch_size, *(shape or self.shape)), self.dtype)


@dataclass(frozen=True)
class Layer(Family):
    """A step from an input to an output; ``lends`` says that it does not need its output again."""

    is_weighted: ClassVar[bool] = False  # opens a new number: layer-1, layer-2, ...
    lends: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of an output, given that of an input; StudyError where it does not fit."""
        return shape

    def slots(self, name: str, shape: Shape) -> list[Slot]:
        """Return the parameters of the layer called ``name``."""
        return []

    @abstractmethod
    def bind(self, place: Place) -> BoundLayer:
        """Return the layer at one batch size."""


@dataclass(frozen=True)
class Dense(Layer):
    """Affine map y = x W + b (section 5.6), W of shape (inputs, units)."""

    units: Count
    initializer: Initializer = field(default_factory=He)
    is_weighted: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        """As many as it has units."""
        if len(shape) != 1:
            raise StudyError(f"needs a flat input, gets {' x '.join(map(str, shape))}: put flatten before it")
        return (self.units,)

    def slots(self, name: str, shape: Shape) -> list[Slot]:
        """Return weights and biases, which start at zero."""
        weights = Slot(f"weights/{name}", (*shape, self.units), self.initializer, decays=True)
        return [weights, Slot(f"biases/{name}", (self.units,))]

    def bind(self, place: Place) -> BoundDense:
        """Return the affine map."""
        return BoundDense(place)


class BoundDense(BoundLayer):
    """The affine map at work."""

    def __init__(self, place: Place) -> None:
        self.weights, self.weights_gradient = place.views("weights")
        self.biases, self.biases_gradient = place.views("biases")
        self._output = place.buffer(len(self.biases))
        self._input_gradient = place.buffer() if place.gives_back else None
        self._ones = np.ones(place.batch_size, place.dtype)

    def forward(self, x: Array, training: bool) -> Array:
        """Multiply and add."""
        self._input = x
        np.matmul(x, self.weights, out=self._output)
        self._output += self.biases
        return self._output

    def backward(self, gradient: Array) -> Array | None:
        """Write both parameter gradients; skip the input's where nobody needs it."""
        np.matmul(self._input.T, gradient, out=self.weights_gradient)
        np.matmul(self._ones, gradient, out=self.biases_gradient)
        if self._input_gradient is None:
            return None
        return np.matmul(gradient, self.weights.T, out=self._input_gradient)


@dataclass(frozen=True)
class Flatten(Layer):
    """An image as a row of its pixels."""

    lends: ClassVar[bool] = False  # what it passes on is its own input

    def output_shape(self, shape: Shape) -> Shape:
        """One axis."""
        return (prod(shape),)

    def bind(self, place: Place) -> BoundFlatten:
        """Return the change of shape."""
        return BoundFlatten(place)


class BoundFlatten(BoundLayer):
    """A change of shape, without a copy."""

    def __init__(self, place: Place) -> None:
        self._shape = (place.batch_size, *place.shape)

    def forward(self, x: Array, training: bool) -> Array:
        """Return a view."""
        return x.reshape(len(x), -1)

    def backward(self, gradient: Array) -> Array:
        """Return a view in the input's shape."""
        return gradient.reshape(self._shape)


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
        if len(shape) != 1:
            raise StudyError(f"needs a flat input, gets {' x '.join(map(str, shape))}: put flatten before it")
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


@dataclass(frozen=True)
class Dropout(Layer):
    """Switch units off at random in training (section 6.4.3; Srivastava et al. 2014).

    ``standard`` is the book's form: unscaled in training, multiplied by 1 - ratio in evaluation. ``inverted`` is
    today's, PyTorch's too: divided by 1 - ratio in training, untouched in evaluation.
    """

    ratio: Share = 0.5
    form: Literal["standard", "inverted"] = "standard"

    @property
    def training_scale(self) -> float:
        """What the units that stay on are multiplied by in training."""
        return 1 / (1 - self.ratio) if self.form == "inverted" else 1.0

    @property
    def evaluation_scale(self) -> float:
        """What all units are multiplied by in evaluation."""
        return 1.0 if self.form == "inverted" else 1 - self.ratio

    def bind(self, place: Place) -> Mask:
        """Return the mask."""
        return Mask(self, place)


class Mask(BoundLayer):
    """Dropout at work: a fresh mask for each training pass."""

    def __init__(self, kind: Dropout, place: Place) -> None:
        self._kind = kind
        self._rng = place.rng()
        self._output, self._scales = place.buffer(), place.buffer()
        self._draw = np.empty(self._output.shape, np.float32)

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
