import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chapter6.search.spaces import Dimension, Space


def test_a_log_dimension_is_uniform_in_the_exponent():
    assert Dimension(1e-6, 1e-2).value(0.5) == pytest.approx(1e-4)


def test_a_linear_dimension_is_uniform_in_the_value():
    assert Dimension(-1, 3, "linear").value(0.25) == pytest.approx(0)


@given(st.floats(0, 1), st.sampled_from(["log", "linear"]))
def test_values_stay_within_the_range(position, scale):
    assert 0.001 * (1 - 1e-12) <= Dimension(0.001, 10, scale).value(position) <= 10 * (1 + 1e-12)


def test_values_carry_the_names_in_their_order():
    space = Space.of({"b.c": {"low": 1, "high": 3, "scale": "linear"}, "a": {"low": 1, "high": 100}})
    assert space.values(np.array([0.5, 0.5])) == pytest.approx({"b.c": 2, "a": 10})
