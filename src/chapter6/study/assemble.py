"""From a run's plain specification to the engine's objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from chapter6.engine.activations import Activation
from chapter6.engine.examples import Examples, draw_indices
from chapter6.engine.initializers import Initializer
from chapter6.engine.layers import BatchNormalization, Dropout
from chapter6.engine.measurements import Measurement
from chapter6.engine.network import Architecture
from chapter6.engine.optimizers import Optimizer
from chapter6.engine.parameters import Parameters
from chapter6.engine.problems import EnsembleProblem, NetworkProblem, Problem, SurfaceProblem
from chapter6.engine.regularizers import Regularizer
from chapter6.engine.streams import Streams
from chapter6.engine.surfaces import Surface
from chapter6.engine.training import EarlyStopping, Outcome, Progress, Recording, train

if TYPE_CHECKING:
    from chapter6.data.mnist import Dataset

Run = Mapping[str, Any]


def execute(
    run: Run,
    streams: Streams,
    dataset: Dataset | None,
    dtype: DTypeLike = np.float32,
    progress: Progress | None = None,
    data_streams: Streams | None = None,
) -> Outcome:
    """Train one replicate of ``run``; ``dataset`` may be None where the run does not use MNIST.

    The data (noise, or the split into training and validation) are drawn from ``data_streams`` where trials of one
    search share them.
    """
    optimizer = Optimizer.build(run["optimizer"]) if run["optimizer"] else None
    splits = _splits(run, data_streams or streams, dataset) if run["network"] else {}
    problem = _problem(run, streams, splits, dtype)
    stopping = EarlyStopping(**run["stopping"]) if run["stopping"] else None
    return train(problem, optimizer, run["steps"], _recordings(run), progress, stopping)


def needs_mnist(run: Run) -> bool:
    """Whether the run reads MNIST."""
    return run["network"] is not None and run["data"]["source"] == "mnist"


def _problem(run: Run, streams: Streams, splits: Mapping[str, Examples], dtype: DTypeLike) -> Problem:
    if run["surface"] is not None:
        return SurfaceProblem(Surface.build(run["surface"]), tuple(run["start"]))
    architecture = _architecture(run["network"], splits["train"].inputs)
    count, size = run["members"], architecture.size
    values, gradient = np.zeros(count * size, dtype), np.zeros(count * size, dtype)
    members = []
    for number in range(count):
        own = streams.within(f"member-{number}") if number else streams
        window = slice(number * size, (number + 1) * size)
        parameters = architecture.initial_parameters(own, dtype, (values[window], gradient[window]))
        members.append(_member(run, architecture, parameters, splits, own))
    return EnsembleProblem(members, values, gradient) if count > 1 else members[0]


def _architecture(network: Mapping[str, Any], inputs: int) -> Architecture:
    normalization = network["batch_normalization"]
    return Architecture(
        inputs=inputs,
        hidden=tuple(network["hidden"]),
        outputs=network["outputs"],
        activation=Activation.build(network["activation"]),
        initializer=Initializer.build(network["initializer"]),
        batch_normalization=BatchNormalization(**normalization) if normalization else None,
        dropout=Dropout.build(network["dropout"]) if network["dropout"] else None,
    )


def _member(
    run: Run, architecture: Architecture, parameters: Parameters, splits: Mapping[str, Examples], streams: Streams
) -> NetworkProblem:
    examples = len(splits["train"])
    indices = draw_indices(streams("batches"), examples, run["steps"], run["batch_size"], run["sampling"])
    regularizer = Regularizer.build(run["regularizer"]) if run["regularizer"] else None
    return NetworkProblem(architecture, parameters, splits, indices, regularizer, streams)


def _splits(run: Run, streams: Streams, dataset: Dataset | None) -> dict[str, Examples]:
    data = run["data"]
    if data["source"] == "noise":
        size = (data["examples"], data["inputs"])
        width = run["network"]["outputs"] or run["network"]["hidden"][-1]
        directions = streams("directions").standard_normal((size[0], width))
        return {"train": Examples(streams("noise").standard_normal(size), directions)}
    assert dataset is not None, "a run on MNIST needs the data set"
    scale = 1 / 255
    train = Examples(dataset.train_images, dataset.train_labels, scale).first(data["examples"])
    splits = {"train": train, "test": Examples(dataset.test_images, dataset.test_labels, scale)}
    if data["validation"]:
        splits["validation"], splits["train"] = train.split(data["validation"], streams("split"))
    return splits


def _recordings(run: Run) -> list[Recording]:
    return [Recording(Measurement.build(record["measure"]), _steps(record["steps"])) for record in run["record"]]


def _steps(schedules: list[list[int]]) -> frozenset[int]:
    return frozenset(step for first, every, last in schedules for step in range(first, last + 1, every))
