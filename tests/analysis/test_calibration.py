import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chapter6.analysis import calibration
from chapter6.analysis.calibration import CASES, FALSE, ON, TRUE, exceeds, page, simulate
from chapter6.analysis.levels import NOT_CENSORED, agreement, level_of
from chapter6.analysis.samples import Sample
from chapter6.intervals import Verdict, to_scale
from chapter6.jobs import calibrate
from chapter6.records import Range

SIMULATIONS = 4000
SYMMETRIC_PAIRS = [
    "normal",
    "Student's t(3)",
    "Laplace",
    "exponential",
    "lognormal, sigma 1",
    "log-Laplace",
    "normal, 10 +- 1",
    "normal, 5 % are 10 higher",
    "beta(38, 2)",
    "beta(9.5, 0.5)",
    "accuracy, 100 images",
    "accuracy, 10 000 images",
]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return simulate(SIMULATIONS, reference=200_000)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.method}-{case.distribution}")
def test_the_simulation_judges_as_the_study_does(case: calibration.Case) -> None:
    values = case.draw(np.random.default_rng(1), (20, 6))
    claimed = Range(least=float(np.median(values)))
    verdicts = [claimed.judge(Sample(row, transform=case.transform, count=case.count).interval(0.95)) for row in values]
    scaled = to_scale(values, case.transform, case.count)
    found = level_of(scaled, claimed, case.transform, NOT_CENSORED, agreement(6))
    for verdict in Verdict:
        assert [each is verdict for each in verdicts] == list(found.gives(verdict))


def test_rates_of_every_case_and_scenario(table: pd.DataFrame) -> None:
    assert len(table) == len(CASES) * 2 * 3
    assert set(table["scenario"]) == {ON, FALSE, TRUE}
    assert not table.duplicated(["method", "distribution", "replicates", "scenario"]).any()
    np.testing.assert_allclose(table[["supported", "contradicted", "undecided"]].sum(axis=1), 1)
    assert table.equals(simulate(SIMULATIONS, reference=200_000))


def test_paired_differences_of_like_sides_keep_their_promise(table: pd.DataFrame) -> None:
    rows = table[(table["method"] == "Paired difference") & table["distribution"].isin(SYMMETRIC_PAIRS)]
    assert len(rows) == len(SYMMETRIC_PAIRS) * 2 * 3
    assert not rows["false"].map(lambda rate: exceeds(rate, SIMULATIONS)).any()


@pytest.mark.parametrize(
    ("method", "distribution"),
    [
        ("One sample, log", "lognormal, sigma 1"),
        ("One sample, log", "log-Laplace"),
        ("One sample, logit", "uniform(0, 1)"),
        ("One sample, logit", "accuracy, 10 000 images"),
    ],
)
def test_the_right_scale_keeps_its_promise(table: pd.DataFrame, method: str, distribution: str) -> None:
    rows = table[(table["method"] == method) & (table["distribution"] == distribution)]
    assert len(rows) == 6
    assert not rows["false"].map(lambda rate: exceeds(rate, SIMULATIONS)).any()


def test_a_plain_interval_of_a_skewed_metric_is_caught(table: pd.DataFrame) -> None:
    """A lognormal misses at 18 and 16 %, as was measured when the scales were chosen."""
    rows = table[(table["method"] == "One sample, no transform") & (table["scenario"] == ON)]
    missed = rows[rows["distribution"] == "lognormal, sigma 1"]["false"]
    assert list(missed) == pytest.approx([0.18, 0.16], abs=0.025)


def test_a_claim_false_or_true_by_the_margin_is_hardly_ever_misjudged(table: pd.DataFrame) -> None:
    assert table[table["scenario"] != ON]["false"].max() < 0.01


def test_the_page_shows_every_excess_in_bold(tmp_path: Path, table: pd.DataFrame) -> None:
    rows = [line for line in page(table).splitlines() if line.startswith("| ") and "Distribution" not in line]
    assert len(rows) == len(CASES) * 2
    assert sum("**" in row for row in rows) == table["false"].map(lambda x: exceeds(x, SIMULATIONS)).sum()
    parser = argparse.ArgumentParser()
    calibrate.add_arguments(parser)
    output = tmp_path / "docs" / "calibration.md"
    calibrate.run(parser.parse_args(["--output", str(output), "--simulations", "50"]))
    assert output.read_text().startswith("# Can the verdicts be trusted?")
    assert list(output.parent.iterdir()) == [output]
