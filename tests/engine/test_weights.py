"""Sizes of weights and their paths, against cases worked out by hand."""

import math

import numpy as np
import pytest

from chapter6.engine.examples import Examples
from chapter6.engine.measurements.weights import Path, Sparsity, WeightNorms
from chapter6.engine.optimizers import SGD
from chapter6.engine.problems import SurfaceProblem
from chapter6.engine.surfaces import Bowl
from chapter6.engine.training import Recording
from engine.looks import read, values
from engine.small import network_problem, trained


def test_norms_are_those_of_weights_and_not_of_biases():
    problem = network_problem(hidden=(8,))
    problem.values[...] = 7
    first, second = (problem.parameters.value_of[f"weights/layer-{number}"] for number in (1, 2))
    first[...], second[...] = 0, 0
    first[0, 0], first[1, 0], second[0, 0] = 3, 4, 12
    assert read(WeightNorms(), problem) == {"weight_norm": 13, "weight_norm/layer-1": 5, "weight_norm/layer-2": 12}


def test_weights_are_small_below_the_threshold_and_counted_on_live_pixels():
    """Of three inputs the last never varies; of the four weights on the others one is small, one at the threshold."""
    images = np.array([[0, 1, 5], [1, 1, 5], [1, 0, 5]], dtype=np.uint8)
    problem = network_problem(Examples(images, np.zeros(3, int)), inputs=3, hidden=(2,), outputs=2)
    first, second = (problem.parameters.value_of[f"weights/layer-{number}"] for number in (1, 2))
    first[...] = [[0.1, -0.00099], [-1, 0.001], [0, 0]]
    second[...] = [[0, 1], [1e-9, -1]]
    assert read(Sparsity(), problem) == {"sparsity/layer-1": 1 / 4, "sparsity/layer-2": 1 / 2}
    assert read(Sparsity(threshold=0.2), problem)["sparsity/layer-1"] == 3 / 4


def test_a_path_is_as_long_as_its_steps():
    """From (0, 0) by (3, 0) and (3, 4) to (3, 0): 3 + 4 + 4, at a distance of 3."""
    problem = SurfaceProblem(Bowl(start=(0.0, 0.0)))
    reader = Path().bind(problem)
    assert values(reader) == {"path_length": 0, "net_distance": 0, "path_ratio": 1}
    for x, y in ((3, 0), (3, 4), (3, 0)):
        problem.values[:] = x, y
        readings = values(reader)
    assert readings == pytest.approx({"path_length": 11, "net_distance": 3, "path_ratio": 11 / 3})


def test_a_path_that_ends_where_it_began_is_endlessly_longer():
    problem = SurfaceProblem(Bowl(start=(1.0, 1.0)))
    reader = Path().bind(problem)
    values(reader)
    problem.values[:] = 2, 1
    values(reader)
    problem.values[:] = 1, 1
    assert values(reader) == {"path_length": 2, "net_distance": 0, "path_ratio": math.inf}


def test_the_path_of_a_training_is_that_of_its_updates():
    """In the bowl, x shrinks by a factor at each update and y flips its sign."""
    problem, steps = SurfaceProblem(Bowl()), 6
    curves = trained(problem, SGD(0.95), steps, [Recording(Path(), frozenset(range(steps + 1)))]).curves
    x, y = -7 * 0.905 ** np.arange(steps + 1), 2 * (-0.9) ** np.arange(steps + 1)
    length = np.hypot(np.diff(x), np.diff(y)).sum()
    assert curves["train", "path_length"].values[-1] == pytest.approx(length)
    assert curves["train", "path_ratio"].values[-1] == pytest.approx(length / np.hypot(x[-1] - x[0], y[-1] - y[0]))


def test_a_network_walks_with_all_its_parameters():
    problem = network_problem(dtype=np.float32)
    reader = Path().bind(problem)
    values(reader)
    problem.values += 1
    assert values(reader)["net_distance"] == pytest.approx(math.sqrt(problem.values.size), rel=1e-6)
