"""A run is a value: what goes in comes out, as JSON data and as dotted settings; and what makes no sense is refused."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chapter6.engine.activations import ReLU, Sigmoid, Tanh
from chapter6.engine.augmentations import Mixup
from chapter6.engine.data import Images, Noise
from chapter6.engine.initializers import He, Normal
from chapter6.engine.layers import Dense, Flatten
from chapter6.engine.losses import Linear
from chapter6.engine.masking import Dropout
from chapter6.engine.measurements.losses import BatchLoss, Evaluation, UpdatedLoss
from chapter6.engine.measurements.surfaces import Position
from chapter6.engine.measurements.weights import DistinctUnits
from chapter6.engine.network import Perceptron
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.optimizers import SGD, Adam
from chapter6.engine.penalties import L1, L2
from chapter6.engine.run import Record, Run, Schedule
from chapter6.engine.stages import EarlyStopping, Stage
from chapter6.engine.surfaces import Bowl
from chapter6.registry import StudyError, build, canonical, plain

RECORD = (Record(BatchLoss(), (Schedule(),)),)
counts, shares = st.integers(1, 50), st.floats(0, 0.5)


def run(**changes):
    """Return a run of a small network; ``changes`` replace what it is made of."""
    stage = Stage(steps=30, optimizer=SGD(0.1), batch_size=8)
    network = Perceptron((6, 5), initializer=Normal(0.1)).layers((1, 28, 28), 10)
    return Run(**{"data": Images(), "network": network, "stages": (stage,), "record": RECORD} | changes)


def surface_run(**changes):
    stage = Stage(steps=30, optimizer=SGD(0.9))
    record = (Record(Position(), (Schedule(),)),)
    return Run(**{"data": None, "surface": Bowl(), "stages": (stage,), "record": record} | changes)


stages = st.builds(
    Stage,
    steps=st.integers(20, 40),
    optimizer=st.one_of(st.builds(SGD, st.floats(1e-3, 1)), st.builds(Adam, st.floats(1e-3, 1), st.floats(0, 0.9))),
    batch_size=st.integers(2, 9),
    sampling=st.sampled_from(["replacement", "epochs"]),
)
networks = st.builds(
    Perceptron,
    st.lists(counts, min_size=1, max_size=3).map(tuple),
    st.just(10),
    st.sampled_from([ReLU(), Tanh(), Sigmoid()]),
    st.one_of(st.just(He()), st.builds(Normal, st.floats(0, 1))),
    st.sampled_from([None, BatchNormalization(), BatchNormalization(0.5, 0.1)]),
    st.sampled_from(["before", "after"]),
    st.one_of(st.none(), st.builds(Dropout, shares, st.sampled_from(["standard", "inverted"]))),
)
schedules = st.builds(Schedule, st.one_of(st.none(), st.integers(0, 9)), counts, st.one_of(st.none(), counts))
records = st.lists(
    st.builds(
        Record,
        st.sampled_from([Evaluation(), Evaluation(("test",)), DistinctUnits(), UpdatedLoss()]),
        st.lists(schedules, min_size=1, max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=3,
).map(tuple)
penalties = st.lists(st.one_of(st.builds(L1, shares), st.builds(L2, shares)), max_size=2).map(tuple)


@st.composite
def runs(draw):
    if draw(st.integers(0, 4)) == 0:
        return surface_run(surface=Bowl(start=(draw(shares), 1.0), elongation=draw(st.floats(0.5, 30))))
    number = draw(st.integers(1, 3))
    several = tuple(replace(draw(stages), name=f"stage-{n}") for n in range(number))
    if draw(st.booleans()):
        data = Images(draw(st.sampled_from([None, 500])), 0.2)
        several = tuple(replace(stage, stopping=EarlyStopping(5, 3)) for stage in several)
    else:
        data = Images(draw(st.sampled_from([None, 500])))
    network = draw(networks).layers(data.shape)
    return run(data=data, network=network, stages=several, penalties=draw(penalties), record=draw(records))


@given(runs())
def test_a_run_survives_its_way_through_json(value):
    data = json.loads(json.dumps(plain(value)))
    again = build(Run, data)
    assert again == value
    assert plain(again) == plain(value)
    assert canonical(again) == canonical(value) == canonical(plain(value))
    assert hash(again) == hash(value)


@given(runs(), runs())
def test_equal_runs_are_those_of_equal_texts(one, other):
    assert (one == other) == (canonical(one) == canonical(other))


@given(runs())
def test_every_setting_may_be_set_to_what_it_is(value):
    for key, setting in value.settings.items():
        if isinstance(setting, int | float):
            assert value.changed(key, setting) == value, key


@pytest.mark.parametrize(
    ("key", "path", "problem"),
    [
        ("stages.main.optimizer", "stages.0.optimizer", "optimizer: unknown kind 'fast'; choose from"),
        ("penalties.l2", "penalties.0", "penalty: unknown kind 'fast'"),
        ("network.dense-2.initializer", "network.3.initializer", "initializer: unknown kind 'fast'"),
        ("data", "data", "data: unknown kind 'fast'; choose from ['images', 'noise']"),
        ("record.0.measure", "record.0.measure", "measurement: unknown kind 'fast'"),
    ],
)
def test_what_cannot_be_built_is_named_with_its_path(key, path, problem):
    data = plain(run(penalties=(L2(),)))
    place = data
    *way, last = path.split(".")
    for name in way:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[int(last) if isinstance(place, list) else last] = {"kind": "fast"}
    with pytest.raises(StudyError) as refusal:
        build(Run, data)
    assert refusal.value.path == tuple(path.split(".")), key
    assert str(refusal.value).startswith(f"{path}: {problem}")


def test_an_unknown_field_and_a_missing_one_are_named_with_their_path():
    data = plain(run())
    data["stages"][0]["optimizer"]["rate"] = 1
    with pytest.raises(StudyError, match=r"^stages\.0\.optimizer: sgd: unknown field 'rate'; choose from \['learning"):
        build(Run, data)
    data = plain(run())
    del data["network"][1]["units"]
    with pytest.raises(StudyError, match=r"^network\.1: dense: .*'units'"):
        build(Run, data)
    with pytest.raises(StudyError, match=r"^stages\.0: stage: expected keys and values, not 3"):
        build(Run, plain(run()) | {"stages": [3]})


def test_settings_are_flat_and_named():
    found = run(penalties=(L2(0.1), L1())).settings
    assert found["data"] == "images"
    assert found["network.dense-1"] == "dense"
    assert found["network.dense-1.units"] == 6
    assert found["network.dense-3.initializer.std"] == 0.1
    assert found["network.relu-2"] == "relu"
    assert found["penalties.l2.strength"] == 0.1
    assert found["stages.main.optimizer"] == "sgd"
    assert found["stages.main.optimizer.learning_rate"] == 0.1


def test_a_changed_run_has_another_value_and_the_first_keeps_its_own():
    first = run(penalties=(L2(0.1), L1()))
    assert first.changed("optimizer.learning_rate", 0.5).stages[0].optimizer == SGD(0.5)
    assert first.changed("stages.main.steps", 7).steps == 7
    assert first.changed("network.dense-2.units", 9).network[3] == Dense(9, Normal(0.1))
    assert first.changed("l1.strength", 0.5).penalties == (L2(0.1), L1(0.5))
    assert first == run(penalties=(L2(0.1), L1()))
    with pytest.raises(StudyError, match="two settings or more answer to 'strength'"):
        first.changed("strength", 0.5)
    with pytest.raises(StudyError, match="no setting is called 'stepz'"):
        first.changed("stepz", 1)


# --- What makes no sense -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": ()}, "either a network or a point on a surface"),
        ({"surface": Bowl()}, "either a network or a point on a surface"),
        ({"data": None}, "data: a network needs data"),
        (
            {"network": (Dense(10),)},
            r"network: layer 1 \(dense\) needs a flat input, gets 1 x 28 x 28: put flatten before it",
        ),
        ({"network": (Flatten(), Dense(9))}, "the last layer gives 9 outputs, and the data have 10 classes"),
        ({"network": (ReLU(),)}, "the last layer gives 1 x 28 x 28 outputs, and the data have 10 classes"),
        ({"stages": (Stage(steps=1, optimizer=SGD()),) * 2}, "stages: each needs a name of its own, not main, main"),
        ({"data": Noise(examples=20), "network": (Dense(3),), "loss": Linear()}, "noise has no labels to learn"),
        (
            {"stages": (Stage(steps=30, optimizer=SGD(), stopping=EarlyStopping()),)},
            r"early stopping needs data\.validation above 0",
        ),
        (
            {
                "network": (Flatten(), BatchNormalization(), Dense(10)),
                "stages": (Stage(steps=3, optimizer=SGD(), batch_size=1),),
            },
            "batch normalization needs a batch_size of 2 or more, not 1",
        ),
        ({"record": (Record(Position()),)}, "'position' does not fit what the run trains"),
        ({"members": 2, "record": (Record(DistinctUnits()),)}, "'distinct_units' does not fit what the run trains"),
        (
            {
                "data": Noise(examples=20),
                "network": (Dense(3),),
                "loss": Linear(),
                "stages": (Stage(steps=0),),
                "record": (Record(Evaluation(("train",))),),
            },
            "'evaluation' needs labels, and the data have none",
        ),
        (
            {"record": (Record(Evaluation(("validation",))),)},
            r"validation data are read, but there are none: data\.validation is 0",
        ),
        (
            {"record": (Record(Evaluation(("noisy",))),)},
            r"noisy data are read, but there are none: data\.input_noise is 0",
        ),
        (
            {"data": Images(augmentations=(Mixup(),)), "loss": Linear()},
            r"data\.augmentations: linear takes labels alone, and mixup gives distributions",
        ),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(StudyError, match=message):
        run(**changes)


def test_the_batchs_loss_of_the_training_pass_has_no_end():
    with pytest.raises(StudyError, match=r"batch_loss at the end: .*; updated_loss is known there"):
        Record(BatchLoss())
    assert Record(UpdatedLoss()).at == (Schedule(first=None),)


def test_a_share_that_holds_out_nobody_is_refused():
    with pytest.raises(StudyError, match=r"data\.validation: 0\.01 of 20 examples are 0"):
        Images(examples=20, validation=0.01)


# --- Budgets and schedules ---------------------------------------------------------------------------------------


@given(runs(), st.integers(300, 600), st.one_of(st.none(), counts), st.one_of(st.none(), st.integers(100, 600)))
def test_a_run_within_a_budget_has_numbers_only_and_is_within_it_already(value, images, most_steps, most_examples):
    if isinstance(value.data, Images) and (value.data.examples or 0) > images:
        with pytest.raises(StudyError, match=f"there are {images} training images, not 500"):
            value.within(images, most_steps, most_examples)
        return
    within = value.within(images, most_steps, most_examples)
    assert all(stage.steps <= (most_steps or 40) for stage in within.stages)
    if isinstance(within.data, Images):
        assert within.data.examples == min(value.data.examples or images, most_examples or images)
    assert all(max(record.steps, default=0) <= within.steps for record in within.record)
    assert within.within(images, most_steps, most_examples) == within


def test_a_run_that_is_cut_below_its_first_look_is_not_stopped_early():
    stage = Stage(steps=30, optimizer=SGD(), stopping=EarlyStopping(every=10))
    value = run(data=Images(validation=0.2), stages=(stage,))
    assert value.within(100, 10).stages == (replace(stage, steps=10),)
    assert value.within(100, 9).stages == (replace(stage, steps=9, stopping=None),)


def test_batches_larger_than_an_epoch_are_refused():
    stage = Stage(steps=3, optimizer=SGD(), batch_size=90, sampling="epochs")
    value = run(data=Images(validation=0.2), stages=(stage,))
    assert value.within(113).data.examples == 113
    with pytest.raises(StudyError, match="batch_size: 90 is more than the 80 training examples"):
        value.within(100)


def test_epochs_of_an_unknown_number_of_images_are_refused():
    stage = Stage(steps=3, optimizer=SGD(), batch_size=9, sampling="epochs")
    network = Perceptron((6,)).layers((1, 28, 28), 2)
    some = Images(classes=(1, 2))
    with pytest.raises(StudyError, match=r"epochs need the number of images: say data\.examples or data\.per_class"):
        run(data=some, network=network, stages=(stage,)).within(100)
    within = run(data=replace(some, per_class=20), network=network, stages=(stage,)).within(100)
    assert within.data.size == 40


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [
        (Schedule(), list(range(11))),
        (Schedule(first=None), [10]),
        (Schedule(first=1, every=4), [1, 5, 9, 10]),
        (Schedule(first=2, every=4), [2, 6, 10]),
        (Schedule(first=0, every=3, last=7), [0, 3, 6]),
        (Schedule(first=0, every=5, last=99), [0, 5, 10]),
        (Schedule(first=11), []),
    ],
)
def test_a_schedule_of_ten_updates(schedule, steps):
    assert sorted(step for part in schedule.within(10) for step in part.steps) == steps
