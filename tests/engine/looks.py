"""Ways to read a problem, and problems of which all is known."""

import numpy as np

from chapter6.engine.examples import Examples
from engine.small import network_problem


def read(measurement, problem):
    """Return the readings of one look by metric."""
    return values(measurement.bind(problem))


def values(reader):
    """Return the readings of another look by metric."""
    return {metric: value for _, metric, value in reader()}


def layer_problem(pre_activations, activation="relu", **settings):
    """Return a network whose hidden layer has these pre-activations, one row an example; all labels are 0."""
    z = np.array(pre_activations, dtype=float)
    examples = Examples(z, np.zeros(len(z), int))
    problem = network_problem(examples, inputs=z.shape[1], hidden=(z.shape[1],), activation=activation, **settings)
    problem.parameters.value_of["weights/layer-1"][...] = np.eye(z.shape[1])
    return problem


def bend(problem, slot, unit, value):
    """Set a unit's bias, or its incoming weights."""
    problem.parameters.value_of[slot][..., unit] = value
