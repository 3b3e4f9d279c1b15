"""Two hundred updates of the engine beside the textbook: every rule, initializer, activation and penalty.

Errors are relative to the largest weight (or loss) of the moment. In float64 the two differ by rounding alone.
float32 rounds at 6e-8 and 200 updates let that grow: SINGLE is what a float32 run may be relied on for. From
constant weights the classes' gradients at a hidden unit cancel to zero, and what rounding leaves of them is all
that moves the first layers: there float32 is held to CANCELLING only.
"""

from functools import cache

import numpy as np
import pytest

from chapter6.engine.examples import draw_indices
from chapter6.engine.streams import Streams
from engine.small import gaussians, network_problem, normal_draws, watch
from reference import textbook
from reference.trajectories import (
    DOUBLE,
    RULES,
    UPDATES,
    assert_close,
    both_types,
    every_activation,
    every_initializer,
    every_penalty,
    every_rule,
    flat,
)

SINGLE = 2e-4
CANCELLING = 0.1


@both_types
@every_activation
@every_initializer
@every_rule
def test_every_update_equals_the_textbooks(rule, initializer, activation, dtype):
    expected = textbook_trajectory(rule, initializer, activation, None)
    assert_close(engine_trajectory(rule, initializer, activation, None, dtype), expected, tolerance(dtype, initializer))


@both_types
@every_penalty
@every_rule
def test_every_penalized_update_equals_the_textbooks(rule, penalty, dtype):
    expected = textbook_trajectory(rule, "he", "tanh", penalty)
    assert_close(engine_trajectory(rule, "he", "tanh", penalty, dtype), expected, tolerance(dtype, "he"))


def test_the_comparison_notices_a_tenth_of_a_percent():
    slower = dict(RULES["sgd"], learning_rate=0.01998)
    actual = watch(small_problem("he", "relu", None, np.float64), {"kind": "sgd", **slower}, UPDATES)[:2]
    with pytest.raises(AssertionError):
        assert_close(actual, textbook_trajectory("sgd", "he", "relu", None), SINGLE)


def small_problem(initializer, activation, penalty, dtype):
    strength = {"kind": penalty, "strength": 0.01} if penalty else None
    return network_problem(
        gaussians(40),
        steps=UPDATES,
        dtype=dtype,
        penalty=strength,
        activation=activation,
        initializer=initializer,
    )


def engine_trajectory(rule, initializer, activation, penalty, dtype):
    """Return the loss before and the parameters after each update."""
    problem = small_problem(initializer, activation, penalty, dtype)
    losses, values, outcome = watch(problem, {"kind": rule, **RULES[rule]}, UPDATES)
    assert outcome.status == "finished"
    assert values.dtype == dtype
    return losses, values


@cache
def textbook_trajectory(rule, initializer, activation, penalty):
    """Return the same from the textbook, given the same draws and the same batches."""
    design = small_problem(initializer, activation, None, np.float64).architecture
    parameters = textbook.initial_parameters(normal_draws(design), initializer)
    examples = gaussians(40)
    order = draw_indices(Streams(6, 0)("batches"), len(examples), UPDATES, 6, "replacement")
    batches = [(examples.images[rows], examples.targets[rows]) for rows in order]
    strength = (penalty, 0.01) if penalty else None
    steps = list(textbook.train(parameters, batches, activation, rule, RULES[rule], strength))
    return np.array([loss for loss, _ in steps]), np.array([flat(after) for _, after in steps])


def tolerance(dtype, initializer):
    if dtype == np.float64:
        return DOUBLE
    return CANCELLING if initializer == "constant" else SINGLE
