import contextlib
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chapter6.data import idx

SMALL = arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))


@given(SMALL)
def test_parse_undoes_build(array):
    np.testing.assert_array_equal(idx.parse(idx.build(array), array.ndim), array)


@given(SMALL, st.data())
def test_any_cut_is_noticed(array, data):
    whole = idx.build(array)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match=r"wrong (magic number|count)"):
        idx.parse(whole[:cut], array.ndim)


@given(st.binary(max_size=40), st.sampled_from([1, 3]))
def test_any_bytes_give_an_array_or_a_value_error(data, axes):
    for body in (data, idx.build(np.zeros((0,) * axes, np.uint8))[:4] + data):
        with contextlib.suppress(ValueError):
            assert idx.parse(body, axes).ndim == axes


def test_build_writes_the_documented_header():
    assert idx.build(np.array([[7, 8, 9]], np.uint8)) == bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9])


def test_labels_are_no_images():
    with pytest.raises(ValueError, match="wrong magic number 0x00000801 instead of 0x00000803"):
        idx.parse(idx.build(np.zeros(5, np.uint8)), 3)


def test_surplus_bytes_are_noticed():
    with pytest.raises(ValueError, match=r"wrong count: 6 values where the header announces \(5,\)"):
        idx.parse(idx.build(np.zeros(5, np.uint8)) + b"\0", 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b"<!DOCTYPE html><html>", "HTML page"), (b"\n  <html>Please log in</html>", "HTML page")],
)
def test_what_mirrors_send_in_the_place_of_a_file_is_called_by_its_name(data, reason):
    with pytest.raises(ValueError, match=reason):
        idx.parse(data, 3)


@given(st.binary(max_size=100))
def test_unpack_undoes_gzip(data):
    assert idx.unpack(gzip.compress(data)) == data


def test_unpack_leaves_other_bodies_alone():
    assert idx.unpack(b"\0\0\x08\x01") == b"\0\0\x08\x01"


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[:-20],
        lambda body: body[:5],
        lambda body: body[:40] + bytes(8) + body[48:],
        lambda body: body[:-8] + bytes(8),
        lambda body: body + b"no gzip member",
    ],
)
def test_damaged_gzip_is_noticed(damage):
    body = gzip.compress(np.random.default_rng(0).bytes(500))
    with pytest.raises(ValueError, match="damaged gzip"):
        idx.unpack(damage(body))


def test_unpack_stops_at_its_bound():
    assert len(idx.unpack(gzip.compress(bytes(1000)), largest=1000)) == 1000
    with pytest.raises(ValueError, match="more than 999 bytes"):
        idx.unpack(gzip.compress(bytes(1000)), largest=999)
