import numpy as np
import pytest

from chapter6.engine.penalties import Penalty
from chapter6.registry import build
from reference import textbook
from reference.differences import central_difference

every_penalty = pytest.mark.parametrize("kind", Penalty.members)
both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def some_weights(dtype=np.float64):
    """Return weights of both signs, none near zero where a penalty may have a kink."""
    return np.array([-2.0, -0.3, 0.05, 0.7, 1.5], dtype)


@every_penalty
def test_the_gradient_equals_the_central_difference_of_the_penalty(kind):
    penalty, weights = build(Penalty, kind), some_weights()
    gradient = np.zeros_like(weights)
    penalty.add_gradient(weights, gradient)
    assert gradient.any()
    np.testing.assert_allclose(gradient, central_difference(penalty.value, weights), rtol=1e-7)


@both_types
@every_penalty
def test_the_gradient_is_added_in_place_to_what_is_there(kind, dtype):
    penalty, weights = build(Penalty, kind), some_weights(dtype)
    alone, onto = np.zeros_like(weights), np.full_like(weights, 3)
    assert penalty.add_gradient(weights, alone) is None
    penalty.add_gradient(weights, onto)
    assert onto.dtype == dtype
    np.testing.assert_allclose(onto, 3 + alone, rtol=1e-6)
    np.testing.assert_array_equal(weights, some_weights(dtype))


@both_types
@every_penalty
def test_zero_weights_cost_nothing_and_others_cost_something(kind, dtype):
    penalty, zeros = build(Penalty, kind), np.zeros(4, dtype)
    gradient = np.zeros_like(zeros)
    penalty.add_gradient(zeros, gradient)
    assert penalty.value(zeros) == 0
    assert not gradient.any()
    assert type(penalty.value(some_weights(dtype))) is float
    assert penalty.value(some_weights(dtype)) > 0


@pytest.mark.parametrize(
    ("kind", "settings"), [(kind, ()) for kind in textbook.PENALTIES] + [("l2", (0.3,)), ("l1", (0.3,))]
)
def test_penalty_and_gradient_equal_the_textbooks(kind, settings):
    value, slope = textbook.PENALTIES[kind]
    penalty = Penalty.build({"kind": kind, **({"strength": settings[0]} if settings else {})})
    weights = np.random.default_rng(0).standard_normal(50)
    gradient = np.zeros_like(weights)
    penalty.add_gradient(weights, gradient)
    assert penalty.value(weights) == pytest.approx(value(weights, *settings), rel=1e-13)
    np.testing.assert_allclose(gradient, slope(weights, *settings), rtol=1e-13)
