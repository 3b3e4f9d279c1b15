import numpy as np
import pytest

from chapter6.engine.surfaces import Surface
from chapter6.registry import build
from reference.differences import central_difference

every_surface = pytest.mark.parametrize("kind", Surface.members)

GRID = np.meshgrid(np.linspace(-8, 8, 17), np.linspace(-4, 4, 9))


@every_surface
def test_the_gradient_equals_the_central_difference(kind):
    surface = build(Surface, kind)
    for x, y in zip(*(axis.ravel() for axis in GRID), strict=True):
        expected = central_difference(lambda point: surface.value(*point), np.array([x, y]))
        np.testing.assert_allclose(surface.gradient(x, y), expected, rtol=1e-6, atol=1e-8)


@every_surface
def test_the_minimum_is_the_origin(kind):
    surface = build(Surface, kind)
    lowest = surface.value(np.array(0.0), np.array(0.0))
    heights = surface.value(*GRID)
    assert (heights[np.hypot(*GRID) > 0] > lowest).all()
    np.testing.assert_array_equal(surface.gradient(np.array(0.0), np.array(0.0)), (0, 0))


@every_surface
def test_arrays_give_what_their_elements_give(kind):
    surface = build(Surface, kind)
    x, y = GRID
    assert surface.value(x, y).shape == x.shape
    assert surface.value(x, y)[3, 5] == surface.value(x[3, 5], y[3, 5])
    for whole, single in zip(surface.gradient(x, y), surface.gradient(x[3, 5], y[3, 5]), strict=True):
        assert whole.shape == x.shape
        assert whole[3, 5] == single
