import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chapter6.registry import StudyError
from chapter6.search.spaces import Dimension, Space


def test_a_log_dimension_is_uniform_in_the_exponent():
    assert Dimension(1e-6, 1e-2).value(0.5) == pytest.approx(1e-4)


def test_a_linear_dimension_is_uniform_in_the_value():
    assert Dimension(-1, 3, "linear").value(0.25) == pytest.approx(0)


@given(st.floats(0, 1), st.sampled_from(["log", "linear"]))
def test_values_stay_within_the_range(position, scale):
    assert 0.001 * (1 - 1e-12) <= Dimension(0.001, 10, scale).value(position) <= 10 * (1 + 1e-12)


@given(st.floats(0, 1), st.sampled_from(["log", "linear"]))
def test_a_whole_number_is_rounded_to_one_within_the_range(position, scale):
    value = Dimension(8, 64, scale, whole=True).value(position)
    assert isinstance(value, int)
    assert 8 <= value <= 64
    assert abs(value - Dimension(8, 64, scale).value(position)) <= 0.5


def test_values_carry_the_names_in_their_order():
    space = Space({"b.c": Dimension(1, 3, "linear"), "a": Dimension(1, 100)})
    assert len(space) == 2
    assert space.values(np.array([0.5, 0.5])) == pytest.approx({"b.c": 2, "a": 10})


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["log", "linear"]))
def test_a_space_holds_its_own_points_whatever_was_rounded(one, other, scale):
    space = Space({"a": Dimension(1e-6, 0.01, scale), "b": Dimension(0.3, 0.9, scale)})
    assert space.holds(space.values([one, other]))


def test_a_space_holds_no_other_settings_and_nothing_beyond_a_range():
    space = Space({"a": Dimension(0.1, 1), "b": Dimension(-1, 1, "linear")})
    assert space.holds({"b": -1, "a": 1})
    for values in (
        {"a": 0.5},
        {"a": 0.5, "c": 0},
        {"a": 0.5, "b": 0, "c": 0},
        {"a": 1.001, "b": 0},
        {"a": 0.5, "b": -1.1},
    ):
        assert not space.holds(values)


@pytest.mark.parametrize(
    ("low", "high", "scale", "message"),
    [
        (1, 1, "log", "low must be below high, but low is 1 and high is 1"),
        (2, 1, "linear", "low must be below high"),
        (0, 1, "log", "a log scale needs low above 0, but low is 0; or choose scale: linear"),
    ],
)
def test_a_range_that_is_none_is_refused(low, high, scale, message):
    with pytest.raises(StudyError, match=message):
        Dimension(low, high, scale)
