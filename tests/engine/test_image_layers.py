"""What convolution, pooling, maxout, DropConnect and residual blocks do, beside plain loops over what they are."""

from itertools import product

import numpy as np
import pytest

from chapter6.engine import convolutions
from chapter6.engine.activations import Tanh
from chapter6.engine.convolutions import Convolution
from chapter6.engine.layers import Dense, through
from chapter6.engine.masking import DropConnect
from chapter6.engine.maxout import Maxout
from chapter6.engine.pooling import FractionalMaxPooling, MaxPooling
from chapter6.engine.residuals import Residual
from engine.small import bound

RNG = np.random.default_rng(0)


def ready(layer, x, **how):
    at_work, parameters = bound(layer, len(x), x.shape[1:], **how)
    parameters.values[...] = np.random.default_rng(1).standard_normal(parameters.values.size)
    return at_work, parameters


@pytest.mark.parametrize(("size", "stride", "padding"), [(3, 1, 0), (2, 2, 1), (3, 2, 2), (1, 1, 0)])
def test_a_convolution_is_a_dense_layer_over_every_window(size, stride, padding):
    x, layer = RNG.standard_normal((3, 2, 6, 5)), Convolution(4, size, stride, padding)
    at_work, parameters = ready(layer, x)
    weights, biases = parameters.value_of["weights/layer-1"], parameters.value_of["biases/layer-1"]
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    output = at_work.forward(x, training=False)
    for row, column in product(*map(range, output.shape[2:])):
        y, z = row * stride, column * stride
        window = padded[:, :, y : y + size, z : z + size].reshape(3, -1)
        np.testing.assert_allclose(output[:, :, row, column], window @ weights + biases, rtol=1e-12)


@pytest.mark.parametrize("bands", [2, 4])
@pytest.mark.parametrize(("size", "stride", "padding"), [(3, 1, 0), (2, 2, 1), (3, 2, 2)])
def test_a_convolution_in_bands_is_the_whole_one(size, stride, padding, bands, monkeypatch):
    x, layer = RNG.standard_normal((3, 2, 6, 5)), Convolution(4, size, stride, padding)
    gradient, found = RNG.standard_normal((3, *layer.output_shape((2, 6, 5)))), []
    for number in (1, bands):
        at_work, parameters = ready(layer, x)
        assert len(at_work._bands) == number
        found.append([at_work.forward(x, training=True), at_work.backward(gradient), parameters.gradient])
        monkeypatch.setattr(convolutions, "CACHED", at_work._columns.size // bands)
    for whole, banded in zip(*found, strict=True):
        np.testing.assert_allclose(banded, whole, rtol=1e-12)


def test_buffers_of_images_hold_the_batch_innermost():
    x = RNG.standard_normal((3, 2, 6, 5))
    at_work, _ = ready(Convolution(4), x)
    assert at_work.forward(x, training=False).strides[0] == x.itemsize


def test_max_pooling_leaves_out_what_fills_no_window_and_sends_back_to_the_first_of_equals():
    x = np.zeros((2, 1, 5, 4))
    x[:, :, 4] = 9
    at_work, _ = ready(MaxPooling(), x)
    np.testing.assert_array_equal(at_work.forward(x, training=True), np.zeros((2, 1, 2, 2)))
    below = at_work.backward(np.ones((2, 1, 2, 2)))
    assert [tuple(index) for index in np.argwhere(below[0, 0])] == [(0, 0), (0, 2), (2, 0), (2, 2)]


@pytest.mark.parametrize("overlapping", [True, False])
@pytest.mark.parametrize("ratio", [1.01, 2**0.5, 1.7, 1.99])
@pytest.mark.parametrize("side", [2, 3, 7, 28])
def test_fractional_regions_lie_one_or_two_pixels_apart_and_reach_the_edges(side, ratio, overlapping):
    layer = FractionalMaxPooling(ratio, overlapping)
    count = layer.output_shape((1, side, side))[1]
    assert abs(side / ratio - count) <= 1
    for rng in (None, np.random.default_rng(side)):
        pixels = layer._pixels(side, count, rng)
        first, last = pixels.min(axis=0), pixels.max(axis=0)
        edges = [*first, last[-1] + (not overlapping)]
        assert (edges[0], edges[-1]) == (0, side - 1)
        assert set(np.diff(edges)) <= {1, 2}
        np.testing.assert_array_equal(last[:-1] + (not overlapping), first[1:])


def test_fractional_regions_are_drawn_for_each_training_batch_and_fixed_in_evaluation():
    x, layer = RNG.standard_normal((2, 1, 9, 9)), FractionalMaxPooling()
    one, other = (bound(layer, 2, (1, 9, 9), seed=3)[0] for _ in range(2))
    passes = [one.forward(x, training=True).copy() for _ in range(8)]
    assert any((each != passes[0]).any() for each in passes)
    np.testing.assert_array_equal(passes, [other.forward(x, training=True).copy() for _ in range(8)])
    evaluated = one.forward(x, training=False).copy()
    np.testing.assert_array_equal(bound(layer, 2, (1, 9, 9))[0].forward(x, training=False), evaluated)


def test_a_unit_of_maxout_is_the_largest_of_its_pieces():
    x = RNG.standard_normal((5, 3))
    at_work, parameters = ready(Maxout(4, pieces=3), x)
    weights, biases = parameters.value_of["weights/layer-1"], parameters.value_of["biases/layer-1"]
    expected = (x @ weights + biases).reshape(5, 3, 4).max(axis=1)
    np.testing.assert_allclose(at_work.forward(x, training=True), expected, rtol=1e-12)


def test_dropconnect_switches_weights_off_in_training_and_takes_their_mean_in_evaluation():
    x = np.eye(50)
    at_work, parameters = ready(DropConnect(40, ratio=0.3), x, seed=2)
    weights, biases = parameters.value_of["weights/layer-1"], parameters.value_of["biases/layer-1"]
    np.testing.assert_allclose(at_work.forward(x, training=False) - biases, 0.7 * weights, atol=1e-12)
    used = at_work.forward(x, training=True) - biases
    is_on = np.abs(used) > 1e-12
    np.testing.assert_allclose(used, weights * is_on, atol=1e-12)
    assert abs(is_on.mean() - 0.7) < 5 * np.sqrt(0.3 * 0.7 / is_on.size)


def test_a_block_survives_as_often_as_it_should_and_is_scaled_in_evaluation():
    x, layers = RNG.standard_normal((4, 3)), (Dense(3), Tanh())
    at_work, parameters = ready(Residual(layers, survival=0.8), x, seed=5)
    added = through(bound(Residual(layers), 4, (3,), parameters=parameters)[0].within, x, training=False)
    np.testing.assert_allclose(at_work.forward(x, training=False), x + 0.8 * added, rtol=1e-12)
    survived = 0
    for _ in range(1000):
        output = at_work.forward(x, training=True).copy()
        is_on = bool((output != x).any())
        np.testing.assert_allclose(output, x + is_on * added, rtol=1e-12)
        survived += is_on
        parameters.gradient[...] = np.nan
        below = at_work.backward(np.ones((4, 3)))
        assert is_on == bool(parameters.gradient.any())
        assert is_on == bool((below != 1).any())
    assert abs(survived / 1000 - 0.8) < 5 * np.sqrt(0.8 * 0.2 / 1000)
