"""What a network sees of the images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, prod, sqrt
from typing import ClassVar

import numpy as np

from chapter6.engine.arrays import Array
from chapter6.engine.layers import Shape
from chapter6.engine.measurements.base import Measurement, Reading, first_examples
from chapter6.engine.problems import NetworkProblem, Problem
from chapter6.registry import Count, Index, Share


@dataclass(frozen=True)
class Inputs(Measurement):
    """Pictures of the first ``shown`` training inputs, of their mean and of their principal axes, and their condition.

    Mean and axes are those of the first ``examples`` inputs, as the network sees them. ``condition`` is the largest
    eigenvalue of their matrix of second moments (inputs, inputs) by the smallest of those that hold ``share`` of its
    trace (LeCun et al. 1998, section 5.1: the slowest direction that matters learns so many times slower than the
    fastest). Inputs that are no images stand in rows, one after the other.
    """

    metrics: ClassVar[tuple[str, ...]] = ("picture/input-*", "picture/mean", "picture/axis-*", "condition")
    shown: Index = 3
    axes: Index = 3
    examples: Count = 2000
    share: Share = 0.99

    def measure(self, problem: Problem) -> Iterator[Reading]:
        """Yield pictures (rows, columns) and the condition number."""
        assert isinstance(problem, NetworkProblem)
        images, _ = first_examples(problem, self.examples, np.float64)
        mean = images.mean(axis=0)
        pictures = {f"input-{n}": image for n, image in enumerate(images[: self.shown], start=1)} | {"mean": mean}
        second = images.T @ images / len(images)
        widths = np.linalg.eigvalsh(second)[::-1].clip(min=0)
        axes = np.linalg.eigh(second - np.outer(mean, mean))[1].T[::-1]
        pictures |= {f"axis-{n}": axis for n, axis in enumerate(axes[: self.axes], start=1)}
        for name, values in pictures.items():
            yield "train", f"picture/{name}", _picture(values, problem.architecture.shape)
        held = int(np.searchsorted(widths.cumsum(), self.share * widths.sum()))
        yield "train", "condition", float(widths[0] / widths[held])


def _picture(values: Array, shape: Shape) -> Array:
    """Return one input as a picture: channels' mean, or as many rows as columns, filled up with zeros."""
    if len(shape) == 3:
        averaged: Array = values.reshape(shape).mean(axis=0)
        return averaged
    side = ceil(sqrt(prod(shape)))
    filled = np.zeros(side * ceil(prod(shape) / side))
    filled[: values.size] = values
    return filled.reshape(-1, side)
