"""Central differences: what every analytic gradient is held against."""

import numpy as np


def central_difference(function, point, step=1e-5):
    """Return the gradient of a scalar ``function`` at ``point``, which is perturbed in place and restored."""
    gradient = np.zeros(point.shape)
    for index in np.ndindex(point.shape):
        middle = point[index]
        point[index] = middle + step
        above = function(point)
        point[index] = middle - step
        below = function(point)
        point[index] = middle
        gradient[index] = (above - below) / (2 * step)
    return gradient
