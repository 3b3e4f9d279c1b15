"""Clocks: what is timed, in which order, and that the time is that of the training loop."""

from itertools import count

import pytest

from chapter6.engine import timing
from chapter6.engine.data import Images
from chapter6.engine.measurements.losses import UpdatedLoss
from chapter6.engine.network import Perceptron
from chapter6.engine.optimizers import SGD
from chapter6.engine.problems import NetworkProblem
from chapter6.engine.run import Record, Run, Schedule
from chapter6.engine.stages import Stage
from chapter6.engine.timing import paired_seconds
from chapter6.registry import StudyError
from engine.small import digits

DATASET = digits(50, 30)


def run(rate=0.1, batch_size=8, first=()):
    """Return a run of a stage of 5 updates, which has others before it."""
    stages = (*first, Stage(steps=5, optimizer=SGD(rate), batch_size=batch_size))
    record = (Record(UpdatedLoss(), (Schedule(),)),)
    return Run(data=Images(), network=Perceptron((4,)).layers((1, 28, 28), 10), stages=stages, record=record).within(50)


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by 1 whenever it is read, and what is trained and evaluated meanwhile."""
    seen, ticks = [], count()
    monkeypatch.setattr(timing, "perf_counter", lambda: float(next(ticks)))
    train, evaluate = timing.train, NetworkProblem.evaluate

    def watched_train(problem, stages, **options):
        seen.append((stages[0].optimizer.learning_rate, stages[0].steps, float(problem.values.sum())))
        return train(problem, stages, **options)

    def watched_evaluate(problem, split):
        seen.append(split)
        return evaluate(problem, split)

    monkeypatch.setattr(timing, "train", watched_train)
    monkeypatch.setattr(NetworkProblem, "evaluate", watched_evaluate)
    return seen


def test_an_update_takes_a_tick_of_a_clock_that_is_read_once_an_update(clock):
    assert list(paired_seconds((run(0.1), run(0.2)), "update", 7, 3, 6, DATASET)) == [(1, 1)] * 3
    assert {steps for _, steps, _ in clock} == {8}


def test_both_sides_take_turns_and_start_from_the_same_weights(clock):
    list(paired_seconds((run(0.1), run(0.2)), "update", 2, 4, 6, DATASET))
    assert [rate for rate, *_ in clock] == [0.2, 0.1, 0.1, 0.2, 0.2, 0.1, 0.1, 0.2]
    starts = [start for *_, start in clock]
    assert starts[::2] == starts[1::2]
    assert len(set(starts)) == 4


def test_the_first_stage_with_updates_is_timed(clock):
    empty = Stage(name="before", steps=0)
    list(paired_seconds((run(0.3, first=(empty,)), run(0.2)), "update", 2, 1, 6, DATASET))
    assert [rate for rate, *_ in clock] == [0.2, 0.3]


def test_nothing_is_recorded_on_the_way(clock, monkeypatch):
    monkeypatch.setattr(NetworkProblem, "loss_after_update", lambda _: pytest.fail("a second pass"))
    list(paired_seconds((run(), run()), "update", 2, 1, 6, DATASET))
    assert len(clock) == 2


def test_the_second_evaluation_of_the_test_data_is_timed(clock):
    assert list(paired_seconds((run(), run()), "evaluation", 2, 2, 6, DATASET)) == [(1, 1)] * 2
    assert clock == ["test"] * 8


def test_more_work_takes_more_time():
    pairs = list(paired_seconds((run(batch_size=2000), run(batch_size=2)), "update", 3, 3, 6, DATASET))
    assert all(large > small > 0 for large, small in pairs)


def test_a_run_that_diverges_has_no_times():
    with pytest.raises(StudyError, match=r"^diverges after \d updates, too few to be timed"):
        list(paired_seconds((run(1e30), run()), "update", 9, 1, 6, DATASET))
