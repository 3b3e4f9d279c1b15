"""Bootstrap-t beside t: only where t is in doubt, and told only where the verdict is another."""

import numpy as np
import pytest
from scipy import stats

from chapter6.analysis.checks import Check
from chapter6.analysis.claims import Claim, judge_claim
from chapter6.analysis.resampling import Resampled, is_skewed
from chapter6.analysis.samples import Sample, Successes
from chapter6.records import Range
from chapter6.report.sentences import teller

from .hand_made import tables

NORMAL = stats.norm.ppf((np.arange(10) + 0.5) / 10)
SKEWED = np.array([0.1, 0.2, 0.15, 0.3, 0.25, 0.12, 0.2, 0.18, 0.22, 4.0])


@pytest.mark.parametrize("values", [NORMAL, SKEWED, -SKEWED, np.array([1.0, 2.0, 9.0])])
def test_skewness_is_that_of_scipy(values):
    assert is_skewed(values) == (abs(stats.skew(values)) > 1)


def test_its_interval_is_that_of_scipy_s_studentized_ends():
    """Ends at which the error level is 5 %: the mean less the studentized means' quantiles times the error."""
    drawn = Resampled.draw(np.random.default_rng(2), 20_000, 10)
    again = SKEWED[(drawn.draws * 10).astype(int)]
    studentized = (again.mean(axis=1) - SKEWED.mean()) / stats.sem(again, axis=1)
    low, high = (SKEWED.mean() - np.quantile(studentized, end) * stats.sem(SKEWED) for end in (0.975, 0.025))
    levels = [Sample(SKEWED).levels(Range(least=end), drawn) for end in (low, high)]
    assert levels[0].supported == pytest.approx(0.05, abs=0.002)
    assert levels[1].contradicted == pytest.approx(0.05, abs=0.002)


@pytest.mark.parametrize(
    ("sample", "doubt"),
    [
        (Sample(NORMAL), False),
        (Sample(SKEWED), True),
        (Sample(SKEWED, transform="log"), True),
        (Sample(SKEWED, certain=True), False),
        (Sample(np.full(10, 0.5)), False),
        (Sample(np.array([0.8, 0.9, 1.0]), bounds=(0.0, 1.0)), True),
        (Sample(np.array([0.8, 0.9, 0.95]), np.array([0.7, 0.8, 1.0]), "difference", bounds=(0.0, 1.0)), True),
        (Sample(np.array([0.8, 0.9, 0.95]), np.array([0.7, 0.8, 0.9]), "difference", bounds=(0.0, 1.0)), False),
        (Sample(np.array([5.0, 7.0, np.inf]), np.array([2.0, 3.0, 5.0]), "ratio", limit=9.0), True),
        (Sample(np.array([5.0, 7.0, np.nan])), False),
        (Successes(np.array([0.0] * 9 + [1.0])), False),
    ],
)
def test_t_is_in_doubt_where_replicates_are_skewed_or_stand_at_a_bound(sample, doubt):
    assert sample.in_doubt is doubt


def judged(values, above):
    check = Check.build({"kind": "level", "metric": "height", "variants": "a", "above": above, "transform": "identity"})
    return judge_claim(Claim("C03", "", (check,)), "e", tables(("train", "height", {"a": list(values)})))


@pytest.mark.parametrize(("above", "verdict"), [(0.05, "undecided"), (1.8, "contradicted")])
def test_a_verdict_that_bootstrap_t_does_not_share_is_fragile_and_told_so(above, verdict):
    """One high value widens t to both sides; bootstrap-t knows of little below the bulk, and of more above."""
    record = judged(SKEWED, above)
    assert (record.verdict, record.fragile) == (verdict, True)
    assert teller("en", {}).verdict(record).endswith("bootstrap-t comes to another verdict.")


def test_what_both_agree_on_is_not_fragile():
    assert not judged(np.where(SKEWED > 1, 1.0, SKEWED), above=1.4).fragile
    clear = judged(NORMAL + 10, above=5)
    assert (clear.verdict, clear.fragile) == ("supported", False)
    assert "fragile" not in teller("en", {}).verdict(clear)
