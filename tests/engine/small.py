"""Small problems to train, and a way to see every step of a training."""

import numpy as np

from chapter6.engine.activations import Activation
from chapter6.engine.examples import Examples, draw_indices
from chapter6.engine.initializers import Initializer
from chapter6.engine.network import Architecture
from chapter6.engine.optimizers import Optimizer
from chapter6.engine.problems import NetworkProblem
from chapter6.engine.regularizers import Regularizer
from chapter6.engine.streams import Streams
from chapter6.engine.training import train


def pictures(count, inputs=12, classes=4, replicate=0):
    """Return random examples stored as MNIST's are: bytes, and a scale."""
    rng = Streams(1, replicate)("pictures")
    images = rng.integers(0, 256, (count, inputs), dtype=np.uint8)
    return Examples(images, rng.integers(0, classes, count, dtype=np.uint8), 1 / 255)


def gaussians(count, inputs=12, classes=4):
    """Return random examples with positive and negative inputs in float64."""
    rng = Streams(1, 0)("gaussians")
    return Examples(rng.standard_normal((count, inputs)), rng.integers(0, classes, count))


def architecture(inputs=12, hidden=(8, 8), outputs=4, activation="relu", initializer="he", **extras):
    """Return 12-8-8-4; ``extras`` are batch normalization and dropout."""
    parts = build(Activation, activation), build(Initializer, initializer)
    return Architecture(inputs, hidden, outputs, *parts, **extras)


def network_problem(
    train_split=None, *, steps=20, batch_size=6, dtype=np.float64, regularizer=None, replicate=0, **layers
):
    """Return a network of 12-8-8-4 on splits of 40, 23 and 17 examples, ready for ``steps`` updates."""
    splits = {
        "train": train_split or pictures(40),
        "validation": pictures(23, replicate=1),
        "test": pictures(17, replicate=2),
    }
    streams = Streams(6, replicate)
    design = architecture(**layers)
    indices = draw_indices(streams("batches"), len(splits["train"]), steps, batch_size, "replacement")
    penalty = build(Regularizer, regularizer) if regularizer else None
    return NetworkProblem(design, design.initial_parameters(streams, dtype), splits, indices, penalty, streams)


def normal_draws(design, replicate=0):
    """Return the standard-normal draw of every affine layer of :func:`network_problem`."""
    streams = Streams(6, replicate)
    return [streams(f"weights/{name}").standard_normal(shape) for name, *shape in design.affine_shapes]


def build(family, spec):
    """Build a member from its key or its specification."""
    return family.build({"kind": spec} if isinstance(spec, str) else spec)


def watch(problem, optimizer, steps, recordings=(), **options):
    """Train; return losses before each update, values after each update, and the outcome."""
    losses, values = [], []

    def note(_, loss):
        losses.append(loss)
        values.append(problem.values.copy())

    outcome = train(problem, build(Optimizer, optimizer), steps, recordings, note, **options)
    return np.array(losses), np.array(values), outcome
