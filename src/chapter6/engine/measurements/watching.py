"""Networks that are looked into: a layer that shows what passes through it, laid around a network's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from chapter6.engine.arrays import Array
from chapter6.engine.layers import BoundLayer, Layer, Place, Shape
from chapter6.engine.network import Network
from chapter6.engine.parameters import Slot
from chapter6.engine.problems import NetworkProblem

Look = Callable[[str, Array], None]  # takes a layer's name and what passes there; may change it in place


def watched(problem: NetworkProblem, batch_size: int, which: Callable[[Layer], bool], **looks: Look) -> Network:
    """Return a network that looks on, with the problem's weights, ``which`` of whose layers are :class:`Watched`.

    Layers within layers are watched, too. Dropout draws the same masks in each network that is made here.
    """
    wrapped = tuple(_wrapped(layer, which, looks) for layer in problem.architecture.layers)
    streams = problem.streams.within("watched") if problem.streams else None
    return Network(replace(problem.architecture, layers=wrapped), problem.parameters, batch_size, streams, learns=False)


def _wrapped(layer: Layer, which: Callable[[Layer], bool], looks: dict[str, Look]) -> Layer:
    values = {field.name: getattr(layer, field.name) for field in fields(layer)}
    nested = {
        name: tuple(_wrapped(inner, which, looks) for inner in value)
        for name, value in values.items()
        if isinstance(value, tuple) and any(isinstance(inner, Layer) for inner in value)
    }
    whole = replace(layer, **nested) if nested else layer
    return Watched(whole, **looks) if which(layer) else whole


def _look_away(name: str, passing: Array) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Watched(Layer, abstract=True):
    """A layer as it is, which shows its input, its output and the gradient with respect to its input."""

    layer: Layer
    before: Look = _look_away
    after: Look = _look_away
    back: Look = _look_away

    key = property(lambda self: self.layer.key)
    is_weighted = property(lambda self: self.layer.is_weighted)
    lends = property(lambda self: self.layer.lends)
    within = property(lambda self: self.layer.within)

    def output_shape(self, shape: Shape) -> Shape:
        return self.layer.output_shape(shape)

    def slots(self, name: str, shape: Shape) -> list[Slot]:
        return self.layer.slots(name, shape)

    def bind(self, place: Place) -> BoundLayer:
        """Return the layer, watched."""
        return _BoundWatched(self, place)


class _BoundWatched(BoundLayer):
    def __init__(self, kind: Watched, place: Place) -> None:
        self._kind, self._name, self._layer = kind, place.name, kind.layer.bind(place)

    def forward(self, x: Array, training: bool) -> Array:
        self._kind.before(self._name, x)
        y = self._layer.forward(x, training)
        self._kind.after(self._name, y)
        return y

    def backward(self, gradient: Array) -> Array | None:
        upstream = self._layer.backward(gradient)
        if upstream is not None:
            self._kind.back(self._name, upstream)
        return upstream
