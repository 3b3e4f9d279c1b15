"""Whole networks with batch normalization and dropout: gradients, permuted batches, rows of zeros."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chapter6.engine.activations import Activation, Nonlinearity
from chapter6.engine.examples import Examples
from chapter6.engine.initializers import Initializer
from chapter6.engine.layers import BoundDense, BoundLayer
from chapter6.engine.losses import SoftmaxCrossEntropy
from chapter6.engine.masking import Mask
from chapter6.engine.network import Network
from chapter6.engine.normalization import Normalization
from chapter6.engine.optimizers import Optimizer
from chapter6.engine.streams import Streams
from engine.combinations import PLACEMENTS, every_combination, layers
from engine.small import architecture, network_problem, watch
from reference.differences import central_difference

widths = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)
small = st.integers(2, 5)
both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])
every_placement = pytest.mark.parametrize("placement", PLACEMENTS)
every_activation = pytest.mark.parametrize("activation", Activation.choices())


class Spy(BoundLayer):
    """A layer that keeps what it was given."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x, training):
        self.given = x.copy()
        return self.layer.forward(x, training)

    def backward(self, gradient):
        return self.layer.backward(gradient)


def new_network(design, parameters, batch, seed):
    """Return a network before its first pass, so that each draws the same masks."""
    return Network(design, parameters, batch, Streams(6, seed))


def random_case(seed, inputs, hidden, outputs, batch, parts):
    """Return design, parameters, images and labels such that differences of the loss are near its derivative.

    That is, no pre-activation is near a kink at zero and no column of a batch is normalized by nearly nothing.
    """
    rng = np.random.default_rng(seed)
    design = architecture(inputs, hidden, outputs, **parts)
    parameters = design.initial_parameters(Streams(6, seed), np.float64)
    parameters.values += 0.3 * rng.standard_normal(parameters.values.size)
    x, labels = rng.standard_normal((batch, inputs)), rng.integers(0, outputs, batch)
    network = new_network(design, parameters, batch, seed)
    network.layers[:] = [Spy(layer) for layer in network.layers]
    network.forward(x, training=True)
    for spy in network.layers:
        if isinstance(spy.layer, Nonlinearity):
            assume(np.abs(spy.given).min() > 1e-3)
        if isinstance(spy.layer, Normalization):
            variance = spy.given.var(axis=0)
            assume(((variance == 0) | (variance > 1e-3)).all())
    return design, parameters, x, labels


@every_combination
@settings(max_examples=12)
@given(st.integers(0, 10**6), small, widths, small, st.integers(2, 6))
def test_the_gradient_is_exact(placement, dropout, activation, seed, inputs, hidden, outputs, batch):
    parts = layers(placement, dropout, activation)
    design, parameters, x, labels = random_case(seed, inputs, hidden, outputs, batch, parts)
    new_network(design, parameters, batch, seed).differentiate(x, labels)
    gradient = parameters.gradient.copy()

    def loss(_):
        return new_network(design, parameters, batch, seed).loss(x, labels, training=True)

    expected = central_difference(loss, parameters.values, step=1e-6)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


@every_placement
@every_activation
@settings(max_examples=20)
@given(st.integers(0, 10**6), small, widths, small, small)
def test_permuting_a_batch_permutes_outputs_and_changes_nothing_else(
    placement, activation, seed, inputs, hidden, outputs, batch
):
    """With dropout, too, as long as no unit is off: a mask belongs to a place in the batch.

    The absolute tolerance is for units that are the same for the whole batch, which normalization divides by 0.001.
    """
    parts = layers(placement, "inverted", activation, ratio=0.0)
    design, parameters, x, labels = random_case(seed, inputs, hidden, outputs, batch, parts)
    order = np.random.default_rng(seed).permutation(batch)
    seen = []
    for rows in (np.arange(batch), order):
        parameters.statistics.clear()
        network = new_network(design, parameters, batch, seed)
        loss = network.differentiate(x[rows], labels[rows])
        trained, evaluated = network.outputs.copy(), network.forward(x[rows]).copy()
        averages = [array.copy() for array in parameters.statistics.values()]
        seen.append([loss, parameters.gradient.copy(), *averages, trained, evaluated])
    *sums, trained, evaluated = seen[0]
    for actual, expected in zip(seen[1], [*sums, trained[order], evaluated[order]], strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("parts", [layers("before", None), layers(None, "standard")], ids=["bn", "dropout"])
def test_a_loss_is_that_of_evaluation_unless_training_is_asked_for(parts):
    problem = network_problem(**parts)
    problem.differentiate(1)
    network = problem.evaluator(6)
    assert network.loss(*problem.batch) == network.loss(*problem.batch, training=False) != problem.batch_loss


@pytest.mark.parametrize(
    ("placement", "order"),
    [
        (None, [BoundDense, Nonlinearity, Mask]),
        ("before", [BoundDense, Normalization, Nonlinearity, Mask]),
        ("after", [BoundDense, Nonlinearity, Normalization, Mask]),
    ],
)
def test_normalization_stands_before_or_after_the_activation_and_dropout_last(placement, order):
    network = network_problem(**layers(placement, "standard")).evaluator(6)
    assert [type(layer) for layer in network.layers] == [*order, *order, BoundDense]


@both_types
def test_the_loss_is_computed_in_the_networks_type(dtype):
    problem = network_problem(dtype=dtype)
    loss, labels = problem.differentiate(1), problem.batch[1]
    logits = problem.evaluator(6).forward(problem.batch[0])
    assert loss == SoftmaxCrossEntropy().bind(6, 4, np.dtype(dtype)).value(logits, labels)
    if dtype == np.float32:
        assert loss != SoftmaxCrossEntropy().bind(6, 4, np.dtype(np.float64)).value(logits, labels)


@both_types
@every_combination
def test_every_layer_hands_on_the_networks_type(placement, dropout, activation, dtype):
    """A buffer of another type would change how often float32 is rounded, and what a pass costs."""
    design = architecture(**layers(placement, dropout, activation))
    parameters = design.initial_parameters(Streams(6, 0), dtype)
    network = new_network(design, parameters, 6, 0)
    for training in (False, True):
        x = np.random.default_rng(0).standard_normal((6, 12)).astype(dtype)
        for layer in network.layers:
            x = layer.forward(x, training)
            assert x.dtype == dtype
    gradient = np.ones_like(x)
    for layer in reversed(network.layers):
        gradient = layer.backward(gradient)
        assert gradient is None or gradient.dtype == dtype
    assert gradient is None, "the first layer spares itself the gradient of the images"
    assert all(array.dtype == dtype for array in parameters.statistics.values())


def with_zeros(kind):
    """Return forty examples: every other one zero, all zero, or all the same."""
    images = np.random.default_rng(0).integers(0, 256, (40, 12), dtype=np.uint8)
    images[:, ::3] = 0
    if kind == "rows":
        images[::2] = 0
    if kind == "all":
        images[...] = 0
    if kind == "same":
        images[...] = images[1]
    return Examples(images, np.arange(40) % 4, 1 / 255)


@pytest.mark.parametrize("initializer", Initializer.members)
@every_combination
def test_rows_of_zeros_give_finite_numbers_only(placement, dropout, activation, initializer):
    for zeros, dtype in product(("rows", "all", "same"), (np.float32, np.float64)):
        parts = layers(placement, dropout, activation)
        problem = network_problem(with_zeros(zeros), dtype=dtype, initializer=initializer, **parts)
        assert np.isfinite(problem.evaluate("train")).all()  # before any batch: running averages of zero
        for step in (1, 2, 3):
            assert np.isfinite(problem.differentiate(step))
            assert np.isfinite(problem.gradient).all()
        assert np.isfinite(problem.evaluate("train")).all()
        assert all(np.isfinite(array).all() for array in problem.parameters.statistics.values())


@both_types
@every_placement
@pytest.mark.parametrize("zeros", ["rows", "all", "same"])
@pytest.mark.parametrize("rule", Optimizer.members)
def test_training_on_zeros_stays_finite_and_moves_no_weight_of_a_pixel_that_is_always_zero(
    rule, zeros, placement, dtype
):
    problem = network_problem(with_zeros(zeros), dtype=dtype, **layers(placement, "standard"))
    weights = problem.parameters.value_of["weights/layer-1"]
    before = weights.copy()
    _, _, outcome = watch(problem, rule, 20)
    assert outcome.status == "finished"
    np.testing.assert_array_equal(weights[::3], before[::3])
    if zeros == "rows":
        assert (weights[1::3] != before[1::3]).any()
    assert np.isfinite(problem.evaluate("train")).all()
