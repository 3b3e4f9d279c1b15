"""From claims to results: combinations, Holm families, JSON, and every claim of the chapter."""

import json
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from chapter6.analysis.checks import Check
from chapter6.analysis.claims import Claim, judge_claim
from chapter6.analysis.comparisons import Comparison, deciding, judge_family
from chapter6.analysis.samples import Sample
from chapter6.metrics import Split
from chapter6.records import ClaimRecord, Range
from chapter6.registry import StudyError, build, plain
from chapter6.study.loading import load_study

from .hand_made import tables

STUDY = load_study(root=Path(__file__).parents[2])
CHAPTER = {claim.id: claim for experiment in STUDY.experiments.values() for claim in experiment.claims}
PART_KEYS = {
    *("kind", "quantity", "details", "subject", "rival", "where", "strategy", "scale", "unit", "margin", "variants"),
    *("track", "outcomes", "verdict", "estimate", "low", "high", "bound", "confidence", "correction", "replicates"),
    *("least", "most", "closed", "settled", "decides_at"),
}
RESULT_KEYS = {
    *("id", "experiment", "whose", "margin_by", "at_convergence", "verdict", "estimate", "low", "high", "replicates"),
    *("leading", "parts", "groups", "preview", "error_level", "study_level", "replication", "fragile"),
}
MADE = tables(
    (
        "batch",
        "loss",
        {"sgd": [2.0, 2.1, 2.2], "good": [1.0, 1.1, 1.1], "same": [1.95, 2.1, 2.2], "bad": [3.0, 3.1, 3.3]},
    )
)


def better(*names, **fields):
    return Check.build({"kind": "ordering", "metric": "loss", "lower": list(names), "than": "sgd", **fields})


def judged(*checks, combine="all_of", at_least=None, of=MADE):
    return plain(judge_claim(Claim("C03", "It is better", checks, combine, at_least), "6.1-mnist", of))


def test_the_study_s_claims_are_all_there():
    """Headlines are the source's (C25), readings stand beside their headline (C25-reader)."""
    listed = [claim.id for experiment in STUDY.experiments.values() for claim in experiment.claims]
    headlines = {name for name in listed if "-" not in name}
    assert listed
    assert len(set(listed)) == len(listed)
    assert [name for name in headlines if not re.fullmatch(r"C\d\d", name)] == []
    assert {name.partition("-")[0] for name in listed} == headlines
    used = {check.key for claim in CHAPTER.values() for check in claim.checks}
    assert set(Check.members) <= used


@pytest.mark.parametrize("claim", CHAPTER.values(), ids=lambda claim: claim.id)
def test_every_claim_of_the_chapter_names_what_it_needs_and_says_what_is_missing(claim):
    for check in claim.checks:
        assert check.variants_named()
        assert all(split in get_args(Split) for split, _ in check.metrics_named())
    for nothing in (tables(), {}):
        result = judge_claim(claim, "e", nothing)
        assert (result.verdict, result.estimate) == ("undecided", None)
        assert all("no_data" in {outcome.what for outcome in part.outcomes} for part in result.parts)


def test_a_result_is_plain_json_with_the_deciding_part_on_top():
    result = judged(better("good", "bad"))
    assert result.keys() == RESULT_KEYS
    assert {key for part in result["parts"] for key in part} == PART_KEYS
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert plain(build(ClaimRecord, result)) == result
    weakest = result["parts"][result["leading"]]
    assert weakest["variants"] == ["bad", "sgd"]
    assert {key: result[key] for key in ("estimate", "low", "high", "replicates", "verdict")} == {
        key: weakest[key] for key in ("estimate", "low", "high", "replicates", "verdict")
    }


@pytest.mark.parametrize(
    ("names", "all_of", "any_of", "two_of"),
    [
        (["good"], "supported", "supported", None),
        (["good", "same"], "undecided", "supported", "undecided"),
        (["good", "bad"], "contradicted", "supported", "contradicted"),
        (["same", "bad"], "contradicted", "undecided", "contradicted"),
        (["bad"], "contradicted", "contradicted", None),
        (["good", "good", "bad"], "contradicted", "supported", "supported"),
        (["good", "same", "bad"], "contradicted", "supported", "undecided"),
    ],
)
def test_combinations(names, all_of, any_of, two_of):
    checks = [better(name) for name in names]
    assert judged(*checks)["verdict"] == all_of
    assert judged(*checks, combine="any_of")["verdict"] == any_of
    if two_of:
        assert judged(*checks, combine="share_of", at_least=2)["verdict"] == two_of


def test_only_families_are_corrected():
    checks = [better("good"), better("same")]
    assert {part["correction"] for part in judged(*checks)["parts"]} == {"none"}
    family = judged(*checks, combine="any_of")["parts"]
    assert [(part["correction"], part["confidence"]) for part in family] == [("holm", 0.975), ("holm", 0.95)]


def test_a_share_of_more_parts_than_there_are_is_undecided():
    result = judged(better("good"), combine="share_of", at_least=2)
    assert (result["verdict"], len(result["parts"])) == ("undecided", 2)


def test_a_family_inside_a_conjunction_counts_its_own_parts():
    result = judged(better("good", "bad", needs=1), better("good"))
    assert (result["verdict"], [part["verdict"] for part in result["parts"]]) == (
        "supported",
        ["supported", "contradicted", "supported"],
    )


def test_claims_that_cannot_be_counted_are_refused():
    with pytest.raises(StudyError, match="claim C03: needs a check"):
        judged()
    with pytest.raises(StudyError, match="at_least belongs to share_of"):
        judged(better("good"), combine="share_of")
    with pytest.raises(StudyError, match="ordering is a family of its own"):
        judged(better("good", needs=1), combine="any_of")


def test_a_preview_is_marked():
    claim = Claim("C03", "It is better", (better("good"),))
    assert judge_claim(claim, "e", MADE, preview=True).preview is True
    assert judge_claim(claim, "e", MADE).preview is False


def compared(values, margin, direction):
    claimed = Range(least=margin) if direction == "greater" else Range(most=margin)
    return Comparison(sample=Sample(np.array(values)), claimed=claimed, margin=margin)


SAMPLES = st.lists(
    st.tuples(
        st.lists(st.integers(-9, 9).map(float), min_size=4, max_size=4),
        st.integers(-6, 6).map(float),
        st.sampled_from(["greater", "less"]),
    ),
    min_size=1,
    max_size=6,
)


def p_values(values, margin, side):
    """One-sided p-values for "beyond the margin" and for "not beyond it"."""
    if min(values) == max(values):
        beyond = values[0] > margin if side == "greater" else values[0] < margin
        agreed = 0.5 ** len(values)  # a sign test
        return (agreed, 1.0) if beyond else (1.0, agreed)
    p = stats.ttest_1samp(values, margin, alternative=side).pvalue
    return p, 1 - p


def rejected(p_values, alpha):
    """Holm's step-down procedure as in the textbooks."""
    found = set()
    for step, index in enumerate(np.argsort(p_values)):
        if p_values[index] > alpha / (len(p_values) - step):
            break
        found.add(int(index))
    return found


@settings(max_examples=100)
@given(SAMPLES)
def test_a_family_gets_the_verdicts_of_holm_s_procedure_over_p_values(samples):
    beyond, short = (rejected(of, 0.025) for of in zip(*(p_values(*sample) for sample in samples), strict=True))
    parts = judge_family([compared(*sample) for sample in samples])
    assert {index for index, part in enumerate(parts) if part.verdict == "supported"} == beyond
    assert {index for index, part in enumerate(parts) if part.verdict == "contradicted"} == short


@pytest.mark.parametrize("sign", [1, -1])
def test_what_stays_undecided_is_told_at_the_step_on_its_own_side(sign):
    clear, unclear = [5.0, 5.1, 4.9, 5.0], [1.0, -1.0, 0.5, -0.2]
    parts = judge_family([compared([sign * value for value in of], 0.0, "greater") for of in (clear, unclear)])
    assert [part.interval.confidence for part in parts] == [0.975, 0.95]


@settings(max_examples=100)
@given(SAMPLES, st.integers(1, 6))
def test_the_deciding_part_has_the_verdict_of_the_count(samples, needed):
    needed = min(needed, len(samples))
    parts = judge_family([compared(*sample) for sample in samples])
    holding = sum(part.verdict == "supported" for part in parts)
    failing = sum(part.verdict == "contradicted" for part in parts)
    expected = "supported" if holding >= needed else "contradicted" if failing > len(parts) - needed else "undecided"
    assert deciding(parts, needed).verdict == expected


def test_an_equivalence_whose_margin_leaves_the_scale_is_judged():
    made = tables(("test", "accuracy", {"net": [0.90, 0.99, 0.97, 0.999]}))
    check = Check.build(
        {
            "kind": "equivalence",
            "metric": "accuracy",
            "split": "test",
            "variants": "net",
            "constant": 0.98,
            "margin": 0.05,
        }
    )
    (part,) = judged(check, of=made)["parts"]
    assert (part["verdict"], part["decides_at"]) == ("undecided", None)
