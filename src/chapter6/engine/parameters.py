"""All weights of a network in one flat buffer, all gradients in another, with named views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Slot:
    """One named array of parameters; only slots of role ``weight`` are initialized and decayed."""

    name: str
    shape: tuple[int, ...]
    role: Literal["weight", "bias", "gain"] = "weight"

    @property
    def size(self) -> int:
        """Number of scalars."""
        return prod(self.shape)


class Parameters:
    """Flat ``values`` and ``gradient`` with a view per slot.

    Weights come first, then gains and biases, so that a penalty on the weights touches one contiguous
    slice: ``values[:decayed]``. Gains start at one, everything else at zero. ``statistics`` holds what is neither
    trained nor differentiated but belongs to the network: the running averages of batch normalization. With
    ``storage``, two zeroed arrays of the right size, several networks may share one pair of buffers.
    """

    def __init__(self, slots: Sequence[Slot], dtype: DTypeLike, storage: tuple[Array, Array] | None = None) -> None:
        ordered = [s for s in slots if s.role == "weight"] + [s for s in slots if s.role != "weight"]
        total = sum(slot.size for slot in ordered)
        self.slots = tuple(ordered)
        self.decayed = sum(slot.size for slot in ordered if slot.role == "weight")
        self.values: Array
        self.gradient: Array
        self.values, self.gradient = storage or (np.zeros(total, dtype), np.zeros(total, dtype))
        self.statistics: dict[str, Array] = {}
        self.value_of: dict[str, Array] = {}
        self.gradient_of: dict[str, Array] = {}
        start = 0
        for slot in ordered:
            window = slice(start, start + slot.size)
            self.value_of[slot.name] = self.values[window].reshape(slot.shape)
            self.gradient_of[slot.name] = self.gradient[window].reshape(slot.shape)
            if slot.role == "gain":
                self.value_of[slot.name][...] = 1
            start += slot.size
