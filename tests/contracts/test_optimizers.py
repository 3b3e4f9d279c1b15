from dataclasses import replace

import numpy as np
import pytest

from chapter6.engine.optimizers import Optimizer
from chapter6.registry import build

every_optimizer = pytest.mark.parametrize("kind", Optimizer.members)
both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])

CURVATURES = np.linspace(0.1, 2, 30)


def start(kind, dtype=np.float64):
    """Return an optimizer at its defaults, a point and the state there."""
    optimizer = build(Optimizer, kind)
    weights = np.linspace(-1, 1.5, CURVATURES.size).astype(dtype)
    return optimizer, weights, optimizer.start(weights)


def descend(optimizer, weights, state, updates, curvatures=CURVATURES):
    """Minimize 1/2 sum(c w^2)."""
    for t in range(1, updates + 1):
        optimizer.step(weights, (curvatures * weights).astype(weights.dtype), state, t)


def height(weights):
    return 0.5 * (CURVATURES * weights**2).sum()


@every_optimizer
def test_a_convex_quadratic_falls_at_a_sane_learning_rate(kind):
    optimizer, weights, state = start(kind)
    optimizer = replace(optimizer, learning_rate=0.01)  # a rule's own default may suit larger problems
    before = height(weights)
    descend(optimizer, weights, state, 300)
    assert height(weights) < 0.75 * before


@every_optimizer
def test_the_first_step_goes_against_the_gradient(kind):
    optimizer, weights, state = start(kind)
    before = weights.copy()
    descend(optimizer, weights, state, 1)
    np.testing.assert_array_equal(np.sign(weights - before), -np.sign(before))


@both_types
@every_optimizer
def test_the_state_has_one_array_of_zeros_a_slot(kind, dtype):
    optimizer, weights, state = start(kind, dtype)
    assert list(state) == list(optimizer.slots)
    for array in state.values():
        assert (array.shape, array.dtype) == (weights.shape, weights.dtype)
        assert not array.any()
        assert not any(np.shares_memory(array, other) for other in [weights, *state.values()] if other is not array)


@both_types
@every_optimizer
def test_a_step_works_in_place_and_keeps_the_type(kind, dtype):
    optimizer, weights, state = start(kind, dtype)
    gradient = np.ones_like(weights)
    kept = dict(state)
    assert optimizer.step(weights, gradient, state, 1) is None
    assert state.keys() == kept.keys()
    assert all(state[slot] is kept[slot] for slot in kept)
    assert {array.dtype for array in (weights, gradient, *state.values())} == {np.dtype(dtype)}


@both_types
@every_optimizer
def test_a_zero_gradient_at_the_start_moves_nothing(kind, dtype):
    optimizer, weights, state = start(kind, dtype)
    before = weights.copy()
    for t in (1, 2, 3):
        optimizer.step(weights, np.zeros_like(weights), state, t)
    np.testing.assert_array_equal(weights, before)


@both_types
@every_optimizer
def test_zero_gradients_after_others_leave_all_finite(kind, dtype):
    """Squares that decay for thousands of updates end below the type's smallest number and are still divided by."""
    optimizer, weights, state = start(kind, dtype)
    descend(optimizer, weights, state, 20)
    gradient = np.empty_like(weights)
    for t in range(21, 20_000):
        gradient[...] = 0
        optimizer.step(weights, gradient, state, t)
    for array in (weights, *state.values()):
        assert np.isfinite(array).all()


@both_types
@every_optimizer
def test_a_weight_without_a_gradient_stays_while_others_move(kind, dtype):
    """So a pixel that is always zero does no harm, whatever its neighbours do."""
    optimizer, weights, state = start(kind, dtype)
    before, curvatures = weights.copy(), CURVATURES.copy()
    curvatures[::3] = 0
    descend(optimizer, weights, state, 20, curvatures)
    np.testing.assert_array_equal(weights[::3], before[::3])
    assert (weights[1::3] != before[1::3]).all()


@every_optimizer
def test_the_same_gradients_give_the_same_bits(kind):
    points = []
    for _ in range(2):
        optimizer, weights, state = start(kind, np.float32)
        descend(optimizer, weights, state, 20)
        points.append(weights)
    np.testing.assert_array_equal(*points)


@every_optimizer
def test_one_object_serves_two_runs_at_once(kind):
    """What a run remembers is in its state, not in the optimizer."""
    optimizer, alone, state = start(kind)
    descend(optimizer, alone, state, 5)
    first, second = start(kind)[1], start(kind)[1] * 3
    first_state, second_state = optimizer.start(first), optimizer.start(second)
    for t in range(1, 6):
        optimizer.step(first, CURVATURES * first, first_state, t)
        optimizer.step(second, CURVATURES * second, second_state, t)
    np.testing.assert_array_equal(first, alone)


@every_optimizer
def test_two_halves_move_as_the_whole(kind):
    optimizer, whole, state = start(kind)
    halves = [part.copy() for part in np.split(whole, [11])]
    descend(optimizer, whole, state, 10)
    for part, curvatures in zip(halves, np.split(CURVATURES, [11]), strict=True):
        descend(optimizer, part, optimizer.start(part), 10, curvatures)
    np.testing.assert_allclose(np.concatenate(halves), whole, rtol=1e-13)


@every_optimizer
def test_huge_and_tiny_gradients_of_float32_stay_finite(kind):
    optimizer, weights, state = start(kind, np.float32)
    for t, size in enumerate([1e-30, 1e15, 1e-30], start=1):
        optimizer.step(weights, np.full_like(weights, size), state, t)
    assert np.isfinite(weights).all()
