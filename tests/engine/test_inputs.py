"""What a network sees of the images, against cases worked out by hand."""

import numpy as np
import pytest

from chapter6.engine.examples import Examples
from chapter6.engine.layers import Dense, Flatten
from chapter6.engine.measurements.inputs import Inputs
from chapter6.engine.network import Architecture
from chapter6.engine.problems import NetworkProblem
from chapter6.engine.streams import Streams
from engine.looks import read


def problem_on(images, shape, **changed):
    """Return a network whose training images are these rows."""
    images = np.array(images, dtype=float)
    layers = (Flatten(), Dense(2)) if len(shape) == 3 else (Dense(2),)
    design = Architecture(layers, shape)
    examples = Examples(images, np.zeros(len(images), dtype=int), **changed)
    return NetworkProblem(design, design.initial_parameters(Streams(1, 0), np.float64), {"train": examples})


def test_inputs_are_shown_as_the_network_sees_them():
    """Stored 0 to 255, scaled, and then less 0.5."""
    stored = [[0, 255, 0, 255], [255, 255, 0, 0]]
    problem = problem_on(stored, (1, 2, 2), scale=1 / 255, prepare=lambda images: images - 0.5)
    pictures = read(Inputs(shown=1), problem)
    np.testing.assert_allclose(pictures["picture/input-1"], [[-0.5, 0.5], [-0.5, 0.5]])
    np.testing.assert_allclose(pictures["picture/mean"], [[0, 0.5], [-0.5, 0]])
    assert "picture/input-2" not in pictures


def test_channels_are_averaged():
    problem = problem_on([[1, 2, 3, 4, 5, 6, 7, 8]], (2, 2, 2))
    np.testing.assert_allclose(read(Inputs(), problem)["picture/input-1"], [[3, 4], [5, 6]])


def test_what_is_no_image_stands_in_rows():
    np.testing.assert_allclose(
        read(Inputs(axes=1), problem_on([[1, 2, 3, 4, 5]], (5,)))["picture/input-1"], [[1, 2, 3], [4, 5, 0]]
    )


def test_the_axes_are_those_of_largest_variance_and_not_the_mean():
    """All inputs lie far out along the second pixel, and vary along the first."""
    pictures = read(Inputs(axes=2), problem_on([[-1, 9], [1, 9], [0, 8.9], [0, 9.1]], (2,)))
    np.testing.assert_allclose(abs(pictures["picture/axis-1"]), [[1, 0]], atol=1e-12)
    np.testing.assert_allclose(abs(pictures["picture/axis-2"]), [[0, 1]], atol=1e-12)


@pytest.mark.parametrize(
    ("images", "condition"),
    [
        ([[2, 0], [-2, 0], [0, 1], [0, -1]], 4),  # second moments 2 and 0.5
        ([[2, 0], [2, 0], [0, 1], [0, 1]], 4),  # a mean is part of them
        ([[1, 0], [0, 1]], 1),
        ([[10, 0], [-10, 0], [0, 0.5], [0, -0.5]], 1),  # the second holds less than a hundredth
    ],
)
def test_condition(images, condition):
    assert read(Inputs(axes=1), problem_on(images, (2,)))["condition"] == pytest.approx(condition)
