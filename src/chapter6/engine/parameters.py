"""All weights of a network in one flat buffer, all gradients in another, with named views."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import accumulate
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from chapter6.engine.arrays import Array
from chapter6.engine.initializers import Initializer
from chapter6.engine.streams import Streams
from chapter6.registry import StudyError

Weights = Mapping[str, Array]  # slots and statistics by name
OUTPUT = "output"  # the last layer that has parameters


@dataclass(frozen=True)
class Slot:
    """One named array of parameters: its initial value, a number or how to draw it, and whether decay touches it."""

    name: str
    shape: tuple[int, ...]
    initial: float | Initializer = 0.0
    decays: bool = False

    @property
    def size(self) -> int:
        """Number of scalars."""
        return prod(self.shape)


class Parameters:
    """Flat ``values`` and ``gradient`` with a view per slot.

    Slots that decay come first, so that a penalty on the weights touches one contiguous slice: ``values[:decayed]``.
    ``statistics`` holds what is neither trained nor differentiated but belongs to the network: the running averages of
    batch normalization. ``learning`` names the slots that are trained at present, all of them at first. With
    ``storage``, two zeroed arrays of the right size, several networks may share one pair of buffers.
    """

    def __init__(self, slots: Sequence[Slot], dtype: DTypeLike, storage: tuple[Array, Array] | None = None) -> None:
        self.slots = tuple(sorted(slots, key=lambda slot: not slot.decays))
        total = sum(slot.size for slot in self.slots)
        self.decayed = sum(slot.size for slot in self.slots if slot.decays)
        self.values: Array
        self.gradient: Array
        self.values, self.gradient = storage or (np.zeros(total, dtype), np.zeros(total, dtype))
        self.statistics: dict[str, Array] = {}
        self.learning = frozenset(slot.name for slot in slots)
        self.value_of: dict[str, Array] = {}
        self.gradient_of: dict[str, Array] = {}
        start = 0
        for slot in self.slots:
            window = slice(start, start + slot.size)
            self.value_of[slot.name] = self.values[window].reshape(slot.shape)
            self.gradient_of[slot.name] = self.gradient[window].reshape(slot.shape)
            if not isinstance(slot.initial, Initializer):
                self.value_of[slot.name][...] = slot.initial
            start += slot.size

    def windows(self, names: Container[str]) -> list[slice]:
        """Return the stretches of the flat buffers that the slots of these names fill, neighbours as one."""
        ends = accumulate(slot.size for slot in self.slots)
        pairs = zip(self.slots, ends, strict=True)
        return joined(slice(end - slot.size, end) for slot, end in pairs if slot.name in names)

    @property
    def all(self) -> Weights:
        """Everything that a forward pass depends on, by name."""
        return {**self.value_of, **self.statistics}

    def take(self, weights: Weights, names: Collection[str]) -> None:
        """Take over the slots of these names, and the statistics of their layers."""
        layers = {layer_of(name) for name in names}
        for name, array in weights.items():
            if name in names:
                self.value_of[name][...] = array
            elif name not in self.value_of and layer_of(name) in layers:
                self.statistics.setdefault(name, np.empty_like(array, self.values.dtype))[...] = array

    def draw(self, streams: Streams) -> None:
        """Draw the initial weights, each slot from a stream of its own."""
        for slot in self.slots:
            if isinstance(slot.initial, Initializer):
                draw = streams(slot.name).standard_normal(slot.shape)
                self.value_of[slot.name][...] = slot.initial.weights(draw)


def layer_of(name: str) -> str:
    """Return the layer of a slot or statistic: ``layer-1`` of ``weights/layer-1``."""
    return name.partition("/")[2]


def joined(windows: Iterable[slice]) -> list[slice]:
    """Return ascending stretches, neighbours as one."""
    found: list[slice] = []
    for window in windows:
        joins = bool(found) and found[-1].stop == window.start
        found.append(slice(found.pop().start if joins else window.start, window.stop))
    return found


def matching(slots: Sequence[str], patterns: Sequence[str], key: str) -> frozenset[str]:
    """Return those of the ``slots``, in a network's order, that patterns of slots or of their layers answer to.

    StudyError, with the ``key`` where the patterns stand, for one that answers to nothing.
    """
    layers = {slot: layer_of(slot) for slot in slots}
    found: set[str] = set()
    for pattern in patterns if slots else ():
        wanted = layers[slots[-1]] if pattern == OUTPUT else pattern
        own = {slot for slot, layer in layers.items() if fnmatchcase(slot, wanted) or fnmatchcase(layer, wanted)}
        if not own:
            choices = ", ".join([*dict.fromkeys(layers.values()), *slots, OUTPUT])
            raise StudyError(f"{key}: no parameters are called {pattern!r}; choose from {choices}")
        found |= own
    return frozenset(found)
