"""From a run to its outcome: what is built of which streams."""

from dataclasses import replace

import numpy as np
import pytest

from chapter6.engine.data import Images, Noise
from chapter6.engine.examples import Examples
from chapter6.engine.execution import execute, problem_of
from chapter6.engine.layers import Dense
from chapter6.engine.losses import Linear
from chapter6.engine.measurements.activations import Activations
from chapter6.engine.measurements.losses import BatchLoss, Evaluation
from chapter6.engine.measurements.surfaces import Position
from chapter6.engine.network import Perceptron
from chapter6.engine.optimizers import SGD
from chapter6.engine.penalties import L2
from chapter6.engine.problems import EnsembleProblem, NetworkProblem, SurfaceProblem
from chapter6.engine.run import Record, Run, Schedule
from chapter6.engine.streams import Streams
from chapter6.engine.surfaces import Bowl
from chapter6.engine.training import Stage, train
from engine.small import digits

DATASET = digits(40, 15)
STREAMS = Streams(6, 3)
LOSSES = Record(BatchLoss(), (Schedule(),))
STAGE = Stage(steps=12, optimizer=SGD(0.1), batch_size=5)


def run(**changes):
    network = Perceptron((6,)).layers((1, 28, 28), 10)
    parts = {"data": Images(30), "network": network, "stages": (STAGE,), "record": (LOSSES,)} | changes
    return Run(**parts).within(40)


def losses(outcome):
    return outcome.curves["batch", "loss"].values


def test_a_run_is_executed_as_its_parts_put_together_by_hand():
    value = run(penalties=(L2(0.1),))
    train_split = Examples(DATASET.train_images[:30], DATASET.train_labels[:30], 1 / 255)
    parameters = value.architecture.initial_parameters(STREAMS, np.float32)
    problem = NetworkProblem(value.architecture, parameters, {"train": train_split}, [L2(0.1)], STREAMS)
    expected = []
    train(problem, [STAGE], progress=lambda _, loss: expected.append(loss))
    outcome = execute(value, STREAMS, DATASET)
    assert (outcome.status, outcome.steps, losses(outcome)) == ("finished", 12, expected)
    assert losses(execute(value, STREAMS, DATASET)) == expected
    assert losses(execute(value, Streams(6, 4), DATASET)) != expected


def test_two_stages_are_executed_one_after_the_other():
    second = replace(STAGE, name="second", steps=8, batch_size=7)
    one, both = execute(run(), STREAMS, DATASET), execute(run(stages=(STAGE, second)), STREAMS, DATASET)
    assert both.steps == run(stages=(STAGE, second)).steps == 20
    assert losses(both)[:12] == losses(one)
    assert both.curves["batch", "loss"].steps == list(range(20))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_run_is_trained_in_its_own_type_unless_another_is_asked_for(dtype):
    assert problem_of(run(dtype=np.dtype(dtype).name), STREAMS, DATASET).values.dtype == dtype
    assert problem_of(run(), STREAMS, DATASET, dtype).values.dtype == dtype


def test_members_have_streams_of_their_own_and_share_the_data():
    value = run(members=2, data=Images(30, 0.2))
    problem = problem_of(value, STREAMS, DATASET)
    assert isinstance(problem, EnsembleProblem)
    first, second = problem.members
    alone = problem_of(replace(value, members=1), STREAMS, DATASET)
    np.testing.assert_array_equal(first.values, alone.values)
    own = value.architecture.initial_parameters(STREAMS.within("member-1"), np.float32)
    np.testing.assert_array_equal(second.values, own.values)
    assert first.splits is second.splits
    np.testing.assert_array_equal(problem.values, np.concatenate([first.values, second.values]))


def test_a_point_starts_where_its_surface_says():
    record = (Record(Position(), (Schedule(),)),)
    value = Run(data=None, surface=Bowl(start=(3.0, -1.0)), stages=(STAGE,), record=record)
    assert isinstance(problem_of(value, STREAMS), SurfaceProblem)
    outcome = execute(value.within(40), STREAMS)
    assert (outcome.curves["train", "x"].values[0], outcome.curves["train", "y"].values[0]) == (3, -1)
    assert not value.needs_dataset


def test_noise_needs_no_data_set_and_no_updates():
    network = Perceptron((6, 5), 0).layers((7,))
    assert not isinstance(network[-1], Dense)
    record = (Record(Activations()),)
    data = Noise(examples=20, inputs=7)
    value = Run(data=data, network=network, loss=Linear(), stages=(Stage(steps=0),), record=record)
    outcome = execute(value.within(40), STREAMS, dtype=np.float64)
    assert (outcome.status, outcome.steps) == ("finished", 0)
    assert outcome.curves["train", "activation_std/layer-2"].steps == [0]


def test_trials_of_a_search_share_their_data_where_they_are_told_to():
    value = run(data=Images(30, 0.2), record=(Record(Evaluation(("validation",))),))
    shared = Streams(6, 0)
    trials = [problem_of(value, shared.within(f"trial-{n}"), DATASET, data_streams=shared) for n in range(2)]
    for split in ("train", "validation"):
        np.testing.assert_array_equal(*(trial.splits[split].images for trial in trials))
    assert (trials[0].values != trials[1].values).any()
    own = [problem_of(value, shared.within(f"trial-{n}"), DATASET) for n in range(2)]
    assert (own[0].splits["validation"].images != own[1].splits["validation"].images).any()
