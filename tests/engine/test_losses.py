from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chapter6.engine.losses import Linear, SoftmaxCrossEntropy, log_softmax
from reference import textbook
from reference.differences import central_difference

both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@st.composite
def logits_and_labels(draw, reach):
    batch, classes = draw(st.integers(1, 6)), draw(st.integers(2, 6))
    logits = draw(arrays(np.float64, (batch, classes), elements=st.floats(-reach, reach)))
    return logits, draw(arrays(np.int64, batch, elements=st.integers(0, classes - 1)))


def cross_entropy(logits):
    return SoftmaxCrossEntropy().bind(*logits.shape, logits.dtype)


@given(logits_and_labels(reach=20))
def test_cross_entropy_and_its_gradient_equal_the_textbooks(case):
    logits, labels = case
    value, gradient = cross_entropy(logits).value_and_gradient(logits, labels)
    assert value == pytest.approx(textbook.cross_entropy(logits, labels), rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(gradient, textbook.cross_entropy_slope(logits, labels), rtol=1e-12, atol=1e-16)


@given(logits_and_labels(reach=1e4))
def test_extreme_logits_give_a_finite_loss_and_a_gradient_that_sums_to_zero(case):
    for dtype in (np.float32, np.float64):
        logits, labels = case[0].astype(dtype), case[1]
        value, gradient = cross_entropy(logits).value_and_gradient(logits, labels)
        assert np.isfinite(value)
        assert value >= 0
        assert gradient.dtype == dtype
        np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-6)


def exact_log_softmax(row):
    """Return the logarithms of the probabilities in fifty decimal digits, rounded once at the end."""
    with localcontext(prec=50):
        exact = [Decimal(float(logit)) for logit in row]
        total = sum(logit.exp() for logit in exact).ln()
        return [float(logit - total) for logit in exact]


@given(logits_and_labels(reach=1e4))
@example((np.array([[1e4, -1e4, 0.0], [-1e4, 9999.5, 1e4]]), np.array([1, 1])))
@example((np.array([[1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]]), np.array([0, 2])))
@example((np.array([[0.0, 8e-9], [1e-4, -1e-4]]), np.array([0, 0])))
def test_loss_and_gradient_at_any_logits_are_right_to_rounding(case):
    """Beside fifty digits; an error is measured against the larger of the loss and one, a gradient's against one."""
    for dtype in (np.float32, np.float64):
        logits, labels = case[0].astype(dtype), case[1]
        exact = np.array([exact_log_softmax(row) for row in logits])
        rounding = 4 * np.finfo(dtype).eps
        losses = -exact[np.arange(len(labels)), labels]
        value, gradient = cross_entropy(logits).value_and_gradient(logits, labels)
        assert abs(value - losses.mean()) <= rounding * max(1, losses.max())
        expected = (np.exp(exact) - textbook.one_hot(labels, logits.shape[1])) / len(labels)
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=rounding)
        np.testing.assert_allclose(log_softmax(logits), exact, rtol=rounding, atol=rounding)


@both_types
def test_the_loss_at_extreme_logits_is_their_distance(dtype):
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    assert cross_entropy(logits).value(logits, np.array([1, 0])) == 2e4
    assert cross_entropy(logits).value(logits, np.array([0, 1])) == 0


@both_types
def test_the_cross_entropy_of_a_distribution_is_the_mean_of_its_labels_losses(dtype):
    """Two classes mixed by 0.3 and 0.7, as mixup does (Zhang et al., arXiv:1710.09412)."""
    logits = np.random.default_rng(0).standard_normal((4, 3)).astype(dtype)
    labels, others = np.array([0, 1, 2, 0]), np.array([1, 1, 0, 2])
    mixed = 0.3 * np.eye(3)[labels] + 0.7 * np.eye(3)[others]
    loss = cross_entropy(logits)
    expected = 0.3 * loss.value(logits, labels) + 0.7 * loss.value(logits, others)
    assert loss.value(logits, mixed) == pytest.approx(expected, rel=float(4 * np.finfo(dtype).eps))


@both_types
def test_the_loss_of_a_distribution_at_extreme_logits_is_finite(dtype):
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    value, gradient = cross_entropy(logits).value_and_gradient(logits, np.full((2, 2), 0.5))
    assert value == 1e4
    np.testing.assert_array_equal(gradient, [[0.25, -0.25], [-0.25, 0.25]])


@both_types
def test_equal_logits_cost_the_logarithm_of_the_classes(dtype):
    logits = np.full((4, 10), 3, dtype)
    assert cross_entropy(logits).value(logits, np.arange(4)) == pytest.approx(np.log(10), rel=1e-6)


@given(logits_and_labels(reach=20), st.floats(-100, 100))
def test_shifting_a_row_changes_nothing(case, shift):
    logits, labels = case
    loss = cross_entropy(logits)
    assert loss.value(logits + shift, labels) == pytest.approx(loss.value(logits, labels), abs=1e-12)


def test_value_alone_is_the_value_beside_the_gradient():
    logits, labels = np.random.default_rng(0).standard_normal((5, 3)), np.array([0, 2, 1, 1, 0])
    loss = cross_entropy(logits)
    assert loss.value(logits, labels) == loss.value_and_gradient(logits, labels)[0]


def test_the_logits_are_left_alone():
    logits = np.random.default_rng(0).standard_normal((5, 3))
    before = logits.copy()
    cross_entropy(logits).value_and_gradient(logits, np.array([0, 2, 1, 1, 0]))
    np.testing.assert_array_equal(logits, before)


@both_types
def test_labels_may_be_bytes(dtype):
    logits = np.eye(3, dtype=dtype)
    assert cross_entropy(logits).value(logits, np.array([0, 1, 2], np.uint8)) < 1


def test_the_linear_loss_is_the_mean_dot_product_with_its_direction():
    rng = np.random.default_rng(0)
    outputs, directions = rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
    loss = Linear().bind(5, 3, outputs.dtype)
    value, gradient = loss.value_and_gradient(outputs, directions)
    assert value == loss.value(outputs, directions) == pytest.approx(np.trace(outputs @ directions.T) / 5)
    expected = central_difference(lambda point: loss.value(point, directions), outputs)
    np.testing.assert_allclose(gradient, expected, rtol=1e-8)


def test_the_linear_loss_sends_back_the_networks_type():
    loss = Linear().bind(2, 3, np.dtype(np.float32))
    _, gradient = loss.value_and_gradient(np.ones((2, 3), np.float32), np.ones((2, 3)))
    assert gradient.dtype == np.float32
