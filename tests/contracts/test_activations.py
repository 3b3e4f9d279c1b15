import numpy as np
import pytest

from chapter6.engine.activations import Activation
from chapter6.registry import build

every_activation = pytest.mark.parametrize("kind", Activation.choices())
both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def forward(kind, z):
    y = z.copy()
    assert build(Activation, kind).forward(y) is None
    return y


def backward(kind, y, upstream):
    gradient = upstream.copy()
    assert build(Activation, kind).backward(y, gradient) is None
    return gradient


@every_activation
def test_the_derivative_equals_the_central_difference(kind):
    z = np.random.default_rng(0).normal(0, 2, (50, 8))  # none within 1e-3 of a kink at zero
    assert np.abs(z).min() > 1e-3
    upstream = np.random.default_rng(1).standard_normal(z.shape)
    step = 1e-5
    slope = (forward(kind, z + step) - forward(kind, z - step)) / (2 * step)
    np.testing.assert_allclose(backward(kind, forward(kind, z), upstream), upstream * slope, atol=1e-9, rtol=1e-7)


@both_types
@every_activation
def test_extreme_inputs_give_finite_outputs_and_gradients(kind, dtype):
    z = np.array([[-1e4, -100, -1, 0, 1, 100, 1e4]], dtype)
    y = forward(kind, z)
    assert np.isfinite(y).all()
    assert np.isfinite(backward(kind, y, np.ones_like(y))).all()


@both_types
@every_activation
def test_the_type_stays(kind, dtype):
    y = forward(kind, np.linspace(-2, 2, 10, dtype=dtype))
    assert y.dtype == dtype
    assert backward(kind, y, np.ones_like(y)).dtype == dtype


@every_activation
def test_backward_leaves_the_output_alone(kind):
    y = forward(kind, np.linspace(-2, 2, 10))
    before = y.copy()
    backward(kind, y, np.ones_like(y))
    np.testing.assert_array_equal(y, before)


@every_activation
def test_every_element_is_treated_alone(kind):
    z = np.random.default_rng(2).standard_normal((4, 6))
    together = forward(kind, z)
    alone = np.array([[forward(kind, z[row : row + 1, column])[0] for column in range(6)] for row in range(4)])
    np.testing.assert_allclose(together, alone, rtol=1e-14)


@every_activation
def test_the_output_never_falls(kind):
    assert (np.diff(forward(kind, np.linspace(-6, 6, 500))) >= 0).all()
