import numpy as np
import pytest

from chapter6.engine.problems import SurfaceProblem
from chapter6.engine.surfaces import Bowl
from engine.small import watch
from reference import textbook

START = (-7.0, 2.0)
BOOK = {"sgd": 0.95, "momentum": 0.1, "nesterov": 0.1, "adagrad": 1.5, "rmsprop": 0.1, "adam": 0.3}


def path(kind, learning_rate, steps=30):
    problem = SurfaceProblem(Bowl(start=START))
    _, points, _ = watch(problem, {"kind": kind, "learning_rate": learning_rate}, steps)
    return points


def test_sgd_follows_the_closed_form_of_its_path():
    """x shrinks by 1 - 0.95 / 10 and y by 1 - 2 x 0.95 an update: y changes its sign every time."""
    k = np.arange(1, 31)
    points = path("sgd", 0.95)
    np.testing.assert_allclose(points[:, 0], -7 * 0.905**k, rtol=1e-12)
    np.testing.assert_allclose(points[:, 1], 2 * (-0.9) ** k, rtol=1e-12)


def test_the_first_steps_of_every_rule_are_those_of_a_hand_calculation():
    """At (-7, 2) the gradient is (-0.7, 4): adaptive rules take a full step along both axes."""
    first = {kind: path(kind, rate, 1)[0] for kind, rate in BOOK.items()}
    assert first["sgd"] == pytest.approx((-7 + 0.95 * 0.7, 2 - 0.95 * 4))
    assert first["momentum"] == pytest.approx((-7 + 0.07, 2 - 0.4))
    assert first["nesterov"] == pytest.approx((-7 + 1.9 * 0.07, 2 - 1.9 * 0.4))
    assert first["adagrad"] == pytest.approx((-5.5, 0.5), abs=1e-6)
    assert first["rmsprop"] == pytest.approx((-6, 1), abs=1e-5)  # 0.1 / sqrt(1 - 0.99)
    assert first["adam"] == pytest.approx((-6.7, 1.7), abs=1e-5)


@pytest.mark.parametrize("kind", BOOK)
def test_thirty_steps_equal_the_textbooks(kind):
    point, state = {"x": START[0], "y": START[1]}, {}
    expected = []
    for _ in range(30):
        gradient = {"x": point["x"] / 10, "y": 2 * point["y"]}
        textbook.RULES[kind](point, gradient, state, learning_rate=BOOK[kind])
        expected.append((point["x"], point["y"]))
    np.testing.assert_allclose(path(kind, BOOK[kind]), expected, rtol=1e-11, atol=1e-12)


def test_the_bowl_is_the_books_function():
    assert Bowl().value(-7.0, 2.0) == 49 / 20 + 4
    assert Bowl().gradient(-7.0, 2.0) == pytest.approx((-0.7, 4))
    assert Bowl(elongation=5).value(5.0, 0.0) == 5


def test_a_point_on_a_surface_is_float64_and_knows_its_height():
    problem = SurfaceProblem(Bowl(start=START))
    assert problem.values.dtype == problem.gradient.dtype == np.float64
    assert problem.differentiate(1) == 6.45
    assert problem.gradient == pytest.approx((-0.7, 4))
    assert tuple(problem.values) == START
