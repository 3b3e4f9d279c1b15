"""Dead units, units that live again and units that are alike, on layers of which all is known."""

import math

import numpy as np
import pytest

from chapter6.engine.examples import Examples
from chapter6.engine.measurements.units import Correlation, DeadUnits, Revival
from chapter6.engine.optimizers import SGD
from chapter6.engine.training import Recording
from engine.looks import bend, layer_problem, read, values
from engine.small import network_problem, pictures, trained


def test_a_unit_that_is_on_for_one_example_of_many_is_alive():
    """Of four units one is never on and one only at zero."""
    readings = read(DeadUnits(), layer_problem([[-1, 0, -1, 2], [-2, 0, 1, 3]]))
    assert readings == {"dead": 0.5, "dead/layer-1": 0.5}


def test_only_the_first_examples_are_asked():
    rows = [[-1, 1], [-1, 1], [5, 1]]
    assert [read(DeadUnits(examples=count), layer_problem(rows))["dead"] for count in (2, 3)] == [0.5, 0]


def test_dead_units_are_looked_for_in_all_chunks():
    """The only example for which the unit is on is one of the last chunk, which is smaller."""
    rows = -np.ones((1100, 2))
    rows[1050, 0] = 1
    assert read(DeadUnits(), layer_problem(rows))["dead"] == 0.5


def test_layers_count_with_their_units():
    problem = network_problem(pictures(40), hidden=(8, 2))
    for layer, bias in (("layer-1", 10), ("layer-2", 100)):
        bend(problem, f"biases/{layer}", slice(None), bias)
    bend(problem, "biases/layer-2", 0, -1000)
    readings = read(DeadUnits(), problem)
    assert (readings["dead/layer-1"], readings["dead/layer-2"]) == (0, 0.5)
    assert readings["dead"] == 1 / 10


def test_a_sigmoid_is_never_dead():
    assert read(DeadUnits(), layer_problem([[-30, -1], [-20, -2]], "sigmoid"))["dead"] == 0


def test_the_dead_are_followed_from_the_first_look():
    """Units 0 and 1 are dead at first; 0 lives again, 2 dies and stays dead, 3 dies and comes back, 0 dies again."""
    problem = layer_problem([[-1, -1, 1, 1], [-2, -2, 1, 1]])
    reader = Revival().bind(problem)
    assert values(reader) == {"revived": 0, "deaths": 2, "lasting_deaths": 2}
    biases = problem.parameters.value_of["biases/layer-1"]
    biases[:] = 5, 0, -5, -5
    assert values(reader) == {"revived": 0.5, "deaths": 4, "lasting_deaths": 3}
    biases[:] = 0, 0, -5, 0
    assert values(reader) == {"revived": 0, "deaths": 4, "lasting_deaths": 2}


def test_where_none_was_dead_none_can_live_again():
    problem = layer_problem([[1, 1], [1, 1]])
    reader = Revival().bind(problem)
    assert math.isnan(values(reader)["revived"])
    bend(problem, "biases/layer-1", 0, -5)
    second = values(reader)
    assert math.isnan(second["revived"])
    assert (second["deaths"], second["lasting_deaths"]) == (1, 1)


def test_two_readers_of_one_problem_remember_apart():
    problem = layer_problem([[-1, 1]])
    first = Revival().bind(problem)
    assert values(first)["deaths"] == 1
    bend(problem, "biases/layer-1", 0, 5)
    assert read(Revival(), problem)["deaths"] == 0
    assert values(first)["revived"] == 1


def test_a_measurement_that_is_recorded_twice_remembers_once():
    problem = network_problem(hidden=(8, 8), steps=4)
    bend(problem, "biases/layer-1", 0, -100)
    recordings = [Recording(Revival(), frozenset({0})), Recording(Revival(), frozenset({4}))]
    curve = trained(problem, SGD(0.0), 4, recordings).curves["train", "revived"]
    assert (curve.steps, curve.values) == ([0, 4], [0, 0])


def test_correlations_of_pairs_are_averaged_by_size():
    """Columns 0 and 1 are opposite, and neither has to do with column 2: pairs of 1, 0 and 0."""
    y = [[1, 2, 1], [2, 1, 2], [1, 2, 2], [2, 1, 1]]
    assert read(Correlation(), layer_problem(y))["correlation/layer-1"] == pytest.approx(1 / 3)


def test_units_that_do_not_vary_have_no_correlation():
    assert read(Correlation(), layer_problem([[1, 3, 7], [2, 5, 7]]))["correlation/layer-1"] == pytest.approx(1)
    assert math.isnan(read(Correlation(), layer_problem([[1, 7], [2, 7]]))["correlation/layer-1"])


def test_dead_units_of_float32_pixels_are_found():
    problem = network_problem(Examples(np.full((6, 12), 255, np.uint8), np.zeros(6, int), 1 / 255), dtype=np.float32)
    bend(problem, "weights/layer-1", 3, -1)
    assert read(DeadUnits(), problem)["dead/layer-1"] >= 1 / 8
