"""Layers, losses and initial weights beside PyTorch's, in training and evaluation; where they differ, by what."""

import numpy as np
import pytest

from chapter6.engine.activations import Activation
from chapter6.engine.initializers import Initializer
from chapter6.engine.losses import SoftmaxCrossEntropy
from chapter6.engine.masking import Dropout
from chapter6.registry import build
from engine.combinations import normalized
from engine.small import watch
from reference.pytorch_networks import (
    ACTIVATIONS,
    BATCH,
    HandedDropout,
    batches_of,
    follow,
    linears,
    logits_of,
    module_of,
    nn,
    normalizations,
    small_problem,
    torch,
)
from reference.trajectories import DOUBLE, UPDATES, assert_close

RATE, RATIO = 0.02, 0.3

both_placements = pytest.mark.parametrize("placement", ["before", "after"])


def sgd(module):
    return torch.optim.SGD(module.parameters(), lr=RATE)


def unseen(problem):
    test = problem.splits["test"]
    return test.images * test.scale


def evaluated(problem):
    """Return the engine's logits of the test examples."""
    x = unseen(problem)
    return problem.evaluator(len(x)).forward(x)


def assert_evaluated_as(module, problem):
    """Hold the engine's logits of unseen examples to PyTorch's."""
    actual = evaluated(problem)
    np.testing.assert_allclose(actual, logits_of(module, unseen(problem)), rtol=0, atol=DOUBLE * np.abs(actual).max())


# --- Batch normalization ----------------------------------------------------------------------------------------


def trained_with_normalization(placement, activation, **more):
    """Return both sides after UPDATES updates, having compared them on the way."""
    problem = small_problem(activation=activation, **normalized(placement), **more)
    module = module_of(problem)
    expected = follow(module, sgd(module), batches_of(problem))
    assert_close(watch(problem, {"kind": "sgd", "learning_rate": RATE}, UPDATES)[:2], expected, DOUBLE)
    return problem, module


def correct_running_variance(module):
    """Undo what PyTorch's running variance has and the engine's has not: a start at one, and n / (n - 1)."""
    for each in normalizations(module):
        start = (1 - each.momentum) ** UPDATES
        each.running_var.copy_((each.running_var - start) * (BATCH - 1) / BATCH)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@both_placements
def test_training_with_batch_normalization_equals_pytorchs(placement, activation):
    trained_with_normalization(placement, activation)


@both_placements
def test_running_means_are_pytorchs_and_running_variances_biased_and_from_zero(placement):
    problem, module = trained_with_normalization(placement, "tanh")
    statistics = problem.parameters.statistics
    for number, each in enumerate(normalizations(module), start=1):
        mean, variance = (statistics[f"{kind}/layer-{number}"] for kind in ("mean", "variance"))
        np.testing.assert_allclose(mean, each.running_mean.numpy(), rtol=0, atol=DOUBLE)
        ratio = (each.running_var.numpy() - 0.9**UPDATES) / variance
        np.testing.assert_allclose(ratio, BATCH / (BATCH - 1), rtol=DOUBLE)


@both_placements
def test_after_one_batch_the_running_averages_show_where_they_started(placement):
    """The engine's are a tenth of the batch's, which evaluation then divides by; PyTorch's are nine tenths one."""
    problem = small_problem(**normalized(placement))
    module = module_of(problem)
    assert all((each.running_var.numpy() == 1).all() for each in normalizations(module))
    assert not any(array.any() for array in problem.parameters.statistics.values())
    module(next(batches_of(problem))[0])
    problem.differentiate(1)
    for number, each in enumerate(normalizations(module), start=1):
        variance = problem.parameters.statistics[f"variance/layer-{number}"]
        expected = 0.9 + variance * BATCH / (BATCH - 1)
        np.testing.assert_allclose(each.running_var.numpy(), expected, rtol=DOUBLE)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@both_placements
def test_evaluation_equals_pytorchs_once_its_running_variance_is_corrected(placement, activation):
    problem, module = trained_with_normalization(placement, activation)
    assert np.abs(evaluated(problem) - logits_of(module, unseen(problem))).max() > 1e-3
    correct_running_variance(module)
    assert_evaluated_as(module, problem)


# --- Dropout ----------------------------------------------------------------------------------------------------


def test_pytorchs_dropout_is_the_handed_one_with_a_mask_of_its_own():
    x = torch.randn(20, 30, dtype=torch.float64)
    torch.manual_seed(0)
    mask = (nn.Dropout(RATIO)(torch.ones_like(x)) != 0).double()
    torch.manual_seed(0)
    output = nn.Dropout(RATIO)(x)
    torch.testing.assert_close(output, HandedDropout(RATIO, [mask.numpy()])(x))
    assert 0 < mask.mean() < 1


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_inverted_dropout_equals_pytorchs_in_training_and_evaluation(activation):
    problem = small_problem(activation=activation, dropout=Dropout(RATIO, "inverted"))
    module = module_of(problem)
    expected = follow(module, sgd(module), batches_of(problem))
    assert_close(watch(problem, {"kind": "sgd", "learning_rate": RATE}, UPDATES)[:2], expected, DOUBLE)
    assert_evaluated_as(module, problem)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_books_dropout_is_pytorchs_with_the_next_weights_smaller(activation):
    """Unscaled units times W are scaled units times (1 - ratio) W, in training as in evaluation.

    So from the same weights the two differ, and from weights that far apart they stay as far apart, where SGD takes
    steps (1 - ratio)^2 as long.
    """
    problem = small_problem(activation=activation, dropout=Dropout(RATIO))
    same, smaller = module_of(problem), module_of(problem)
    first, *after_dropout = linears(smaller)
    with torch.no_grad():
        for linear in after_dropout:
            linear.weight *= 1 - RATIO
    unscaled = [first.weight, *(linear.bias for linear in linears(smaller))]
    scaled = [linear.weight for linear in after_dropout]
    groups = [{"params": unscaled, "lr": RATE}, {"params": scaled, "lr": RATE * (1 - RATIO) ** 2}]
    other = follow(same, sgd(same), batches_of(problem))
    losses, values = follow(smaller, torch.optim.SGD(groups, lr=RATE), batches_of(problem))
    values[:, first.weight.numel() : problem.parameters.decayed] /= 1 - RATIO
    actual = watch(problem, {"kind": "sgd", "learning_rate": RATE}, UPDATES)[:2]
    assert_close(actual, (losses, values), DOUBLE)
    assert np.abs(actual[1] - other[1]).max() > 1e-2
    assert_evaluated_as(smaller, problem)


@both_placements
def test_normalization_and_dropout_together_equal_pytorchs(placement):
    inverted = Dropout(RATIO, "inverted")
    problem, module = trained_with_normalization(placement, "tanh", dropout=inverted)
    correct_running_variance(module)
    assert_evaluated_as(module, problem)


# --- Cross-entropy, activations, initial weights -----------------------------------------------------------------

EXTREME = np.array(
    [
        [1e4, -1e4, 0.0],
        [-1e4, 1e4, 0.0],
        [1e4, 1e4, -1e4],
        [-1e4, -1e4, -1e4],
        [9999.0, 1e4, 9998.0],
        [1e-4, -1e-4, 0.0],
    ]
)


@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize(("dtype", "limit"), [(np.float64, 1e-15), (np.float32, 1e-7)])
def test_cross_entropy_at_extreme_logits_equals_pytorchs(dtype, limit, label):
    """Row by row and together, relative to the larger of the loss and one."""
    for logits in (*EXTREME[:, None], EXTREME):
        tensor, labels = torch.tensor(logits.astype(dtype), requires_grad=True), np.full(len(logits), label)
        expected = nn.functional.cross_entropy(tensor, torch.tensor(labels))
        expected.backward()
        loss = SoftmaxCrossEntropy().bind(*logits.shape, np.dtype(dtype))
        value, gradient = loss.value_and_gradient(logits.astype(dtype), labels)
        assert abs(value - expected.item()) <= 4 * limit * max(1, expected.item())
        np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=0, atol=4 * limit)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_and_their_derivatives_equal_pytorchs(activation):
    """To the type's epsilon: far below zero the engine's sigmoid is 0 where PyTorch's is exp(z)."""
    z = np.concatenate([np.linspace(-60, 60, 2401), [-1e4, 1e4]])
    tensor = torch.tensor(z, requires_grad=True)
    expected = ACTIVATIONS[activation]()(tensor)
    expected.backward(torch.ones_like(tensor))
    y, slope, ours = z.copy(), np.ones_like(z), build(Activation, activation)
    ours.forward(y)
    ours.backward(z if ours.keeps_input else y, slope)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-15, atol=3e-15)
    np.testing.assert_allclose(slope, tensor.grad.numpy(), rtol=0, atol=5e-15)
    if activation == "sigmoid":
        assert y[0] == 0 < expected[0].item() == pytest.approx(np.exp(-60))


def test_he_is_pytorchs_and_xavier_looks_at_the_inputs_alone():
    """PyTorch's Xavier is the paper's: its std is sqrt(2 inputs / (inputs + outputs)) of the book's."""
    inputs, outputs = 900, 300
    draw = np.random.default_rng(0).standard_normal((inputs, outputs))
    he, xavier = (build(Initializer, kind).weights(draw).std() for kind in ("he", "xavier"))
    torch.manual_seed(0)
    tensor = torch.empty(outputs, inputs, dtype=torch.float64)
    assert nn.init.kaiming_normal_(tensor, nonlinearity="relu").std().item() / he == pytest.approx(1, rel=0.01)
    ratio = np.sqrt(2 * inputs / (inputs + outputs))
    assert nn.init.xavier_normal_(tensor).std().item() / xavier == pytest.approx(ratio, rel=0.01)
