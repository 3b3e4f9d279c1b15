import numpy as np
import pytest

from chapter6.engine.activations import Activation
from chapter6.registry import build
from engine.small import bound

every_activation = pytest.mark.parametrize("kind", Activation.choices())
both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def forward(kind, z):
    y = z.copy()
    assert build(Activation, kind).forward(y) is None
    return y


def backward(kind, z, upstream):
    """Return the gradient, given what the layer keeps of a pass: z, or f(z)."""
    gradient, activation = upstream.copy(), build(Activation, kind)
    assert activation.backward(z if activation.keeps_input else forward(kind, z), gradient) is None
    return gradient


@every_activation
def test_the_derivative_equals_the_central_difference(kind):
    z = np.random.default_rng(0).normal(0, 2, (50, 8))  # none within 1e-3 of a kink at zero
    assert np.abs(z).min() > 1e-3
    upstream = np.random.default_rng(1).standard_normal(z.shape)
    step = 1e-5
    slope = (forward(kind, z + step) - forward(kind, z - step)) / (2 * step)
    np.testing.assert_allclose(backward(kind, z, upstream), upstream * slope, atol=1e-9, rtol=1e-7)


@both_types
@every_activation
def test_extreme_inputs_give_finite_outputs_and_gradients(kind, dtype):
    z = np.array([[-1e4, -100, -1, 0, 1, 100, 1e4]], dtype)
    assert np.isfinite(forward(kind, z)).all()
    assert np.isfinite(backward(kind, z, np.ones_like(z))).all()


@both_types
@every_activation
def test_the_type_stays(kind, dtype):
    z = np.linspace(-2, 2, 10, dtype=dtype)
    assert forward(kind, z).dtype == backward(kind, z, np.ones_like(z)).dtype == dtype


@every_activation
def test_backward_leaves_what_was_kept_alone(kind):
    kept = forward(kind, np.linspace(-2, 2, 10))
    before = kept.copy()
    build(Activation, kind).backward(kept, np.ones_like(kept))
    np.testing.assert_array_equal(kept, before)


@every_activation
def test_every_element_is_treated_alone(kind):
    z = np.random.default_rng(2).standard_normal((4, 6))
    together = forward(kind, z)
    alone = np.array([[forward(kind, z[row : row + 1, column])[0] for column in range(6)] for row in range(4)])
    np.testing.assert_allclose(together, alone, rtol=1e-14)


@every_activation
def test_the_output_never_falls_but_where_it_dips_below_zero(kind):
    """GELU and Swish fall to a little below zero, where they turn."""
    y = forward(kind, np.linspace(-6, 6, 500))
    rises = np.diff(y) >= 0
    if kind in ("gelu", "swish"):
        assert -0.3 < y.min() < -0.1
        assert rises[y.argmin() :].all()
        assert not rises[: y.argmin()].any()
    else:
        assert rises.all()


@pytest.mark.parametrize("is_lent", [True, False])
@every_activation
def test_a_layer_tells_the_slopes_of_its_last_pass(kind, is_lent):
    z = np.random.default_rng(3).normal(0, 2, (5, 4))
    layer, _ = bound(build(Activation, kind), 5, (4,), np.float32, is_lent=is_lent)
    layer.forward(z.astype(np.float32), training=False)
    assert layer.slope().dtype == np.float64
    np.testing.assert_allclose(layer.slope(), backward(kind, z, np.ones_like(z)), atol=1e-5)
