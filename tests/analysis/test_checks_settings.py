"""Checks over the settings of a sweep: known answers on tables made by hand."""

import numpy as np
import pytest

from chapter6.analysis.checks import Check
from chapter6.analysis.comparisons import deciding
from chapter6.registry import StudyError

from .hand_made import tables, verdicts

NOISE = (0.0, 0.01, -0.01, 0.02, 0.01, -0.02, 0.0)


def sweep(levels, axis, noise=NOISE, metric=("test", "accuracy"), **more):
    """Tables with the given level for each (group, setting), and a little noise over the replicates."""
    runs = {f"{group}-{value}": [level + n for n in noise] for (group, value), level in levels.items()}
    axes = {f"{group}-{value}": {"group": group, axis: value} for group, value in levels}
    return tables((*metric, runs), axes=axes, **more)


GAPS = {("narrow", 100): 0.3, ("narrow", 1000): 0.2, ("narrow", 10000): 0.1}


@pytest.mark.parametrize(
    ("fields", "verdict", "estimate"),
    [
        ({"direction": "falls"}, "supported", -0.1),
        ({"direction": "falls", "margin": 0.05}, "supported", -0.1),
        ({"direction": "falls", "margin": 0.2}, "contradicted", -0.1),
        ({"direction": "rises"}, "contradicted", -0.1),
        ({"direction": "falls", "by": "change", "margin": 0.15}, "supported", -0.2),
        ({"direction": "falls", "by": "change", "margin": 0.25}, "contradicted", -0.2),
        ({"direction": "falls", "by": "change", "axis": "linear", "margin": 0.1}, "supported", None),
        ({"direction": "falls", "by": "rank", "margin": 0.9}, "supported", -1.0),
        ({"direction": "falls", "axis": "linear"}, "supported", None),
    ],
)
def test_trend(fields, verdict, estimate):
    made = sweep(GAPS, "images")
    check = Check.build({"kind": "trend", "metric": "accuracy", "along": "images", **fields})
    [part] = check.evaluate(made)
    assert part.verdict == verdict
    if estimate is not None:
        assert part.interval.estimate == pytest.approx(estimate)


def test_trend_in_each_setting_of_another_axis():
    made = sweep({**GAPS, ("wide", 100): 0.3, ("wide", 1000): 0.4, ("wide", 10000): 0.6}, "images")
    spec = {"kind": "trend", "metric": "accuracy", "along": "images", "direction": "falls", "each": ["group"]}
    parts = Check.build(spec).evaluate(made)
    assert [(part.comparison.where, part.verdict) for part in parts] == [
        ({"group": "narrow"}, "supported"),
        ({"group": "wide"}, "contradicted"),
    ]
    assert Check.build(spec).axes_named() == {"images", "group"}


@pytest.mark.parametrize(
    ("levels", "outcome"),
    [
        (("few", "many"), "axis 'images' of a-few is 'few', not a number"),
        ((0, 1), "axis 'images' has the level 0; write axis: linear"),
    ],
)
def test_a_trend_along_an_axis_that_does_not_fit_is_undecided_with_its_reason(levels, outcome):
    made = sweep({("a", level): 0.1 for level in levels}, "images")
    check = Check.build({"kind": "trend", "metric": "accuracy", "along": "images", "direction": "falls"})
    [part] = check.evaluate(made)
    assert (part.verdict, part.comparison.outcomes[-1].problem) == ("undecided", outcome)
    assert check.numeric_axes_named() == {"images"}


def test_a_trend_over_one_level_is_undecided():
    made = sweep({("a", 100): 0.1, ("b", 100): 0.2}, "images")
    check = Check.build({"kind": "trend", "metric": "accuracy", "along": "images", "direction": "falls"})
    assert verdicts(check, made) == ["undecided"]


STDS = {
    ("bn", 1): 0.9,
    ("bn", 0.1): 0.92,
    ("bn", 0.01): 0.91,
    ("plain", 1): 0.1,
    ("plain", 0.1): 0.9,
    ("plain", 0.01): 0.1,
}


@pytest.mark.parametrize(
    ("fields", "verdict", "estimate"),
    [
        ({"lower": "bn-*", "than": "plain-*"}, "supported", 0.01 - np.std([0.1, 0.9, 0.1], ddof=1)),
        ({"lower": "bn-*", "than": "plain-*", "by": "range"}, "supported", 0.02 - 0.8),
        ({"lower": "bn-*", "than": "plain-*", "by": "range", "margin": 0.9}, "contradicted", 0.02 - 0.8),
        ({"higher": "bn-*", "than": "plain-*"}, "contradicted", None),
        ({"lower": "bn-*", "than": "plain-1"}, "undecided", None),
    ],
)
def test_spread_over_an_axis(fields, verdict, estimate):
    made = sweep(STDS, "std", noise=(0.0, 0.001, -0.001, 0.001, 0.0, 0.002))
    [part] = Check.build({"kind": "spread", "metric": "accuracy", "along": "std", **fields}).evaluate(made)
    assert part.verdict == verdict
    if estimate is not None:
        assert part.interval.estimate == pytest.approx(estimate)


@pytest.mark.parametrize(("at_least", "verdict"), [(0.5, "supported"), (0.75, "supported"), (0.76, "contradicted")])
def test_setting_share_counts_variants_whose_setting_lies_in_the_range(at_least, verdict):
    made = sweep({("a", rate): 0.5 for rate in (0.0001, 0.01, 0.1, 0.3)}, "rate")
    fields = {"variants": "a-*", "along": "rate", "low": 1e-4, "high": 0.1, "at_least": at_least}
    [part] = Check.build({"kind": "setting_share", **fields}).evaluate(made)
    assert (part.verdict, part.interval.low, part.interval.estimate, part.interval.high) == (verdict, 0.75, 0.75, 0.75)
    assert (part.comparison.details["count"], part.comparison.details["of"]) == (3, 4)


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"low": 1}, "low 1 is not below high 0.1"), ({"at_least": 80}, "at_least 80 is a share, between 0 and 1")],
)
def test_setting_share_refuses_what_no_setting_can_meet(fields, message):
    given = {"variants": "*", "along": "rate", "low": 1e-4, "high": 0.1, "at_least": 0.8} | fields
    with pytest.raises(StudyError, match=message):
        Check.build({"kind": "setting_share", **given})


def reach(**fields):
    learned = {"metric": "accuracy", "at_least": 0.5}
    return Check.build({"kind": "reach", "than": "plain-*", "along": "rate", "learned": learned, **fields})


def test_reach_is_the_largest_setting_that_learns():
    levels = {
        ("bn", 0.1): 0.9,
        ("bn", 1): 0.9,
        ("bn", 10): 0.1,
        ("plain", 0.1): 0.9,
        ("plain", 1): 0.1,
        ("plain", 10): 0.1,
    }
    made = sweep(levels, "rate")
    [part] = reach(higher="bn-*", margin=2).evaluate(made)
    assert (part.verdict, part.interval.estimate) == ("supported", pytest.approx(10))
    assert part.interval.low == part.interval.high
    assert verdicts(reach(higher="bn-*", margin=20), made) == ["contradicted"]
    assert verdicts(reach(lower="bn-*", end="smallest"), made) == ["contradicted"]
    assert reach(higher="bn-*").metrics_named() == {("test", "accuracy")}


def test_reach_counts_learning_nowhere_as_the_other_end_of_the_axis():
    levels = {("bn", 0.1): 0.1, ("bn", 1): 0.1, ("plain", 0.1): 0.1, ("plain", 1): 0.9}
    [part] = reach(higher="bn-*").evaluate(sweep(levels, "rate"))
    assert (part.verdict, part.interval.estimate) == ("contradicted", pytest.approx(0.1))


def learning(**fields):
    spec = {"kind": "learning", "metric": "accuracy", "learner": "bn-*", "than": "plain-*", "each": ["std"]}
    return Check.build({**spec, "learned": 0.5, "unlearned": 0.2, **fields})


def test_learning_where_the_other_does_not():
    made = sweep(STDS, "std")
    parts = learning(needs=1).evaluate(made)
    assert [part.verdict for part in parts] == ["supported", "contradicted", "supported"]
    assert parts[0].interval.estimate == pytest.approx(np.mean([0.1 - n for n in NOISE]))
    assert deciding(parts, 1).verdict == "supported"
    assert deciding(learning(needs=1, learner="plain-*", than="bn-*").evaluate(made), 1).verdict == "contradicted"


def test_learning_by_a_loss():
    made = sweep({("bn", 1): 0.2, ("plain", 1): 2.3}, "std", metric=("train", "loss"))
    assert verdicts(learning(metric="loss", split="train", better="lower", learned=1, unlearned=2), made) == [
        "supported"
    ]
