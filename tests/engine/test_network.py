from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chapter6.engine.activations import Activation, Nonlinearity, PReLU, ReLU, Tanh
from chapter6.engine.convolutions import Convolution
from chapter6.engine.examples import Examples
from chapter6.engine.initializers import Initializer, Xavier, Zeros
from chapter6.engine.layers import Dense, Flatten
from chapter6.engine.masking import Dropout
from chapter6.engine.network import Architecture, Network, Perceptron
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.penalties import Penalty
from chapter6.engine.pooling import MaxPooling
from chapter6.engine.residuals import Residual
from chapter6.engine.streams import Streams
from chapter6.registry import StudyError, build
from engine.combinations import normalized
from engine.small import affine_shapes, architecture, network_problem, pictures
from reference.differences import central_difference

every_activation = pytest.mark.parametrize("activation", Activation.choices())
every_initializer = pytest.mark.parametrize("initializer", Initializer.members)

widths = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)
small = st.integers(2, 5)


def random_problem(seed, inputs, hidden, outputs, batch, activation, penalty=None, **extras):
    """Return a problem with random biases whose every pre-activation is a clear step from a kink at zero."""
    rng = np.random.default_rng(seed)
    width = outputs or hidden[-1]
    targets = rng.integers(0, outputs, batch) if outputs else rng.standard_normal((batch, width))
    problem = network_problem(
        Examples(rng.standard_normal((batch, inputs)), targets),
        steps=1,
        batch_size=batch,
        replicate=seed,
        inputs=inputs,
        hidden=hidden,
        outputs=outputs,
        activation=activation,
        penalty=penalty,
        **extras,
    )
    problem.values += 0.3 * rng.standard_normal(problem.values.size)
    assume(np.abs(problem.values).min() > 1e-4)
    assume(nearest_kink(problem) > 1e-3)
    return problem


def nearest_kink(problem):
    """Return the smallest magnitude of a hidden pre-activation."""
    x, smallest = problem.batches[0][0], np.inf
    for layer in problem.evaluator(len(x)).layers:
        if isinstance(layer, Nonlinearity):
            smallest = min(smallest, np.abs(x).min())
        x = layer.forward(x, training=True)
    return smallest


def assert_gradient_is_exact(problem, atol=1e-8):
    problem.differentiate(1)
    gradient = problem.gradient.copy()
    expected = central_difference(lambda _: problem.differentiate(1), problem.values)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=atol)


@every_activation
@settings(max_examples=25)
@given(st.integers(0, 10**6), small, widths, small, small)
def test_the_gradient_of_the_whole_network_is_exact(activation, seed, inputs, hidden, outputs, batch):
    assert_gradient_is_exact(random_problem(seed, inputs, hidden, outputs, batch, activation))


@pytest.mark.parametrize("penalty", Penalty.members)
@settings(max_examples=15)
@given(st.integers(0, 10**6), small, widths, small, small)
def test_the_gradient_with_a_penalty_is_exact(penalty, seed, inputs, hidden, outputs, batch):
    strong = {"kind": penalty, "strength": 0.1}
    assert_gradient_is_exact(random_problem(seed, inputs, hidden, outputs, batch, "tanh", strong))


@pytest.mark.parametrize("placement", ["before", "after"])
@settings(max_examples=15)
@given(st.integers(0, 10**6), small, widths, small, st.integers(3, 6))
def test_the_gradient_through_batch_normalization_is_exact(placement, seed, inputs, hidden, outputs, batch):
    """Of tanh, which has no kink; the running averages that each pass moves play no part in training."""
    normalization = normalized(placement, epsilon=0.1)  # a smaller one bends too sharply for differences
    problem = random_problem(seed, inputs, hidden, outputs, batch, "tanh", **normalization)
    assert_gradient_is_exact(problem, atol=1e-7)


@every_activation
@settings(max_examples=10)
@given(st.integers(0, 10**6), small, widths, small)
def test_the_gradient_without_an_output_layer_is_exact(activation, seed, inputs, hidden, batch):
    assert_gradient_is_exact(random_problem(seed, inputs, hidden, 0, batch, activation))


@settings(max_examples=20)
@given(st.integers(0, 10**6), small, widths, small, small)
def test_permuting_a_batch_changes_neither_loss_nor_gradient(seed, inputs, hidden, outputs, batch):
    problem = random_problem(seed, inputs, hidden, outputs, batch, "relu")
    x, labels = (array.copy() for array in problem.batches[0])
    order = np.random.default_rng(seed).permutation(batch)
    network = Network(problem.architecture, problem.parameters, batch)
    loss = network.differentiate(x, labels)
    gradient = problem.gradient.copy()
    assert network.differentiate(x[order], labels[order]) == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(problem.gradient, gradient, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_initializer
@every_activation
def test_rows_of_zeros_give_finite_losses_and_gradients(activation, initializer, dtype):
    x = next(pictures(6).chunks(6, dtype))[0]
    x[::2] = 0
    design = architecture(activation=activation, initializer=initializer)
    parameters = design.initial_parameters(Streams(6, 0), dtype)
    assert np.isfinite(Network(design, parameters, 6).differentiate(x, np.arange(6) % 4))
    assert np.isfinite(parameters.gradient).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_activation
def test_huge_weights_give_a_finite_loss(activation, dtype):
    design = architecture(activation=activation, initializer={"kind": "normal", "std": 100.0})
    x, labels = next(pictures(6).chunks(6, dtype))
    assert np.isfinite(Network(design, design.initial_parameters(Streams(6, 0), dtype), 6).loss(x, labels))


def test_networks_of_two_batch_sizes_share_parameters():
    design = architecture()
    parameters = design.initial_parameters(Streams(6, 0), np.float64)
    three, seven = Network(design, parameters, 3), Network(design, parameters, 7)
    x, labels = next(pictures(7).chunks(7, np.float64))
    three.differentiate(x[:3], labels[:3])
    parameters.values -= 0.1 * parameters.gradient
    outputs = seven.forward(x).copy()
    np.testing.assert_allclose(three.forward(x[:3]), outputs[:3], rtol=1e-13)
    np.testing.assert_array_equal(seven.outputs, outputs)


def test_a_loss_equals_the_loss_of_its_differentiation():
    problem = network_problem()
    x, labels = problem.batches[0]
    network = problem.evaluator(6)
    assert network.loss(x, labels) == network.differentiate(x, labels)


def test_layers_are_named_from_the_first_hidden_one():
    assert affine_shapes(architecture(12, (8, 5), 4)) == [
        ("layer-1", 12, 8),
        ("layer-2", 8, 5),
        ("layer-3", 5, 4),
    ]
    assert [name for name, _, _ in affine_shapes(architecture(12, (8, 5), 0))] == ["layer-1", "layer-2"]


@every_initializer
def test_weights_are_initialized_and_biases_are_zero(initializer):
    design = architecture(initializer=initializer)
    parameters = design.initial_parameters(Streams(6, 0), np.float32)
    for name, *shape in affine_shapes(design):
        draw = Streams(6, 0)(f"weights/{name}").standard_normal(shape)
        expected = build(Initializer, initializer).weights(draw).astype(np.float32)
        np.testing.assert_array_equal(parameters.value_of[f"weights/{name}"], expected)
    assert not parameters.values[parameters.decayed :].any()


def test_without_an_output_layer_the_outputs_are_the_last_activations():
    design = architecture(hidden=(8, 5), outputs=0, activation="sigmoid")
    network = Network(design, design.initial_parameters(Streams(6, 0), np.float64), 3)
    outputs = network.forward(np.ones((3, 12)))
    assert outputs.shape == (3, 5)
    assert outputs.min() > 0
    assert outputs.max() < 1


# --- Layers and their short form ----------------------------------------------------------------------------------

perceptrons = st.builds(
    Perceptron,
    st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple),
    st.integers(0, 5),
    st.sampled_from([member() for member in Activation.choices().values()]),
    st.sampled_from([member() for member in Initializer.members.values()]),
    st.sampled_from([None, BatchNormalization(), BatchNormalization(0.5)]),
    st.just("before"),
    st.sampled_from([None, Dropout(0.2), Dropout(0.3, "inverted")]),
)
shapes = st.sampled_from([(12,), (1, 28, 28), (3, 4)])


@given(perceptrons, shapes, st.sampled_from(["before", "after"]))
def test_the_short_form_of_its_layers_is_the_perceptron(perceptron, shape, placement):
    """The placement counts only where there is something to place."""
    if perceptron.batch_normalization:
        perceptron = replace(perceptron, placement=placement)
    assert Perceptron.of(perceptron.layers(shape), shape) == perceptron


@given(
    st.lists(st.sampled_from([Dense(3), Dense(4, Zeros()), ReLU(), Tanh(), Flatten(), Dropout()]), max_size=6), shapes
)
def test_layers_that_have_a_short_form_are_its_layers(layers, shape):
    short = Perceptron.of(layers, shape)
    assert short is None or short.layers(shape) == tuple(layers)


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [Dense(3)],
        [ReLU()],
        [Dense(3), Dense(4)],
        [Dense(3), ReLU(), Dense(3), Tanh(), Dense(4)],
        [Dense(3), ReLU(), Dense(4, Zeros())],
        [Dense(3), ReLU(), Dropout(0.2), Dense(3), ReLU(), Dropout(0.3), Dense(4)],
        [Dense(3), Dropout(), ReLU(), Dense(4)],
        [Flatten(), Dense(3), ReLU(), Dense(4)],
    ],
    ids=lambda layers: "-".join(layer.key for layer in layers) or "none",
)
def test_layers_without_a_short_form_have_none(layers):
    assert Perceptron.of(layers, (12,)) is None


@given(perceptrons, shapes)
def test_the_shapes_of_a_perceptron_follow_its_widths(perceptron, shape):
    design = Architecture(perceptron.layers(shape), shape)
    assert design.output_shape == (perceptron.outputs or perceptron.hidden[-1],)
    assert design.size == sum(np.prod(slot.shape) for slot in design.slots())
    names = [name for name, *_ in affine_shapes(design)]
    assert names == [f"layer-{number}" for number in range(1, len(names) + 1)]


def test_a_dense_layer_on_an_image_is_refused_with_what_to_do():
    design = Architecture((ReLU(), Dense(10)), (1, 28, 28))
    message = r"^layer 2 \(dense\) needs a flat input, gets 1 x 28 x 28: put flatten before it$"
    for look in (lambda: list(design.walk()), design.slots, lambda: design.output_shape, lambda: design.size):
        with pytest.raises(StudyError, match=message):
            look()
    assert Architecture((Flatten(), ReLU(), Dense(10)), (1, 28, 28)).output_shape == (10,)


def test_a_layer_is_numbered_by_its_place_and_named_by_the_last_one_with_weights():
    layers = (Flatten(), ReLU(), Dense(3), BatchNormalization(), Dropout(), Dense(4), Tanh())
    names = [name for _, name, *_ in Architecture(layers, (2, 2)).walk()]
    assert names == ["layer-0", "layer-0", "layer-1", "layer-1", "layer-1", "layer-2", "layer-2"]
    with pytest.raises(StudyError, match=r"layer 2 \(batch_normalization\) needs a flat .*, gets 2 x 2:"):
        Architecture((ReLU(), BatchNormalization()), (2, 2)).slots()


def test_images_may_come_as_rows_or_in_their_shape():
    design = Architecture((Flatten(), Dense(4)), (1, 3, 4))
    network = Network(design, design.initial_parameters(Streams(6, 0), np.float64), 5)
    x = next(pictures(5).chunks(5, np.float64))[0]
    rows = network.forward(x).copy()
    np.testing.assert_array_equal(network.forward(x.reshape(5, 1, 3, 4)), rows)


# --- Layers within layers -----------------------------------------------------------------------------------------


NESTED = (
    Convolution(2, padding=1),
    Residual((ReLU(), Convolution(2, padding=1), Residual((Convolution(2, padding=1), Tanh())), BatchNormalization())),
    MaxPooling(),
    PReLU(),
    Flatten(),
    Dense(4),
)


def test_layers_within_layers_have_numbers_and_slots_of_their_own():
    design = Architecture(NESTED, (1, 4, 4))
    assert [(layer.key, name) for layer, name, *_ in design.walk()] == [
        ("convolution", "layer-1"),
        ("residual", "layer-1"),
        ("relu", "layer-1"),
        ("convolution", "layer-2"),
        ("residual", "layer-2"),
        ("convolution", "layer-3"),
        ("tanh", "layer-3"),
        ("batch_normalization", "layer-3"),
        ("max_pooling", "layer-3"),
        ("prelu", "layer-3"),
        ("flatten", "layer-3"),
        ("dense", "layer-4"),
    ]
    assert [slot.name for slot in design.slots() if slot.decays] == [f"weights/layer-{n}" for n in (1, 2, 3, 4)]
    network = Network(design, design.initial_parameters(Streams(6, 0), np.float64), 3)
    assert [each.name for each in network.nonlinearities] == ["layer-1", "layer-3", "layer-3"]


@pytest.mark.parametrize("start", [(), (PReLU(),), (BatchNormalization(), Flatten())], ids=["none", "prelu", "bn"])
def test_the_gradient_of_layers_within_layers_is_exact(start):
    design = Architecture((*start, *NESTED[: len(NESTED) - 2], Flatten(), Dense(4)), (2, 4, 4))
    if len(start) == 2:
        design = Architecture((*start, Dense(4), Residual((Tanh(), Dense(4)))), (2, 4, 4))
    parameters = design.initial_parameters(Streams(6, 0), np.float64)
    x, labels = np.random.default_rng(0).standard_normal((3, 32)), np.array([0, 3, 1])
    network = Network(design, parameters, 3)
    network.differentiate(x, labels)
    gradient = parameters.gradient.copy()
    expected = central_difference(lambda _: network.loss(x, labels, training=True), parameters.values, step=1e-6)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


def test_two_layers_that_would_learn_under_one_name_are_refused():
    with pytest.raises(StudyError, match=r"^two layers would both learn slopes/layer-1: put a layer .*"):
        Architecture((Dense(3), PReLU(), PReLU()), (4,)).slots()


def test_two_masks_under_one_name_are_drawn_from_streams_of_their_own():
    design = Architecture((Dropout(), Dropout(), Dense(4)), (50,))
    network = Network(design, design.initial_parameters(Streams(6, 0), np.float64), 2, Streams(6, 0))
    network.forward(np.ones((2, 50)), training=True)
    one, other = (layer._scales for layer in network.layers[:2])
    assert (one != other).any()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            (Convolution(5, padding=1), Dense(3)),
            r"layer 2 \(dense\) needs a flat input, gets 5 x 4 x 4: put flatten",
        ),
        ((Flatten(), Convolution(5)), r"layer 2 \(convolution\) needs images of 3 x 3 or more, gets 32: "),
        ((Convolution(5, 5),), r"layer 1 \(convolution\) needs images of 5 x 5 or more, gets 2 x 4 x 4: "),
        ((MaxPooling(), MaxPooling(), MaxPooling()), r"layer 3 \(max_pooling\) needs .*, gets 2 x 1 x 1: "),
        (
            (Residual((Convolution(5),)),),
            r"layer 1 \(residual\) needs layers .*, gets 2 x 4 x 4: .* 5 x 2 x 2",
        ),
        ((Residual((Dense(5),)),), r"layer 1 \(residual\) layer 1 \(dense\) needs a flat input, gets 2 x 4 x 4: "),
    ],
)
def test_layers_that_do_not_fit_are_refused_with_what_to_do(layers, message):
    with pytest.raises(StudyError, match=f"^{message}"):
        Architecture(layers, (2, 4, 4)).slots()


def test_initial_filters_have_the_spread_of_their_inputs():
    """He et al. 2015, section 2.2: the inputs of a filter are its size squared times the channels."""
    design = Architecture((Convolution(400, 3), Convolution(200, 1, initializer=Xavier())), (5, 4, 4))
    views = design.initial_parameters(Streams(6, 0), np.float64).value_of
    assert views["weights/layer-1"].std() == pytest.approx(np.sqrt(2 / 45), rel=0.02)
    assert views["weights/layer-2"].std() == pytest.approx(np.sqrt(1 / 400), rel=0.02)
