"""Error levels: they say what the intervals say, at any level and of many studies at once."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from chapter6.analysis.checks import Check
from chapter6.analysis.claims import Claim, disagreement, judge_claim, over_study
from chapter6.analysis.comparisons import Comparison, judge_each, judge_family
from chapter6.analysis.levels import Levels, all_hold, holm, some_hold, stacked
from chapter6.analysis.samples import Fresh, Sample
from chapter6.intervals import Verdict
from chapter6.records import Range

from .hand_made import tables

UNIT = st.floats(0.01, 0.99)
SAMPLES = st.lists(UNIT, min_size=2, max_size=8).map(np.array)
RANGES = [
    Range(least=0.5),
    Range(most=0.4),
    Range(0.3, 0.6, closed=True),
    Range(least=-1.0),
    Range(-2.0, 0.5, closed=True),
    Range(0.4, 7.0, closed=True),
]


def verdict_of(levels):
    return next(verdict for verdict in Verdict if levels.gives(verdict))


@settings(max_examples=200)
@given(SAMPLES, st.sampled_from(RANGES), st.sampled_from(["identity", "log", "logit"]))
def test_levels_give_the_verdict_of_the_interval(values, claimed, transform):
    comparison = Comparison(sample=Sample(values, transform=transform), claimed=claimed)
    assert verdict_of(comparison.levels()) == comparison.part().verdict


@pytest.mark.parametrize("count", [None, 100])
@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("end", [{"least": 1}, {"most": 1}, {"least": 0}, {"most": 0}, {"least": 0.9, "most": 1}])
@pytest.mark.parametrize("closed", [True, False])
def test_shares_at_the_bound_of_their_scale_lie_on_its_end(share, end, closed, count):
    """Accuracies that are all 1 are at least 1, now and in a fresh study."""
    sample, claimed = Sample(np.full(10, share), transform="logit", count=count), Range(**end, closed=closed)
    verdict = Comparison(sample=sample, claimed=claimed).part().verdict
    assert verdict_of(sample.levels(claimed)) == verdict
    assert sample.levels(claimed, Fresh.draw(np.random.default_rng(1), 50, 10)).gives(verdict).all()


@pytest.mark.parametrize("least", [0.5, 0.55])
def test_a_level_is_the_p_value_of_a_two_sided_t_test(least):
    values = np.array([0.6, 0.7, 0.55, 0.8])
    found = Sample(values).levels(Range(least=least))
    assert found.supported == pytest.approx(stats.ttest_1samp(values, least).pvalue)
    assert found.contradicted == 1


TIMES = st.lists(st.sampled_from([1.0, 2.0, 5.0, 9.0, np.inf]), min_size=3, max_size=5)


@settings(max_examples=200)
@given(TIMES, TIMES, st.sampled_from([Range(most=0.9), Range(least=1.2)]))
def test_censored_times_bound_the_levels_as_they_bound_the_interval(a, b, claimed):
    sides = (np.array(side[:3]) for side in (a, b))
    comparison = Comparison(sample=Sample(*sides, "ratio", limit=10.0), claimed=claimed)
    assert verdict_of(comparison.levels()) == comparison.part().verdict


@settings(max_examples=100)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_that_of_statsmodels(levels):
    assert holm(np.array(levels)) == pytest.approx(multipletests(levels, method="holm")[1])


FAMILIES = st.lists(
    st.tuples(st.lists(st.integers(-9, 9).map(float), min_size=4, max_size=4), st.integers(-6, 6).map(float)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=200)
@given(FAMILIES, st.integers(1, 5))
def test_parts_that_are_counted_come_to_the_verdict_of_their_levels(samples, needed):
    asked = [Comparison(sample=Sample(np.array(values)), claimed=Range(least=least)) for values, least in samples]
    levels, needed = stacked([each.levels() for each in asked]), min(needed, len(asked))
    family = [part.verdict for part in judge_family(asked)]
    holds, fails = (family.count(verdict) for verdict in (Verdict.SUPPORTED, Verdict.CONTRADICTED))
    expected = "supported" if holds >= needed else "contradicted" if fails > len(asked) - needed else "undecided"
    assert verdict_of(some_hold(levels, needed)) == expected
    every = [part.verdict for part in judge_each(asked, len(asked))]
    weakest = min(every, key=["contradicted", "undecided", "supported"].index)
    assert verdict_of(all_hold(levels)) == weakest


def claim(*specs, **fields):
    return Claim("C03", "It is so", tuple(Check.build(spec) for spec in specs), **fields)


LOSSES = ("batch", "loss", {"sgd": [2.0, 2.1, 2.2, 2.05], "adam": [1.0, 1.1, 1.1, 1.05], "slow": [1.9, 2.1, 2.2, 2.1]})
CLEAR = {"kind": "ordering", "metric": "loss", "lower": "adam", "than": "sgd"}
UNCLEAR = {**CLEAR, "lower": "slow"}


def test_one_part_contradicts_a_conjunction_only_where_it_stands_the_correction_for_their_number():
    """One part fails at 4 %: alone it contradicts, as one of two it does not."""
    values = np.array([1.0, 2.0, 3.0, 4.0])
    least = values.mean() + stats.t.ppf(0.98, 3) * stats.sem(values)
    failing = Comparison(sample=Sample(values), claimed=Range(least=least))
    assert [part.verdict for part in judge_each([failing])] == ["contradicted"]
    assert [part.verdict for part in judge_each([failing] * 2, 2)] == ["undecided"] * 2
    assert verdict_of(all_hold(stacked([failing.levels()] * 2))) == "undecided"


def test_what_is_exact_or_clear_comes_out_again_and_what_is_on_the_margin_does_not():
    made = tables(LOSSES)
    record = judge_claim(claim(CLEAR), "e", made)
    assert (record.verdict, record.replication) == ("supported", 0)
    assert record.error_level == pytest.approx(stats.ttest_rel(LOSSES[2]["adam"], LOSSES[2]["sgd"]).pvalue)
    unclear = judge_claim(claim(UNCLEAR), "e", made)
    assert (unclear.verdict, unclear.error_level) == ("undecided", None)
    assert 0 < unclear.replication < 0.5
    one = tables(("batch", "loss", {"sgd": [2.0], "adam": [1.0]}))
    assert judge_claim(claim({**CLEAR, "exact": True}), "e", one).replication == 0
    assert judge_claim(claim(CLEAR), "e", one).replication == 0  # one replicate never decides
    assert judge_claim(claim(CLEAR), "e", {}).replication == 0


def test_replication_is_drawn_with_a_seed_of_the_claim():
    made = tables(LOSSES)
    first, again = (judge_claim(claim(UNCLEAR), "e", made).replication for _ in range(2))
    assert first == again


def test_fresh_studies_draw_whole_replicates_and_vary_as_two_samples_do():
    """The mean of a fresh study varies by the error of the truth and by its own, of a spread that is uncertain itself.

    Both are s^2 / n times (n - 1) / (n - 3), the mean of (n - 1) / chi^2.
    """
    values, none = np.random.default_rng(1).normal(size=10), np.zeros(10, dtype=bool)
    fresh = Fresh.draw(np.random.default_rng(2), 20_000, 10)
    drawn, _ = fresh.of(values, (none, none))
    twice, _ = fresh.of(2 * values, (none, none))
    assert twice == pytest.approx(2 * drawn)
    variance = values.var(ddof=1) * 9 / 7
    assert drawn.mean(axis=1).std() ** 2 == pytest.approx(2 * variance / 10, rel=0.05)
    assert np.mean(drawn.var(axis=1, ddof=1)) == pytest.approx(variance, rel=0.05)


def test_a_normal_study_comes_out_again_as_often_as_students_distribution_says():
    """(mean of a fresh study - mean) / (s sqrt(2 / n)) follows Student's t with n - 1 degrees of freedom."""
    values = stats.norm.ppf((np.arange(10) + 0.5) / 10)
    fresh = Fresh.draw(np.random.default_rng(2), 50_000, 10)
    drawn, _ = fresh.of(values, (np.zeros(10, dtype=bool),) * 2)
    studentized = drawn.mean(axis=1) / (values.std(ddof=1) * math.sqrt(2 / 10))
    for end in (-4.0, -2.5, 1.0, 3.0):
        assert np.mean(studentized < end) == pytest.approx(stats.t.cdf(end, 9), rel=0.1)


@pytest.mark.parametrize("number", [0.1, 0.7, 1 / 3])
def test_replicates_that_agree_come_out_again_to_the_last_bit(number):
    """A mean of ten equal floats may be another float, and lie on the other side of a bound."""
    fresh = Fresh.draw(np.random.default_rng(2), 100, 10)
    drawn, _ = fresh.of(np.full(10, number), (np.zeros(10, dtype=bool),) * 2)
    assert (drawn == number).all()
    every = claim({"kind": "level", "metric": "accuracy", "variants": "good", "at_least": number})
    made = tables(("test", "accuracy", {"good": [number] * 10}))
    record = judge_claim(every, "e", made)
    assert (record.verdict, record.replication) == ("supported", 0)


def test_only_decided_headlines_are_corrected_for_their_number():
    record = judge_claim(claim(CLEAR), "e", tables(LOSSES))
    levels = {"C1": 0.01, "C2": 0.02, "C3": 0.04}
    family = [replace(record, id=name, error_level=level) for name, level in levels.items()]
    others = [replace(record, id=name, error_level=level) for name, level in (("C0", None), ("C3-reader", 0.04))]
    found = {each.id: each.study_level for each in over_study([*family, *others])}
    assert (found.pop("C0"), found.pop("C3-reader")) == (None, None)
    assert found == pytest.approx({"C1": 0.03, "C2": 0.04, "C3": 0.04})


SIDES = st.tuples(*[st.lists(st.sampled_from([1.0, 2.0, 3.0, 5.0, np.inf]), min_size=3, max_size=3)] * 4)


@settings(max_examples=60)
@given(st.lists(SIDES, min_size=1, max_size=3))
def test_a_reversal_has_the_levels_of_the_weaker_side_of_its_strongest_pair(pairs):
    """The levels, by which chances are drawn, come to the verdict that the intervals do."""
    named = [tuple(f"{side}-{n}" for side in "abcd") for n in range(len(pairs))]
    times = {name: of for names, sides in zip(named, pairs, strict=True) for name, of in zip(names, sides, strict=True)}
    runs = {name: [{0: 9.0, 10: 9.0} | ({t: 0.0} if t < 10 else {}) for t in of] for name, of in times.items()}
    spec = {"kind": "reversal", "metric": "loss", "at_most": 0.5, "margin": 1.1}
    record = judge_claim(
        claim(spec | {"pairs": [((a, b), (c, d)) for a, b, c, d in named]}), "e", tables(("batch", "loss", runs))
    )
    if record.verdict == "undecided":
        assert record.error_level is None
    else:
        assert record.error_level <= 0.05


def test_a_reversals_level_is_holms_of_pairs_each_of_which_has_that_of_its_weaker_side():
    times = {"a": [10, 11, 12], "b": [20, 21, 25], "c": [10, 12, 11], "d": [30, 33, 31]}
    runs = {name: [{0: 9.0, step: 0.0} for step in of] for name, of in times.items()}
    pairs = [(("a", "b"), ("c", "d")), (("b", "a"), ("d", "c"))]
    record = judge_claim(
        claim({"kind": "reversal", "metric": "loss", "at_most": 0.5, "pairs": pairs}),
        "e",
        tables(("batch", "loss", runs)),
    )
    p = [stats.ttest_rel(np.log(times[x]), np.log(times[y])).pvalue for x, y in (("a", "b"), ("c", "d"))]
    assert record.verdict == "supported"
    assert record.error_level == pytest.approx(2 * max(p))


@pytest.mark.parametrize(("settled", "levels"), [(Verdict.CONTRADICTED, (1, 0)), (Verdict.UNDECIDED, (1, 1))])
def test_what_how_runs_ended_has_settled_is_certain(settled, levels):
    comparison = Comparison(sample=Sample(np.array([1.0, 2.0])), claimed=Range(least=0), settled=settled)
    assert comparison.levels() == Levels(*levels)


def test_two_studies_of_more_replicates_differ_less_and_those_that_can_only_agree_never():
    made = tables(("batch", "loss", {"sgd": [2.0, 2.4, 1.8, 2.2, 2.1, 1.9], "slow": [1.8, 2.1, 1.8, 1.9, 1.9, 1.8]}))
    once, twice, often = (disagreement(claim(UNCLEAR), made, times) for times in (1, 2, 16))
    assert often < twice < once, (often, twice, once)
    assert disagreement(claim(CLEAR), tables(LOSSES), 1) == 0
    frequency = claim({"kind": "frequency", "metric": "accuracy", "variants": "a", "more_than": 0.9, "above": 0.5})
    made = tables(("test", "accuracy", {"a": [0.95] * 8 + [0.5] * 2}))
    assert disagreement(frequency, made, 8) < disagreement(frequency, made, 1)
