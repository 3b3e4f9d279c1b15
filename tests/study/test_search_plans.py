"""Searches as they are planned: what lies in their space, and how many trainings they take."""

import pytest

from chapter6.search.searches import Replay, Search
from chapter6.search.spaces import Dimension, Space
from chapter6.search.stopping import Median
from chapter6.search.strategies import Narrowing

RATE = "stages.main.optimizer.learning_rate"
SPACE = {RATE: Dimension(1e-6, 1e-2)}


@pytest.mark.parametrize(
    ("values", "lies"), [({RATE: 1e-3}, True), ({RATE: 1e-2 * (1 + 1e-12)}, True), ({RATE: 0.1}, False), ({}, False)]
)
def test_a_point_lies_in_its_space(values, lies):
    assert Space(SPACE).holds(values) is lies


def test_a_negative_end_belongs_to_its_range():
    assert Space({"x": Dimension(-2, -1, "linear")}).holds({"x": -2.0})


def test_a_replay_trains_only_what_it_chooses():
    assert Search(Narrowing(), space=SPACE, trials=40, retrains=5).trainings == 45
    replay = Search(None, Replay("random", Median()), space=SPACE, trials=40, retrains=5)
    assert (replay.trainings, replay.rounds) == (5, [])
