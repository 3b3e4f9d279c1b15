"""Networks: a stack of layers over one flat buffer of parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import MinLen
from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray

from chapter6.engine.activations import Activation, Nonlinearity, ReLU
from chapter6.engine.arrays import Array
from chapter6.engine.initializers import He, Initializer
from chapter6.engine.layers import (
    BoundLayer,
    Dense,
    Flatten,
    Layer,
    Place,
    Shape,
    back_through,
    bind_all,
    is_learned,
    slots_of,
    steps,
    through,
    walk,
)
from chapter6.engine.losses import Loss, SoftmaxCrossEntropy
from chapter6.engine.masking import Dropout
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.parameters import Parameters, Slot
from chapter6.engine.streams import Streams
from chapter6.registry import Count, Index, StudyError

_PARTS = (Activation, Dropout, BatchNormalization)


@dataclass(frozen=True)
class Perceptron:
    """The short form of a multi-layer perceptron.

    ``outputs`` null stands for the number of classes; 0 leaves out the last dense layer.
    """

    hidden: Annotated[tuple[Count, ...], MinLen(1)]
    outputs: Index | None = None
    activation: Activation = field(default_factory=ReLU)
    initializer: Initializer = field(default_factory=He)
    batch_normalization: BatchNormalization | None = None
    placement: Literal["before", "after"] = "before"  # of batch normalization and the activation
    dropout: Dropout | None = None

    @classmethod
    def of(cls, layers: Sequence[Layer], shape: Shape) -> Perceptron | None:
        """Return the short form of ``layers``; None where they have none."""
        found = {kind: next((each for each in layers if isinstance(each, kind)), None) for kind in _PARTS}
        activation, dropout, normalization = found[Activation], found[Dropout], found[BatchNormalization]
        dense = [layer for layer in layers if isinstance(layer, Dense)]
        outputs = dense.pop().units if layers and isinstance(layers[-1], Dense) else 0
        if not dense or activation is None:
            return None
        is_after = normalization is not None and list(layers).index(normalization) > list(layers).index(activation)
        widths, place = tuple(layer.units for layer in dense), "after" if is_after else "before"
        short = cls(widths, outputs, activation, dense[0].initializer, normalization, place, dropout)  # type: ignore[arg-type]
        return short if short.layers(shape) == tuple(layers) else None

    def layers(self, shape: Shape, classes: int | None = None) -> tuple[Layer, ...]:
        """Return the layers for inputs of this shape and so many classes."""
        found: list[Layer] = [Flatten()] if len(shape) > 1 else []
        for units in self.hidden:
            middle: list[Layer] = [self.activation]
            if self.batch_normalization:
                middle.insert(self.placement == "after", self.batch_normalization)
            found += [Dense(units, self.initializer), *middle, *([self.dropout] if self.dropout else [])]
        outputs = classes if self.outputs is None else self.outputs
        if outputs is None:
            raise StudyError("outputs: the data have no classes: say how many outputs there are, or 0")
        return (*found, *([Dense(outputs, self.initializer)] if outputs else []))


@dataclass(frozen=True)
class Architecture:
    """What a network is made of: layers, the shape of an example and the loss."""

    layers: tuple[Layer, ...]
    shape: Shape
    loss: Loss = field(default_factory=SoftmaxCrossEntropy)

    def walk(self) -> Iterator[tuple[Layer, str, Shape, Shape]]:
        """Yield each layer, those within it after it, with its name and the shapes before and after it.

        ``layer-1`` is the first layer with weights; what follows goes by its name until the next.
        """
        for layer, number, before, after in walk(self.layers, self.shape):
            yield layer, f"layer-{number}", before, after

    @property
    def output_shape(self) -> Shape:
        """Shape of an output of the last layer."""
        return [after for *_, after in self.walk()][-1]

    def slots(self) -> list[Slot]:
        """Return every parameter; StudyError where two would have one name."""
        slots = [slot for layer, name, shape, _ in self.walk() for slot in layer.slots(name, shape)]
        names = [slot.name for slot in slots]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise StudyError(f"two layers would both learn {', '.join(twice)}: put a layer with weights between them")
        return slots

    def averaging(self) -> dict[str, frozenset[str]]:
        """Return the slots of each layer that keeps running averages, by its name."""
        found = ((name, layer.slots(name, shape)) for layer, name, shape, _ in self.walk() if layer.keeps_averages)
        return {name: frozenset(slot.name for slot in slots) for name, slots in found}

    def still(self, learning: Collection[str]) -> int:
        """Return how many layers, from the first on, make the same of an example all along, if only these slots learn.

        None where these layers have no parameters: what they make costs nothing.
        """
        count, has_parameters = 0, False
        for position, step in enumerate(steps(self.layers, self.shape), start=1):
            slots = [slot.name for slot in slots_of(step)]
            if step[0].is_random or any(slot in learning for slot in slots):
                break
            has_parameters = has_parameters or bool(slots)
            count = position if has_parameters else 0
        return count

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(slot.size for slot in self.slots())

    def initial_parameters(
        self, streams: Streams, dtype: DTypeLike, storage: tuple[Array, Array] | None = None
    ) -> Parameters:
        """Return parameters with initial weights."""
        parameters = Parameters(self.slots(), dtype, storage)
        parameters.draw(streams)
        return parameters


class Network:
    """The layers of ``architecture`` bound to ``parameters`` and one batch size.

    Several networks may share one :class:`Parameters`: one learns from the training batches, others look on, which
    leaves no trace in batch normalization's running averages. Only a training pass with dropout needs ``streams``.
    Of the layers, those of ``part`` are bound: what they get is what those before them give.
    """

    def __init__(
        self,
        architecture: Architecture,
        parameters: Parameters,
        batch_size: int,
        streams: Streams | None = None,
        learns: bool = True,
        part: slice = slice(None),
    ) -> None:
        self.architecture = architecture
        self.parameters = parameters
        self.batch_size = batch_size
        chosen = list(steps(architecture.layers, architecture.shape))[part]
        first, number, shape, _ = chosen[0]
        own = _streams_of(streams)
        place = Place(number - first.is_weighted, shape, parameters, batch_size, learns, False, False, own)
        self.layers = bind_all(architecture.layers[part], place)
        self._first = next((k for k, step in enumerate(chosen) if is_learned(step, place)), 0)  # back to it, no further
        self._input = (batch_size, *shape)
        self._loss = architecture.loss.bind(batch_size, architecture.output_shape[0], parameters.values.dtype)

    @property
    def nonlinearities(self) -> Sequence[Nonlinearity]:
        """The activations, in order."""
        return [layer for layer in _within(self.layers) if isinstance(layer, Nonlinearity)]

    def forward(self, x: Array, training: bool = False) -> Array:
        """Return the outputs for ``x`` (batch, inputs): logits, or what the last layer gives."""
        self.outputs = through(self.layers, x.reshape(self._input), training)
        return self.outputs

    def loss(self, x: Array, targets: NDArray[Any], training: bool = False) -> float:
        """Return the mean loss of a batch."""
        return self._loss.value(self.forward(x, training), targets)

    def differentiate(self, x: Array, targets: NDArray[Any]) -> float:
        """Write the gradient of the mean loss into the parameters' gradient; return the loss."""
        loss, gradient = self._loss.value_and_gradient(self.forward(x, training=True), targets)
        back_through(self.layers[self._first :], gradient)
        return loss


def _within(layers: Sequence[BoundLayer]) -> Iterator[BoundLayer]:
    for layer in layers:
        yield layer
        yield from _within(layer.within)


def _streams_of(streams: Streams | None) -> Callable[[str], Generator | None]:
    """Return what gives each layer a stream of its own, the second that asks for the same purpose another."""
    asked = Counter[str]()

    def stream(purpose: str) -> Generator | None:
        asked[purpose] += 1
        again = f"-{asked[purpose]}" if asked[purpose] > 1 else ""
        return streams(f"{purpose}{again}") if streams else None

    return stream
