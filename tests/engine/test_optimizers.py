import numpy as np
import pytest

from chapter6.engine.optimizers import SGD, AdaGrad, Adam, Momentum, Nesterov, Optimizer, RMSProp
from chapter6.registry import build
from reference import textbook


def follow(optimizer, gradients):
    weights = np.zeros_like(gradients[0])
    state = optimizer.start(weights)
    for t, gradient in enumerate(gradients, start=1):
        optimizer.step(weights, gradient.copy(), state, t)
    return weights


@pytest.mark.parametrize("kind", textbook.RULES)
def test_the_default_settings_are_the_books(kind):
    gradients = np.random.default_rng(0).standard_normal((20, 9))
    weights, state = {"w": np.zeros(9)}, {}
    for gradient in gradients:
        textbook.RULES[kind](weights, {"w": gradient}, state)
    np.testing.assert_allclose(follow(build(Optimizer, kind), gradients), weights["w"], rtol=1e-10)


@pytest.mark.parametrize("kind", textbook.RULES)
def test_epsilon_stands_outside_the_root(kind):
    """At gradients as small as epsilon the two places differ; the textbook's formulas say outside."""
    gradients = 1e-7 * np.random.default_rng(0).standard_normal((20, 9))
    weights, state = {"w": np.zeros(9)}, {}
    for gradient in gradients:
        textbook.RULES[kind](weights, {"w": gradient}, state)
    np.testing.assert_allclose(follow(build(Optimizer, kind), gradients), weights["w"], rtol=1e-10)


def test_under_a_constant_gradient_the_steps_are_those_of_the_formulas():
    """Limits: Momentum and Nesterov eta / (1 - alpha), AdaGrad eta / sqrt(t), RMSProp and Adam eta."""
    ones = np.ones((4000, 1))

    def last_step(optimizer):
        return float((follow(optimizer, ones[:-1]) - follow(optimizer, ones)).item())

    assert last_step(SGD(0.5)) == pytest.approx(0.5)
    assert last_step(Momentum(0.5, 0.9)) == pytest.approx(5)
    assert last_step(Nesterov(0.5, 0.9)) == pytest.approx(5)
    assert last_step(AdaGrad(0.5)) == pytest.approx(0.5 / np.sqrt(4000), rel=1e-6)
    assert last_step(RMSProp(0.5)) == pytest.approx(0.5, rel=1e-6)
    assert last_step(Adam(0.5)) == pytest.approx(0.5, rel=1e-6)


def test_without_momentum_momentum_and_nesterov_are_sgd():
    gradients = np.random.default_rng(0).standard_normal((20, 9))
    for optimizer in (Momentum(0.1, 0.0), Nesterov(0.1, 0.0)):
        np.testing.assert_allclose(follow(optimizer, gradients), follow(SGD(0.1), gradients), rtol=1e-12)


def test_nesterovs_weights_are_momentums_seen_from_where_it_looks():
    """The two-pass form: v <- alpha v - eta g(W + alpha v), W <- W + v; kept is W + alpha v."""
    rate, alpha, curvature = 0.1, 0.8, 3.0
    optimizer, ahead = Nesterov(rate, alpha), np.ones(1)
    state = optimizer.start(ahead)
    weight, velocity = 1.0, 0.0
    for t in range(1, 30):
        optimizer.step(ahead, curvature * ahead, state, t)
        velocity = alpha * velocity - rate * curvature * (weight + alpha * velocity)
        weight += velocity
        assert ahead.item() == pytest.approx(weight + alpha * velocity, rel=1e-10)
