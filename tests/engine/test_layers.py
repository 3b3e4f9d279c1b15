import numpy as np
import pytest

from chapter6.engine.activations import Activation
from chapter6.engine.initializers import Normal
from chapter6.engine.layers import Dense
from chapter6.registry import build
from engine.small import bound
from reference import textbook

RNG = np.random.default_rng(0)
X, UPSTREAM = RNG.standard_normal((5, 3)), RNG.standard_normal((5, 4))


def affine(is_first=False):
    layer, parameters = bound(Dense(4), 5, (3,), gives_back=not is_first)
    parameters.values[...] = np.random.default_rng(1).standard_normal(parameters.values.size)
    return layer, parameters


def test_the_affine_layer_equals_the_textbooks():
    layer, parameters = affine()
    weights, biases = parameters.value_of["weights/layer-1"], parameters.value_of["biases/layer-1"]
    output = layer.forward(X, training=True)
    np.testing.assert_allclose(output, textbook.affine(X, weights, biases), rtol=1e-14)
    below, slope, bias_slope = textbook.affine_slopes(UPSTREAM, X, weights)
    np.testing.assert_allclose(layer.backward(UPSTREAM.copy()), below, rtol=1e-13)
    np.testing.assert_allclose(parameters.gradient_of["weights/layer-1"], slope, rtol=1e-13)
    np.testing.assert_allclose(parameters.gradient_of["biases/layer-1"], bias_slope, rtol=1e-13)


def test_gradients_are_written_and_not_added():
    layer, parameters = affine()
    parameters.gradient[...] = np.nan
    for _ in range(2):
        layer.forward(X, training=True)
        layer.backward(UPSTREAM.copy())
    np.testing.assert_allclose(parameters.gradient_of["biases/layer-1"], UPSTREAM.sum(axis=0))


def test_the_first_layer_skips_the_gradient_of_its_input_and_nothing_else():
    (first, its_parameters), (later, parameters) = affine(is_first=True), affine()
    for layer in (first, later):
        layer.forward(X, training=True)
    assert first.backward(UPSTREAM.copy()) is None
    assert later.backward(UPSTREAM.copy()) is not None
    np.testing.assert_array_equal(its_parameters.gradient, parameters.gradient)


def test_a_layer_leaves_its_input_and_its_weights_alone():
    layer, parameters = affine()
    x, values = X.copy(), parameters.values.copy()
    layer.forward(x, training=True)
    layer.backward(UPSTREAM.copy())
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(parameters.values, values)


def test_sums_of_float32_are_float32():
    """So that a buffer of another type does not go unnoticed where its sums are rounded to float32 in the end."""
    layer, parameters = bound(Dense(50), 100, (3,), np.float32, gives_back=False)
    upstream = RNG.standard_normal((100, 50)).astype(np.float32)
    layer.forward(RNG.standard_normal((100, 3)).astype(np.float32), training=True)
    layer.backward(upstream)
    expected = np.ones(100, np.float32) @ upstream
    np.testing.assert_array_equal(parameters.gradient_of["biases/layer-1"], expected)
    assert (expected != upstream.sum(axis=0, dtype=np.float64).astype(np.float32)).any()


def test_decay_touches_weights_and_no_biases():
    slots = Dense(4, Normal(2.0)).slots("layer-1", (3,))
    assert [(slot.name, slot.shape, slot.decays) for slot in slots] == [
        ("weights/layer-1", (3, 4), True),
        ("biases/layer-1", (4,), False),
    ]
    assert [slot.initial for slot in slots] == [Normal(2.0), 0.0]


def test_buffers_are_reused():
    layer, _ = affine()
    assert layer.forward(X, training=True) is layer.forward(2 * X, training=False)
    assert layer.backward(UPSTREAM.copy()) is layer.backward(2 * UPSTREAM)


@pytest.mark.parametrize("kind", textbook.ACTIVATIONS)
def test_a_nonlinearity_equals_the_textbooks_in_place(kind):
    function, slope = textbook.ACTIVATIONS[kind]
    layer, z, upstream = bound(build(Activation, kind), 5, (3,))[0], X.copy(), RNG.standard_normal(X.shape)
    expected = upstream * slope(X)
    assert layer.forward(z, training=True) is z
    np.testing.assert_allclose(z, function(X), rtol=1e-12)
    assert layer.backward(upstream) is upstream
    np.testing.assert_allclose(upstream, expected, rtol=1e-10)
