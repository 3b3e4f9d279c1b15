"""Multi-layer perceptrons: a stack of layers over one flat buffer of parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from numpy.typing import DTypeLike, NDArray

from chapter6.engine.activations import Activation, ReLU
from chapter6.engine.initializers import He, Initializer
from chapter6.engine.layers import Affine, BatchNormalization, Dropout, Layer, Mask, Nonlinearity, Normalization
from chapter6.engine.losses import Linear, Loss, SoftmaxCrossEntropy
from chapter6.engine.parameters import Array, Parameters, Slot
from chapter6.engine.streams import Streams


@dataclass(frozen=True)
class Architecture:
    """What a network is made of; ``outputs`` 0 leaves out the last affine layer (section 6.2's histograms)."""

    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    activation: Activation = field(default_factory=ReLU)
    initializer: Initializer = field(default_factory=He)
    batch_normalization: BatchNormalization | None = None
    dropout: Dropout | None = None

    @property
    def affine_shapes(self) -> Iterator[tuple[str, int, int]]:
        """Yield name, inputs and outputs of each affine layer; ``layer-1`` is the first hidden one."""
        widths = [self.inputs, *self.hidden, *([self.outputs] if self.outputs else [])]
        for number, (inputs, outputs) in enumerate(pairwise(widths), start=1):
            yield f"layer-{number}", inputs, outputs

    def slots(self) -> list[Slot]:
        """Return every parameter."""
        slots = [slot for shape in self.affine_shapes for slot in Affine.slots(*shape)]
        if self.batch_normalization:
            for (name, _, width), _ in zip(self.affine_shapes, self.hidden, strict=False):
                slots += BatchNormalization.slots(name, width)
        return slots

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(slot.size for slot in self.slots())

    def initial_parameters(
        self, streams: Streams, dtype: DTypeLike, storage: tuple[Array, Array] | None = None
    ) -> Parameters:
        """Return parameters with initial weights, each layer drawing from a stream of its own."""
        parameters = Parameters(self.slots(), dtype, storage)
        for name, inputs, outputs in self.affine_shapes:
            draw = streams(f"weights/{name}").standard_normal((inputs, outputs))
            parameters.value_of[f"weights/{name}"][...] = self.initializer.weights(draw)
        return parameters


class Network:
    """The layers of ``architecture`` bound to ``parameters`` and one batch size.

    Several networks may share one :class:`Parameters`: one learns from the training batches, others look on, which
    leaves no trace in batch normalization's running averages. Only a training pass with dropout needs ``streams``.
    """

    def __init__(
        self,
        architecture: Architecture,
        parameters: Parameters,
        batch_size: int,
        streams: Streams | None = None,
        learns: bool = True,
    ) -> None:
        self.architecture = architecture
        self.parameters = parameters
        self.batch_size = batch_size
        self.learns = learns
        self.layers: list[Layer] = []
        self.nonlinearities: list[Nonlinearity] = []
        names = [name for name, _, _ in architecture.affine_shapes]
        for position, name in enumerate(names):
            self.layers.append(Affine(name, parameters, batch_size, is_first=position == 0))
            if position < len(architecture.hidden):
                self._append_hidden_part(name, architecture.hidden[position], streams)
        width = architecture.outputs or architecture.hidden[-1]
        loss = SoftmaxCrossEntropy if architecture.outputs else Linear
        self._loss: Loss = loss(batch_size, width, parameters.values.dtype)

    def _append_hidden_part(self, name: str, width: int, streams: Streams | None) -> None:
        """Append what follows the affine map of a hidden layer: normalization, activation, dropout."""
        architecture, parameters = self.architecture, self.parameters
        nonlinearity = Nonlinearity(architecture.activation)
        self.nonlinearities.append(nonlinearity)
        self.layers.append(nonlinearity)
        if kind := architecture.batch_normalization:
            normalization = Normalization(kind, name, parameters, self.batch_size, self.learns)
            self.layers.insert(len(self.layers) - (kind.placement == "before"), normalization)
        if architecture.dropout:
            rng = streams(f"dropout/{name}") if streams else None
            shape = (self.batch_size, width)
            self.layers.append(Mask(architecture.dropout, shape, rng, parameters.values.dtype))

    def forward(self, x: Array, training: bool = False) -> Array:
        """Return the outputs for ``x`` (batch, inputs): logits, or the last hidden layer's activations."""
        for layer in self.layers:
            x = layer.forward(x, training)
        self.outputs = x
        return x

    def loss(self, x: Array, targets: NDArray[Any], training: bool = False) -> float:
        """Return the mean loss of a batch."""
        return self._loss.value(self.forward(x, training), targets)

    def differentiate(self, x: Array, targets: NDArray[Any]) -> float:
        """Write the gradient of the mean loss into the parameters' gradient; return the loss."""
        loss, gradient = self._loss.value_and_gradient(self.forward(x, training=True), targets)
        upstream: Array | None = gradient
        for layer in reversed(self.layers):
            assert upstream is not None  # only the first layer returns None
            upstream = layer.backward(upstream)
        return loss
