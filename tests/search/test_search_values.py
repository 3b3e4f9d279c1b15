import json

import pytest

from chapter6.registry import StudyError, build, plain
from chapter6.search.searches import Replay, Search, Way
from chapter6.search.spaces import Dimension
from chapter6.search.stopping import Median
from chapter6.search.strategies import Grid, Narrowing, Random

SPACE = {"learning_rate": Dimension(1e-6, 1e-2), "strength": Dimension(1e-8, 1e-4)}


def test_exactly_one_way_is_given():
    assert Way(Random()).replay is None
    for ways in ((), (Random(), Replay("random", Median()))):
        with pytest.raises(StudyError, match="exactly one of strategy, replay"):
            Way(*ways)


def test_a_strategy_trains_its_trials_and_its_choice_and_a_replay_its_choice_only():
    search = Search(Narrowing(stages=3), space=SPACE, trials=10, retrains=4)
    assert (search.rounds, search.trainings, search.size) == ([4, 3, 3], 14, 2)
    replay = Search(replay=Replay("random", Median()), space=SPACE, trials=10)
    assert (replay.rounds, replay.trainings) == ([], 5)


def test_what_cannot_propose_points_is_refused_before_any_job():
    with pytest.raises(StudyError, match="grid: made for one or two dimensions, not 3"):
        Search(Grid(), space=SPACE | {"momentum": Dimension(0.1, 0.9)}, trials=8)


@pytest.mark.parametrize("way", [{"strategy": Random(4)}, {"replay": Replay("random", Median(0.5))}])
def test_a_search_survives_its_way_through_json(way):
    search = Search(**way, space=SPACE, trials=10, metric="loss")
    assert build(Search, json.loads(json.dumps(plain(search)))) == search


def test_the_space_is_seen_as_a_cube_of_its_dimensions_in_their_order():
    search = Search(Random(), space=SPACE, trials=3)
    assert list(search.cube.values([0, 1])) == ["learning_rate", "strength"]
    assert search.cube.values([0, 1]) == pytest.approx({"learning_rate": 1e-6, "strength": 1e-4})
