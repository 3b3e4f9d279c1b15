"""Two hundred updates of every rule beside PyTorch's, in float64; where the two forms differ, by what."""

import numpy as np
import pytest

from chapter6.engine.optimizers import AdaGrad, Adam, Momentum, Nesterov, RMSProp
from engine.small import watch
from reference.pytorch_networks import batches_of, follow, module_of, small_problem, torch, weights_and_the_rest
from reference.trajectories import DOUBLE, RULES, UPDATES, assert_close

SAME_FORM = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {}),
    "nesterov": (torch.optim.SGD, {"nesterov": True}),
    "adagrad": (torch.optim.Adagrad, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
}
NAMES = {"learning_rate": "lr", "momentum": "momentum", "epsilon": "eps", "decay_rate": "alpha"}
ADAM = {"lr": 0.002, "betas": (0.8, 0.99), "eps": 1e-6}


def peer(rule, parameters, **more):
    """Return PyTorch's optimizer at the settings of the comparison."""
    optimizer, form = SAME_FORM[rule]
    return optimizer(parameters, **{NAMES[name]: value for name, value in RULES[rule].items()}, **form, **more)


def engine_side(rule, problem):
    losses, values, outcome = watch(problem, {"kind": rule, **RULES[rule]}, UPDATES)
    assert outcome.status == "finished"
    return losses, values


def largest_difference(actual, expected):
    return np.abs(actual[1] - expected[1]).max()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("rule", SAME_FORM)
def test_rules_of_the_same_form_give_the_same_updates(rule, activation):
    problem = small_problem(activation=activation)
    module = module_of(problem)
    expected = follow(module, peer(rule, module.parameters()), batches_of(problem))
    assert_close(engine_side(rule, problem), expected, DOUBLE)


# --- Adam: the engine's epsilon joins before the bias correction, PyTorch's after it ---------------------------


def test_adams_epsilon_counts_for_more_in_the_first_updates_than_pytorchs():
    """One update on a gradient of the size of epsilon: eta / (1 + 1 / sqrt(1 - beta2)) beside eta / 2."""
    epsilon = 1e-7
    weight, tensor = np.zeros(1), torch.zeros(1, dtype=torch.float64)
    engine, other = Adam(1.0, epsilon=epsilon), torch.optim.Adam([tensor], lr=1.0, eps=epsilon)
    engine.step(weight, np.full(1, epsilon), engine.start(weight), 1)
    tensor.grad = torch.full_like(tensor, epsilon)
    other.step()
    assert weight.item() == pytest.approx(-1 / (1 + 1 / np.sqrt(0.001)), rel=1e-9)
    assert tensor.item() == pytest.approx(-1 / 2, rel=1e-9)


def corrected_epsilon(optimizer):
    """Return what sets the optimizer's epsilon to the one that stands in the engine's update of that number."""

    def correct(step):
        for group in optimizer.param_groups:
            group["eps"] = ADAM["eps"] / np.sqrt(1 - ADAM["betas"][1] ** step)

    return correct


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_adam_equals_pytorchs_whose_epsilon_is_divided_by_the_correction(activation):
    problem = small_problem(activation=activation)
    uncorrected, corrected = module_of(problem), module_of(problem)
    plain, optimizer = (
        torch.optim.Adam(uncorrected.parameters(), **ADAM),
        torch.optim.Adam(corrected.parameters(), **ADAM),
    )

    other = follow(uncorrected, plain, batches_of(problem))
    expected = follow(corrected, optimizer, batches_of(problem), before_step=corrected_epsilon(optimizer))
    actual = engine_side("adam", problem)
    assert_close(actual, expected, DOUBLE)
    assert largest_difference(actual, other) > 1e4 * DOUBLE


# --- Momentum and Nesterov: the engine's velocity contains the learning rate, PyTorch's does not -----------------


@pytest.mark.parametrize("rule", ["momentum", "nesterov"])
def test_a_velocity_remembers_the_learning_rate_that_pytorchs_forgets(rule):
    """The rate falls to a tenth half-way: equal only where the engine's velocity falls with it."""
    half, rate, alpha = UPDATES // 2, RULES[rule]["learning_rate"], RULES[rule]["momentum"]
    form = {"momentum": Momentum, "nesterov": Nesterov}[rule]
    problem = small_problem()
    module = module_of(problem)
    optimizer = peer(rule, module.parameters())

    def lower(step):
        optimizer.param_groups[0]["lr"] = rate if step <= half else rate / 10

    expected = follow(module, optimizer, batches_of(problem), before_step=lower)

    def changed(scale):
        problem = small_problem()
        state = form(rate, alpha).start(problem.values)
        losses, values = [], []
        for step in range(1, UPDATES + 1):
            if step == half + 1:
                state["velocity"] *= scale
            losses.append(problem.differentiate(step))
            form(rate if step <= half else rate / 10, alpha).step(problem.values, problem.gradient, state, step)
            values.append(problem.values.copy())
        return np.array(losses), np.array(values)

    assert_close(changed(scale=0.1), expected, DOUBLE)
    assert_close([each[:half] for each in changed(scale=1)], [each[:half] for each in expected], DOUBLE)
    assert largest_difference(changed(scale=1), expected) > 1e-3


# --- AdaGrad and RMSProp: epsilon at the same place, of another size ---------------------------------------------


@pytest.mark.parametrize(
    ("rule", "other", "decay_rate", "default"),
    [(AdaGrad, torch.optim.Adagrad, 0.0, 1e-10), (RMSProp, torch.optim.RMSprop, 0.99, 1e-8)],
    ids=["adagrad", "rmsprop"],
)
def test_epsilon_stands_outside_the_root_as_pytorchs_does(rule, other, decay_rate, default):
    """One update on a gradient of 1e-7, epsilon 1e-7: inside the root it would swamp the gradient."""
    size = 1e-7

    def one_update(**settings):
        tensor = torch.zeros(1, dtype=torch.float64)
        tensor.grad = torch.full_like(tensor, size)
        other([tensor], lr=1.0, **settings).step()
        return tensor.item()

    weight = np.zeros(1)
    rule(1.0).step(weight, np.full(1, size), rule().start(weight), 1)
    root = size * np.sqrt(1 - decay_rate)
    assert weight.item() == pytest.approx(one_update(eps=1e-7), rel=1e-12)
    assert weight.item() == pytest.approx(-size / (root + 1e-7), rel=1e-9)
    assert abs(weight.item()) > 1000 * size / np.sqrt(root**2 + 1e-7)
    assert one_update() == pytest.approx(-size / (root + default), rel=1e-9)


# --- Penalties: on the weights alone, and part of the gradient that a rule sees ---------------------------------


@pytest.mark.parametrize("rule", SAME_FORM)
def test_weight_decay_equals_pytorchs_on_the_weights_alone(rule):
    """PyTorch's decays every parameter it is given: biases too, unless they are in a group of their own."""
    problem = small_problem(penalty={"kind": "l2", "strength": 0.05})
    grouped, ungrouped = module_of(problem), module_of(problem)
    weights, rest = weights_and_the_rest(grouped)
    groups = [{"params": weights, "weight_decay": 0.05}, {"params": rest}]
    expected = follow(grouped, peer(rule, groups), batches_of(problem))
    other = follow(ungrouped, peer(rule, ungrouped.parameters(), weight_decay=0.05), batches_of(problem))
    losses, values = engine_side(rule, problem)
    without_penalty = losses - penalties(small_problem().values, values, problem.parameters.decayed)
    assert_close((without_penalty, values), expected, DOUBLE)
    assert largest_difference((losses, values), other) > 1e-4


def penalties(start, values, decayed):
    """Return the penalty that stands in each loss: that of the weights before the update."""
    before = np.vstack([start, values[:-1]])[:, :decayed]
    return 0.05 / 2 * (before**2).sum(axis=1)


@pytest.mark.parametrize("rule", SAME_FORM)
def test_the_lasso_equals_pytorchs_derivative_of_it(rule):
    problem = small_problem(penalty={"kind": "l1", "strength": 0.01})
    module = module_of(problem)

    def lasso(weights):
        return 0.01 * sum(weight.abs().sum() for weight in weights)

    expected = follow(module, peer(rule, module.parameters()), batches_of(problem), lasso)
    assert_close(engine_side(rule, problem), expected, DOUBLE)


def test_a_penalty_is_no_decoupled_decay():
    """AdamW shrinks the weights by eta lambda before a step of the gradient alone: so does Adam, if it is made to."""
    strength, settings = 0.05, RULES["adam"]
    problem = small_problem()
    module = module_of(problem)
    weights, rest = weights_and_the_rest(module)
    groups = [{"params": weights, "weight_decay": strength}, {"params": rest, "weight_decay": 0.0}]
    other = torch.optim.AdamW(groups, **ADAM)
    expected = follow(module, other, batches_of(problem), before_step=corrected_epsilon(other))
    penalized = small_problem(penalty={"kind": "l2", "strength": strength})
    assert largest_difference(engine_side("adam", penalized), expected) > 1e-2

    optimizer, decayed, losses, values = Adam(**settings), problem.parameters.decayed, [], []
    state = optimizer.start(problem.values)
    for step in range(1, UPDATES + 1):
        losses.append(problem.differentiate(step))
        problem.values[:decayed] *= 1 - settings["learning_rate"] * strength
        optimizer.step(problem.values, problem.gradient, state, step)
        values.append(problem.values.copy())
    assert_close((np.array(losses), np.array(values)), expected, DOUBLE)
