from fnmatch import fnmatch

import numpy as np
import pytest

from chapter6.engine.measurements.base import Measurement
from chapter6.engine.problems import SurfaceProblem
from chapter6.engine.surfaces import Surface
from chapter6.registry import build
from engine.small import network_problem

every_measurement = pytest.mark.parametrize("kind", Measurement.members)


def subject_of(kind):
    """Return a problem that the measurement reads, after one gradient; a network has a dead unit."""
    subject = Measurement.members[kind].subject
    network = network_problem()
    network.parameters.value_of["biases/layer-1"][0] = -100
    candidates = [network, SurfaceProblem(build(Surface, "bowl"))]
    problem = next(candidate for candidate in candidates if isinstance(candidate, subject))
    problem.differentiate(1)
    return problem


def readings(kind, problem):
    return list(build(Measurement, kind).bind(problem)())


@every_measurement
def test_readings_are_what_the_measurement_declares(kind):
    measurement = build(Measurement, kind)
    for split, metric, _ in readings(kind, subject_of(kind)):
        assert split in measurement.splits_read
        assert any(fnmatch(metric, declared) for declared in measurement.metrics)


@every_measurement
def test_everything_declared_is_read(kind):
    measurement, taken = build(Measurement, kind), readings(kind, subject_of(kind))
    for split in measurement.splits_read:
        for declared in measurement.metrics:
            assert any(split == read and fnmatch(metric, declared) for read, metric, _ in taken), declared


@every_measurement
def test_nothing_is_read_twice(kind):
    names = [(split, metric) for split, metric, _ in readings(kind, subject_of(kind))]
    assert len(names) == len(set(names)) > 0


@every_measurement
def test_values_are_finite_numbers_and_arrays_where_they_are_said_to_be(kind):
    for _, metric, value in readings(kind, subject_of(kind)):
        assert np.isfinite(value).all()
        if metric.startswith("histogram/"):
            assert value.ndim == 1
        elif metric.startswith("picture/"):
            assert value.ndim == 2
        else:
            assert type(value) is float


@every_measurement
def test_measuring_changes_no_weight_and_gives_the_same_again(kind):
    problem = subject_of(kind)
    before = problem.values.copy()
    first, second = readings(kind, problem), readings(kind, problem)
    np.testing.assert_array_equal(problem.values, before)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_equal(one, other)


@every_measurement
def test_weights_that_are_not_numbers_raise_nothing_inside_a_run(kind):
    """A run that diverged is still recorded: training silences NumPy's warnings, no reading may fail."""
    problem = subject_of(kind)
    problem.values[...] = np.nan
    with np.errstate(all="ignore"):
        assert readings(kind, problem)
