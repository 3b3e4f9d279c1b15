"""From a run to its outcome."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from chapter6.engine.data import Dataset
from chapter6.engine.problems import EnsembleProblem, NetworkProblem, Problem, SurfaceProblem
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
) -> Outcome:
    """Train one replicate of ``run``, in its own type or in ``dtype``.

    ``dataset`` may be None where the run reads no images. The data (noise, or the split into training and validation)
    are drawn from ``data_streams`` where trials of one search share them.
    """
    recordings = [Recording(record.measure, record.steps) for record in run.record]
    return train(problem_of(run, streams, dataset, dtype, data_streams), run.stages, recordings, progress)


def problem_of(
    run: Run,
    streams: Streams,
    dataset: Dataset | None = None,
    dtype: DTypeLike | None = None,
    data_streams: Streams | None = None,
) -> Problem:
    """Return what ``run`` trains, before the first update."""
    if run.surface is not None:
        return SurfaceProblem(run.surface)
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
        parameters = architecture.initial_parameters(own, dtype, (values[window], gradient[window]))
        members.append(NetworkProblem(architecture, parameters, splits, run.penalties, own))
    return EnsembleProblem(members, values, gradient) if count > 1 else members[0]
