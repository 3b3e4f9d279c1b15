import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.parameters import Slot
from engine.combinations import normalized
from engine.small import bound, network_problem
from reference import textbook_regularized

both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])

RNG = np.random.default_rng(0)
X, UPSTREAM = 3 + 2 * RNG.standard_normal((7, 4)), RNG.standard_normal((7, 4))


def normalization(batch=7, width=4, dtype=np.float64, **settings):
    """Return a layer with gains and shifts of its own, and its parameters."""
    layer, parameters = bound(BatchNormalization(**settings), batch, (width,), dtype)
    parameters.values[...] = np.random.default_rng(1).standard_normal(2 * width)
    return layer, parameters


def another(parameters, batch=7, **how):
    """Return another layer of the same parameters."""
    return bound(BatchNormalization(), batch, (4,), parameters=parameters, **how)[0]


def gain_and_shift(parameters):
    return parameters.value_of["gains/layer-1"], parameters.value_of["shifts/layer-1"]


def test_output_and_gradients_equal_the_textbooks():
    layer, parameters = normalization()
    gain, shift = gain_and_shift(parameters)
    expected = textbook_regularized.normalize(X, gain, shift, *textbook_regularized.batch_statistics(X))
    np.testing.assert_allclose(layer.forward(X, training=True), expected, rtol=1e-12)
    below, gain_slope, shift_slope = textbook_regularized.normalize_slopes(UPSTREAM, X, gain)
    np.testing.assert_allclose(layer.backward(UPSTREAM.copy()), below, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(parameters.gradient_of["gains/layer-1"], gain_slope, rtol=1e-12)
    np.testing.assert_allclose(parameters.gradient_of["shifts/layer-1"], shift_slope, rtol=1e-12)


def test_a_normalized_batch_has_mean_zero_and_variance_one():
    layer, parameters = normalization()
    gain, shift = gain_and_shift(parameters)
    xhat = (layer.forward(X, training=True) - shift) / gain
    np.testing.assert_allclose(xhat.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(xhat.var(axis=0), X.var(axis=0) / (X.var(axis=0) + 10e-7), rtol=1e-12)


def test_the_running_averages_are_the_textbooks_of_biased_variances_from_zero():
    layer, _ = normalization()
    averages = (np.zeros(4), np.zeros(4))
    for scale in (1, 2, 3):
        layer.forward(scale * X, training=True)
        batch = textbook_regularized.batch_statistics(scale * X)
        averages = [textbook_regularized.running_average(*pair) for pair in zip(averages, batch, strict=True)]
        np.testing.assert_allclose(layer.running_mean, averages[0], rtol=1e-13)
        np.testing.assert_allclose(layer.running_variance, averages[1], rtol=1e-13)


def test_the_averages_of_one_batch_repeated_approach_its_own():
    layer, _ = normalization()
    for _ in range(300):
        layer.forward(X, training=True)
    np.testing.assert_allclose(layer.running_mean, X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(layer.running_variance, X.var(axis=0), rtol=1e-12)
    np.testing.assert_allclose(layer.forward(X, training=False), layer.forward(X, training=True).copy(), rtol=1e-9)


def test_evaluation_normalizes_by_the_running_averages_and_leaves_them_alone():
    layer, parameters = normalization()
    for _ in range(2):
        layer.forward(X, training=True)
    mean, variance = layer.running_mean.copy(), layer.running_variance.copy()
    other = RNG.standard_normal((7, 4))
    expected = textbook_regularized.normalize(other, *gain_and_shift(parameters), mean, variance)
    np.testing.assert_allclose(layer.forward(other, training=False), expected, rtol=1e-12)
    np.testing.assert_array_equal(layer.running_mean, mean)
    np.testing.assert_array_equal(layer.running_variance, variance)


def test_buffers_are_reused():
    layer, _ = normalization()
    assert layer.forward(X, training=True) is layer.forward(2 * X, training=False)


def test_evaluation_treats_every_row_alone():
    layer, parameters = normalization()
    layer.forward(X, training=True)
    together = layer.forward(X, training=False).copy()
    alone = another(parameters, 1)
    rows = [alone.forward(X[row : row + 1], training=False).copy() for row in range(len(X))]
    np.testing.assert_allclose(np.concatenate(rows), together, rtol=1e-14)


def test_a_layer_that_looks_on_leaves_no_trace():
    layer, parameters = normalization()
    layer.forward(X, training=True)
    before = {name: array.copy() for name, array in parameters.statistics.items()}
    onlooker = another(parameters, learns=False)
    other = RNG.standard_normal((7, 4))
    np.testing.assert_array_equal(onlooker.forward(other, training=True), layer.forward(other, training=True))
    layer, parameters = normalization()
    layer.forward(X, training=True)
    another(parameters, learns=False).forward(other, training=True)
    for name, array in before.items():
        np.testing.assert_array_equal(parameters.statistics[name], array)


@pytest.mark.parametrize("placement", ["before", "after"])
def test_networks_of_one_set_of_parameters_share_their_averages(placement):
    """What training moves, evaluation reads, whatever the batch size."""
    problem = network_problem(**normalized(placement))
    evaluator = problem.evaluator(5)
    x = problem.splits["test"].images[:5] / 255
    before = evaluator.forward(x).copy()
    problem.differentiate(1)
    assert not np.allclose(evaluator.forward(x), before)


@both_types
@pytest.mark.parametrize("value", [0.0, 0.1, 100.0])
def test_constant_columns_give_the_shift_and_finite_gradients(dtype, value):
    layer, parameters = normalization(dtype=dtype)
    x = np.full((7, 4), value, dtype)
    eps = np.finfo(dtype).eps
    shift = gain_and_shift(parameters)[1]
    atol = 1e3 * 10 * eps * max(1, abs(value))  # what rounding leaves of the mean, over the root of epsilon
    np.testing.assert_allclose(layer.forward(x, training=True), np.tile(shift, (7, 1)), atol=atol)
    assert np.isfinite(layer.backward(UPSTREAM.astype(dtype))).all()
    assert np.isfinite(parameters.gradient).all()
    assert np.isfinite(layer.forward(x, training=False)).all()


def test_a_mean_far_from_zero_costs_float32_no_variance():
    """The variance is that of the deviations: as a difference of squares it would be lost to rounding here."""
    layer, parameters = normalization(dtype=np.float32)
    x = (X + 3000).astype(np.float32)
    exact = x.astype(np.float64)
    values = gain_and_shift(parameters)
    expected = textbook_regularized.normalize(exact, *values, *textbook_regularized.batch_statistics(exact))
    np.testing.assert_allclose(layer.forward(x, training=True), expected, atol=2e-3)
    np.testing.assert_allclose(layer.running_variance, 0.1 * exact.var(axis=0), rtol=1e-3)


def test_sums_of_float32_are_float32():
    """So that a buffer of another type does not go unnoticed where its sums are rounded to float32 in the end."""
    layer, parameters = normalization(100, 50, np.float32)
    x, upstream = np.random.default_rng(0).standard_normal((2, 100, 50)).astype(np.float32)
    layer.forward(x, training=True)
    layer.backward(upstream.copy())
    expected = np.ones(100, np.float32) @ upstream
    np.testing.assert_array_equal(parameters.gradient_of["shifts/layer-1"], expected)
    assert (expected != upstream.sum(axis=0, dtype=np.float64).astype(np.float32)).any()


def test_gains_and_shifts_are_no_weights():
    """So no penalty acts on them."""
    assert BatchNormalization().slots("layer-1", (4,)) == [
        Slot("gains/layer-1", (4,), 1.0),
        Slot("shifts/layer-1", (4,)),
    ]
    plain, with_gains = network_problem(), network_problem(**normalized("before"))
    assert with_gains.parameters.decayed == plain.parameters.decayed


def test_before_any_batch_evaluation_is_finite():
    layer, _ = normalization()
    assert np.isfinite(layer.forward(X, training=False)).all()


@st.composite
def batches(draw):
    """Return a batch whose columns all vary, an upstream gradient, and two numbers for each column."""
    seed, batch, width = draw(st.integers(0, 10**6)), draw(st.integers(2, 6)), draw(st.integers(1, 4))
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch, width))
    assume(x.std(axis=0).min() > 0.05)
    sizes = arrays_of(draw, width, st.floats(0.1, 10))
    signs = arrays_of(draw, width, st.sampled_from([-1.0, 1.0]))
    return x, rng.standard_normal(x.shape), signs * sizes, arrays_of(draw, width, st.floats(-10, 10))


def arrays_of(draw, width, elements):
    return np.array(draw(st.lists(elements, min_size=width, max_size=width)))


def forward_and_backward(x, upstream, gain=1.0, shift=0.0, epsilon=10e-7):
    """Return output, gradient of the input, gradients of gain and shift, running mean and variance."""
    layer, parameters = normalization(*x.shape, epsilon=epsilon)
    for view, value in zip(gain_and_shift(parameters), (gain, shift), strict=True):
        view[...] = value
    output = layer.forward(x, training=True).copy()
    below = layer.backward(upstream.copy())
    slopes = [parameters.gradient_of[f"{part}/layer-1"] for part in ("gains", "shifts")]
    return output, below, *slopes, layer.running_mean, layer.running_variance


@given(batches(), st.floats(0.1, 10), st.sampled_from([-1, 1]))
def test_scaled_and_shifted_inputs_give_the_same_output_up_to_the_sign(case, size, sign):
    """Exactly so where epsilon is scaled as a variance is; gradients shrink by the scale, averages follow it."""
    x, upstream, _, shift = case
    scale = sign * size
    output, below, gain_slope, shift_slope, mean, variance = forward_and_backward(x, upstream)
    moved = forward_and_backward(scale * x + shift, sign * upstream, epsilon=10e-7 * scale**2)
    averages = (scale * mean + 0.1 * shift, scale**2 * variance)
    expected = (sign * output, below / scale, gain_slope, sign * shift_slope, *averages)
    for actual, wanted in zip(moved, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-8, atol=1e-9)


@given(batches())
def test_gain_and_shift_scale_and_shift_the_output(case):
    x, upstream, gain, shift = case
    output, below, gain_slope, shift_slope, *averages = forward_and_backward(x, upstream)
    expected = (gain * output + shift, gain * below, gain_slope, shift_slope, *averages)
    for actual, wanted in zip(forward_and_backward(x, upstream, gain, shift), expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-9, atol=1e-11)


@given(batches(), st.integers(0, 1000))
def test_permuted_rows_give_permuted_outputs_and_the_same_averages(case, seed):
    x, upstream, *_ = case
    order = np.random.default_rng(seed).permutation(len(x))
    output, below, *rest = forward_and_backward(x, upstream)
    expected = (output[order], below[order], *rest)
    for actual, wanted in zip(forward_and_backward(x[order], upstream[order]), expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-9, atol=1e-11)
