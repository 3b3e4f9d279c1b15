import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower

from chapter6.intervals import (
    Interval,
    Verdict,
    bounds,
    by_group,
    censored_ratio,
    exact,
    from_scale,
    judge,
    judge_equivalence,
    nearest_edge,
    one_sample,
    paired_difference,
    paired_ratio,
    replicates_to_decide,
    to_scale,
)

INF, NAN = math.inf, math.nan
SUPPORTED, CONTRADICTED, UNDECIDED = Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.UNDECIDED


def between(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 0.95, 5)


def ends(interval: Interval) -> tuple[float, float, float]:
    return interval.estimate, interval.low, interval.high


def test_importing_needs_numpy_only() -> None:
    heavy = {"scipy", "statsmodels", "pandas"}
    code = f"import sys, chapter6.intervals; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


class TestIntervals:
    def test_by_hand(self) -> None:
        # differences 1, 2, 3: mean 2, s = 1, t(2; 0.975) = 4.302653
        half = 4.302653 / math.sqrt(3)
        found = paired_difference([2, 4, 6], [1, 2, 3])
        assert ends(found) == pytest.approx((2, 2 - half, 2 + half), abs=1e-6)
        assert (found.confidence, found.replicates, found.transform, found.bound) == (0.95, 3, "identity", "")

    def test_equals_scipy(self) -> None:
        values = np.random.default_rng(1).normal(size=8)
        theirs = stats.ttest_1samp(values, 0).confidence_interval(0.99)
        assert ends(one_sample(values, 0.99)) == pytest.approx((values.mean(), theirs.low, theirs.high))

    def test_log_gives_the_geometric_mean(self) -> None:
        half = 12.706205 * (math.log(4) / math.sqrt(2)) / math.sqrt(2)
        assert ends(one_sample([1, 4], transform="log")) == pytest.approx(
            (2, 2 * math.exp(-half), 2 * math.exp(half)), rel=1e-5
        )

    def test_ratio_is_that_of_geometric_means(self) -> None:
        a, b = np.array([2.0, 3, 10]), np.array([1.0, 5, 4])
        assert paired_ratio(a, b).estimate == pytest.approx(stats.gmean(a) / stats.gmean(b))
        assert ends(paired_ratio(b, a)) == pytest.approx(
            (1 / paired_ratio(a, b).estimate, 1 / paired_ratio(a, b).high, 1 / paired_ratio(a, b).low)
        )

    def test_logit_stays_inside_and_clips_by_half_a_count(self) -> None:
        found = one_sample([0.98, 1.0, 0.99], transform="logit", count=100)
        assert found == one_sample([0.98, 0.995, 0.99], transform="logit")
        assert 0 < found.low < found.estimate < found.high < 1
        assert (
            one_sample([0.5, 1.0], transform="logit").estimate
            > one_sample([0.5, 1.0], transform="logit", count=100).estimate
        )

    @pytest.mark.parametrize("transform", ["identity", "log", "logit"])
    @pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
    def test_agreement_is_exact(self, transform: str, value: float) -> None:
        assert ends(one_sample([value] * 4, transform=transform)) == (value, value, value)

    def test_shares_that_agree_after_clipping(self) -> None:
        values = [0.999, 1.0]
        assert ends(one_sample(values, transform="logit", count=100)) == (0.999, 0.999, 0.999)

    def test_agreement_up_to_rounding(self) -> None:
        found = paired_difference([0.97, 0.95, 0.3], [0.96, 0.94, 0.29])
        assert found.low == found.high == pytest.approx(0.01)
        assert judge(found, 0.01) is judge(found, 0.01, "less") is CONTRADICTED

    def test_one_replicate_says_nothing_unless_it_is_exact(self) -> None:
        assert ends(one_sample([2.0])) == (2, -INF, INF)
        assert ends(one_sample([2.0], transform="log")) == (pytest.approx(2), 0, INF)
        assert ends(one_sample([0.5], transform="logit")) == (0.5, 0, 1)
        assert ends(exact(2.0)) == (2, 2, 2)

    @pytest.mark.parametrize(
        "found",
        [
            one_sample([]),
            one_sample([1, NAN, 2]),
            one_sample([INF]),
            paired_difference([1, INF], [2, INF]),
            paired_ratio([1, 2], [0, 1]),
            paired_ratio([1, NAN], [1, 1]),
            one_sample([0, 1], transform="log"),
        ],
    )
    def test_what_is_not_finite_is_undefined_and_undecided(self, found: Interval) -> None:
        assert all(math.isnan(end) for end in ends(found))
        assert judge(found, 0) is judge(found, 0, "less") is judge_equivalence(found, 1) is UNDECIDED
        assert replicates_to_decide(found, 0) is None

    def test_refuses_values_outside_the_scale(self) -> None:
        with pytest.raises(ValueError, match=r"log needs values in 0\.\.inf, got -1"):
            one_sample([1, -1], transform="log")
        with pytest.raises(ValueError, match=r"logit needs values in 0\.\.1, got 1\.5"):
            one_sample([0.5, 1.5], transform="logit")
        with pytest.raises(ValueError, match="positive values, got -2"):
            paired_ratio([-1, 1], [-2, 1])
        with pytest.raises(ValueError, match="aligned by replicate"):
            paired_difference([1, 2], [1])

    @pytest.mark.parametrize("replicates", [5, 10])
    def test_coverage_is_nominal_and_a_z_interval_would_be_caught(self, replicates: int) -> None:
        values = np.random.default_rng(2).normal(size=(40_000, replicates))
        mean, low, high = bounds(values, 0.95)
        half = 1.959964 * values.std(axis=-1, ddof=1) / math.sqrt(replicates)
        tolerance = 4 * math.sqrt(0.05 * 0.95 / 40_000)
        assert ((low < 0) & (high > 0)).mean() == pytest.approx(0.95, abs=tolerance)
        assert (abs(mean) < half).mean() < 0.95 - tolerance


class TestCensoredTimes:
    def test_without_censoring_is_the_ratio(self) -> None:
        a, b = [10, 20, 30], [20, 50, 50]
        assert censored_ratio(a, b, 100) == paired_ratio(a, b)

    def test_a_slower_rival_that_never_arrives_leaves_an_upper_bound(self) -> None:
        found = censored_ratio([10, 20, 30], [90, INF, INF], 100)
        whole = paired_ratio([10, 20, 30], [90, 100, 100])
        assert ends(found) == (whole.estimate, 0, whole.high)
        assert found.bound == "at most"
        assert judge(found, 1, "less") is SUPPORTED
        assert judge(found, 0.01, "less") is UNDECIDED
        assert replicates_to_decide(found, 0.01) is None

    def test_mirrored(self) -> None:
        found = censored_ratio([90, INF, INF], [10, 20, 30], 100)
        whole = paired_ratio([90, 100, 100], [10, 20, 30])
        assert ends(found) == (whole.estimate, whole.low, INF)
        assert found.bound == "at least"
        assert judge(found, 1, "less") is CONTRADICTED

    @pytest.mark.parametrize(("a", "b"), [([INF, 1], [INF, 2]), ([INF, 1], [2, INF])])
    def test_both_censored_says_nothing(self, a: list[float], b: list[float]) -> None:
        found = censored_ratio(a, b, 100)
        assert math.isnan(found.estimate)
        assert (found.low, found.high, found.bound) == (0, INF, "")

    def test_all_agree(self) -> None:
        assert ends(censored_ratio([30, 30], [INF, INF], 90)) == (
            pytest.approx(1 / 3),
            0,
            pytest.approx(1 / 3),
        )

    def test_bounds_are_valid(self) -> None:
        """However much is censored, the true ratio is above the upper bound no more often than 2.5 %."""
        rng = np.random.default_rng(3)
        a, b = rng.lognormal(3, 0.2, (500, 8)), rng.lognormal(4, 0.4, (500, 8))
        limit = 60.0
        found = [
            censored_ratio(x, np.where(y > limit, INF, y), limit) for x, y in zip(np.minimum(a, 59), b, strict=True)
        ]
        assert np.mean([interval.high < math.exp(-1) for interval in found]) < 0.025


class TestVerdicts:
    @pytest.mark.parametrize(
        ("low", "high", "greater", "less"),
        [
            (1.1, 2, SUPPORTED, CONTRADICTED),
            (1, 2, UNDECIDED, CONTRADICTED),
            (0.5, 1.5, UNDECIDED, UNDECIDED),
            (0, 1, CONTRADICTED, UNDECIDED),
            (0, 0.9, CONTRADICTED, SUPPORTED),
            (1, 1, CONTRADICTED, CONTRADICTED),
            (1 + 1e-15, 1 + 1e-15, CONTRADICTED, CONTRADICTED),
            (1.001, 1.001, SUPPORTED, CONTRADICTED),
            (-INF, INF, UNDECIDED, UNDECIDED),
            (1.1, INF, SUPPORTED, CONTRADICTED),
        ],
    )
    def test_against_a_margin_of_one(self, low: float, high: float, greater: Verdict, less: Verdict) -> None:
        assert judge(between(low, high), 1) is greater
        assert judge(between(low, high), 1, "less") is less
        assert judge(between(-high, -low), -1, "less") is greater

    @pytest.mark.parametrize(
        ("low", "high", "verdict"),
        [
            (4.6, 5.4, SUPPORTED),
            (4.5, 5.5, SUPPORTED),
            (5.5, 5.5, SUPPORTED),
            (4.6, 5.6, UNDECIDED),
            (4, 6, UNDECIDED),
            (5.6, 6, CONTRADICTED),
            (1, 4.4, CONTRADICTED),
            (5.5, 6, UNDECIDED),
            (-INF, INF, UNDECIDED),
        ],
    )
    def test_equivalence_to_five_within_a_half(self, low: float, high: float, verdict: Verdict) -> None:
        assert judge_equivalence(between(low, high), 0.5, constant=5) is verdict

    def test_equivalence_needs_a_margin(self) -> None:
        with pytest.raises(ValueError, match="must not be negative"):
            judge_equivalence(exact(1), -1)
        assert judge_equivalence(exact(1), 0, constant=1) is SUPPORTED


class TestReplicatesToDecide:
    @pytest.mark.parametrize("effect", [0.1, 0.3, 1.0, 2.0])
    def test_is_about_what_statsmodels_finds(self, effect: float) -> None:
        half = float(stats.t.ppf(0.975, 9)) / math.sqrt(10)
        found = replicates_to_decide(Interval(effect, effect - half, effect + half, 0.95, 10), 0)
        theirs = TTestPower().solve_power(effect, alpha=0.025, power=0.8, alternative="larger")
        assert found == pytest.approx(theirs, abs=2)

    def test_is_found_on_the_scale_of_the_interval(self) -> None:
        values = np.array([0.9, 1.4, 1.1, 1.0, 1.6])
        plain, scaled = one_sample(np.log(values)), one_sample(values, transform="log")
        assert replicates_to_decide(scaled, 1) == replicates_to_decide(plain, 0)

    def test_no_number_would_do(self) -> None:
        assert replicates_to_decide(between(-1, 1), 0) is None
        assert replicates_to_decide(between(-1, 1.001), 0) is None
        assert replicates_to_decide(one_sample([1.0]), 0) is None
        assert replicates_to_decide(one_sample([3.0, 3.0]), 3) == 2

    def test_nearest_edge(self) -> None:
        assert nearest_edge(between(4.9, 5.3), 0.5, constant=5) == 5.5
        assert nearest_edge(between(4.0, 5.3), 0.5, constant=5) == 4.5


@pytest.mark.parametrize("transform", ["identity", "log", "logit"])
def test_scales_are_undone(transform: str) -> None:
    values = np.array([0.01, 0.5, 0.99])
    np.testing.assert_allclose(from_scale(to_scale(values, transform), transform), values)


@pytest.mark.parametrize(("transform", "edge"), [("logit", 1.03), ("logit", -0.01), ("log", -0.05)])
def test_no_number_of_replicates_decides_at_a_margin_that_the_quantity_cannot_reach(transform, edge):
    found = one_sample(np.array([0.5, 0.6, 0.9, 0.7]), 0.95, transform)
    assert replicates_to_decide(found, edge) is None


class TestGroups:
    """What figures and tables show of groups is what `one_sample` says of each."""

    @given(
        st.lists(st.lists(st.floats(0.001, 1000), min_size=2, max_size=6), min_size=1, max_size=5),
        st.booleans(),
        st.integers(0, 99),
    )
    def test_every_group_has_its_own_interval(self, groups: list[list[float]], log: bool, seed: int) -> None:
        listed = [(f"g{n}", value) for n, values in enumerate(groups) for value in values]
        rows = pd.DataFrame(listed, columns=["group", "value"]).sample(frac=1, random_state=seed)
        found = by_group(rows, ["group"], log).set_index("group")
        for n, values in enumerate(groups):
            expected = one_sample(values, 0.95, "log" if log else "identity")
            np.testing.assert_allclose(
                found.loc[f"g{n}", ["mean", "low", "high", "replicates"]].astype(float),
                [expected.estimate, expected.low, expected.high, len(values)],
                rtol=1e-6,
                atol=1e-6,
            )

    def test_what_is_not_all_positive_is_averaged_as_it_is(self) -> None:
        rows = pd.DataFrame({"group": ["a", "a", "b", "b"], "value": [0.0, 4.0, 1.0, 4.0]})
        assert by_group(rows, ["group"], log=True)["mean"].tolist() == [2.0, pytest.approx(2.0)]

    def test_shares_stay_in_their_range_and_one_replicate_has_no_interval(self) -> None:
        rows = pd.DataFrame({"group": ["a", "a", "b", None], "value": [0.0, 1.0, 0.5, 0.3]})
        found = by_group(rows, ["group"], share=True)
        assert found["replicates"].tolist() == [2, 1]
        assert found.loc[0, ["low", "high"]].tolist() == [0.0, 1.0]
        assert found.loc[1, ["low", "high"]].isna().all()

    def test_a_group_with_an_infinite_value_has_no_mean(self) -> None:
        rows = pd.DataFrame({"group": ["a", "a", "b", "b"], "value": [1.0, np.inf, 1.0, 2.0]})
        assert by_group(rows, ["group"])["mean"].isna().tolist() == [True, False]

    def test_no_rows_give_no_intervals(self) -> None:
        rows = pd.DataFrame({"group": pd.Series(dtype=str), "value": pd.Series(dtype=float)})
        assert by_group(rows, ["group"]).empty
