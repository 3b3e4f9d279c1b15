"""What runs are chosen by: a summary, or the updates to a level; medians over seeds, a diverged one worst."""

from math import inf

import numpy as np
import pytest

from chapter6.quantities import Curve
from chapter6.registry import StudyError
from chapter6.study.scores import Judged

FALLING = Curve(np.arange(5.0), np.array([5.0, 4.0, 1.0, 3.0, 0.5]))


@pytest.mark.parametrize(
    ("judged", "score"),
    [
        (Judged("loss"), (0.5,)),
        (Judged("loss", summary="minimum"), (0.5,)),
        (Judged("loss", at_most=1), (2.0, 0.0)),
        (Judged("loss", at_most=2.7, window=3), (3.0, 0.0)),
        (Judged("loss", at_most=0.1), (6.0, 0.4)),
        (Judged("loss", at_most=1, window=3), (6.0, 0.5)),
        (Judged("loss", at_most=1, window=50), (6.0, 1.7)),
        (Judged("accuracy", at_least=4), (0.0, 0.0)),
    ],
)
def test_a_curve_becomes_a_number_or_the_updates_to_a_level(judged, score):
    assert judged.score(FALLING, 5) == pytest.approx(score)


@pytest.mark.parametrize("readings", [[], [1.0, np.nan], [1.0, np.inf]])
def test_what_is_not_finite_has_no_score(readings):
    assert Judged("loss").score(Curve(np.arange(len(readings)), np.array(readings)), 5) is None


def test_the_median_decides_and_a_diverged_seed_is_the_worst():
    loss, accuracy, time = Judged("loss"), Judged("accuracy"), Judged("loss", at_most=0.2)
    assert loss.rank([(1.0,), (2.0,), (9.0,)]) == (2.0, 0.0)
    assert loss.rank([(1.0,), None, (2.0,)]) == (2.0, 0.0)
    assert loss.rank([(1.0,), None])[0] == inf
    assert accuracy.rank([(0.9,)]) < accuracy.rank([(0.8,)]) < accuracy.rank([None])
    assert time.rank([(301.0, 0.1)]) < time.rank([(301.0, 0.4)]) < time.rank([None])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"at_least": 1, "at_most": 2}, "not both"),
        ({"at_most": 1, "summary": "mean"}, "summary"),
        ({"window": 5}, "window"),
        ({"summary": "best"}, "unknown summary 'best'"),
    ],
)
def test_what_does_not_fit_together_is_refused(settings, told):
    with pytest.raises(StudyError, match=told):
        Judged("loss", **settings)
