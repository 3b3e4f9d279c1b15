"""What every comparison of trajectories shares: the rules' settings, the tolerances, the measure of an error."""

import numpy as np
import pytest

from reference import textbook

UPDATES = 200
DOUBLE = 1e-10

RULES = {
    "sgd": {"learning_rate": 0.02},
    "momentum": {"learning_rate": 0.02, "momentum": 0.8},
    "nesterov": {"learning_rate": 0.02, "momentum": 0.8},
    "adagrad": {"learning_rate": 0.02, "epsilon": 1e-6},
    "rmsprop": {"learning_rate": 0.002, "decay_rate": 0.9, "epsilon": 1e-6},
    "adam": {"learning_rate": 0.002, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6},
}

# of what has a textbook form; contract tests run over every part that is registered
every_rule = pytest.mark.parametrize("rule", textbook.RULES)
every_initializer = pytest.mark.parametrize("initializer", textbook.INITIALIZERS)
every_activation = pytest.mark.parametrize("activation", textbook.ACTIVATIONS)
every_penalty = pytest.mark.parametrize("penalty", textbook.PENALTIES)
both_types = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])


def assert_close(actual, expected, limit):
    """Hold losses and values, one row an update, to ``limit`` times the largest loss and the row's largest value."""
    (losses, values), (book_losses, book_values) = actual, expected
    assert np.abs(losses - book_losses).max() <= limit * np.abs(book_losses).max()
    error = np.abs(values - book_values).max(axis=1)
    size = np.abs(book_values).max(axis=1)
    late = int(np.argmax(error / size))
    assert error[late] <= limit * size[late], f"{error[late] / size[late]:.1e} after update {late + 1}"


def drawn_masks(streams, layers, shape, ratio, passes):
    """Return the masks that the engine draws, pass by pass and layer by layer: 1 where a float32 reaches ``ratio``."""
    generators = [streams(f"dropout/{name}") for name in layers]
    return [
        [(generator.random(shape, np.float32) >= ratio).astype(float) for generator in generators]
        for _ in range(passes)
    ]


def flat(parameters):
    """Return all weights, then biases, gains and shifts layer by layer, as the engine lays them out."""
    numbers = range(1, 1 + sum(name.startswith("W") for name in parameters))
    names = [f"W{number}" for number in numbers]
    names += [f"{part}{number}" for number in numbers for part in ("b", "gamma", "beta")]
    return np.concatenate([parameters[name].ravel() for name in names if name in parameters])
