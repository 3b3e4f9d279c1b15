"""Small problems to train, and a way to see every step of a training."""

import dataclasses
from functools import cache
from types import SimpleNamespace

import numpy as np

from chapter6.engine.activations import Activation
from chapter6.engine.examples import Examples, draw_indices
from chapter6.engine.initializers import Initializer
from chapter6.engine.layers import Dense, Place, walk
from chapter6.engine.losses import Linear, SoftmaxCrossEntropy
from chapter6.engine.network import Architecture, Perceptron
from chapter6.engine.optimizers import Optimizer
from chapter6.engine.parameters import Parameters
from chapter6.engine.penalties import Penalty
from chapter6.engine.problems import NetworkProblem, Origin
from chapter6.engine.streams import Streams
from chapter6.engine.training import Stage, train
from chapter6.registry import build


def pictures(count, inputs=12, classes=4, replicate=0):
    """Return random examples stored as MNIST's are: bytes, and a scale."""
    rng = Streams(1, replicate)("pictures")
    images = rng.integers(0, 256, (count, inputs), dtype=np.uint8)
    return Examples(images, rng.integers(0, classes, count, dtype=np.uint8), 1 / 255)


def gaussians(count, inputs=12, classes=4):
    """Return random examples with positive and negative inputs in float64."""
    rng = Streams(1, 0)("gaussians")
    return Examples(rng.standard_normal((count, inputs)), rng.integers(0, classes, count))


def digits(train, test):
    """Return a data set of so many random images of 28 x 28."""
    rng = Streams(1, 0)("digits")
    sizes = {"train": train, "test": test}
    images = {f"{split}_images": rng.integers(0, 256, (count, 784), dtype=np.uint8) for split, count in sizes.items()}
    labels = {f"{split}_labels": rng.integers(0, 10, count, dtype=np.uint8) for split, count in sizes.items()}
    return SimpleNamespace(**images, **labels)


def architecture(inputs=12, hidden=(8, 8), outputs=4, activation="relu", initializer="he", **extras):
    """Return 12-8-8-4; ``extras`` are batch normalization, its placement and dropout.

    Without ``outputs`` the loss is linear, as it needs no classes.
    """
    parts = build(Activation, activation), build(Initializer, initializer)
    layers = Perceptron(hidden, outputs, *parts, **extras).layers((inputs,))
    return Architecture(layers, (inputs,), SoftmaxCrossEntropy() if outputs else Linear())


def affine_shapes(design):
    """Return name, inputs and units of every dense layer."""
    return [(name, *before, *after) for layer, name, before, after in design.walk() if isinstance(layer, Dense)]


def network_problem(train_split=None, *, steps=20, batch_size=6, dtype=np.float64, penalty=None, replicate=0, **layers):
    """Return a network of 12-8-8-4 on splits of 40, 23 and 17 examples, ready for ``steps`` updates.

    It could have started from another one like it.
    """
    splits = {
        "train": train_split or pictures(40),
        "validation": pictures(23, replicate=1),
        "test": pictures(17, replicate=2),
    }
    streams = Streams(6, replicate)
    design = architecture(**layers)
    penalties = [build(Penalty, penalty)] if penalty else []
    problem = NetworkProblem(design, design.initial_parameters(streams, dtype), splits, penalties, streams)
    problem.train_on(draw_indices(streams("batches"), len(splits["train"]), steps, batch_size, "replacement"), streams)
    earlier = cache(lambda: network_problem(train_split, dtype=dtype, **layers))
    problem.origin = Origin(earlier, list(problem.parameters.value_of))
    return problem


def normal_draws(design, replicate=0):
    """Return the standard-normal draw of every dense layer of :func:`network_problem`."""
    streams = Streams(6, replicate)
    return [streams(f"weights/{name}").standard_normal(shape) for name, *shape in affine_shapes(design)]


def place(layer, batch, shape, dtype=np.float64, seed=None, number=1, **how):
    """Return where ``layer`` alone may be bound, with parameters of its own; ``seed`` is that of its masks.

    Unless ``how`` says otherwise, it learns, gives a gradient back and was lent its input.
    """
    parameters = how.pop("parameters", None) or Parameters(slots_of(layer, shape, number), dtype)
    how = {"learns": True, "gives_back": True, "is_lent": True} | how
    rng = None if seed is None else np.random.default_rng(seed)
    return Place(number, shape, parameters, batch, rng=lambda _: rng, **how)


def slots_of(layer, shape, number=1):
    """Return the parameters of a layer with this number and of those within it."""
    found = [(layer, number, shape), *(step[:3] for step in walk(layer.within, shape, number))]
    return [slot for each, own, before in found for slot in each.slots(f"layer-{own}", before)]


def bound(layer, batch, shape, dtype=np.float64, **how):
    """Return ``layer`` bound to a :func:`place`, and its parameters."""
    where = place(layer, batch, shape, dtype, **how)
    return layer.bind(where), where.parameters


def required_fields(member):
    """Return the fields of a dataclass without a default."""
    unset = dataclasses.MISSING
    return [f.name for f in dataclasses.fields(member) if f.default is unset and f.default_factory is unset]


def stage_of(problem, optimizer, steps, **options):
    """Return a stage of ``steps`` updates on batches of the size that the problem stands ready for."""
    first = getattr(problem, "members", [problem])[0]
    size = len(first.batches[0][0]) if hasattr(first, "batches") else 1
    rule = build(Optimizer, optimizer) if optimizer else None
    return Stage(**{"steps": steps, "optimizer": rule, "batch_size": size} | options)


def trained(problem, optimizer, steps, recordings=(), progress=None, **options):
    """Train in one stage; return the outcome."""
    return train(problem, [stage_of(problem, optimizer, steps, **options)], recordings, progress)


def watch(problem, optimizer, steps, recordings=(), **options):
    """Train; return losses before each update, values after each update, and the outcome."""
    losses, values = [], []

    def note(_, loss):
        losses.append(loss)
        values.append(problem.values.copy())

    outcome = trained(problem, optimizer, steps, recordings, note, **options)
    return np.array(losses), np.array(values), outcome
