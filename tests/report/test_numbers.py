# ruff: noqa: RUF001  (the page's typography: minus and multiplication signs, dashes)

import math

import pytest

from chapter6.report.numbers import duration, exact, interval, number, percent, size


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (math.nan, "–"),
        (-math.inf, "−∞"),
        (0, "0"),
        (-0.0, "0"),
        (2000, "2000"),
        (60000, "60\u202f000"),
        (-0.02134, "−0.0213"),
        (12.345, "12.3"),
        (0.00012, "1.20 × 10⁻⁴"),
        (2.5e9, "2.50 × 10⁹"),
    ],
)
def test_numbers(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.01, "0.01"), (1e-7, "10⁻⁷"), (2.5e-6, "2.5 × 10⁻⁶"), (0.999, "0.999"), (-7, "−7")]
)
def test_chosen_numbers(value, shown):
    assert exact(value) == shown


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        ((0.5213, 0.5011, 0.5415), "0.521 [0.501, 0.541]"),
        ((-0.5466, -72.9, 71.8), "−0.55 [−72.90, 71.80]"),
        ((2.30144, 2.30141, 2.30147), "2.301440 [2.301410, 2.301470]"),
        ((3.0, 3.0, 3.0), "3"),
        ((0.1, 0.05, None), "0.100 [0.050, ∞]"),
        ((28.0, None, None), "28"),
        ((None, None, None), "–"),
    ],
)
def test_intervals(ends, shown):
    assert interval(*ends) == shown


def test_shares_sizes_and_times():
    assert percent(0.9975) == "99.75\u202f%"
    assert size("é" * 600) == "1.2 kB"
    assert [duration(s) for s in (3.25, 600, 9000)] == ["3.25 s", "10 min", "2.5 h"]
