"""Shares of replicates are binomial, and no interval leaves the range of what is measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, binomtest

from chapter6.analysis.checks import Check
from chapter6.analysis.comparisons import Comparison
from chapter6.analysis.samples import Fresh, Sample, Successes
from chapter6.intervals import Verdict
from chapter6.records import Range
from chapter6.registry import StudyError

from .hand_made import tables

RANGES = [
    Range(least=0.5),
    Range(most=0.2),
    Range(least=0.8, closed=True),
    Range(0.3, 0.9, closed=True),
    Range(least=0),
]


def successes(count, of=10):
    return Successes(np.array([1.0] * count + [0.0] * (of - count)))


@pytest.mark.parametrize("confidence", [0.95, 0.99])
@pytest.mark.parametrize("count", range(11))
def test_a_share_of_replicates_has_the_interval_of_clopper_and_pearson(count, confidence):
    found, known = successes(count).interval(confidence), binomtest(count, 10).proportion_ci(confidence)
    assert (found.estimate, found.replicates) == (count / 10, 10)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))


@given(st.integers(0, 12), st.integers(12, 30), st.sampled_from(RANGES))
def test_levels_of_a_share_give_the_verdict_of_its_interval(count, of, claimed):
    comparison = Comparison(sample=successes(count, of), claimed=claimed)
    levels = comparison.levels()
    assert next(verdict for verdict in Verdict if levels.gives(verdict)) == comparison.part().verdict


@pytest.mark.parametrize("count", [0, 7, 10])
def test_fresh_studies_of_a_share_draw_its_truth_first(count):
    """Ten of ten do not promise ten of ten: the share of fresh studies is beta-binomial."""
    fresh = Fresh.draw(np.random.default_rng(3), 20_000, 10)
    levels = successes(count).levels(Range(least=0.5), fresh)
    nine_or_more = betabinom(10, count + 0.5, 10.5 - count).sf(8)  # what it takes to say more than half
    assert levels.gives(Verdict.SUPPORTED).mean() == pytest.approx(nine_or_more, abs=0.01)


def test_a_share_over_runs_that_have_no_such_number_is_undecided():
    unknown = Comparison(sample=Successes(np.array([1.0, np.nan, 1.0])), claimed=Range(least=0.1))
    assert unknown.part().verdict == "undecided"
    assert unknown.levels().gives(Verdict.UNDECIDED)


ACCURACIES = {"early": [0.95] * 8 + [0.90] * 2, "whole": [0.952] * 10}
COSTLY = {"kind": "frequency", "metric": "accuracy", "variants": "early", "than": "whole", "less_than": -0.01}


@pytest.mark.parametrize(
    ("fields", "verdict", "estimate"),
    [
        ({"below": 0.2}, "undecided", 0.2),
        ({"below": 0.6}, "supported", 0.2),
        ({"above": 0.6}, "contradicted", 0.2),
        ({"than": None, "less_than": None, "more_than": 0.8, "above": 0.6}, "supported", 1.0),
        ({"than": None, "less_than": None, "more_than": 0.8, "above": 0.7}, "undecided", 1.0),  # ten of ten: 69 %
        ({"than": None, "less_than": None, "more_than": 0.95, "above": 0.5}, "contradicted", 0.0),
    ],
)
def test_how_often_a_number_lies_beyond_an_amount(fields, verdict, estimate):
    spec = {key: value for key, value in {**COSTLY, **fields}.items() if value is not None}
    [part] = Check.build(spec).evaluate(tables(("test", "accuracy", ACCURACIES)))
    assert (part.verdict, part.interval.estimate) == (verdict, pytest.approx(estimate))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"more_than": 0.1}, "give exactly one of more_than, less_than"),
        ({"less_than": -5}, "write 0.05 for 5 points"),
        ({"below": 20}, "a share of replicates lies in 0..1"),
    ],
)
def test_what_does_not_fit_a_share_of_replicates_is_refused(fields, message):
    with pytest.raises(StudyError, match=message):
        Check.build({"below": 0.2, **COSTLY, **fields})


WILD = tables(("test", "accuracy", {"a": [0.0, 1.0, 1.0], "b": [1.0, 0.0, 0.0], "c": [1.0] * 3, "d": [0.0] * 3}))
OF_ACCURACY = {"metric": "accuracy"}


@pytest.mark.parametrize(
    ("spec", "least", "most"),
    [
        ({"kind": "ordering", "higher": "a", "than": "b"}, -1, 1),
        ({"kind": "ordering", "higher": "c", "than": "d"}, -1, 1),  # three that agree say nothing
        ({"kind": "level", "variants": "a", "above": 0.5, "transform": "identity"}, 0, 1),
        ({"kind": "equivalence", "variants": "a", "constant": 0.5, "margin": 0.1}, 0, 1),
        ({"kind": "interaction", "larger": ["a", "b"], "than": ["b", "a"]}, -2, 2),
        ({"kind": "learning", "learner": "a", "than": "b", "learned": 0.5}, -1, 1),
    ],
)
def test_no_interval_leaves_the_range_of_its_number(spec, least, most):
    [part] = Check.build({**OF_ACCURACY, **spec}).evaluate(WILD)
    assert (part.interval.low, part.interval.high) == pytest.approx((least, most), abs=1e-12)


def test_a_difference_reaches_as_far_as_its_sides_do():
    wide = Sample(np.array([0.0, 1.0]), np.array([1.0, 0.0]), "difference", bounds=(0.0, 1.0)).interval(0.95)
    assert (wide.low, wide.high) == (-1, 1)
    ratio = Sample(np.array([1.0, 9.0]), np.array([9.0, 1.0]), "ratio", bounds=(0.0, 1.0)).interval(0.95)
    assert ratio.high > 1
