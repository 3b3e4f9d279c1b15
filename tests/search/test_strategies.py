import numpy as np
import pytest

from chapter6.registry import StudyError
from chapter6.search.strategies import Bayesian, Grid, Narrowing, Random, Strategy

NOTHING = (np.empty((0, 2)), np.empty(0))


def searched(strategy, score, trials=24, seed=0):
    """Run a whole search; each round has a generator of its own, as in the study."""
    points, scores = NOTHING
    for number, count in enumerate(strategy.rounds(trials)):
        new = strategy.propose(count, 2, points, scores, np.random.default_rng([seed, number]))
        points = np.vstack([points, new])
        scores = np.append(scores, score(new))
    return points, scores


def bowl(points):
    return -((points - [0.7, 0.2]) ** 2).sum(axis=1)


@pytest.mark.parametrize("key", Strategy.members)
@pytest.mark.parametrize("trials", [8, 24, 40])
def test_rounds_sum_to_the_budget(key, trials):
    assert sum(Strategy.build({"kind": key}).rounds(trials)) == trials


@pytest.mark.parametrize("key", Strategy.members)
def test_points_lie_in_the_unit_cube_and_a_seed_gives_them_again(key):
    strategy = Strategy.build({"kind": key})
    points, _ = searched(strategy, bowl, trials=12)
    assert points.shape == (12, 2)
    assert ((points >= 0) & (points <= 1)).all()
    np.testing.assert_array_equal(points, searched(strategy, bowl, trials=12)[0])


@pytest.mark.parametrize("key", ["random", "narrowing", "bayesian"])
def test_another_seed_gives_other_points(key):
    strategy = Strategy.build({"kind": key})
    assert not np.array_equal(searched(strategy, bowl, 8, seed=0)[0], searched(strategy, bowl, 8, seed=1)[0])


def test_grid_points_are_the_centres_of_the_most_nearly_square_grid():
    points = Grid().propose(6, 2, *NOTHING, np.random.default_rng())
    np.testing.assert_allclose(np.unique(points[:, 0]), [1 / 6, 0.5, 5 / 6])
    np.testing.assert_allclose(np.unique(points[:, 1]), [0.25, 0.75])
    assert len(np.unique(points, axis=0)) == 6


def test_grid_points_in_one_dimension_are_evenly_spaced():
    points = Grid().propose(4, 1, np.empty((0, 1)), np.empty(0), np.random.default_rng())
    np.testing.assert_allclose(points[:, 0], [0.125, 0.375, 0.625, 0.875])


def test_a_grid_from_end_to_end_has_the_ends_of_both_ranges():
    points = Grid(placement="ends").propose(6, 2, *NOTHING, np.random.default_rng())
    np.testing.assert_allclose(np.unique(points[:, 0]), [0, 0.5, 1])
    np.testing.assert_allclose(np.unique(points[:, 1]), [0, 1])
    assert len(np.unique(points, axis=0)) == 6
    np.testing.assert_allclose(Grid(placement="ends").propose(1, 1, *NOTHING, np.random.default_rng()), [[0.5]])


def test_grid_refuses_three_dimensions():
    with pytest.raises(StudyError, match="grid: made for one or two dimensions, not 3"):
        Grid().propose(8, 3, np.empty((0, 3)), np.empty(0), np.random.default_rng())


def test_narrowing_draws_within_the_box_of_the_best_points():
    tried = np.array([[0.1, 0.1], [0.4, 0.5], [0.5, 0.6], [0.9, 0.9]])
    scores = np.array([0.1, 0.8, 0.9, 0.2])
    points = Narrowing(keep=2).propose(50, 2, tried, scores, np.random.default_rng(0))
    assert (points >= [0.4, 0.5]).all()
    assert (points <= [0.5, 0.6]).all()
    low, high = Narrowing().box(*NOTHING, 2)
    assert (low.tolist(), high.tolist()) == ([0, 0], [1, 1])


@pytest.mark.parametrize("strategy", [Narrowing(), Bayesian()])
def test_a_search_that_learns_proposes_better_points_than_its_first_round(strategy):
    _, scores = searched(strategy, bowl)
    first, last = strategy.rounds(24)[0], strategy.rounds(24)[-1]
    assert np.median(scores[-last:]) > np.median(scores[:first])


def test_bayesian_search_comes_nearer_than_random_on_a_smooth_bowl():
    best = [[searched(strategy, bowl, 24, seed)[1].max() for seed in range(3)] for strategy in (Bayesian(), Random())]
    assert np.mean(best[0]) > np.mean(best[1])
