"""From a run to its outcome."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import DTypeLike

from chapter6.engine.data import Dataset
from chapter6.engine.parameters import Weights
from chapter6.engine.problems import EnsembleProblem, NetworkProblem, Origin, Problem, SurfaceProblem
from chapter6.engine.run import Run
from chapter6.engine.streams import Streams
from chapter6.engine.training import Outcome, Progress, Recording, train


def execute(
    run: Run,
    streams: Streams,
    dataset: Dataset | None = None,
    dtype: DTypeLike | None = None,
    progress: Progress | None = None,
    data_streams: Streams | None = None,
    start: Weights | None = None,
) -> Outcome:
    """Train one replicate of ``run``, in its own type or in ``dtype``.

    ``dataset`` may be None where the run reads no images. The data (noise, or the split into training and validation)
    are drawn from ``data_streams`` where trials of one search share them.
    A run that starts from another takes its final weights from ``start``, or trains it first.
    """
    if start is None:
        start = start_of(run, streams, dataset, dtype, data_streams)
    recordings = [Recording(record.measure, record.steps) for record in run.record]
    return train(problem_of(run, streams, dataset, dtype, data_streams, start), run.stages, recordings, progress)


def start_of(
    run: Run,
    streams: Streams,
    dataset: Dataset | None = None,
    dtype: DTypeLike | None = None,
    data_streams: Streams | None = None,
) -> Weights | None:
    """Train what ``run`` starts from; None where it starts from nothing."""
    if not run.starts_from:
        return None
    assert run.starts_from.run is not None, "the run that it starts from was found"
    return execute(run.starts_from.run, streams, dataset, dtype, data_streams=data_streams).weights


def problem_of(
    run: Run,
    streams: Streams,
    dataset: Dataset | None = None,
    dtype: DTypeLike | None = None,
    data_streams: Streams | None = None,
    start: Weights | None = None,
) -> Problem:
    """Return what ``run`` trains, before the first update; ``start`` is what it starts from, if from anything."""
    if run.surface is not None:
        return SurfaceProblem(run.surface)
    problem = _networks(run, streams, dataset, dtype, data_streams)
    if run.starts_from and run.starts_from.run and start is not None:
        before = run.starts_from.run
        names = run.starts_from.taken(run.architecture.slots(), before.architecture.slots())
        problem.take(start, names)

        @cache
        def origin() -> NetworkProblem:
            there = _networks(before, streams, dataset, dtype, data_streams)
            there.take(start, [slot.name for slot in before.architecture.slots()])
            assert isinstance(there, NetworkProblem), "as many members as the run itself"
            return there

        if isinstance(problem, NetworkProblem):
            problem.origin = Origin(origin, names)
    return problem


def _networks(
    run: Run, streams: Streams, dataset: Dataset | None, dtype: DTypeLike | None, data_streams: Streams | None
) -> NetworkProblem | EnsembleProblem:
    """Return the network of a run, or its members, at their initial weights."""
    assert run.data is not None, "a network has data"
    architecture = run.architecture
    dtype = dtype or run.dtype
    splits = run.data.splits(data_streams or streams, dataset, architecture.output_shape[0])
    count, size = run.members, architecture.size
    values, gradient = np.zeros(count * size, dtype), np.zeros(count * size, dtype)
    members = []
    for number in range(count):
        own = streams.within(f"member-{number}") if number else streams
        window = slice(number * size, (number + 1) * size)
        # Not the draws of what it starts from: a head drawn again would fit the features that were learned under it.
        weights = own.within(f"start-{run.depth}") if run.depth else own
        parameters = architecture.initial_parameters(weights, dtype, (values[window], gradient[window]))
        members.append(NetworkProblem(architecture, parameters, splits, run.penalties, own))
    return EnsembleProblem(members, values, gradient) if count > 1 else members[0]
