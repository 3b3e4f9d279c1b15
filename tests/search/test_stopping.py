import numpy as np
import pytest

from chapter6.search.stopping import Halving, Median, StoppingRule

RANKED = np.linspace(0, 1, 8)[:, None] * np.ones((8, 16))  # trial 7 is the best at every look


def test_halving_gives_the_better_half_twice_the_looks():
    assert Halving(rungs=3).looks(RANKED).tolist() == [2, 2, 2, 2, 4, 4, 8, 16]


def test_median_stops_what_falls_below_the_trials_before():
    assert Median(grace=0.25).looks(RANKED).tolist() == [16] * 8
    assert Median(grace=0.25).looks(RANKED[::-1]).tolist() == [16] + [4] * 7


def test_a_late_bloomer_is_stopped_although_it_would_have_won():
    curves = RANKED.copy()
    curves[0] = [0.0] * 8 + [2.0] * 8
    assert Halving().looks(curves)[0] == 2


@pytest.mark.parametrize("key", StoppingRule.members)
def test_the_best_of_constant_curves_survives(key):
    looks = StoppingRule.build({"kind": key}).looks(RANKED)
    assert looks[7] == 16
    assert ((looks >= 1) & (looks <= 16)).all()


@pytest.mark.parametrize("key", StoppingRule.members)
def test_a_single_trial_goes_on(key):
    assert StoppingRule.build({"kind": key}).looks(np.ones((1, 4))).tolist() == [4]
