"""Units: which of them are dead, which live again, and how much alike they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from chapter6.engine.arrays import Array
from chapter6.engine.measurements.base import Measurement, Reader, Reading, first_examples
from chapter6.engine.problems import EVALUATION_CHUNK, NetworkProblem, Problem
from chapter6.registry import Count

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class DeadUnits(Measurement, key="dead_units"):
    """Share of the hidden units that are dead: on, their output above 0, for none of the first ``examples``."""

    metrics: ClassVar[tuple[str, ...]] = ("dead", "dead/layer-*")
    examples: Count = 10_000

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the share over all hidden units, and every layer's."""
        assert isinstance(problem, NetworkProblem)
        dead = _dead(problem, self.examples)
        yield "train", "dead", float(np.concatenate(list(dead.values())).mean())
        for name, flags in dead.items():
            yield "train", f"dead/{name}", float(flags.mean())


@dataclass(frozen=True)
class Revival(Measurement):
    """What becomes of dead hidden units: on, their output above 0, for none of the first ``examples``.

    ``revived`` is the share of those dead at the first look that are alive now (no number where there were none),
    ``deaths`` how many were found dead at this look or an earlier one, ``lasting_deaths`` how many of these were never
    found alive again.
    """

    metrics: ClassVar[tuple[str, ...]] = ("revived", "deaths", "lasting_deaths")
    examples: Count = 10_000

    def bind(self, problem: Problem) -> Reader:
        """Return a reader that remembers who was dead."""
        assert isinstance(problem, NetworkProblem)
        return _Deaths(problem, self.examples)


class _Deaths:
    """Follows dead units from look to look."""

    def __init__(self, problem: NetworkProblem, examples: int) -> None:
        self._problem, self._examples = problem, examples
        self._first: Flags | None = None

    def __call__(self) -> Iterator[Reading]:
        dead = np.concatenate(list(_dead(self._problem, self._examples).values()))
        if self._first is None:
            self._first, self._ever, self._back = dead, dead, np.zeros_like(dead)
        self._back = self._back | (self._ever & ~dead)
        self._ever = self._ever | dead
        yield "train", "revived", float((~dead)[self._first].mean()) if self._first.any() else nan
        yield "train", "deaths", float(self._ever.sum())
        yield "train", "lasting_deaths", float((self._ever & ~self._back).sum())


@dataclass(frozen=True)
class Correlation(Measurement):
    """Mean absolute correlation of a hidden layer's units, over pairs and the first ``examples`` (co-adaptation).

    Units that give the same for all examples have none and are left out; there is no number for fewer than two others.
    """

    metrics: ClassVar[tuple[str, ...]] = ("correlation/layer-*",)
    examples: Count = 1000

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield the mean for every hidden layer."""
        assert isinstance(problem, NetworkProblem)
        images, _ = first_examples(problem, self.examples)
        network = problem.evaluator(len(images))
        network.forward(images)
        for layer in network.nonlinearities:
            yield "train", f"correlation/{layer.name}", _mean_correlation(layer.output.reshape(len(images), -1))


def _mean_correlation(outputs: Array) -> float:
    """Return the mean absolute correlation of pairs of columns."""
    y = outputs[:, outputs.max(axis=0) > outputs.min(axis=0)].astype(np.float64)
    count = y.shape[1]
    if count < 2:
        return nan
    matrix = np.abs(np.corrcoef(y, rowvar=False))
    return float((matrix.sum() - np.trace(matrix)) / (count * (count - 1)))


def _dead(problem: NetworkProblem, examples: int) -> dict[str, Flags]:
    """Return for each hidden layer which of its units are on for none of the first ``examples``."""
    dead: dict[str, Any] = {}
    for images, _ in problem.splits["train"].first(examples).chunks(EVALUATION_CHUNK, problem.dtype):
        network = problem.evaluator(len(images))
        network.forward(images)
        for layer in network.nonlinearities:
            dead[layer.name] = dead.get(layer.name, True) & ~(layer.output > 0).any(axis=0).ravel()
    return dead
