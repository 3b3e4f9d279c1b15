from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chapter6.engine.masking import Dropout, Mask, draw_kept
from chapter6.engine.measurements.losses import MaskedEvaluation
from chapter6.engine.network import Network
from chapter6.engine.streams import Streams
from engine.combinations import FORMS, layers
from engine.small import architecture, bound, network_problem, place
from reference import textbook_regularized

every_form = pytest.mark.parametrize("form", FORMS)
textbook_forms = pytest.mark.parametrize("form", ["standard", "inverted"])
ratios = st.floats(0, 0.95)


def dropout(form, ratio, shape, seed=0, dtype=np.float64):
    return bound(Dropout(ratio, form), shape[0], shape[1:], dtype, seed=seed)[0]


def on_and_off(form, ratio, shape, seed=0):
    """Return the mask of the first pass: ones and zeros."""
    return (dropout(form, ratio, shape, seed).forward(np.ones(shape), training=True) != 0).astype(float)


@textbook_forms
@given(ratios, st.integers(0, 10**6))
def test_both_modes_and_the_gradient_equal_the_textbooks(form, ratio, seed):
    rng = np.random.default_rng(1)
    x, upstream = rng.standard_normal((2, 5, 6))
    scale = textbook_regularized.training_scale(on_and_off(form, ratio, x.shape, seed), (form, ratio))
    layer = dropout(form, ratio, x.shape, seed)
    np.testing.assert_allclose(layer.forward(x, training=True), x * scale, rtol=1e-14)
    np.testing.assert_allclose(layer.backward(upstream.copy()), upstream * scale, rtol=1e-14)
    expected = x * textbook_regularized.evaluation_scale((form, ratio))
    np.testing.assert_allclose(layer.forward(x, training=False), expected, rtol=1e-14)


@every_form
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.8])
def test_the_share_of_units_that_are_off_is_the_ratio(form, ratio):
    """Five standard errors of a million units, over all and the largest over rows and columns of six."""
    off = 1 - on_and_off(form, ratio, (1000, 1000))
    spread = np.sqrt(ratio * (1 - ratio))
    assert abs(off.mean() - ratio) < 5 * spread / 1000
    for axis in (0, 1):
        assert np.abs(off.mean(axis=axis) - ratio).max() < 6 * spread / np.sqrt(1000)


@every_form
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.8])
def test_evaluation_is_the_mean_of_training(form, ratio):
    x = np.full((1000, 1000), 2.0)
    layer = dropout(form, ratio, x.shape)
    trained = layer.forward(x, training=True).mean()
    assert trained == pytest.approx(
        layer.forward(x, training=False).mean(), rel=5 * np.sqrt(ratio / (1 - ratio)) / 1000
    )


@given(st.floats(0, 1), st.integers(0, 10**6))
@example(0.0, 0)
@example(1.0, 0)
@example(float(np.nextafter(np.float32(0.5), 1)), 0)
def test_masks_are_those_of_uniform_numbers(ratio, seed):
    """Pass after pass, as the published results drew them."""
    drawn, expected = Streams(seed, 0)("dropout"), Streams(seed, 0)("dropout")
    for _ in range(3):
        uniform = expected.random((4, 25), np.float32)
        np.testing.assert_array_equal(draw_kept(drawn, (4, 25), ratio), uniform >= ratio)


def test_an_odd_number_of_units_has_a_whole_mask():
    kept = draw_kept(Streams(6, 0)("dropout"), (3, 3), 0.5)
    np.testing.assert_array_equal(kept, Streams(6, 0)("dropout").random((3, 3), np.float32) >= 0.5)


@every_form
def test_a_ratio_of_zero_changes_nothing(form):
    x = np.random.default_rng(0).standard_normal((5, 6))
    layer = dropout(form, 0.0, x.shape)
    for training in (True, False):
        np.testing.assert_array_equal(layer.forward(x, training), x)


@every_form
def test_every_training_pass_draws_a_mask_and_evaluation_none(form):
    x = np.ones((20, 30))
    layer, other = dropout(form, 0.5, x.shape), dropout(form, 0.5, x.shape)
    first = layer.forward(x, training=True).copy()
    assert (layer.forward(x, training=True) != first).any()
    other.forward(x, training=True)
    other.forward(x, training=False)
    np.testing.assert_array_equal(other.forward(x, training=True), dropout_passes(form, x, 2))


def dropout_passes(form, x, passes):
    layer = dropout(form, 0.5, x.shape)
    for _ in range(passes):
        output = layer.forward(x, training=True)
    return output


@every_form
def test_the_mask_is_the_same_in_both_types(form):
    """So float32 and float64 runs drop the same units."""
    single = dropout(form, 0.5, (20, 30), dtype=np.float32).forward(np.ones((20, 30), np.float32), training=True)
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single != 0, on_and_off(form, 0.5, (20, 30)) != 0)


@every_form
def test_the_input_is_left_alone(form):
    x = np.random.default_rng(0).standard_normal((5, 6))
    before, layer = x.copy(), dropout(form, 0.5, x.shape)
    for training in (True, False):
        layer.forward(x, training)
        np.testing.assert_array_equal(x, before)


@every_form
def test_float32_is_scaled_in_float32_into_one_buffer(form):
    x = np.random.default_rng(0).standard_normal((20, 30)).astype(np.float32)
    layer = dropout(form, 0.3, x.shape, dtype=np.float32)
    scale = np.float32(layer.forward(np.ones_like(x), training=True).max())
    output = layer.forward(x, training=True)
    on = output != 0
    np.testing.assert_array_equal(output[on], (scale * x)[on])
    np.testing.assert_array_equal(layer.backward(x.copy())[on], (scale * x)[on])
    assert layer.forward(x, training=False) is output


class Drawing:
    """A generator, and its source of bits, whose every number is the same."""

    def __init__(self, number):
        self.half = int(number * 2**32)
        self.bit_generator = self

    def random_raw(self, count):
        return np.full(count, self.half << 32 | self.half, np.uint64)


@every_form
@pytest.mark.parametrize(("ratio", "number", "is_on"), [(0.0, 0.0, True), (0.5, 0.5, True), (0.5, 0.5 - 2**-32, False)])
def test_a_unit_whose_number_equals_the_ratio_stays_on(form, ratio, number, is_on):
    """Numbers lie in [0, 1), so that a ratio of zero switches nothing off."""
    kind = Dropout(ratio, form)
    layer = kind.bind(replace(place(kind, 2, (3,)), rng=lambda _: Drawing(number)))
    assert (layer.forward(np.ones((2, 3)), training=True) > 0).all() == is_on


def test_training_needs_random_numbers():
    layer, _ = bound(Dropout(), 2, (3,))
    layer.forward(np.ones((2, 3)), training=False)
    with pytest.raises(AssertionError, match="needs random streams"):
        layer.forward(np.ones((2, 3)), training=True)


def dropout_network(streams):
    design = architecture(**layers(None, "standard", "sigmoid", ratio=0.5))
    return Network(design, design.initial_parameters(Streams(6, 0), np.float64), 20, streams)


def test_each_layer_of_a_network_draws_its_masks_from_a_stream_of_its_own():
    network = dropout_network(Streams(6, 0))
    network.forward(np.zeros((20, 12)), training=True)
    masks = [layer for layer in network.layers if isinstance(layer, Mask)]
    assert len(masks) == 2
    for number, mask in enumerate(masks, start=1):
        expected = Streams(6, 0)(f"dropout/layer-{number}").random((20, 8), np.float32) >= 0.5
        np.testing.assert_array_equal(mask.backward(np.ones((20, 8))) != 0, expected)


def test_evaluation_needs_no_random_numbers():
    assert np.isfinite(dropout_network(None).forward(np.zeros((20, 12)))).all()


def masked(problem, masks):
    return [value for _, _, value in MaskedEvaluation(masks).measure(problem)]


def test_a_masked_evaluation_averages_the_probabilities_of_thinned_networks():
    problem, again = (network_problem(dropout=Dropout(0.5)) for _ in range(2))
    images, labels = next(again.splits["test"].chunks(500, np.float64))
    passes = []
    for _ in range(4):
        logits = again.evaluator(len(labels)).forward(images, training=True)
        passes.append(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    mean = np.mean(passes, axis=0)
    assert not np.allclose(*passes[:2])
    loss, accuracy = masked(problem, 4)
    assert loss == pytest.approx(-np.log(mean[range(len(labels)), labels]).mean())
    assert accuracy == (mean.argmax(axis=1) == labels).mean()


def test_without_dropout_a_masked_evaluation_is_the_plain_one():
    problem = network_problem()
    assert masked(problem, 3) == pytest.approx(problem.evaluate("test"))
