"""The backward pass of every layer beside central differences of its forward pass, in float64."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chapter6.engine.activations import Activation
from chapter6.engine.layers import Affine, BatchNormalization, Dropout, Layer, Mask, Nonlinearity, Normalization
from chapter6.engine.parameters import Parameters
from engine.small import build
from reference.differences import central_difference

PARAMETERS = {
    Affine: lambda inputs, outputs: Affine.slots("only", inputs, outputs),
    Normalization: lambda inputs, _: BatchNormalization.slots("only", inputs),
}
NORMALIZATION = BatchNormalization(epsilon=0.01)  # a smaller one bends too sharply for differences at small batches


def new_layer(kind, parameters, batch, width, seed):
    """Return a layer in its first state; one that draws a mask draws the same mask each time."""
    if kind == "affine":
        return Affine("only", parameters, batch, is_first=False)
    if kind == "normalization":
        return Normalization(NORMALIZATION, "only", parameters, batch)
    if kind in Dropout.members:
        dropout = build(Dropout, {"kind": kind, "ratio": 0.4})
        return Mask(dropout, (batch, width), np.random.default_rng(seed), np.dtype(np.float64))
    return Nonlinearity(build(Activation, kind))


COVERED = {
    "affine": Affine,
    "normalization": Normalization,
    **dict.fromkeys(Activation.members, Nonlinearity),
    **dict.fromkeys(Dropout.members, Mask),
}


def test_no_layer_is_left_out():
    layers = {layer for layer in Layer.__subclasses__() if layer.__module__ == Layer.__module__}
    assert set(COVERED.values()) == layers


@pytest.mark.parametrize("kind", COVERED)
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 5), st.integers(1, 5))
def test_the_gradients_equal_the_central_differences(kind, seed, batch, inputs, outputs):
    rng = np.random.default_rng(seed)
    slots = PARAMETERS.get(COVERED[kind])
    parameters = Parameters(slots(inputs, outputs), np.float64) if slots else None
    if parameters:
        parameters.values[...] = rng.standard_normal(parameters.values.size)
    x = rng.standard_normal((batch, inputs))
    assume(np.abs(x).min() > 1e-3)  # the kink of ReLU

    def output(point):
        return new_layer(kind, parameters, batch, inputs, seed).forward(point.copy(), training=True)

    upstream = rng.standard_normal(output(x).shape)
    layer = new_layer(kind, parameters, batch, inputs, seed)
    layer.forward(x.copy(), training=True)
    below = layer.backward(upstream.copy()).copy()
    expected = central_difference(lambda point: (upstream * output(point)).sum(), x)
    np.testing.assert_allclose(below, expected, rtol=1e-6, atol=1e-7)
    if parameters:
        gradient = parameters.gradient.copy()
        expected = central_difference(lambda _: (upstream * output(x)).sum(), parameters.values)
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8)
