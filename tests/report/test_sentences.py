"""Sentences made from the numbers of a verdict."""

import pytest

from analysis.hand_made import search_tables, tables
from chapter6.analysis.checks import Check
from chapter6.analysis.claims import Claim, judge_claim
from chapter6.analysis.tables import times_table
from chapter6.records import ClaimRecord
from chapter6.registry import build, plain
from chapter6.report.sentences import TELLERS, teller
from chapter6.report.sentences.english import FRAGILE, NUMBERS, number
from chapter6.report.strings import languages

LOSSES = ("batch", "loss", {"sgd": [0.61, 0.59, 0.60, 0.62], "adam": [0.30, 0.31, 0.29, 0.30]})
ACCURACIES = ("test", "accuracy", {"sgd": [0.90, 0.91, 0.92, 0.91], "adam": [0.93, 0.94, 0.96, 0.95]})
ORDERING = {"kind": "ordering", "metric": "loss", "lower": "adam", "than": "sgd"}
HIGHER = {"kind": "ordering", "metric": "accuracy", "higher": "adam", "than": "sgd"}


def sentence(*specs, of=None, **fields):
    claim = Claim("C03", "says", tuple(Check.build(spec) for spec in specs), **fields)
    record = plain(judge_claim(claim, "e", of or tables(LOSSES, ACCURACIES)))
    return teller("en", {"sgd": "SGD", "adam": "ADAM"}).verdict(build(ClaimRecord, record))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {**ORDERING, "summary": "mean", "margin": 0.05},
            "ADAM's mean batch loss is 0.305 lower than SGD's (95 % interval 0.277 to 0.333, 4 replicates), "
            "beyond the margin of 0.05: supported.",
        ),
        (
            {**ORDERING, "margin": 0.3},
            "ADAM's final batch loss is 0.305 lower than SGD's (95 % interval 0.277 to 0.333, 4 replicates), "
            "where more than 0.3 lower is claimed, and about 97 replicates would decide: undecided.",
        ),
        (
            {**ORDERING, "margin": 0.4},
            "ADAM's final batch loss is 0.305 lower than SGD's (95 % interval 0.277 to 0.333, 4 replicates), "
            "where more than 0.4 lower is claimed: contradicted.",
        ),
        (
            {**ORDERING, "scale": "ratio", "margin": 1.5},
            "ADAM's final batch loss is 0.496 times SGD's (95 % interval 0.466 to 0.528, 4 replicates), "
            f"as claimed: less than 0.667 times: supported. {FRAGILE}",  # of four ratios one stands far off
        ),
        (
            {**HIGHER, "margin": 0.01},
            "ADAM's final test accuracy is 3.5 points higher than SGD's (95 % interval 2.58 to 4.42 points, "
            "4 replicates), beyond the margin of 1 point: supported.",
        ),
        (
            {**HIGHER, "margin": -0.01},
            "ADAM's final test accuracy is 3.5 points higher than SGD's (95 % interval 2.58 to 4.42 points, "
            "4 replicates), as claimed: no more than 1 point lower: supported.",
        ),
        (
            {"kind": "level", "metric": "accuracy", "variants": "sgd", "above": 0.5},
            "SGD's final test accuracy is 91.03 % (95 % interval 89.64 to 92.24 %, 4 replicates), "
            "as claimed: more than 50 %: supported.",
        ),
        (
            {"kind": "frequency", "metric": "accuracy", "variants": "adam", "more_than": 0.9, "above": 0.3},
            "ADAM's share of replicates whose final test accuracy is more than 90 % is 100 % "
            "(95 % interval 39.76 to 100 %, 4 replicates), as claimed: more than 30 %: supported.",
        ),
        (
            {
                "kind": "frequency",
                "metric": "accuracy",
                "variants": "sgd",
                "than": "adam",
                "less_than": -0.03,
                "below": 0.5,
            },
            "SGD's share of replicates whose final test accuracy minus ADAM's is less than -3 points is 75 % "
            "(95 % interval 19.41 to 99.37 %, 4 replicates), where less than 50 % is claimed, "
            "and about 10 replicates would decide: undecided.",
        ),
        (
            {"kind": "equivalence", "metric": "accuracy", "variants": "adam", "than": "sgd", "margin": 0.01},
            "ADAM's final test accuracy is 3.5 points higher than SGD's (95 % interval 2.58 to 4.42 points, "
            "4 replicates), where a difference within 1 point is claimed: contradicted.",
        ),
    ],
)
def test_a_sentence_tells_finding_interval_and_claim(spec, expected):
    assert sentence(spec) == expected


def test_times_are_told_as_those_of_a_task_beside_another_variant():
    rounds = [("sgd", "update", number, 2.0 + number / 100, 1.0) for number in range(4)]
    of = tables(LOSSES) | {"times": times_table("e", "adam", rounds)}
    spec = {"kind": "level", "metric": "time_ratio/update", "variants": "sgd", "above": 1.05}
    told = (
        "SGD's time of an update by that of the variant beside it is 2.01 (95 % interval 1.99 to 2.04, 4 replicates), "
    )
    assert sentence(spec, of=of).startswith(told)


def test_exact_findings_and_single_replicates():
    made = tables(("train", "y", {"sgd": [{0: 2.0, 1: -2.0}], "adam": [{0: 2.0, 1: 1.0}]}))
    spec = {**ORDERING, "metric": "y", "summary": "total_variation"}
    assert sentence({**spec, "exact": True}, of=made) == (
        "ADAM's total variation of y is 3 lower than SGD's (exact, 1 replicate): supported."
    )
    assert sentence(spec, of=made) == (
        "ADAM's total variation of y is 3 lower than SGD's (1 replicate, no interval), "
        "where lower is claimed: undecided."
    )


def test_missing_data_are_named():
    made = tables(LOSSES, also=["momentum"])
    assert sentence({**ORDERING, "lower": "momentum"}, of=made) == (
        "Final batch loss: momentum against SGD could not be estimated (no data for momentum): undecided."
    )


def test_the_outcome_is_told_behind():
    made = tables(("test", "accuracy", {"sgd": [0.9] * 5, "adam": [0.9] * 5}), diverged=[("adam", 5), ("sgd", 5)])
    assert sentence(HIGHER, of=made).endswith(
        "contradicted. (ADAM diverged in 1 of 6 replicates; SGD diverged in 1 of 6 replicates.)"
    )


def test_parts_are_counted():
    made = tables(("batch", "loss", {**LOSSES[2], "momentum": [0.40, 0.41, 0.39, 0.42]}))
    both = {**ORDERING, "lower": ["adam", "momentum"]}
    assert sentence(both, of=made).startswith("2 of 2 parts hold; the weakest: momentum's final batch loss")
    assert sentence({**both, "needs": 1, "margin": 0.25}, of=made).startswith(
        "1 of 2 parts hold (one is enough); the deciding one: ADAM's final batch loss"
    )
    assert sentence({**both, "needs": 2, "margin": 0.25}, of=made).startswith(
        "1 of 2 parts hold (2 are needed; exceptions: momentum against SGD); the deciding one: momentum's"
    )


def test_censored_times_are_told_as_bounds():
    tables_ = search_tables({"bayesian": [[0.3, 0.8, 0.2, 0.1]] * 2, "random": [[0.1, 0.2, 0.3, 0.8], [0.1] * 4]})
    spec = {"kind": "time_to_target", "metric": "best/accuracy", "split": "validation", "at_least": 0.7}
    assert sentence({**spec, "sooner": "bayesian", "than": "random"}, of=tables_) == (
        "Bayesian's number of trials until validation accuracy of the best trial so far reaches 0.7 is at most "
        "0.5 times random's (95 % interval 0 to 0.5, 2 replicates): supported. "
        "(Random did not reach it in 1 of 2.)"
    )


@pytest.mark.parametrize(
    ("value", "unit", "scale", "expected"),
    [
        (0.0314159, "share", "difference", "3.14 points"),
        (0.01, "share", "difference", "1 point"),
        (0.9997, "share", "value", "99.97 %"),
        (1234.5, "updates", "value", "1230 updates"),
        (2.302585, "nats", "value", "2.3"),
        (0.00001234, "", "value", "1.23e-05"),
        (-0.0, "", "value", "0"),
        (float("inf"), "", "value", "infinity"),
    ],
)
def test_numbers(value, unit, scale, expected):
    assert number(value, unit, scale) == expected


def test_parts_of_which_one_must_hold_count_as_one():
    """Two checks: one that must hold, and one of which one of two parts must."""
    any_of_two = {**HIGHER, "than": "sgd", "higher": ["adam", "worse"], "needs": 1}
    made = tables(LOSSES, ("test", "accuracy", {"sgd": [0.90, 0.91], "adam": [0.93, 0.9401], "worse": [0.80, 0.81]}))
    said = sentence({**ORDERING, "margin": 0.05}, any_of_two, of=made)
    assert "2 of 3 parts hold" not in said
    assert said.endswith("supported.")


def test_every_language_of_the_page_tells_verdicts():
    assert sorted(TELLERS) == languages()


@pytest.mark.parametrize("kind", sorted(NUMBERS))
def test_what_has_words_of_its_own_is_a_kind_of_check(kind):
    assert kind in Check.members
