from math import erfc

import numpy as np
import pytest

from chapter6.engine.initializers import Initializer
from chapter6.engine.streams import Streams
from chapter6.registry import build
from engine.small import architecture
from reference import textbook

every_initializer = pytest.mark.parametrize("kind", Initializer.members)

MILLION = np.random.default_rng(0).standard_normal((500, 2000))
STD = {"zeros": 0, "constant": 0, "normal": 0.01, "xavier": np.sqrt(1 / 500), "he": np.sqrt(2 / 500)}
MEAN = {"constant": 0.5}


def weights(kind, draw, **settings):
    return build(Initializer, {"kind": kind, **settings}).weights(draw)


@every_initializer
def test_a_million_draws_have_the_stated_mean_and_spread(kind):
    """Five standard errors of a million draws: 0.5 % of the std for the mean, 0.35 % for the std."""
    result = weights(kind, MILLION)
    std = STD.get(kind, result.std())
    assert abs(result.mean() - MEAN.get(kind, 0)) <= 0.005 * std
    assert abs(result.std() - std) <= 0.0036 * std


@every_initializer
def test_the_tails_are_those_of_a_normal_distribution(kind):
    result = weights(kind, MILLION)
    if result.std() == 0:
        assert np.ptp(result) == 0
    else:
        scores = (result - result.mean()) / result.std()
        assert abs((np.abs(scores) > 3).mean() - 0.0027) < 0.0003


@pytest.mark.parametrize("replicate", [0, 1])
@every_initializer
def test_a_million_weights_of_a_layer_have_the_moments_and_tails_of_their_distribution(kind, replicate):
    """As a network gets them, from its streams and in float32; every bound is five standard errors."""
    count, inputs = 1_000_000, 1000
    design = architecture(inputs, (count // inputs,), 0, initializer=kind)
    parameters = design.initial_parameters(Streams(6, replicate), np.float32)
    result = parameters.value_of["weights/layer-1"].astype(np.float64)
    mean = MEAN.get(kind, 0)
    std = STD[kind] * (np.sqrt(500 / inputs) if kind in ("xavier", "he") else 1) if kind in STD else result.std()
    if std == 0:
        np.testing.assert_array_equal(result, mean)
        return
    scores = (result - mean) / std
    assert abs(scores.mean()) < 5 / np.sqrt(count)
    assert abs(scores.var() - 1) < 5 * np.sqrt(2 / count)
    assert abs((scores**3).mean()) < 5 * np.sqrt(15 / count)
    assert abs((scores**4).mean() - 3) < 5 * np.sqrt(96 / count)
    for reach in (1, 2, 3, 4):
        share = erfc(reach / np.sqrt(2)) / 2
        for tail in (scores > reach, scores < -reach):
            assert abs(tail.mean() - share) < 5 * np.sqrt(share / count), f"beyond {reach}"
    for rows in (scores, scores.T):  # no unit is like another, and none leans to one side
        assert np.abs(rows.mean(axis=1)).max() < 5.5 / np.sqrt(inputs)
        assert np.abs(np.triu(rows @ rows.T / inputs, 1)).max() < 6.5 / np.sqrt(inputs)


@every_initializer
def test_weights_are_the_draw_scaled_and_shifted(kind):
    """Two initializers on the same draw differ by their scale alone."""
    draw = MILLION[:30, :40]
    origin, unit = weights(kind, 0 * draw), weights(kind, 0 * draw + 1)
    assert np.ptp(origin) == np.ptp(unit) == 0
    np.testing.assert_allclose(weights(kind, draw), origin + (unit - origin) * draw, rtol=0, atol=1e-15)


@every_initializer
def test_the_draw_is_left_alone_and_its_shape_and_type_are_kept(kind):
    for dtype in (np.float32, np.float64):
        draw = MILLION[:3, :7].astype(dtype)
        before = draw.copy()
        result = weights(kind, draw)
        assert (result.shape, result.dtype) == (draw.shape, draw.dtype)
        assert not np.shares_memory(result, draw)
        np.testing.assert_array_equal(draw, before)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(kind, {}) for kind in textbook.INITIALIZERS] + [("constant", {"value": -0.25}), ("normal", {"std": 1.5})],
)
@pytest.mark.parametrize("shape", [(3, 50), (50, 3)])
def test_weights_equal_the_textbooks(kind, settings, shape):
    draw = MILLION[: shape[0], : shape[1]]
    expected = textbook.INITIALIZERS[kind](draw, **settings)
    np.testing.assert_allclose(weights(kind, draw, **settings), expected, rtol=1e-14)
