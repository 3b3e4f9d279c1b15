"""Checks on searches: known answers on tables made by hand."""

import numpy as np
import pytest

from chapter6.analysis.checks import Check
from chapter6.analysis.checks_search import explained
from chapter6.registry import StudyError

from .hand_made import outcomes, search_tables, verdicts

SEARCHES, TRIALS = 6, 100


def made(outcome, searches=SEARCHES, trials=TRIALS, rounds=()):
    """Random searches over eta and decay whose accuracy is a function of both (log10) and of noise."""
    rng = np.random.default_rng(3)
    eta = rng.uniform(-6, -2, (searches, trials))
    decay = rng.uniform(-8, -4, (searches, trials))
    accuracy = np.clip(outcome(eta, decay) + 0.02 * rng.standard_normal(eta.shape), 0, 1)
    return search_tables({"random": accuracy}, {"eta": 10**eta, "decay": 10**decay}, rounds)


def by_eta(eta, decay):
    return 0.1 + 0.2 * (eta + 6) + 0 * decay


def by_a_peak_of_eta(eta, decay):
    return 0.8 - 0.3 * np.abs(eta + 4) + 0 * decay


def build(kind, **fields):
    return Check.build({"kind": kind, "metric": "accuracy", "split": "validation", "variants": "random", **fields})


@pytest.mark.parametrize("outcome", [by_eta, by_a_peak_of_eta])
def test_the_parameter_that_matters_explains_the_variance_whatever_the_shape(outcome):
    check = build("explained_variance", parameter="eta", than="decay", margin=0.1)
    [part] = check.evaluate(made(outcome))
    assert (part.verdict, part.interval.replicates) == ("supported", SEARCHES)
    assert part.interval.estimate > 0.7
    assert verdicts(build("explained_variance", parameter="decay", than="eta"), made(outcome)) == ["contradicted"]
    assert check.metrics_named() == {("validation", "accuracy")}


def test_explained_variance_is_one_of_what_the_bins_tell_and_about_zero_of_noise():
    parameter = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0], 20)
    assert explained(parameter, parameter**2, 5) == pytest.approx(1.0)
    noise = np.random.default_rng(0).standard_normal((400, 100))
    shares = [explained(np.arange(100.0), row, 5) for row in noise]
    assert abs(np.mean(shares)) < 0.01
    assert np.isnan(explained(parameter, np.ones(100), 5))
    assert np.isnan(explained(np.arange(5.0), np.arange(5.0), 5))


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"parameter": "eta", "below": 0.5}, "supported"),
        ({"parameter": "decay", "above": 0.5}, "supported"),
        ({"parameter": "decay", "below": 0.5}, "contradicted"),
        ({"parameter": "eta", "of": "low", "above": 0.001}, "supported"),
        ({"parameter": "eta", "of": "high", "below": 0.001}, "contradicted"),
        ({"parameter": "eta", "of": "edge", "below": 0.15}, "supported"),
        ({"parameter": "decay", "of": "edge", "best": 5, "below": 0.05}, "contradicted"),
        ({"parameter": "momentum", "above": 0.5}, "undecided"),
    ],
)
def test_band_of_the_best_trials(fields, verdict):
    assert verdicts(build("band", **fields), made(by_eta)) == [verdict]


def test_the_best_trials_of_a_peak_lie_away_from_the_edge():
    check = build("band", parameter="eta", of="edge", best=5, above=0.3)
    [part] = check.evaluate(made(by_a_peak_of_eta))
    assert (part.verdict, outcomes(part)) == ("supported", [])


def test_rounds_are_compared_with_the_one_before():
    rounds = [1] * 4 + [2] * 4 + [3] * 4
    rising = [[0.2, 0.3, 0.3, 0.4, 0.5, 0.6, 0.6, 0.7, 0.6, 0.5, 0.6, 0.9]] * 4
    jitter = np.array([0.0, 0.01, -0.01, 0.02])
    tables = search_tables(
        {"random": np.array(rising) + jitter[:, None] * np.arange(12)}, {"eta": [[1.0] * 12] * 4}, rounds
    )
    parts = build("rounds").evaluate(tables)
    assert [(part.comparison.subject.names, part.comparison.rival.names) for part in parts] == [
        (("2",), ("1",)),
        (("3",), ("2",)),
    ]
    assert [part.verdict for part in parts] == ["supported", "undecided"]
    assert parts[0].interval.estimate == pytest.approx(0.3 + 0.005 * 4)


def test_time_to_target_on_a_search_counts_trials_and_keeps_censored_searches():
    fast, slow = [[0.3, 0.8, 0.2, 0.1]] * 3, [[0.3, 0.2, 0.2, 0.8], [0.1, 0.2, 0.3, 0.8], [0.1, 0.1, 0.1, 0.2]]
    tables = search_tables({"bayesian": fast, "random": slow})
    spec = {"kind": "time_to_target", "metric": "best/accuracy", "split": "validation", "at_least": 0.7}
    [part] = Check.build({**spec, "sooner": "bayesian", "than": "random"}).evaluate(tables)
    assert part.verdict == "supported"
    assert part.interval.bound == "at most"
    assert outcomes(part) == [("unreached", "random", 1, 3)]


def test_updates_saved_by_stopping_early():
    accuracies = {name: [[0.3, 0.4]] * 3 for name in ("random", "halving")}
    updates = {"random": [[20, 20]] * 3, "halving": [[20, 4], [18, 5], [20, 6]]}
    tables = search_tables(accuracies, updates=updates)
    spec = {"kind": "ordering", "metric": "trial/updates", "summary": "total", "lower": "halving", "than": "random"}
    assert verdicts(Check.build({**spec, "scale": "ratio", "margin": 1.3}), tables) == ["supported"]
    assert verdicts(Check.build({**spec, "scale": "ratio", "margin": 2}), tables) == ["contradicted"]


def test_missing_searches_are_undecided():
    tables = search_tables({"random": [[0.3, 0.4]] * 3})
    for check in (
        build("rounds"),
        build("band", parameter="eta", below=0.5),
        build("explained_variance", parameter="eta", than="decay"),
    ):
        [part] = check.evaluate(tables)
        assert (part.verdict, outcomes(part)) == ("undecided", [("no_data", "random", 0, 0)])


def test_what_does_not_fit_a_search_is_refused():
    with pytest.raises(StudyError, match="name a trial's own, 'accuracy', not 'best/accuracy'"):
        build("rounds", metric="best/accuracy")
    with pytest.raises(StudyError, match="bins: 2 or more"):
        build("explained_variance", parameter="eta", than="decay", bins=1)
