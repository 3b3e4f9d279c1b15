"""Noise on the weights, curvature and missing units, against cases worked out by hand."""

import numpy as np
import pytest

from chapter6.engine.examples import Examples
from chapter6.engine.layers import Dense
from chapter6.engine.losses import Linear, SoftmaxCrossEntropy
from chapter6.engine.measurements.robustness import Curvature, RemovedUnits, WeightNoise
from chapter6.engine.network import Architecture
from chapter6.engine.problems import NetworkProblem
from chapter6.engine.streams import Streams
from engine.combinations import layers
from engine.looks import layer_problem, read
from engine.small import gaussians, network_problem, pictures
from reference.differences import central_difference


def single_layer(images, targets, units, loss=None):
    """Return one dense layer without weights to begin with."""
    images = np.array(images, dtype=float)
    design = Architecture((Dense(units),), images.shape[1:], loss or SoftmaxCrossEntropy())
    parameters, streams = design.initial_parameters(Streams(1, 0), np.float64), Streams(1, 0)
    examples = Examples(images, np.array(targets))
    problem = NetworkProblem(design, parameters, {"train": examples}, (), streams)
    problem.values[...] = 0
    return problem


def test_the_curvature_of_a_logistic_unit():
    """At zero weights the Hessian by the logits is [[1, -1], [-1, 1]] / 4, of eigenvalue 1/2; inputs are 2 and the 1 of
    the bias, so that the largest eigenvalue is (2^2 + 1) / 2."""
    assert read(Curvature(), single_layer([[2]], [0], 2))["curvature"] == pytest.approx(2.5, rel=1e-6)


def test_a_loss_that_is_linear_in_all_weights_has_no_curvature():
    problem = single_layer([[2.0, 1.0]], [[1.0, -1.0]], 2, Linear())
    assert read(Curvature(), problem)["curvature"] == pytest.approx(0, abs=1e-9)


def test_power_iteration_finds_the_largest_eigenvalue():
    problem = network_problem(gaussians(12), inputs=12, hidden=(3,), outputs=2, activation="tanh")
    problem.splits["train"].targets[...] %= 2
    images, labels = next(problem.splits["train"].chunks(12, np.float64))
    network = problem.evaluator(12)

    def slope(part):
        network.differentiate(images, labels)
        return problem.gradient[part]

    size = problem.values.size
    hessian = np.array([central_difference(lambda _, part=part: slope(part), problem.values) for part in range(size)])
    eigenvalues = np.linalg.eigvalsh((hessian + hessian.T) / 2)
    largest = max(eigenvalues, key=abs)
    assert read(Curvature(iterations=300), problem)["curvature"] == pytest.approx(largest, rel=1e-4)


@pytest.mark.parametrize("kind", [Curvature(examples=6), WeightNoise(examples=6), RemovedUnits()])
def test_looking_again_gives_the_same_whatever_is_drawn(kind):
    problem = network_problem(**layers("before", "standard", "tanh"))
    problem.differentiate(1)
    before = problem.snapshot()
    assert read(kind, problem) == read(kind, problem)
    for array, copy in zip(problem.snapshot(), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_noise_on_the_weights_of_a_linear_loss_changes_it_and_does_not_raise_it():
    """The loss is sum(x) w for one unit: noise of 10 % of w changes it by 10 % of that, up or down."""
    problem = single_layer([[3.0]], [[1.0]], 1, Linear())
    problem.parameters.value_of["weights/layer-1"][...] = 2
    readings = read(WeightNoise(relative=0.1, draws=4000), problem)
    assert readings["noise_rise"] == pytest.approx(0, abs=1e-12)
    assert readings["noise_change"] == pytest.approx(0.1 * 2 * 3, rel=0.05)


def test_noise_raises_the_loss_by_half_the_curvature():
    """A logistic unit at weights +-w and inputs x: L = log(1 + exp(-2 w x)), whose second derivative is known."""
    x, w, relative = 1.0, 1.0, 0.05
    problem = single_layer([[x]], [0], 2)
    problem.parameters.value_of["weights/layer-1"][...] = w, -w
    p = 1 / (1 + np.exp(-2 * w * x))
    rise = 0.5 * p * (1 - p) * x**2 * 2 * (relative * w) ** 2  # the logits differ by the difference of two noises
    assert read(WeightNoise(relative=relative, draws=4000), problem)["noise_rise"] == pytest.approx(rise, rel=0.1)


def test_biases_have_no_noise():
    problem = single_layer([[0.0]], [0], 2)
    problem.parameters.value_of["biases/layer-1"][...] = 3, 1
    problem.parameters.value_of["weights/layer-1"][...] = 5
    assert read(WeightNoise(), problem) == {"noise_rise": 0, "noise_change": 0}


def test_the_share_of_units_that_is_asked_for_is_removed():
    """Ten units of 1 feed class 0, whose bias is -6.5: without three of them it still wins, without four it loses."""
    problem = layer_problem(np.ones((4, 10)))
    out, bias = (problem.parameters.value_of[f"{kind}/layer-2"] for kind in ("weights", "biases"))
    out[...], bias[...] = 0, 0
    out[:, 0], bias[0] = 1, -6.5
    for share, accuracy in ((0, 1), (0.3, 1), (0.34, 1), (0.36, 0), (0.9, 0)):
        readings = list(RemovedUnits(splits=("train",), share=share, draws=3).bind(problem)())
        assert readings == [("train", "pruned_accuracy", accuracy)]


def test_draws_differ_and_are_averaged():
    """One unit of two feeds the right class: without the other nothing changes, without it class 1 wins."""
    problem = layer_problem(np.ones((4, 2)))
    out, bias = (problem.parameters.value_of[f"{kind}/layer-2"] for kind in ("weights", "biases"))
    out[...], bias[...] = 0, 0
    out[0, 0], bias[1] = 1, 0.5
    accuracy = read(RemovedUnits(splits=("train",), share=0.5, draws=200), problem)["pruned_accuracy"]
    assert accuracy == pytest.approx(0.5, abs=0.12)


def test_removing_nothing_is_evaluating():
    problem = network_problem(pictures(40), **layers("before", "standard", "sigmoid"))
    problem.differentiate(1)
    readings = list(RemovedUnits(splits=("train", "test"), share=0.0, draws=1).bind(problem)())
    assert readings == [(split, "pruned_accuracy", problem.evaluate(split)[1]) for split in ("train", "test")]
