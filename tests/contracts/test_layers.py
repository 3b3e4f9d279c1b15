"""What every layer must do, alone, at any shape that it takes; gradients beside central differences in float64."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chapter6.engine.activations import Activation, Nonlinearity, PReLU, ReLU, Swish, Tanh
from chapter6.engine.convolutions import Convolution
from chapter6.engine.layers import Dense, Flatten, Layer, as_text
from chapter6.engine.masking import Dropout
from chapter6.engine.maxout import BoundMaxout, Maxout
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.parameters import Parameters
from chapter6.engine.pooling import BoundPooling, FractionalMaxPooling, MaxPooling
from chapter6.engine.residuals import Residual
from chapter6.registry import StudyError
from engine.combinations import FORMS
from engine.small import bound, place, required_fields, slots_of
from reference.differences import central_difference

SHAPES = [(5,), (3, 4), (2, 3, 3), (2, 5, 4)]


def sample(member):
    """Return a layer; what has no default is a number of units, or the layers within."""
    return member(**{name: (PReLU(),) if name == "layers" else 3 for name in required_fields(member)})


def takes(layer, shape):
    try:
        layer.output_shape(shape)
    except StudyError:
        return False
    return True


LAYERS = [sample(member) for member in Layer.members.values()]
LAYERS += [Dropout(0.4, form) for form in FORMS if form != Dropout().form]
LAYERS += [
    Convolution(3, 2, padding=1),
    Convolution(2, 3, stride=2, padding=1),
    MaxPooling(3, stride=1),
    FractionalMaxPooling(1.5, overlapping=False),
    Maxout(2, pieces=3),
    Residual((Dense(5), Tanh(), Residual((Dense(5), BatchNormalization(), Dropout(0.3)), 0.5)), 0.9),
    Residual((Convolution(3, padding=1), BatchNormalization(), ReLU(), Convolution(2, padding=1)), 0.3),
    Residual((Swish(), Flatten()), 0.9),
]
CASES = [
    pytest.param(layer, shape, id=f"{number}-{layer.key}-{'x'.join(map(str, shape))}")
    for number, layer in enumerate(LAYERS)
    for shape in SHAPES
    if takes(layer, shape)
]

every_case = pytest.mark.parametrize(("layer", "shape"), CASES)
both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def ready(layer, batch, shape, dtype=np.float64, **how):
    """Return the bound layer and its parameters, random ones; one that draws a mask draws the same mask each time."""
    found, parameters = bound(layer, batch, shape, dtype, **{"seed": 7} | how)
    parameters.values[...] = np.random.default_rng(1).standard_normal(parameters.values.size)
    return found, parameters


def example(layer, batch, shape, dtype=np.float64, seed=0):
    """Return an input and a gradient of the output."""
    rng = np.random.default_rng(seed)
    x, upstream = rng.standard_normal((batch, *shape)), rng.standard_normal((batch, *layer.output_shape(shape)))
    return x.astype(dtype), upstream.astype(dtype)


def test_every_layer_takes_a_shape():
    assert {case.values[0].key for case in CASES} == set(Layer.members)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.key)
def test_only_a_layer_that_says_so_draws_anew(layer):
    drawn = []
    for shape in (shape for shape in [*SHAPES, (2, 7, 8)] if takes(layer, shape)):
        found, _ = ready(layer, 4, shape)
        x, _ = example(layer, 4, shape)
        first, *others = (found.forward(x.copy(), training=True).copy() for _ in range(60))
        drawn += [(other != first).any() for other in others]
    assert any(drawn) == layer.is_random


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.key)
def test_a_shape_that_does_not_fit_is_refused_by_what_it_needs(layer):
    for shape in SHAPES:
        if not takes(layer, shape):
            with pytest.raises(StudyError, match=rf"^(layer \d \(\w+\) )?needs .*, gets {as_text(shape)}: "):
                layer.output_shape(shape)


@both_types
@every_case
def test_the_output_has_the_declared_shape_and_the_networks_type(layer, shape, dtype):
    for batch in (1, 2, 7):
        x, upstream = example(layer, batch, shape, dtype)
        at_work, parameters = ready(layer, batch, shape, dtype)
        for training in (False, True):
            output = at_work.forward(x.copy(), training)
            assert (output.shape, output.dtype) == ((batch, *layer.output_shape(shape)), dtype)
        below = at_work.backward(upstream)
        assert (below.shape, below.dtype) == (x.shape, dtype)
        assert parameters.gradient.dtype == dtype


@every_case
@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(2, 6))
def test_the_gradients_equal_the_central_differences(layer, shape, seed, batch):
    layer = bending_gently(layer)
    x, upstream = example(layer, batch, shape, seed=seed)
    parameters = ready(layer, batch, shape)[1]

    def output(point):
        return bound(layer, batch, shape, parameters=parameters, seed=seed)[0].forward(point.copy(), training=True)

    at_work, _ = bound(layer, batch, shape, parameters=parameters, seed=seed)
    assume(forward_from_kinks(at_work, x) > 1e-3)
    below, gradient = at_work.backward(upstream.copy()).copy(), parameters.gradient.copy()
    expected = central_difference(lambda point: (upstream * output(point)).sum(), x)
    np.testing.assert_allclose(below, expected, rtol=1e-6, atol=1e-7)
    expected = central_difference(lambda _: (upstream * output(x)).sum(), parameters.values)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-7)


def bending_gently(layer):
    """Return a layer whose normalizations have a larger epsilon, so that differences hold at small batches."""
    if isinstance(layer, BatchNormalization):
        return replace(layer, epsilon=0.01)
    return replace(layer, layers=tuple(map(bending_gently, layer.within))) if layer.within else layer


def forward_from_kinks(at_work, x):
    """Do a training pass; return how near to a kink it came: zero of an activation, or two largest of a region."""
    zs, within = [], [at_work]
    for part in within:
        within += part.within
        if isinstance(part, Nonlinearity):
            part._apply = noting(part._apply, zs)
    at_work.forward(x.copy(), training=True)
    from_zero = [np.abs(z[z != 0]).min(initial=1) for z in zs]
    return min(from_zero + [distance_of_two(candidates(part)) for part in within], default=1)


def noting(apply, seen):
    """Return ``apply`` that keeps what it is given: what is below zero cannot be told from what it leaves."""

    def noted(z):
        seen.append(z.copy())
        apply(z)

    return noted


def candidates(at_work):
    """Return what a layer took the largest of, ascending along the first axis."""
    if isinstance(at_work, BoundPooling):
        return np.sort([at_work._input[window] for window in at_work._windows], axis=0)
    if isinstance(at_work, BoundMaxout):
        return np.sort(at_work._pieces.swapaxes(0, 1), axis=0)
    return np.zeros((1, 1))


def distance_of_two(ascending):
    """Return the smallest distance of the largest from what is smaller."""
    apart = ascending[-1] - ascending
    return apart[apart > 0].min(initial=1)


class Watched(dict):
    """Views that note what is asked for."""

    def __init__(self, views):
        super().__init__(views)
        self.asked = set()

    def __getitem__(self, name):
        self.asked.add(name)
        return super().__getitem__(name)


@every_case
def test_the_slots_are_what_binding_uses(layer, shape):
    where = place(layer, 4, shape, seed=7, number=3)
    parameters, names = where.parameters, {slot.name for slot in slots_of(layer, shape, number=3)}
    parameters.value_of, parameters.gradient_of = Watched(parameters.value_of), Watched(parameters.gradient_of)
    layer.bind(where)
    assert parameters.value_of.asked == parameters.gradient_of.asked == names
    own = {slot.name for slot in layer.slots("layer-3", shape)}
    assert all(name.endswith("/layer-3") for name in own)
    assert {name.rpartition("/")[2] for name in parameters.statistics} <= {n.rpartition("/")[2] for n in names}


@every_case
def test_a_name_tells_apart_the_slots_of_two_layers(layer, shape):
    one, other = layer.slots("layer-1", shape), layer.slots("layer-2", shape)
    assert len({slot.name for slot in one + other}) == len(one) + len(other)
    assert [(slot.shape, slot.initial, slot.decays) for slot in one] == [
        (slot.shape, slot.initial, slot.decays) for slot in other
    ]


@every_case
def test_gradients_are_written_and_not_added(layer, shape):
    x, upstream = example(layer, 4, shape)
    at_work, parameters = ready(layer, 4, shape)
    at_work.forward(x.copy(), training=True)
    at_work.backward(upstream.copy())
    first = parameters.gradient.copy()
    parameters.gradient[...] = np.nan
    at_work.backward(upstream.copy())
    np.testing.assert_array_equal(parameters.gradient, first)


@every_case
def test_what_nobody_needs_changes_no_gradient_of_a_parameter(layer, shape):
    x, upstream = example(layer, 4, shape)
    seen = []
    for gives_back in (True, False):
        at_work, parameters = ready(layer, 4, shape, gives_back=gives_back)
        at_work.forward(x.copy(), training=True)
        at_work.backward(upstream.copy())
        seen.append(parameters.gradient)
    np.testing.assert_array_equal(*seen)


@every_case
def test_an_input_that_is_not_lent_is_left_alone(layer, shape):
    """And gives the same to the bit as one that is; a pass leaves the weights alone in any case."""
    x, upstream = example(layer, 4, shape)
    seen = []
    for is_lent in (False, True):
        at_work, parameters = ready(layer, 4, shape, is_lent=is_lent)
        given_x, values = x.copy(), parameters.values.copy()
        record = [at_work.forward(given_x, training).copy() for training in (False, True)]
        record.append(at_work.backward(upstream.copy()).copy())
        np.testing.assert_array_equal(parameters.values, values)
        if not is_lent:
            np.testing.assert_array_equal(given_x, x)
            seen.append(record)
    at_work, _ = ready(layer, 4, shape, is_lent=True)
    again = [at_work.forward(x.copy(), training).copy() for training in (False, True)]
    for one, other in zip(seen[0], [*again, at_work.backward(upstream.copy())], strict=True):
        np.testing.assert_array_equal(one, other)


@every_case
def test_who_lends_an_output_does_not_need_it_again(layer, shape):
    """Nor does it read it from where it lent it: an activation may have overwritten it there."""
    if not layer.lends:
        return
    x, upstream = example(layer, 4, shape)
    seen = []
    for overwritten in (False, True):
        at_work, parameters = ready(layer, 4, shape)
        given_x = x.copy()
        output = at_work.forward(given_x, training=True)
        assert not np.shares_memory(output, given_x)
        if overwritten:
            output[...] = np.nan
        seen.append([at_work.backward(upstream.copy()).copy(), parameters.gradient])
    for one, other in zip(*seen, strict=True):
        np.testing.assert_array_equal(one, other)


@every_case
def test_evaluation_treats_every_example_alone_and_draws_nothing(layer, shape):
    x, _ = example(layer, 5, shape)
    trained, parameters = ready(layer, 5, shape)
    trained.forward(x.copy(), training=True)  # running averages, where there are any
    before = [array.copy() for array in parameters.statistics.values()]
    together = bound(layer, 5, shape, parameters=parameters)[0].forward(x.copy(), training=False).copy()
    alone = bound(layer, 1, shape, parameters=parameters)[0]
    rows = [alone.forward(x[row : row + 1].copy(), training=False).copy() for row in range(len(x))]
    np.testing.assert_allclose(np.concatenate(rows), together, rtol=1e-13)
    for array, kept in zip(parameters.statistics.values(), before, strict=True):
        np.testing.assert_array_equal(array, kept)


@every_case
def test_who_looks_on_leaves_no_trace(layer, shape):
    """A training pass of a layer that does not learn gives what one that learns gives, and keeps nothing."""
    x, _ = example(layer, 4, shape)
    learner, parameters = ready(layer, 4, shape)
    learner.forward(x.copy(), training=True)
    before = {name: array.copy() for name, array in parameters.statistics.items()}
    onlooker = bound(layer, 4, shape, parameters=parameters, seed=7, learns=False)[0]
    another = bound(layer, 4, shape, parameters=copy_of(layer, shape, parameters), seed=7)[0]
    np.testing.assert_array_equal(onlooker.forward(2 * x, training=True), another.forward(2 * x, training=True))
    assert parameters.statistics.keys() == before.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(parameters.statistics[name], array)


def copy_of(layer, shape, parameters):
    """Return the parameters again, in buffers of their own."""
    again = Parameters(slots_of(layer, shape), parameters.values.dtype)
    again.values[...] = parameters.values
    again.statistics.update({name: array.copy() for name, array in parameters.statistics.items()})
    return again


@every_case
def test_equal_numbers_of_parameters_whatever_the_batch(layer, shape):
    slots = slots_of(layer, shape)
    assert sum(prod(slot.shape) for slot in slots) == ready(layer, 3, shape)[1].values.size
    assert layer.is_weighted or not any(slot.decays for slot in layer.slots("layer-1", shape))


def test_activations_need_their_output_and_lend_it_to_none():
    assert not any(member.lends for member in Activation.choices().values())
