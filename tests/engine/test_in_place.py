"""Layers hand buffers on and work in place: none may read what another has overwritten.

Each network is held to the bit against a twin whose layers are given copies and give copies away, so that in the twin
no layer can touch another's buffers.
"""

import numpy as np
import pytest

from chapter6.engine.activations import Activation, Nonlinearity, ReLU, Sigmoid, Tanh
from chapter6.engine.layers import BoundLayer, Dense, Flatten
from chapter6.engine.masking import Dropout
from chapter6.engine.network import Architecture, Network
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.streams import Streams
from engine.combinations import every_combination, layers
from engine.small import architecture
from reference.differences import central_difference

both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])


class Copying(BoundLayer):
    """A layer that shares no buffer with its neighbours; the order of the axes in memory stays, as sums follow it."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x, training):
        return self.layer.forward(x.copy("K"), training).copy("K")

    def backward(self, gradient):
        below = self.layer.backward(gradient.copy("K"))
        return None if below is None else below.copy("K")


def networks(placement, dropout, activation, dtype, copying, outputs=4):
    """Return a network and another one of its parameters that looks on, both for batches of six."""
    design = architecture(outputs=outputs, **layers(placement, dropout, activation))
    parameters = design.initial_parameters(Streams(6, 0), dtype)
    pair = [
        Network(design, parameters, 6, Streams(6, replicate), learns=learns)
        for replicate, learns in ((0, True), (1, False))
    ]
    if copying:
        for network in pair:
            network.layers[:] = [Copying(layer) for layer in network.layers]
    return pair


def nonlinearities(network):
    """Return the activations of a network or of its twin."""
    layers = [getattr(layer, "layer", layer) for layer in network.layers]
    return [layer for layer in layers if isinstance(layer, Nonlinearity)]


def batch(number, outputs, dtype):
    rng = np.random.default_rng(number)
    x = rng.standard_normal((6, 12)).astype(dtype)
    return x, rng.integers(0, 4, 6) if outputs else rng.standard_normal((6, 8))


@both_types
@pytest.mark.parametrize("outputs", [4, 0])
@every_combination
def test_a_network_equals_its_twin_that_copies(placement, dropout, activation, outputs, dtype):
    """Over several passes, with passes of the onlooker between them, on the same batch, in both modes."""
    pairs = [networks(placement, dropout, activation, dtype, copying, outputs) for copying in (False, True)]
    for number in range(3):
        seen = [[], []]
        for (network, onlooker), record in zip(pairs, seen, strict=True):
            x, targets = batch(number, outputs, dtype)
            given = x.copy()
            record.append(network.differentiate(x, targets))
            record.append(network.parameters.gradient.copy())
            if outputs:
                record.append(network.outputs.copy())
            record.append(onlooker.loss(x, targets, training=True))
            record.append(network.forward(x).copy())
            record.extend(layer.output.copy() for layer in nonlinearities(network))
            record.append(onlooker.differentiate(x, targets))
            record.append(network.parameters.gradient.copy())
            record.extend(array.copy() for array in network.parameters.statistics.values())
            np.testing.assert_array_equal(x, given)
            network.parameters.values -= 0.1 * network.parameters.gradient
        for actual, expected in zip(*seen, strict=True):
            np.testing.assert_array_equal(actual, expected)


@every_combination
def test_outputs_stay_until_the_next_pass_of_their_network(placement, dropout, activation):
    network, onlooker = networks(placement, dropout, activation, np.float64, copying=False)
    x, targets = batch(0, 4, np.float64)
    outputs = network.forward(x)
    kept = outputs.copy()
    onlooker.differentiate(*batch(1, 4, np.float64))
    np.testing.assert_array_equal(outputs, kept)
    network.differentiate(x, targets)
    logits = network.outputs.copy()
    onlooker.forward(x)
    np.testing.assert_array_equal(network.outputs, logits)


# --- Activations after what does not lend its output -------------------------------------------------------------


ODD = {
    "first": [ReLU()],
    "after-flatten": [Flatten(), Tanh()],
    "after-another": [Dense(5), Tanh(), ReLU()],
    "three-in-a-row": [Dense(5), Sigmoid(), Tanh(), ReLU()],
    "first-and-dense": [Tanh(), Dense(5), Sigmoid()],
    "after-normalization-of-one": [Dense(5), Tanh(), BatchNormalization(), ReLU(), Sigmoid()],
    "after-flatten-of-one": [Dense(5), Tanh(), Flatten(), ReLU()],
    "after-dropout": [Dense(5), Dropout(0.3), Tanh(), Tanh()],
}


def stack(layers, shape=(12,)):
    return Architecture((*layers, Dense(4)), shape)


@both_types
@pytest.mark.parametrize("name", ODD)
def test_any_order_of_layers_equals_its_twin_that_copies(name, dtype):
    design, seen = stack(ODD[name]), []
    for copying in (False, True):
        network = Network(design, design.initial_parameters(Streams(6, 0), dtype), 6, Streams(6, 0))
        if copying:
            network.layers[:] = [Copying(layer) for layer in network.layers]
        x, targets = batch(0, 4, dtype)
        given = x.copy()
        seen.append([network.differentiate(x, targets), network.parameters.gradient, network.outputs.copy()])
        seen[-1].append(network.forward(x).copy())
        seen[-1] += [layer.output.copy() for layer in nonlinearities(network)]
        np.testing.assert_array_equal(x, given)
    for actual, expected in zip(*seen, strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("name", ODD)
def test_the_gradient_of_any_order_of_layers_is_exact(name):
    """Every ReLU of these stands behind what is far from its kink."""
    design = stack(ODD[name])
    parameters = design.initial_parameters(Streams(6, 0), np.float64)
    x, targets = batch(0, 4, np.float64)

    def new():
        return Network(design, parameters, 6, Streams(6, 0))

    new().differentiate(x, targets)
    gradient = parameters.gradient.copy()
    expected = central_difference(lambda _: new().loss(x, targets, training=True), parameters.values, step=1e-6)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", ODD)
def test_an_activation_works_in_place_only_where_it_was_lent_its_input(name):
    """And leaves alone the input of the network, what a flatten passes on, and the output of another activation."""
    design = stack(ODD[name])
    network = Network(design, design.initial_parameters(Streams(6, 0), np.float64), 6, Streams(6, 0))
    x, before, is_lent = batch(0, 4, np.float64)[0], batch(0, 4, np.float64)[0], False
    for layer, at_work in zip(design.layers, network.layers, strict=True):
        output = at_work.forward(x, training=True)
        if isinstance(layer, Activation):
            assert np.shares_memory(output, x) == is_lent
            if not is_lent:
                np.testing.assert_array_equal(x, before)
        x, before, is_lent = output, output.copy(), layer.lends


def test_an_activation_on_an_image_copies_it():
    design = Architecture((ReLU(), Flatten(), Dense(4)), (1, 3, 4))
    network = Network(design, design.initial_parameters(Streams(6, 0), np.float64), 6)
    x, targets = batch(0, 4, np.float64)
    given = x.copy()
    network.differentiate(x, targets)
    np.testing.assert_array_equal(x, given)
    np.testing.assert_array_equal(network.nonlinearities[0].output, np.maximum(given, 0).reshape(6, 1, 3, 4))
