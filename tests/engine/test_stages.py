"""Stages: how many updates, at which rate, of which parameters."""

from dataclasses import replace

import numpy as np
import pytest

from chapter6.engine.data import Images
from chapter6.engine.execution import execute, problem_of
from chapter6.engine.masking import Dropout
from chapter6.engine.measurements.losses import BatchLoss
from chapter6.engine.network import Architecture, Network, Perceptron
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.optimizers import SGD, Momentum, Optimizer
from chapter6.engine.penalties import L1, L2
from chapter6.engine.run import Record, Run, Schedule
from chapter6.engine.stages import EarlyStopping, Stage, StepsDown
from chapter6.engine.streams import Streams
from chapter6.engine.surfaces import Bowl
from chapter6.engine.training import train
from chapter6.registry import StudyError, build
from engine.small import digits, network_problem, required_fields

DATASET, STREAMS, THIRTY = digits(40, 15), Streams(6, 0), Images(30)
RECORD = (Record(BatchLoss(), (Schedule(),)),)
SLOTS = ["weights/layer-1", "biases/layer-1", "weights/layer-2", "biases/layer-2", "weights/layer-3", "biases/layer-3"]


def stage(**parts):
    return Stage(**{"steps": 12, "optimizer": SGD(0.1), "batch_size": 5} | parts)


def run(*stages, hidden=(6, 5), data=THIRTY, members=1, penalties=(), **network):
    layers = Perceptron(hidden, **network).layers((1, 28, 28), 10)
    return Run(data=data, network=layers, stages=stages, record=RECORD, members=members, penalties=penalties)


def ended(value, dtype=np.float64):
    """Return what is trained before and after, and the outcome."""
    problem = problem_of(value.within(40), STREAMS, DATASET, dtype)
    before = problem.values.copy()
    return problem, before, train(problem, value.within(40).stages)


@pytest.mark.parametrize(
    ("steps_down", "factors"),
    [
        (StepsDown(every=4), [1] * 4 + [0.1] * 4 + [0.01] * 2),
        (StepsDown(at=(2, 7), factor=0.5), [1] * 2 + [0.5] * 5 + [0.25] * 3),
        (StepsDown(every=10), [1] * 10),
        (None, [1] * 10),
    ],
)
def test_a_rate_steps_down_after_the_updates_that_are_named(steps_down, factors):
    rules = stage(steps=10, optimizer=Momentum(0.2, 0.5), steps_down=steps_down).rules
    in_force = [rules[max(first for first in rules if first <= update)] for update in range(1, 11)]
    assert [rule.learning_rate for rule in in_force] == pytest.approx([0.2 * factor for factor in factors])
    assert {rule.momentum for rule in in_force} == {0.5}


@pytest.mark.parametrize("kind", [k for k, rule in Optimizer.choices().items() if "learning_rate" in vars(rule)])
def test_every_rule_trains_as_two_of_its_own_one_after_the_other(kind):
    rule = build(Optimizer, {"kind": kind, **dict.fromkeys(required_fields(Optimizer.members[kind]), 0.1)})
    slower = replace(rule, learning_rate=rule.learning_rate * 0.5)
    problem, _, _ = ended(run(stage(optimizer=rule, steps_down=StepsDown(at=(5,), factor=0.5))))
    by_hand = problem_of(run(stage()).within(40), STREAMS, DATASET, np.float64)
    by_hand.begin(stage(), 0)
    state = rule.start(by_hand.values)
    for update in range(1, 13):
        by_hand.differentiate(update)
        (rule if update <= 5 else slower).step(by_hand.values, by_hand.gradient, state, update)
    np.testing.assert_array_equal(problem.values, by_hand.values)


@pytest.mark.parametrize(("examples", "size", "updates"), [(30, 5, 12), (30, 7, 8), (30, 64, 2)])
def test_epochs_become_whole_batches_once_the_images_are_counted(examples, size, updates):
    closed = run(stage(steps=None, epochs=2, batch_size=size), data=Images(examples)).within(40)
    assert (closed.steps, closed.stages[0].epochs) == (updates, None)
    assert closed.record[0].at[0].last == updates
    assert closed.within(40) == closed


def test_held_out_images_belong_to_no_epoch_and_a_budget_caps_all():
    value = run(stage(steps=None, epochs=2), data=Images(None, 0.25))
    assert (value.within(40).steps, value.within(40, 5).steps, value.within(40, None, 20).steps) == (12, 5, 6)


@pytest.mark.parametrize(
    ("parts", "windows"),
    [
        ({}, [(0, 4784 + 21)]),
        ({"frozen": ("layer-1",)}, [(4704, 4784), (4790, 4805)]),
        ({"learns": ("output",)}, [(4734, 4784), (4795, 4805)]),
        ({"learns": ("layer-[12]",), "frozen": ("biases/*",)}, [(0, 4734)]),
        ({"learns": ("weights/layer-1", "output")}, [(0, 4704), (4734, 4784), (4795, 4805)]),
    ],
)
@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("rule", [SGD(0.1), Momentum(0.1)])
def test_only_what_learns_is_moved(parts, windows, members, rule):
    problem, before, outcome = ended(run(stage(optimizer=rule, **parts), members=members, penalties=(L2(0.1), L1())))
    moves = np.zeros(len(before), bool)
    for first, last in windows:
        for member in range(members):
            moves[member * 4805 + first : member * 4805 + last] = True
    assert outcome.status == "finished"
    assert not (problem.values != before)[~moves].any()
    assert (problem.values != before)[moves].mean() > 0.2  # of 784 pixels many are on in no image


def test_gradients_are_those_of_a_run_in_which_all_learns():
    whole, part = network_problem(), network_problem()
    part.begin(stage(frozen=("layer-1",), batch_size=6), 0)
    whole.begin(stage(batch_size=6), 0)
    assert whole.differentiate(1) == part.differentiate(1)
    for name in SLOTS[2:]:
        np.testing.assert_array_equal(whole.parameters.gradient_of[name], part.parameters.gradient_of[name])
    assert not part.parameters.gradient_of[SLOTS[0]].any()
    assert whole.parameters.gradient_of[SLOTS[0]].any()


def test_a_penalty_weighs_only_what_learns():
    free, penalized = network_problem(), network_problem(penalty={"kind": "l2", "strength": 2.0})
    losses = []
    for problem in (free, penalized):
        problem.begin(stage(learns=("layer-2",), batch_size=6), 0)
        losses.append(problem.differentiate(1))
    weights = penalized.parameters.value_of["weights/layer-2"]
    assert losses[1] - losses[0] == pytest.approx((weights**2).sum())
    grown = penalized.parameters.gradient_of["weights/layer-2"] - free.parameters.gradient_of["weights/layer-2"]
    np.testing.assert_allclose(grown, 2 * weights)
    assert penalized.loss_after_update() == pytest.approx(losses[1])


def test_frozen_batch_normalization_takes_its_running_averages_and_leaves_them():
    value = run(
        stage(),
        stage(name="second", frozen=("gains/*", "shifts/*", "output")),
        batch_normalization=BatchNormalization(),
    )
    problem = problem_of(value.within(40), STREAMS, DATASET, np.float64)
    train(problem, value.within(40).stages[:1])
    before = {name: array.copy() for name, array in problem.parameters.statistics.items()}
    problem.begin(value.stages[1], 1)
    losses = [problem.differentiate(1), problem.evaluator(5).loss(*problem.batch)]
    assert losses[0] == pytest.approx(losses[1])
    assert problem.loss_after_update() == pytest.approx(losses[0])
    for name, array in problem.parameters.statistics.items():
        np.testing.assert_array_equal(array, before[name])
    assert before["variance/layer-1"].any()
    gradient = problem.parameters.gradient_of["weights/layer-1"].copy()
    moved = problem.parameters.value_of["weights/layer-1"]
    place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
    network, found = Network(problem.architecture, problem.parameters, 5), []
    for shift in (1e-6, -1e-6):
        moved[place] += shift
        found.append(network.loss(*problem.batch, training=True))
        moved[place] -= shift
    assert (found[0] - found[1]) / 2e-6 == pytest.approx(gradient[place], rel=1e-4)


def test_dropout_before_what_learns_stays_random():
    problem = network_problem(dropout=Dropout(0.5))
    problem.begin(stage(learns=("output",), batch_size=6), 0)
    first, second = (problem.differentiate(1) for _ in range(2))
    assert first != second


def test_what_is_frozen_for_a_stage_may_learn_in_the_next():
    one, both = stage(frozen=("layer-1",)), stage(name="all")
    losses = execute(run(one, both).within(40), STREAMS, DATASET).curves["batch", "loss"].values
    assert losses[:12] == execute(run(one).within(40), STREAMS, DATASET).curves["batch", "loss"].values
    problem, before, _ = ended(run(one, both))
    assert (problem.parameters.value_of["weights/layer-1"].ravel() != before[:4704]).any()


@pytest.mark.parametrize("rule", [SGD(0.1), Momentum(0.1)])
@pytest.mark.parametrize(
    ("network", "frozen", "still"),
    [
        ({}, ("layer-1",), 3),
        ({}, ("layer-1", "layer-2"), 5),
        ({}, ("layer-2",), 0),
        ({"batch_normalization": BatchNormalization()}, ("layer-1",), 4),
        ({"batch_normalization": BatchNormalization()}, ("weights/layer-1", "biases/layer-1"), 2),
        ({"dropout": Dropout(0.3)}, ("layer-1", "layer-2"), 3),
    ],
)
def test_frozen_layers_at_the_beginning_are_computed_once_an_image(monkeypatch, network, frozen, still, rule):
    """Up to what learns or is random; the numbers are those without it, but for the order of sums."""
    value = run(stage(steps=15), stage(name="second", frozen=frozen, optimizer=rule, steps=20), **network)
    once, _, _ = ended(value)
    assert value.architecture.still(once.parameters.learning) == still
    assert once.batches[0][0].shape == (5, {0: 784, 2: 6, 3: 6, 4: 6, 5: 5}[still])
    monkeypatch.setattr(Architecture, "still", lambda *_: 0)
    each, _, _ = ended(value)
    assert each.batches[0][0].shape == (5, 784)
    for array, other in zip(once.snapshot(), each.snapshot(), strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-9, atol=1e-12)
    assert once.loss_after_update() == pytest.approx(each.loss_after_update(), rel=1e-9) or "dropout" in network


def test_few_updates_are_not_worth_computing_all_images():
    problem, _, _ = ended(run(stage(steps=6, frozen=("layer-1",))))
    assert problem.batches[0][0].shape == (5, 784)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"epochs": 3}, "give exactly one of steps, epochs"),
        ({"steps": None}, "give exactly one of steps, epochs"),
        ({"steps": None, "epochs": 1, "optimizer": None}, "needs an optimizer"),
        (
            {"frozen": ("layer-7",)},
            "frozen: no parameters are called 'layer-7'; choose from layer-1, layer-2, layer-3, w",
        ),
        ({"learns": ("hidden",)}, "learns: no parameters are called 'hidden'; choose from .*biases/layer-3, output"),
        ({"frozen": ("*",)}, "frozen: all that learns is frozen"),
    ],
)
def test_a_stage_that_makes_no_sense_is_refused(parts, told):
    with pytest.raises(StudyError, match=told):
        run(stage(**parts))


@pytest.mark.parametrize("parts", [{"frozen": ("layer-1",)}, {"learns": ("weights/*", "layer-2")}])
def test_frozen_layers_have_running_averages_by_then(parts):
    """A first stage, even with one of no updates before it, would divide by a spread of zero."""
    told = (
        r"stage main \(learns .*\): layer-1 is frozen and has no running averages yet: let gains/layer-1 or shifts/lay"
    )
    layers = {"batch_normalization": BatchNormalization()}
    for before in ((), (stage(name="none", steps=0),)):
        with pytest.raises(StudyError, match=told):
            run(*before, stage(**parts), **layers)
    assert run(stage(name="first"), stage(**parts), **layers).filled == {"layer-1", "layer-2"}
    assert run(stage(**parts)).filled == frozenset()
    assert run(stage(frozen=("gains/*",)), stage(name="second", **parts), **layers).steps == 24


def test_a_rate_steps_down_in_one_way():
    for parts in ({}, {"every": 3, "at": (5,)}):
        with pytest.raises(StudyError, match="give exactly one of every, at"):
            StepsDown(**parts)


def test_a_point_has_no_epochs_and_no_layers():
    for parts in ({"steps": None, "epochs": 1}, {"frozen": ("layer-1",)}, {"learns": ("output",)}):
        with pytest.raises(StudyError, match="a point on a surface has no epochs, and nothing of it is frozen"):
            Run(data=None, surface=Bowl(), stages=(stage(**parts),), record=RECORD)


def test_too_few_steps_for_a_look_are_not_stopped_early():
    value = stage(steps=None, epochs=1, stopping=EarlyStopping(every=10))
    assert (value.within(None, 30).stopping, value.within(None, 50).stopping) == (None, EarlyStopping(every=10))
