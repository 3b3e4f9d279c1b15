"""A run that starts where another ended: what it takes over, what is drawn anew, and what the old one still knows."""

from dataclasses import replace

import numpy as np
import pytest

from chapter6.engine.data import Images
from chapter6.engine.execution import execute, problem_of, start_of
from chapter6.engine.measurements.losses import BatchLoss, Forgetting
from chapter6.engine.measurements.surfaces import Position
from chapter6.engine.network import Perceptron
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.optimizers import SGD, Momentum
from chapter6.engine.problems import EnsembleProblem
from chapter6.engine.run import Record, Run, Schedule, StartsFrom
from chapter6.engine.stages import Stage
from chapter6.engine.streams import Streams
from chapter6.engine.surfaces import Bowl
from chapter6.registry import StudyError, build, plain
from engine.small import digits

DATASET, STREAMS, THIRTY = digits(40, 15), Streams(6, 0), Images(30)
RECORD = (Record(BatchLoss(), (Schedule(),)),)
NORMALIZED = {"batch_normalization": BatchNormalization()}


def run(before=None, fresh=(), steps=12, hidden=(6, 5), data=THIRTY, members=1, frozen=(), **network):
    stage = Stage(steps=steps, optimizer=SGD(0.1), batch_size=5, frozen=frozen)
    layers = Perceptron(hidden, **network).layers((1, 28, 28), 10)
    start = StartsFrom("before", fresh, before) if before else None
    made = Run(data=data, network=layers, stages=(stage,), record=RECORD, members=members, starts_from=start)
    return made.within(40)


def weights_after(value, **how):
    return execute(value, STREAMS, DATASET, **how).weights


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])


@pytest.mark.parametrize("members", [1, 2])
def test_a_run_starts_from_all_that_another_ended_with(members):
    before = run(members=members, **NORMALIZED)
    ended = weights_after(before)
    assert ended.keys() >= {f"{'member-1/' * (members > 1)}{name}" for name in ("weights/layer-1", "variance/layer-2")}
    unmoved = weights_after(run(before, steps=0, members=members, **NORMALIZED))
    assert_equal(unmoved, ended)


def test_a_smaller_ensemble_takes_the_first_members():
    ended = weights_after(run(members=3))
    first = weights_after(run(run(members=3), steps=0, members=2))
    assert_equal(first, {name: array for name, array in ended.items() if not name.startswith("member-2/")})


def test_it_trains_what_it_starts_from_where_nobody_gives_it():
    before = run(**NORMALIZED)
    value = run(before, fresh=("output",), **NORMALIZED)
    given = execute(value, STREAMS, DATASET, start=weights_after(before))
    assert_equal(given.weights, weights_after(value))
    assert given.curves["batch", "loss"].values != execute(before, STREAMS, DATASET).curves["batch", "loss"].values
    assert start_of(before, STREAMS, DATASET) is None


def test_a_chain_of_three_is_trained_from_its_beginning():
    first = run()
    third = run(run(first))
    assert [value.depth for value in (first, run(first), third)] == [0, 1, 2]
    by_hand = weights_after(run(first), start=weights_after(first))
    assert_equal(weights_after(third), weights_after(third, start=by_hand))


@pytest.mark.parametrize(
    ("fresh", "drawn"),
    [
        (("output",), {"weights/layer-3", "biases/layer-3"}),
        (("layer-1", "biases/layer-2"), {f"{kind}/layer-1" for kind in ("weights", "biases", "gains", "shifts")}),
    ],
)
def test_what_is_fresh_starts_as_if_there_were_nothing(fresh, drawn):
    before, streams = run(**NORMALIZED), STREAMS.within("start-1")
    ended, untrained = weights_after(before), problem_of(run(**NORMALIZED), STREAMS, DATASET).weights()
    problem = problem_of(run(before, fresh, **NORMALIZED), STREAMS, DATASET, start=ended)
    for name, array in problem.parameters.value_of.items():
        if name.startswith("weights") and name in drawn:  # anew: not as before the features were learned
            expected = streams(name).standard_normal(array.shape) * np.sqrt(2 / len(array))
            np.testing.assert_allclose(array, expected, rtol=1e-6)
            assert (array != untrained[name]).all()
        else:
            is_drawn = name in drawn or name == "biases/layer-2" in fresh
            np.testing.assert_array_equal(array, (untrained if is_drawn else ended)[name])
    problem.evaluate("train")  # binds a network, whose running averages start at zero where nothing was taken over
    for name, array in problem.parameters.statistics.items():
        np.testing.assert_array_equal(array, 0 if name.endswith("/layer-1") and "layer-1" in fresh else ended[name])


def test_the_old_head_on_the_present_body_tells_what_was_forgotten():
    before = run(data=Images(20))
    value = run(before, fresh=("output",), steps=5)
    problem = problem_of(value, STREAMS, DATASET, start=weights_after(before))
    old = problem_of(before, STREAMS, DATASET)
    old.take(weights_after(before), [slot.name for slot in before.architecture.slots()])
    assert problem.earlier().evaluate("train") == old.evaluate("train")
    assert len(problem.earlier().splits["train"]) == 20
    problem.parameters.value_of["weights/layer-1"][...] = 0
    problem.parameters.value_of["weights/layer-3"][...] = 7
    old.parameters.value_of["weights/layer-1"][...] = 0
    assert problem.earlier().evaluate("train") == old.evaluate("train")
    assert problem.earlier() is problem.earlier()


def test_forgetting_is_read_off_the_old_classifier_on_the_features_of_now():
    look = Record(Forgetting(), (Schedule(every=5),))
    before = run()
    value = replace(run(before, fresh=("output",)), record=(*RECORD, look)).within(40)
    problem = problem_of(before, STREAMS, DATASET, start=None)
    ended, after = weights_after(before), weights_after(value)
    outcome = execute(value, STREAMS, DATASET)
    curve = outcome.curves["test", "earlier_accuracy"]
    assert curve.steps == [0, 5, 10, 12]
    for weights, read in ((ended, curve.values[0]), (after, curve.values[-1])):
        both = {name: ended[name] if name.endswith("/layer-3") else weights[name] for name in ended}
        problem.take(both, [slot.name for slot in before.architecture.slots()])
        assert problem.evaluate("test")[1] == read


def test_forgetting_needs_a_run_to_start_from():
    with pytest.raises(StudyError, match="'forgetting' is made for runs that start from others"):
        replace(run(), record=(Record(Forgetting()),))


def test_an_ensemble_has_no_single_old_head():
    before = run(members=2)
    problem = problem_of(run(before, members=2), STREAMS, DATASET, start=weights_after(before))
    assert isinstance(problem, EnsembleProblem)


def test_frozen_layers_are_those_of_before_at_the_end():
    before = run(**NORMALIZED)
    ended = weights_after(before)
    after = weights_after(run(before, ("output",), frozen=("layer-1", "layer-2"), **NORMALIZED))
    assert {name for name, array in after.items() if (array != ended[name]).any()} == {
        "weights/layer-3",
        "biases/layer-3",
    }


def test_frozen_layers_take_over_running_averages_that_are_there():
    for before, fresh in ((run(**NORMALIZED), ("layer-1",)), (run(steps=0, **NORMALIZED), ())):
        with pytest.raises(StudyError, match="layer-1 is frozen and has no running averages yet"):
            run(before, fresh, frozen=("layer-1",), **NORMALIZED)


def test_a_run_with_what_it_starts_from_is_plain_data():
    value = run(run(run()), ("output",))
    assert build(Run, plain(value)) == value
    assert "starts_from.variant" in value.settings
    assert not any(key.startswith("starts_from.run") for key in value.settings)
    assert value.alone.starts_from == StartsFrom("before", ("output",))
    assert value.changed("learning_rate", 0.5).starts_from == value.starts_from
    assert "run" not in plain(value.alone)["starts_from"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"hidden": (6, 7)},
            "starts_from: biases/layer-2 is 7, and 5 in 'before': give it the same shape, or list it in",
        ),
        ({"hidden": (6,)}, "starts_from: biases/layer-2 is 10, and 5 in 'before'"),
        ({"hidden": (6, 5, 5), "fresh": ("layer-3",)}, "starts_from: biases/layer-4 is 10, and missing in 'before'"),
        (NORMALIZED, "starts_from: gains/layer-1 is 6, and missing in 'before'"),
        ({"fresh": ("head",)}, "starts_from: fresh: no parameters are called 'head'; choose from .*, output"),
        ({"members": 2}, "starts_from: members are 2, and 1 in 'before'"),
        ({"before": run(members=2)}, "starts_from: members are 1, and 2 in 'before'"),
        ({"before": run(members=2), "members": 3}, "starts_from: members are 3, and 2 in 'before'"),
    ],
)
def test_what_does_not_fit_is_refused(change, told):
    with pytest.raises(StudyError, match=told):
        run(**{"before": run(), **change})


def test_what_one_side_lacks_may_be_listed():
    assert run(run(), ("layer-3", "output"), hidden=(6, 5, 5)).depth == 1
    assert run(run(**NORMALIZED), ("gains/*", "shifts/*")).depth == 1


def test_a_point_has_no_weights():
    stage = Stage(steps=3, optimizer=Momentum())
    with pytest.raises(StudyError, match="only networks have weights to take over"):
        Run(data=None, surface=Bowl(), stages=(stage,), record=RECORD, starts_from=StartsFrom("before", (), run()))
    point = Run(data=None, surface=Bowl(), stages=(stage,), record=(Record(Position()),)).within(40)
    assert execute(point, STREAMS).weights == {}
    with pytest.raises(StudyError, match="only networks"):
        replace(run(), starts_from=StartsFrom("point", (), point))
