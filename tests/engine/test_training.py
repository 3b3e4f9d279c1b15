from dataclasses import replace

import numpy as np
import pytest

from chapter6.engine.examples import draw_indices
from chapter6.engine.masking import Dropout
from chapter6.engine.measurements.base import Measurement
from chapter6.engine.measurements.losses import Evaluation, UpdatedLoss
from chapter6.engine.measurements.surfaces import Position
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.optimizers import SGD, Optimizer
from chapter6.engine.problems import NetworkProblem, Problem, SurfaceProblem
from chapter6.engine.streams import Streams
from chapter6.engine.surfaces import Bowl
from chapter6.engine.training import EarlyStopping, Recording, Stage, train
from chapter6.registry import StudyError, build
from engine.small import network_problem, trained, watch

NETWORK_MEASUREMENTS = [
    kind for kind, member in Measurement.members.items() if issubclass(NetworkProblem, member.subject)
]
SURFACE_MEASUREMENTS = [
    kind for kind, member in Measurement.members.items() if issubclass(SurfaceProblem, member.subject)
]

EXTRAS = {
    "plain": {},
    "l2": {"penalty": "l2"},
    "batch-normalization": {"batch_normalization": BatchNormalization()},
    "dropout": {"dropout": Dropout(0.2)},
}


def record(measurement, *steps):
    return Recording(build(Measurement, measurement) if isinstance(measurement, str) else measurement, frozenset(steps))


def assert_same_state(problem, other):
    """Weights and running averages are the same to the bit."""
    for array, expected in zip(problem.snapshot(), other.snapshot(), strict=True):
        np.testing.assert_array_equal(array, expected)


def bowl():
    return SurfaceProblem(Bowl())


def test_a_step_counts_completed_updates():
    outcome = trained(bowl(), SGD(0.95), 5, [record("position", 0, 2, 5)])
    curve = outcome.curves["train", "x"]
    assert (outcome.status, outcome.steps) == ("finished", 5)
    assert curve.steps == [0, 2, 5]
    assert curve.values == pytest.approx([-7, -7 * 0.905**2, -7 * 0.905**5])


def test_nothing_is_recorded_after_the_last_update():
    outcome = trained(bowl(), SGD(), 3, [record("position", 3, 4, 100)])
    assert outcome.curves["train", "x"].steps == [3]


def test_the_loss_of_the_training_pass_stands_one_step_earlier():
    steps = 6
    losses, values, outcome = watch(network_problem(), "sgd", steps, [record("batch_loss", *range(steps + 1))])
    curve = outcome.curves["batch", "loss"]
    assert curve.steps == list(range(steps))
    np.testing.assert_array_equal(curve.values, losses)
    for step in range(1, steps):
        fresh = network_problem()
        fresh.values[...] = values[step - 1]
        assert curve.values[step] == fresh.differentiate(step + 1)


@pytest.mark.parametrize("penalty", [None, "l2"])
def test_the_loss_after_the_update_is_a_second_forward_pass_of_the_same_batch(penalty):
    steps = 6
    after = record(UpdatedLoss(), *range(1, steps + 1))
    _, values, outcome = watch(network_problem(penalty=penalty), "sgd", steps, [after])
    curve = outcome.curves["batch", "updated_loss"]
    assert curve.steps == list(range(1, steps + 1))
    for step, loss in zip(curve.steps, curve.values, strict=True):
        fresh = network_problem(penalty=penalty)
        fresh.values[...] = values[step - 1]
        assert loss == fresh.differentiate(step)


def test_measurements_of_one_moment_share_it():
    outcome = trained(
        network_problem(), SGD(), 4, [record(Evaluation(("test",)), 0, 4), record("distinct_units", 0, 4)]
    )
    assert {tuple(curve.steps) for curve in outcome.curves.values()} == {(0, 4)}
    assert {("test", "loss"), ("test", "accuracy"), ("train", "second_value")} < set(outcome.curves)


def test_no_steps_record_and_change_nothing():
    problem = network_problem()
    before = problem.values.copy()
    outcome = trained(problem, None, 0, [record("evaluation", 0), record("batch_loss", 0)])
    assert (outcome.status, outcome.steps) == ("finished", 0)
    assert set(outcome.curves) == {(split, metric) for split in ("train", "test") for metric in ("loss", "accuracy")}
    np.testing.assert_array_equal(problem.values, before)


def test_progress_hears_of_every_update_and_its_loss():
    heard = []
    trained(bowl(), SGD(0.95), 3, progress=lambda step, loss: heard.append((step, loss)))
    assert [step for step, _ in heard] == [1, 2, 3]
    assert [loss for _, loss in heard] == pytest.approx([(7 * 0.905**k) ** 2 / 20 + 4 * 0.81**k for k in range(3)])


@pytest.mark.parametrize("kind", Optimizer.members)
def test_training_lowers_the_loss(kind):
    problem = network_problem(steps=200)
    before = problem.evaluate("train")[0]
    trained(problem, build(Optimizer, kind), 200)
    assert problem.evaluate("train")[0] < before


def test_a_divergence_is_an_outcome_with_its_step():
    """From 2 the height y^2 is past float64 after one update of 1e200: the second finds it infinite."""
    outcome = trained(bowl(), SGD(1e200), 10, [record("position", *range(11))])
    assert (outcome.status, outcome.steps) == ("diverged", 1)
    assert outcome.curves["train", "x"].steps == [0, 1]


def test_a_divergence_in_the_last_update_is_seen():
    outcome = trained(bowl(), SGD(1e308), 1)
    assert (outcome.status, outcome.steps) == ("diverged", 1)


@pytest.mark.parametrize(("dtype", "rate"), [(np.float32, 1e30), (np.float64, 1e250)])
@pytest.mark.parametrize("kind", NETWORK_MEASUREMENTS)
def test_a_network_that_diverges_is_measured_until_it_does(kind, dtype, rate):
    recordings = [record(kind, *range(21)), record("batch_loss", *range(21))]
    outcome = trained(network_problem(dtype=dtype, activation="relu"), SGD(rate), 20, recordings)
    assert outcome.status == "diverged"
    assert 0 < outcome.steps < 20
    assert outcome.curves["batch", "loss"].steps[0] == 0
    assert np.isfinite(outcome.curves["batch", "loss"].values[0])
    assert all(max(curve.steps) <= outcome.steps for curve in outcome.curves.values())


@pytest.mark.parametrize("kind", SURFACE_MEASUREMENTS)
def test_a_point_that_diverges_is_measured_until_it_does(kind):
    outcome = trained(bowl(), SGD(1e200), 20, [record(kind, *range(21))])
    assert outcome.status == "diverged"
    assert {tuple(curve.steps) for curve in outcome.curves.values()} == {(0, 1)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("extras", EXTRAS)
@pytest.mark.parametrize("kind", NETWORK_MEASUREMENTS)
def test_measuring_between_updates_changes_no_bit_of_the_training(kind, extras, dtype):
    """No reading disturbs what training goes on to read, even at the training's own batch size."""
    measurement = build(Measurement, kind)
    examples = {"examples": 6} if hasattr(measurement, "examples") else {}
    settings = {"dtype": dtype, **EXTRAS[extras]}
    alone, measured = network_problem(**settings), network_problem(**settings)
    losses = watch(alone, "adam", 20)[0]
    np.testing.assert_array_equal(
        watch(measured, "adam", 20, [record(type(measurement)(**examples), *range(21))])[0], losses
    )
    assert_same_state(measured, alone)


@pytest.mark.parametrize("extras", EXTRAS)
def test_the_second_forward_pass_changes_no_bit_of_the_training(extras):
    after = record(UpdatedLoss(), *range(21))
    alone, measured = network_problem(**EXTRAS[extras]), network_problem(**EXTRAS[extras])
    watch(alone, "adam", 20)
    watch(measured, "adam", 20, [after])
    assert_same_state(measured, alone)


def test_position_is_recorded_before_and_after_training():
    outcome = trained(bowl(), SGD(0.95), 30, [Recording(Position(), frozenset({0, 30}))])
    assert outcome.curves["train", "height"].values[0] == 6.45
    assert outcome.curves["train", "distance"].values[1] == pytest.approx(np.hypot(7 * 0.905**30, 2 * 0.9**30))


def test_early_stopping_restores_the_best_weights_it_looked_at():
    """At a rate that soon does harm, the validation loss rises: the run ends and goes back to its lowest."""
    problem, looks = network_problem(steps=200), []
    rule, optimizer = EarlyStopping(every=2, patience=3), {"kind": "sgd", "learning_rate": 2.0}
    looking = record(Evaluation(("validation",)), *range(2, 200, 2))
    outcome = watch(problem, optimizer, 200, [looking], stopping=rule)[2]
    looks = outcome.curves["validation", "loss"].values
    assert outcome.steps < 200
    assert len(looks) == outcome.steps / 2 == np.argmin(looks) + 1 + 3
    assert problem.evaluate("validation")[0] == min(looks)


def test_a_run_that_is_stopped_early_still_has_one_value_a_step():
    rule, optimizer = EarlyStopping(every=2, patience=3), {"kind": "sgd", "learning_rate": 2.0}
    recordings = [record("distinct_units", *range(0, 201, 2))]
    outcome = watch(network_problem(steps=200), optimizer, 200, recordings, stopping=rule)[2]
    steps = outcome.curves["train", "second_value"].steps
    assert outcome.steps < 200
    assert steps == sorted(set(steps))


def test_what_is_due_at_the_end_is_recorded_where_a_run_is_stopped_early():
    """Once, and from the weights of the best look."""
    rule, optimizer = EarlyStopping(every=2, patience=3), {"kind": "sgd", "learning_rate": 2.0}
    problem = network_problem(steps=200)
    outcome = watch(problem, optimizer, 200, [record(Evaluation(("test",)), 0, 200)], stopping=rule)[2]
    curve = outcome.curves["test", "loss"]
    assert curve.steps == [0, outcome.steps]
    assert outcome.steps < 200
    assert curve.values[-1] == problem.evaluate("test")[0]


class Pole(Problem):
    """A loss that NumPy warns of while it is computed."""

    def __init__(self, function, value):
        self.values, self.gradient = np.array([float(value)]), np.zeros(1)
        self.function = function

    def differentiate(self, step):
        return self.function(self.values).item()


@pytest.mark.parametrize(("function", "value"), [(np.log, 0), (np.exp, 1e9), (np.arccos, 2)])
def test_numbers_that_run_away_end_a_run_without_a_warning(function, value):
    """A division by zero, an overflow, an operation without a result; outside of training each is an error here."""
    with pytest.raises(RuntimeWarning):
        Pole(function, value).differentiate(1)
    outcome = trained(Pole(function, value), SGD(), 3)
    assert (outcome.status, outcome.steps) == ("diverged", 0)


def stopped_after(losses, patience, steps=20):
    """Return after how many updates a run ends whose looks, one every second update, see these validation losses."""
    problem, looks = network_problem(), {"validation": iter(losses)}
    problem.evaluate = lambda split: (next(looks[split]), 0.0)
    return trained(problem, SGD(), steps, stopping=EarlyStopping(every=2, patience=patience)).steps


def test_patience_counts_looks_that_did_not_improve_on_the_best():
    assert stopped_after([3, 2, 2, 2, 2], patience=3) == 10
    assert stopped_after([3, 4, 4, 2, 3, 3, 3], patience=3) == 14
    assert stopped_after([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], patience=1) == 20


def test_a_validation_loss_that_is_no_number_does_not_improve():
    assert stopped_after([np.nan] * 3, patience=3) == 6


def test_a_run_whose_looks_saw_no_number_keeps_its_weights():
    problem, plain = network_problem(), network_problem()
    problem.evaluate = lambda split: ({"validation": np.nan}[split], 0.0)
    assert trained(problem, SGD(), 5, stopping=EarlyStopping(every=2)).steps == 5
    trained(plain, SGD(), 5)
    np.testing.assert_array_equal(problem.values, plain.values)


def test_a_stage_too_short_for_a_look_is_refused_and_one_that_is_cut_is_not_stopped_early():
    with pytest.raises(StudyError, match=r"never looks: stopping\.every is 6 of 5 steps"):
        Stage(steps=5, optimizer=SGD(), stopping=EarlyStopping(every=6))
    stage = Stage(steps=30, optimizer=SGD(), stopping=EarlyStopping(every=6))
    assert stage.within(40) == stage
    assert stage.within(6) == replace(stage, steps=6)
    problem, plain = network_problem(), network_problem()
    assert train(problem, [replace(stage.within(5), batch_size=6)]).steps == 5
    trained(plain, SGD(), 5)
    np.testing.assert_array_equal(problem.values, plain.values)


def test_updates_need_an_optimizer_and_none_need_none():
    with pytest.raises(StudyError, match="needs an optimizer"):
        Stage(steps=1)
    assert Stage(steps=0).optimizer is None


# --- Stages --------------------------------------------------------------------------------------------------


def stages(*steps, optimizer="sgd", **options):
    """Return stages of so many updates each, on batches of six."""
    rule = build(Optimizer, optimizer)
    names = [f"part-{number}" for number in range(len(steps))]
    return [Stage(name=n, steps=s, optimizer=rule, batch_size=6, **options) for n, s in zip(names, steps, strict=True)]


@pytest.mark.parametrize("kind", Optimizer.members)
def test_two_stages_on_a_surface_are_two_runs_one_from_where_the_other_ended(kind):
    """The rule's state starts afresh with the second: only a rule without one notices nothing of the seam."""
    rule = build(Optimizer, {"kind": kind, "learning_rate": 0.05})
    together, alone, one_stage = bowl(), bowl(), bowl()
    assert train(together, stages(30, 20, optimizer=rule)).steps == 50
    trained(alone, rule, 30)
    again = SurfaceProblem(Bowl(start=tuple(alone.values)))
    trained(again, rule, 20)
    np.testing.assert_array_equal(together.values, again.values)
    trained(one_stage, rule, 50)
    assert (together.values == one_stage.values).all() == (not rule.slots)


@pytest.mark.parametrize("kind", Optimizer.members)
def test_two_stages_of_a_network_are_two_trainings_with_batches_of_their_own(kind):
    together, alone = network_problem(), network_problem()
    train(together, stages(30, 20, optimizer=kind))
    trained(alone, kind, 30)
    own = Streams(6, 0).within("stage-1")
    alone.train_on(draw_indices(own("batches"), 40, 20, 6, "replacement"), own)
    rule = build(Optimizer, kind)
    state = rule.start(alone.values)
    for step in range(1, 21):
        alone.differentiate(step)
        rule.step(alone.values, alone.gradient, state, step)
    np.testing.assert_array_equal(together.values, alone.values)


@pytest.mark.parametrize("extras", EXTRAS)
def test_the_first_stage_is_the_run_of_that_stage_alone(extras):
    both, first, seen = network_problem(**EXTRAS[extras]), network_problem(**EXTRAS[extras]), {}
    train(both, stages(30, 20), progress=lambda step, _: seen.setdefault(step, both.values.copy()))
    trained(first, "sgd", 30)
    np.testing.assert_array_equal(seen[30], first.values)
    assert (both.values != first.values).any()


def test_steps_are_counted_over_all_stages():
    heard = []
    recordings = [record("position", 0, 29, 30, 31, 50), record(UpdatedLoss(), 30, 31, 50)]
    outcome = train(bowl(), stages(30, 20), recordings[:1], lambda step, _: heard.append(step))
    assert (outcome.status, outcome.steps) == ("finished", 50)
    assert heard == list(range(1, 51))
    assert outcome.curves["train", "x"].steps == [0, 29, 30, 31, 50]
    outcome = train(network_problem(), stages(30, 20), [*recordings[1:], record("batch_loss", *range(50))])
    curve = outcome.curves["batch", "loss"]
    assert curve.steps == list(range(50))
    assert outcome.curves["batch", "updated_loss"].steps == [30, 31, 50]


def test_a_stage_without_updates_changes_nothing():
    with_empty, without = network_problem(), network_problem()
    (first,) = stages(30)
    outcome = train(with_empty, [first, Stage(name="nothing", steps=0)], [record("distinct_units", 0, 30)])
    assert outcome.curves["train", "second_value"].steps == [0, 30]
    train(without, [first])
    np.testing.assert_array_equal(with_empty.values, without.values)


def test_a_stage_that_stops_early_hands_its_best_weights_to_the_next():
    """What follows starts from the weights that were restored, and counts from where the stage ended."""
    rule, optimizer = EarlyStopping(every=2, patience=3), {"kind": "sgd", "learning_rate": 2.0}
    alone, both = network_problem(), network_problem()
    (stopped,) = stages(200, optimizer=optimizer, stopping=rule)
    outcome = train(alone, [stopped])
    assert outcome.steps < 200
    second = Stage(name="second", steps=1, optimizer=SGD(1e-300), batch_size=6)  # too small a step to move anything
    assert train(both, [stopped, second]).steps == outcome.steps + 1
    np.testing.assert_array_equal(both.values, alone.values)


@pytest.mark.parametrize("patience", [3, 1000])
def test_what_is_due_where_a_stage_ends_is_read_once_and_from_the_weights_that_the_next_starts_from(patience):
    """Whether patience ran out or the updates did."""
    optimizer, rule = {"kind": "sgd", "learning_rate": 2.0}, EarlyStopping(every=2, patience=patience)
    problem, alone = network_problem(), network_problem()
    (first,) = stages(200, optimizer=optimizer, stopping=rule)
    at = train(alone, [first]).steps
    assert (at == 200) == (patience == 1000)
    second = Stage(name="second", steps=5, optimizer=SGD(), batch_size=6)
    outcome = train(problem, [first, second], [record(Evaluation(("test",)), *range(206))])
    curve = outcome.curves["test", "loss"]
    assert curve.steps == list(range(at + 6))
    assert curve.values[at] == alone.evaluate("test")[0]


def test_a_divergence_in_the_last_update_of_a_stage_is_read_and_ends_the_run():
    outcome = train(bowl(), stages(1, 20, optimizer=SGD(1e308)), [record("position", *range(22))])
    assert (outcome.status, outcome.steps) == ("diverged", 1)
    assert outcome.curves["train", "x"].steps == [0, 1]


def test_a_divergence_ends_all_stages():
    outcome = train(bowl(), stages(10, 20, optimizer=SGD(1e200)), [record("position", *range(31))])
    assert (outcome.status, outcome.steps) == ("diverged", 1)
    assert outcome.curves["train", "x"].steps == [0, 1]


def test_batch_sizes_and_samplings_may_differ_between_stages():
    problem, sizes = network_problem(), []
    first, second = stages(5, 4)
    second = replace(second, batch_size=10, sampling="epochs")
    train(problem, [first, second], progress=lambda *_: sizes.append(len(problem.batch[0])))
    assert sizes == [6] * 5 + [10] * 4
    order = draw_indices(Streams(6, 0).within("stage-1")("batches"), 40, 4, 10, "epochs")
    np.testing.assert_array_equal(problem.batch[1], problem.splits["train"].targets[order[-1]])
