import numpy as np
import pytest

from chapter6.engine.examples import Examples
from chapter6.engine.masking import Dropout
from chapter6.engine.measurements.activations import Activations
from chapter6.engine.measurements.gradients import Gradients
from chapter6.engine.measurements.losses import BatchLoss, Evaluation, UpdatedLoss
from chapter6.engine.measurements.surfaces import Misalignment, Position
from chapter6.engine.measurements.weights import DistinctUnits
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.problems import SurfaceProblem
from chapter6.engine.stages import EarlyStopping
from chapter6.engine.surfaces import Bowl
from engine.combinations import layers
from engine.looks import layer_problem, read
from engine.small import affine_shapes, gaussians, network_problem, watch
from reference.differences import central_difference


def read_layer(pre_activations, activation="relu", **settings):
    """Read a hidden layer whose pre-activations, one row an example, are made to be these."""
    readings = read(Activations(**settings), layer_problem(pre_activations, activation))
    return {metric.removesuffix("/layer-1"): value for metric, value in readings.items()}


def test_settings_that_an_experiment_leaves_out_are_those_of_the_published_results():
    """Those of rules, initializers and penalties are held to the textbook's in tests of their own."""
    assert Activations() == Activations(examples=1000, low=-1.0, high=4.0, bins=200)
    assert Gradients() == Gradients(examples=1000)
    assert Misalignment() == Misalignment(half_width=10.0, half_height=5.0, points=200, degrees=30.0)
    assert Evaluation() == Evaluation(splits=("train", "test"))
    assert BatchNormalization() == BatchNormalization(momentum=0.9, epsilon=10e-7)
    assert EarlyStopping() == EarlyStopping(every=10, patience=10)
    assert Dropout() == Dropout(ratio=0.5, form="standard")
    assert Bowl() == Bowl(start=(-7.0, 2.0), elongation=20.0)


def test_two_spreads_tell_units_that_differ_from_units_that_inform():
    """Two units at 1 and 3 whatever the input: their pooled spread is 1, and neither carries anything."""
    readings = read_layer([[1, 3], [1, 3], [1, 3]])
    assert (readings["activation_mean"], readings["activation_std"], readings["unit_std"]) == (2, 1, 0)


def test_the_spread_of_units_is_the_root_of_their_mean_variance():
    """One unit varies by 2 around 2 and one not at all: the pooled variance adds that of the means."""
    readings = read_layer([[0, 5], [4, 5]])
    assert readings["unit_std"] == pytest.approx(np.sqrt((4 + 0) / 2))
    assert readings["activation_std"] == pytest.approx(np.std([0, 4, 5, 5]))


def test_slope_and_saturation_follow_the_derivative():
    relu = read_layer([[-1, 2], [-3, 4], [5, 6], [-7, -8]])
    assert (relu["slope"], relu["saturated"]) == (0.5, 0.5)
    sigmoid = read_layer([[0, 100], [0, -100]], "sigmoid")
    assert (sigmoid["slope"], sigmoid["saturated"]) == (0.125, 0.5)


def test_a_histogram_holds_shares_of_all_activations():
    readings = read_layer([[0.1, 0.6], [0.7, 1.4], [1.6, 9.0]], low=0.0, high=2.0, bins=4)
    np.testing.assert_allclose(readings["histogram"], [1 / 6, 2 / 6, 1 / 6, 1 / 6])


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_shares_sum_to_one_where_all_is_in_sight_and_to_less_elsewhere(activation):
    problem = network_problem(gaussians(40), activation=activation)
    for low, high in ((-100, 100), (0.2, 0.3)):
        shares = read(Activations(low=low, high=high), problem)["histogram/layer-2"]
        assert shares.shape == (200,)
        assert shares.min() >= 0
        total = shares.sum()
        assert total == pytest.approx(1) if high == 100 else total < 1


def test_activations_are_read_from_the_first_examples():
    problem = network_problem(gaussians(40))
    few, same = read(Activations(examples=5), problem), network_problem(gaussians(40).first(5))
    for metric, value in read(Activations(), same).items():
        np.testing.assert_allclose(few[metric], value, rtol=1e-12)
    assert few["activation_std/layer-1"] != read(Activations(), problem)["activation_std/layer-1"]


def test_every_hidden_layer_is_read_and_the_output_is_not():
    metrics = read(Activations(), network_problem())
    assert {metric.partition("/")[2] for metric in metrics} == {"layer-1", "layer-2"}
    deep = network_problem(hidden=(8, 7), outputs=0)
    deep.splits["train"] = Examples(np.ones((4, 12)), np.ones((4, 7)))
    assert {metric.partition("/")[2] for metric in read(Activations(), deep)} == {"layer-1", "layer-2"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize(("initializer", "least", "most"), [("zeros", 0, 1e-6), ("constant", 0, 1e-6), ("he", 0.1, 1)])
def test_equal_units_stay_equal(initializer, least, most, activation, dtype):
    """Zero or constant weights leave each layer one distinct unit through training (section 6.2.1)."""
    problem = network_problem(initializer=initializer, activation=activation, dtype=dtype)
    for updates in (0, 20):
        watch(problem, "sgd", updates)
        readings = read(DistinctUnits(), problem)
        assert least <= readings["second_value"] <= most
        assert readings["second_value"] == max(readings["second_value/layer-1"], readings["second_value/layer-2"])
        assert "second_value/layer-3" not in readings


def test_the_second_singular_value_over_the_first_by_hand():
    """A matrix with two columns that are not zero, at right angles, has their lengths as singular values."""
    problem = network_problem()
    weights = problem.parameters.value_of["weights/layer-1"]
    weights[...] = 0
    assert read(DistinctUnits(), problem)["second_value/layer-1"] == 0
    weights[0, 0], weights[1, 1] = 4, 3
    assert read(DistinctUnits(), problem)["second_value/layer-1"] == pytest.approx(0.75)
    weights[:, 1:] = weights[:, :1]
    assert read(DistinctUnits(), problem)["second_value/layer-1"] < 1e-7


def test_weights_that_are_not_numbers_have_no_singular_values():
    problem = network_problem()
    problem.values[0] = np.inf
    assert np.isnan(read(DistinctUnits(), problem)["second_value/layer-1"])


def test_gradient_norms_are_those_of_the_mean_loss_over_the_examples():
    problem = network_problem(gaussians(40), activation="tanh")
    readings = read(Gradients(examples=9), problem)
    x, labels = next(problem.splits["train"].chunks(9, np.float64))
    for name, _, _ in affine_shapes(problem.architecture):
        weights = problem.parameters.value_of[f"weights/{name}"]
        slope = central_difference(lambda _: problem.evaluator(9).loss(x, labels), weights)
        assert readings[f"gradient_norm/{name}"] == pytest.approx(np.sqrt((slope**2).sum()), rel=1e-7)


def test_readings_of_a_float32_network_are_those_of_float32_pixels():
    problem = network_problem(dtype=np.float32)
    x, labels = next(problem.splits["train"].chunks(9, np.float32))
    network = problem.evaluator(9)
    network.differentiate(x, labels)
    slope = problem.parameters.gradient_of["weights/layer-1"].astype(np.float64)
    assert read(Gradients(examples=9), problem)["gradient_norm/layer-1"] == np.linalg.norm(slope)
    mean = network.nonlinearities[1].output.astype(np.float64).mean()
    assert read(Activations(examples=9), problem)["activation_mean/layer-2"] == mean


class Sloping:
    """An activation whose derivative is the same everywhere."""

    keeps_input = False

    def __init__(self, slope):
        self.slope = slope

    def forward(self, z):
        """Leave ``z`` as it is."""

    def backward(self, y, gradient):
        gradient *= self.slope


@pytest.mark.parametrize(("slope", "saturated"), [(0.0099, 1), (0.01, 0)])
def test_a_unit_is_saturated_under_a_slope_of_a_hundredth(slope, saturated):
    problem = network_problem()
    for layer in problem.evaluator(40).nonlinearities:
        layer.activation = Sloping(slope)
    readings = read(Activations(examples=40), problem)
    assert (readings["saturated/layer-1"], readings["saturated/layer-2"]) == (saturated, saturated)


def test_the_loss_of_the_training_pass_is_not_computed_again():
    """A second pass would draw other masks."""
    problem = network_problem(**layers(None, "standard"))
    problem.differentiate(1)
    assert read(BatchLoss(), problem) == {"loss": problem.batch_loss}
    assert read(UpdatedLoss(), problem)["updated_loss"] != problem.batch_loss


def test_evaluation_reads_the_splits_it_was_given():
    problem = network_problem()
    readings = list(Evaluation(("validation",)).bind(problem)())
    loss, accuracy = problem.evaluate("validation")
    assert readings == [("validation", "loss", loss), ("validation", "accuracy", accuracy)]


def test_position_reads_the_point():
    readings = read(Position(), SurfaceProblem(Bowl(start=(-3.0, 4.0))))
    assert readings == {"x": -3, "y": 4, "height": 9 / 20 + 16, "distance": 5}


def test_misalignment_is_the_angle_past_the_minimum():
    """At (10, 5) the gradient is (1, 10) and the minimum lies along (10, 5); the other corners mirror it."""
    angle = np.degrees(np.arctan2(10, 1) - np.arctan2(5, 10))
    corners = Misalignment(points=2, degrees=angle - 0.1)
    readings = read(corners, SurfaceProblem(Bowl(start=(0.0, 0.0))))
    assert readings == pytest.approx({"angle": angle, "misaligned_share": 1})
    beyond = Misalignment(points=2, degrees=angle + 0.1)
    assert read(beyond, SurfaceProblem(Bowl(start=(0.0, 0.0))))["misaligned_share"] == 0


def test_misalignment_covers_the_whole_window():
    """Of nine points four corners are misaligned alike, four on the axes not at all; the minimum counts for none."""
    angle = np.degrees(np.arctan2(10, 1) - np.arctan2(5, 10))
    readings = read(Misalignment(points=3, degrees=10.0), SurfaceProblem(Bowl(start=(0.0, 0.0))))
    assert readings == pytest.approx({"angle": angle / 2, "misaligned_share": 1 / 2})


def test_an_angle_equal_to_the_limit_is_not_misaligned():
    problem = SurfaceProblem(Bowl(start=(0.0, 0.0)))
    angle = read(Misalignment(points=2), problem)["angle"]
    assert read(Misalignment(points=2, degrees=angle), problem)["misaligned_share"] == 0


class Hill:
    """What falls away from the origin on all sides: the opposite of a surface of section 6.1."""

    start = (1.0, 1.0)

    def gradient(self, x, y):
        return -x, -y


def test_a_gradient_straight_away_from_the_minimum_is_misaligned_by_180_degrees():
    """Rounding takes some cosines below -1."""
    readings = read(Misalignment(points=20), SurfaceProblem(Hill()))
    assert readings == {"angle": 180, "misaligned_share": 1}


def test_a_round_bowl_is_aligned_everywhere():
    readings = read(Misalignment(points=20), SurfaceProblem(Bowl(elongation=1.0, start=(1.0, 1.0))))
    assert readings == pytest.approx({"angle": 0, "misaligned_share": 0}, abs=1e-5)


def test_most_of_the_books_bowl_is_misaligned():
    readings = read(Misalignment(), SurfaceProblem(Bowl()))
    assert readings["angle"] > 30
    assert 0.5 < readings["misaligned_share"] < 1


def test_a_grid_through_the_minimum_has_an_angle():
    """At the minimum itself the gradient has no direction; an odd number of points puts one there."""
    readings = read(Misalignment(points=21), SurfaceProblem(Bowl()))
    assert readings["angle"] > 30
