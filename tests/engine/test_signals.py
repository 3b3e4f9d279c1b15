"""What goes forward and back through layers: deltas, signs of gradients, moments and drift of inputs."""

import math

import numpy as np
import pytest

from chapter6.engine.activations import Activation
from chapter6.engine.examples import Examples
from chapter6.engine.measurements.activations import LayerInputs, Moments, Tails
from chapter6.engine.measurements.gradients import Deltas, GradientSigns, GradientSizes
from chapter6.engine.measurements.watching import watched
from engine.combinations import every_combination, layers
from engine.looks import bend, layer_problem, read, values
from engine.small import gaussians, network_problem, pictures
from reference.differences import central_difference


def only(readings):
    return {metric.removesuffix("/layer-1"): value for metric, value in readings.items()}


def test_offsets_and_means_of_units_tell_a_layer_that_leans_from_units_that_do():
    """Means of 2 and -2: together no offset, and each unit two away."""
    assert only(read(Moments(), layer_problem([[1, -1], [3, -3]], "tanh"))) == pytest.approx(
        {"offset": 0, "unit_mean": (math.tanh(1) + math.tanh(3)) / 2}, abs=1e-12
    )
    assert only(read(Moments(), layer_problem([[1, -1], [3, -3]]))) == pytest.approx(
        {"offset": 1, "unit_mean": math.sqrt(2)}
    )


def test_tails_lie_outside_of_a_range_whose_ends_belong_to_it():
    z = [[0.5, 0.1, 0.9, 0.95], [-1, 0.2, 2, 0.3]]
    assert only(read(Tails(), layer_problem(z)))["outside"] == 3 / 8
    assert only(read(Tails(low=-1, high=2), layer_problem(z)))["outside"] == 0


def test_slopes_are_flat_below_a_limit():
    """The sigmoid's slope is 0.0243 at 3.67 and 0.0252 at 3.63."""
    sigmoid = layer_problem([[3.67, -3.67, 3.63, 0]], "sigmoid")
    assert only(read(Tails(), sigmoid))["flat"] == 0.5
    assert only(read(Tails(slope=0.02), sigmoid))["flat"] == 0


@every_combination
def test_deltas_are_slopes_of_the_loss_by_the_biases_of_single_examples(placement, dropout, activation):
    """A bias moves the pre-activation of every example: the delta of one example alone is the slope of its bias.

    With batch normalization in front, the activation's own input is moved by its shift.
    """
    del dropout  # masks are drawn anew in each pass
    problem = network_problem(gaussians(5), **layers(placement, None, activation))
    problem.values += 0.1
    name = "shifts" if placement == "before" else "biases"
    seen = {}

    def look(layer, delta):
        seen[layer] = delta.copy()

    images, labels = next(problem.splits["train"].chunks(5, np.float64))
    watched(problem, 5, lambda layer: isinstance(layer, Activation), back=look).differentiate(images, labels)
    for layer in ("layer-1", "layer-2"):
        summed = problem.parameters.gradient_of[f"{name}/{layer}"]
        np.testing.assert_allclose(seen[layer].sum(axis=0), summed, atol=1e-12)
        assert read(Deltas(), problem)[f"delta_norm/{layer}"] == pytest.approx(np.linalg.norm(seen[layer]))


def test_the_delta_of_one_example_is_the_gradient_of_the_biases():
    problem = network_problem(gaussians(1), activation="tanh")
    x, label = next(problem.splits["train"].chunks(1, np.float64))
    for name in ("layer-1", "layer-2"):
        biases = problem.parameters.value_of[f"biases/{name}"]
        slope = central_difference(lambda _: problem.evaluator(1).loss(x, label), biases)
        assert read(Deltas(), problem)[f"delta_norm/{name}"] == pytest.approx(np.linalg.norm(slope), rel=1e-6)


def test_sizes_of_gradients_are_counted_by_decades_and_zeros_not_at_all():
    """At equal logits of two classes the gradient is -1/2 and 1/2, of which the weights make a delta of 0.04.

    The second unit is dead. Inputs are 1 and 100, so of the four gradients of weights two are 0.04 and 4, two are 0.
    """
    problem = layer_problem([[1, 100]], outputs=2)
    problem.parameters.value_of["weights/layer-1"][...] = [[1, -1], [0, 0]]
    problem.parameters.value_of["weights/layer-2"][...] = [[-0.04, 0.04], [0, 0]]
    problem.parameters.value_of["biases/layer-2"][...] = [0.04, -0.04]
    readings = read(GradientSizes(low=-3, high=1, bins=4), problem)
    np.testing.assert_array_equal(readings["histogram/delta/layer-1"], [0, 0.5, 0, 0])
    np.testing.assert_array_equal(readings["histogram/gradient/layer-1"], [0, 0.25, 0, 0.25])


def test_watching_changes_nothing():
    problem = network_problem(**layers("before", "standard", "sigmoid"))
    x, labels = next(problem.splits["train"].chunks(9, np.float64))
    plain = watched(problem, 9, lambda _: False)
    loss = plain.differentiate(x, labels)
    gradient = problem.gradient.copy()
    assert watched(problem, 9, lambda _: True).differentiate(x, labels) == loss
    np.testing.assert_array_equal(problem.gradient, gradient)


def test_gradients_of_one_example_have_the_sign_of_its_delta():
    """Inputs are positive: whatever delta is, all weights of a unit are to go the same way."""
    problem = network_problem(pictures(1), activation="sigmoid")
    readings = read(GradientSigns(), problem)
    assert set(readings) == {f"one_signed/layer-{number}" for number in (1, 2, 3)}
    assert set(readings.values()) == {1}


def test_inputs_of_both_signs_share_no_sign():
    assert set(read(GradientSigns(), network_problem(gaussians(1), activation="tanh")).values()) == {0}


def test_a_unit_counts_where_any_of_its_weights_has_a_gradient():
    """Three units with inputs (1, -1), of which one is dead; the output is fed by units that are never negative."""
    problem = layer_problem([[1, -1, 0]])
    weights = problem.parameters.value_of["weights/layer-1"]
    weights[...] = [[1, 0, -1], [0, -1, 1], [0, 0, 0]]
    readings = read(GradientSigns(), problem)
    assert readings["one_signed/layer-1"] == 0
    assert readings["one_signed/layer-2"] == 1


def test_where_no_weight_has_a_gradient_there_is_no_share():
    problem = layer_problem([[-1, -1]])
    assert math.isnan(read(GradientSigns(), problem)["one_signed/layer-1"])


def test_the_input_of_the_first_layer_is_the_images():
    z = [[1, 5], [3, 5]]
    readings = read(LayerInputs(), layer_problem(z))
    assert (readings["input_mean/layer-1"], readings["input_std/layer-1"]) == (3.5, pytest.approx(np.std(z)))
    assert readings["input_drift/layer-1"] == 0


def test_drift_is_the_distance_of_two_normal_distributions():
    """Unit 0 moves its mean by 4; unit 1 doubles its mean of 2 and its spread of 1."""
    problem = layer_problem([[1, 1], [1, 3], [3, 1], [3, 3]])
    problem.parameters.value_of["weights/layer-1"][...] = np.eye(2)
    reader = LayerInputs().bind(problem)
    first = values(reader)
    assert (first["input_mean/layer-2"], first["input_std/layer-2"], first["input_drift/layer-2"]) == (2, 1, 0)
    bend(problem, "biases/layer-1", 0, 4)
    problem.parameters.value_of["weights/layer-1"][1, 1] = 2
    second = values(reader)
    assert second["input_drift/layer-2"] == pytest.approx(math.sqrt((4**2 + (2**2 + 1**2)) / 2))
    assert second["input_mean/layer-2"] == 5
    assert values(reader)["input_drift/layer-2"] == second["input_drift/layer-2"]


def test_an_input_that_did_not_vary_at_first_has_no_unit_to_drift_by():
    assert math.isnan(read(LayerInputs(), layer_problem([[1, 1], [1, 1]]))["input_drift/layer-2"])


def test_batch_normalization_is_looked_at_with_the_statistics_of_the_batch():
    """Its running averages start at zero: in evaluation its output would be a thousand times too large."""
    problem = network_problem(gaussians(40), **layers("after", None, "tanh"))
    readings = read(LayerInputs(), problem)
    assert readings["input_std/layer-2"] == pytest.approx(1, rel=1e-3)
    assert not problem.parameters.statistics["variance/layer-1"].any()


def test_a_few_examples_will_do():
    examples = Examples(np.ones((3, 12)), np.zeros(3, int))
    assert read(LayerInputs(examples=500), network_problem(examples))["input_mean/layer-1"] == 1
