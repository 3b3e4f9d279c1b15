"""All weights of a network in one flat buffer, all gradients in another, with named views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from chapter6.engine.arrays import Array
from chapter6.engine.initializers import Initializer
from chapter6.engine.streams import Streams


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
    batch normalization. With ``storage``, two zeroed arrays of the right size, several networks may share one pair of
    buffers.
    """

    def __init__(self, slots: Sequence[Slot], dtype: DTypeLike, storage: tuple[Array, Array] | None = None) -> None:
        self.slots = tuple(sorted(slots, key=lambda slot: not slot.decays))
        total = sum(slot.size for slot in self.slots)
        self.decayed = sum(slot.size for slot in self.slots if slot.decays)
        self.values: Array
        self.gradient: Array
        self.values, self.gradient = storage or (np.zeros(total, dtype), np.zeros(total, dtype))
        self.statistics: dict[str, Array] = {}
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

    def draw(self, streams: Streams) -> None:
        """Draw the initial weights, each slot from a stream of its own."""
        for slot in self.slots:
            if isinstance(slot.initial, Initializer):
                draw = streams(slot.name).standard_normal(slot.shape)
                self.value_of[slot.name][...] = slot.initial.weights(draw)
