"""The study's own claims on searches, where they are true, false, or unfair in the way that they once were."""

import numpy as np
import pytest

from chapter6.analysis.claims import judge_claim

from .hand_made import search_tables, tables
from .own_claims import claims

SEARCHES, TRIALS = 15, 400
WOBBLE = 0.01 * np.linspace(-1, 1, SEARCHES)
STRATEGIES = ("grid-centres", "grid-ends", "random", "narrowing", "bayesian")


def verdict(claim, made):
    return judge_claim(claims()[claim], "e", made).verdict


def choices(split="test", **accuracies):
    """The accuracy of each strategy's choice: what those of all searches lie around."""
    noise = -WOBBLE if split == "validation" else WOBBLE
    runs = {name: value + np.roll(noise, 4 * n) for n, (name, value) in enumerate(accuracies.items())}
    return split, "accuracy", runs


def trials(scores):
    """The same trials in every search, each search a little better or worse than the others."""
    return np.array(scores) + WOBBLE[:, None] * np.linspace(0.5, 1, len(scores))


@pytest.mark.parametrize(
    ("medians", "found"),
    [((0.2, 0.5, 0.7), "supported"), ((0.2, 0.7, 0.5), "contradicted"), ((0.2, 0.6, 0.6), "undecided")],
)
def test_c30_each_round_is_better_than_the_one_before(medians, found):
    """The best of all trials rises in any search; medians of rounds need not."""
    scores = trials([median + by for median in medians for by in (-0.1, 0.0, 0.1)])
    rounds = [1] * 3 + [2] * 3 + [3] * 3
    made = search_tables({"narrowing": scores}, {"rate": np.ones_like(scores)}, rounds)
    assert verdict("C30", made) == found


@pytest.mark.parametrize(
    ("random", "centres", "ends", "found"),
    [
        (0.8, 0.7, 0.7, ("supported", "supported", "supported")),
        (0.7, 0.8, 0.8, ("contradicted", "contradicted", "contradicted")),
        # the best rate lies at the end of the range, where the centres of cells never are
        (0.8, 0.7, 0.8, ("contradicted", "supported", "contradicted")),
    ],
)
def test_c31_random_search_beats_the_grid_wherever_its_points_lie(random, centres, ends, found):
    made = tables(choices(**{"random": random, "grid-centres": centres, "grid-ends": ends}))
    assert tuple(verdict(claim, made) for claim in ("C31", "C31-centres", "C31-ends")) == found


def explaining(rate=0.0, batch=0.0, decay=0.0, width=0.0):
    """Searches whose accuracy rises with the logarithm of each hyper-parameter by so much over its range."""
    rng = np.random.default_rng(3)
    names = ("stages.main.optimizer.learning_rate", "stages.main.batch_size", "penalties.l2.strength", "width")
    places = rng.random((4, SEARCHES, TRIALS))
    weights = np.array([rate, batch, decay, width])
    scores = 0.1 + np.tensordot(weights, places, 1) + 0.02 * rng.standard_normal((SEARCHES, TRIALS))
    return search_tables({"random": scores}, dict(zip(names, np.exp(places), strict=True)))


@pytest.mark.parametrize(
    ("slopes", "found"),
    [
        ({"rate": 0.5, "batch": 0.1}, ("supported", "contradicted")),
        ({"rate": 0.75, "batch": 0.55, "decay": 0.4}, ("supported", "supported")),
        ({"rate": 0.2, "width": 0.5}, ("contradicted", "contradicted")),
        # more than decay in a range in which decay does nothing, yet not more than the batch size
        ({"rate": 0.4, "batch": 0.4}, ("contradicted", "contradicted")),
    ],
)
def test_c29_the_learning_rate_explains_more_than_each_of_the_others(slopes, found):
    made = explaining(**slopes)
    assert tuple(verdict(claim, made) for claim in ("C29", "C29-order")) == found


def reached_at(*numbers, of=40):
    """Searches whose best trial is good from the given numbers on, None for never."""
    return [[0.3] * (n - 1) + [0.8] * (of + 1 - n) if n else [0.3] * of for n in numbers]


LATE = [*range(20, 34), 34]


@pytest.mark.parametrize(
    ("bayesian", "random", "found"),
    [
        (range(10, 25), LATE, "supported"),
        (LATE, range(10, 25), "contradicted"),
        ([n - 1 for n in LATE], LATE, "contradicted"),  # one trial fewer is sooner, but no gain
        (range(10, 25), [None] * 5 + LATE[:10], "supported"),  # these needed more than 40, which is no number
        ([None] * 15, [None] * 15, "undecided"),
        ([None] * 5 + [10] * 10, LATE, "undecided"),  # the mean of those that got there would flatter it
    ],
)
def test_c32_bayesian_search_needs_fewer_trials(bayesian, random, found):
    made = search_tables({"bayesian": reached_at(*bayesian), "random": reached_at(*random)})
    assert verdict("C32", made) == found


@pytest.mark.parametrize(("used", "found"), [(0.5, "supported"), (0.95, "contradicted"), (1.0, "contradicted")])
def test_c33_stopping_early_saves_a_fifth_of_the_updates(used, found):
    """One update fewer is a saving, but none that pays."""
    given = np.arange(180, 180 + SEARCHES)[:, None] * np.ones((1, 10), dtype=int)
    stopped = (given * used).astype(int)
    accuracies = {name: np.full((SEARCHES, 10), 0.5) for name in ("random", "halving", "median")}
    made = search_tables(accuracies, updates={"random": given, "halving": stopped, "median": stopped - 1})
    assert verdict("C33", made) == found


@pytest.mark.parametrize(
    ("worse", "by", "found"),
    [
        (0, 0.1, "supported"),
        (30, 0.1, "contradicted"),
        (30, 0.005, "supported"),
        (13, 0.012, "contradicted"),  # half a point in the mean: many searches lose, none much
        (4, 0.1, "undecided"),
    ],
)
def test_c33_loss_counts_searches_that_end_worse(worse, by, found):
    whole = np.linspace(0.7, 0.8, 30)
    stopped = whole - by * (np.arange(30) < worse)
    runs = {"random": whole, "halving": stopped, "median": whole}
    assert verdict("C33-loss", tables(("test", "accuracy", runs))) == found


@pytest.mark.parametrize(
    ("chosen_by", "but", "found"),
    [
        (0.8, {}, "supported"),
        (0.7, {}, "contradicted"),
        (0.712, {}, "undecided"),
        (0.8, {"grid-ends": 0.7}, "contradicted"),  # four of five strategies
    ],
)
def test_c57_the_winner_is_optimistic_in_every_strategy(chosen_by, but, found):
    """Its test accuracy is that of the same point retrained: the winner's luck is gone, its point is not."""
    won = choices("validation", **dict.fromkeys(STRATEGIES, chosen_by) | but)
    assert verdict("C57", tables(won, choices("test", **dict.fromkeys(STRATEGIES, 0.7)))) == found
