"""The theory of infinitely wide layers beside closed forms, numerical integrals and wide layers."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from chapter6.engine.activations import Activation
from chapter6.engine.examples import Examples
from chapter6.engine.masking import Dropout
from chapter6.engine.measurements.activations import Activations
from chapter6.engine.measurements.gradients import Deltas, Gradients
from chapter6.engine.measurements.theory import ExpectedSignals, through
from chapter6.registry import build
from engine.looks import read
from engine.small import architecture, network_problem

RELU, TANH = build(Activation, "relu"), build(Activation, "tanh")


@pytest.mark.parametrize("correlation", [-1, -0.5, 0, 0.6, 1])
def test_relu_has_the_arc_cosine_kernel(correlation):
    """Cho and Saul 2009: E[f(z) f(z')] = v (sin a + (pi - a) cos a) / (2 pi), where cos a is the correlation."""
    angle = math.acos(correlation)
    seen = through(RELU, 4.0, 4 * correlation)
    assert seen.square == pytest.approx(2, rel=1e-3)
    assert seen.std == pytest.approx(math.sqrt(2 - 4 / (2 * math.pi)), rel=1e-3)
    kernel = 4 * (math.sin(angle) + (math.pi - angle) * correlation) / (2 * math.pi)
    assert seen.product == pytest.approx(kernel, abs=2e-3)
    assert seen.unit_std == pytest.approx(math.sqrt(2 - kernel), abs=2e-2 if correlation == 1 else 2e-3)
    assert seen.slope == pytest.approx(0.5)


@pytest.mark.parametrize("std", [0.01, 1, 10, 30])
def test_tanh_has_the_moments_of_an_adaptive_integral(std):
    def mean(function):
        return quad(lambda z: function(std * z) * norm.pdf(z), -9, 9, points=[0], limit=500, epsabs=1e-15)[0]

    seen = through(TANH, std**2, 0.0)
    assert seen.square == pytest.approx(mean(lambda z: math.tanh(z) ** 2), rel=1e-3)
    assert seen.slope == pytest.approx(mean(lambda z: (1 - math.tanh(z) ** 2) ** 2), rel=2e-3)
    assert seen.product == pytest.approx(0, abs=1e-3)  # independent inputs, and an odd function


def test_tanh_hardly_bends_what_is_small():
    seen = through(TANH, 1e-4, 0.5e-4)
    assert (seen.std, seen.square, seen.product) == pytest.approx((0.01, 1e-4, 0.5e-4), rel=1e-3)
    assert seen.unit_std == pytest.approx(math.sqrt(0.5e-4), rel=1e-3)


def test_signals_of_he_last_and_those_of_xavier_halve_their_square_under_relu():
    """By hand: with x of mean square 1 and ReLU, He's q = 2 stays and delta with it; Xavier's halves at each layer."""
    x = np.array([[1.0, -1.0, 1.0, 1.0], [1.0, 1.0, -1.0, 1.0]])  # the mean product of the two is 0
    spread = math.sqrt(1 / 2 - 1 / (2 * math.pi))  # of ReLU of a standard normal number
    for initializer, factor in (("he", 1), ("xavier", 1 / math.sqrt(2))):
        problem = network_problem(
            Examples(x, np.ones((2, 6))), inputs=4, hidden=(6, 6, 6), outputs=0, initializer=initializer
        )
        told = read(ExpectedSignals(), problem)
        first = math.sqrt(2) if initializer == "he" else 1
        last = told["expected_delta_norm/layer-3"]
        assert last == read(Deltas(), problem)["delta_norm/layer-3"]
        for number in (1, 2, 3):
            size = first * factor ** (number - 1)
            assert told[f"expected_activation_std/layer-{number}"] == pytest.approx(size * spread, rel=1e-3)
            assert told[f"expected_delta_norm/layer-{number}"] == pytest.approx(last * factor ** (3 - number))
            length = 4.0 if number == 1 else 6 * (first * factor ** (number - 2)) ** 2 / 2  # of what enters, squared
            assert told[f"expected_gradient_norm/layer-{number}"] == pytest.approx(
                told[f"expected_delta_norm/layer-{number}"] * math.sqrt(length), rel=1e-3
            )


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "prelu", "gelu"])
@pytest.mark.parametrize("initializer", ["he", {"kind": "normal", "std": 1}])
def test_wide_layers_are_as_the_theory_has_them(activation, initializer):
    rng = np.random.default_rng(3)
    data = Examples(rng.standard_normal((200, 50)), rng.standard_normal((200, 500)))
    problem = network_problem(
        data, inputs=50, hidden=(500, 500, 500), outputs=0, activation=activation, initializer=initializer
    )
    measured = read(Activations(examples=200), problem)
    measured |= read(Deltas(200), problem) | read(Gradients(200), problem)
    for metric, expected in read(ExpectedSignals(200), problem).items():
        assert expected == pytest.approx(measured[metric.removeprefix("expected_")], rel=0.1), metric


def test_what_it_does_not_cover_is_told():
    refuses = ExpectedSignals().refuses
    assert refuses(architecture(outputs=0)) == ""
    assert refuses(architecture()) == "loss linear, not softmax_cross_entropy"
    assert (
        refuses(architecture(outputs=0, initializer="constant")) == "weights from a normal distribution, not constant"
    )
    told = refuses(architecture(outputs=0, dropout=Dropout(0.5)))
    assert told == "dense layers and activation functions, not dropout"
