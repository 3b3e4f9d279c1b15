"""JAX: the whole update in one jitted function, batches gathered inside, parameters and state donated.

Nothing passes from NumPy to JAX between updates: the indices of all batches and the number of the step stand with the
state. The losses are read at once, by the block, or the updates of a block are one ``lax.scan``.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from math import isqrt
from typing import Any

import numpy as np

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp

from bench.sessions import Offer, RefusedError, Session
from bench.work import (
    BETAS,
    EPSILON,
    FILTERS,
    LEARNING_RATES,
    MOMENTUM,
    NORMALIZATION_EPSILON,
    NORMALIZATION_MOMENTUM,
    SCALE,
    TASKS,
    WINDOW,
    Task,
    batch_indices,
    initial_weights,
    read_data,
    seen,
)

CHUNK = 1000  # test images a forward pass: in one pass it takes twice as long
FORMS = ("losses read at once", "losses read by the block", "a block in one scan")
Carry = dict[str, Any]
Layers = list[dict[str, jax.Array]]


def initial_carry(task: Task) -> Carry:
    """Return all that an update changes."""
    matrices = initial_weights(task)
    layers = [{"W": jnp.asarray(matrix), "b": jnp.zeros(matrix.shape[1])} for matrix in matrices]
    for layer in layers[: len(FILTERS)] if task.side else ():
        layer["W"] = layer["W"].reshape(-1, WINDOW, WINDOW, layer["W"].shape[1])  # channel, y, x, filter
    averages = []
    for layer in layers[:-1] if task.normalized else ():
        layer.update(gain=jnp.ones_like(layer["b"]), shift=jnp.zeros_like(layer["b"]))
        averages.append((jnp.zeros_like(layer["b"]), jnp.zeros_like(layer["b"])))
    slots = {"sgd": (), "momentum": ("m",), "adam": ("m", "v")}[task.optimizer]
    state = {slot: jax.tree.map(jnp.zeros_like, layers) for slot in slots}
    return {"layers": layers, "state": state, "averages": averages, "key": jax.random.key(0), "t": jnp.int32(0)}


def batch_loss(
    layers: Layers, x: jax.Array, labels: jax.Array, key: jax.Array, dropout: float | None
) -> tuple[jax.Array, list[tuple[jax.Array, jax.Array]]]:
    """Return the mean loss of a training pass and the moments of its batch, where it is normalized."""
    moments = []
    for number, layer in enumerate(layers[:-1]):
        x = affine(x, layer)
        if "gain" in layer:
            mean, variance = x.mean(axis=0), x.var(axis=0)
            moments.append((mean, variance))
            x = (x - mean) * jax.lax.rsqrt(variance + NORMALIZATION_EPSILON) * layer["gain"] + layer["shift"]
        x = jax.nn.relu(x)
        if dropout is not None:
            kept = jax.random.bernoulli(jax.random.fold_in(key, number), 1 - dropout, x.shape)
            x = jnp.where(kept, x / (1 - dropout), 0)
    return cross_entropy(x @ layers[-1]["W"] + layers[-1]["b"], labels), moments


def affine(x: jax.Array, layer: dict[str, jax.Array]) -> jax.Array:
    """Return what a dense layer makes of flat examples, or a convolution of square images, with pooling."""
    if layer["W"].ndim == 2:
        return x.reshape(len(x), -1) @ layer["W"] + layer["b"]
    images = x if x.ndim == 4 else x.reshape(len(x), 1, isqrt(x.shape[1]), -1)
    orders = ("NCHW", "IHWO", "NCHW")
    y = jax.lax.conv_general_dilated(images, layer["W"], (1, 1), "SAME", dimension_numbers=orders)
    pooled = jax.lax.reduce_window(y, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    return pooled + layer["b"][:, None, None]


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the mean over the batch."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1).mean()


def moved(optimizer: str, layers: Layers, slopes: Layers, state: Carry, t: jax.Array) -> tuple[Layers, Carry]:
    """Return parameters and state after the engine's form of the rule; ``t`` counts from 1."""
    rate = LEARNING_RATES[optimizer]
    if optimizer == "sgd":
        return jax.tree.map(lambda w, g: w - rate * g, layers, slopes), state
    if optimizer == "momentum":
        velocity = jax.tree.map(lambda v, g: MOMENTUM * v - rate * g, state["m"], slopes)
        return jax.tree.map(jnp.add, layers, velocity), {"m": velocity}
    first = jax.tree.map(lambda m, g: BETAS[0] * m + (1 - BETAS[0]) * g, state["m"], slopes)
    second = jax.tree.map(lambda v, g: BETAS[1] * v + (1 - BETAS[1]) * g * g, state["v"], slopes)
    rate = rate * jnp.sqrt(1 - BETAS[1] ** t) / (1 - BETAS[0] ** t)
    layers = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), layers, first, second)
    return layers, {"m": first, "v": second}


def update(
    task: Task, dropout: float | None, carry: Carry, images: jax.Array, labels: jax.Array, indices: jax.Array
) -> tuple[Carry, jax.Array]:
    """Return what has changed after the next update, and the loss of its batch."""
    rows = indices[carry["t"]]
    x = images[rows].astype(jnp.float32) * SCALE
    key = jax.random.fold_in(carry["key"], carry["t"])
    (loss, moments), slopes = jax.value_and_grad(batch_loss, has_aux=True)(
        carry["layers"], x, labels[rows], key, dropout
    )
    t = carry["t"] + 1
    layers, state = moved(task.optimizer, carry["layers"], slopes, carry["state"], t.astype(jnp.float32))
    averages = jax.tree.map(
        lambda old, new: NORMALIZATION_MOMENTUM * old + (1 - NORMALIZATION_MOMENTUM) * new, carry["averages"], moments
    )
    return carry | {"layers": layers, "state": state, "averages": averages, "t": t}, loss


def block(one: Callable[..., Any], count: int, carry: Carry, *data: jax.Array) -> tuple[Carry, jax.Array]:
    """Return what has changed after ``count`` updates, and their losses."""
    return jax.lax.scan(lambda carry, _: one(carry, *data), carry, None, length=count)


class Training(Session):
    def __init__(self, task: Task, form: str, dropout: float | None, data: Sequence[jax.Array]) -> None:
        one = partial(update, task, dropout)
        self._form = form
        self._data = tuple(data)
        self._carry = initial_carry(task)
        self._update = jax.jit(one, donate_argnums=0)
        self._block = jax.jit(partial(block, one), static_argnums=0, donate_argnums=1)

    def run(self, count: int) -> list[float]:
        if self._form == "a block in one scan":
            self._carry, losses = self._block(count, self._carry, *self._data)
            return np.asarray(losses).tolist()
        if self._form == "losses read at once":
            return [float(self._one()) for _ in range(count)]
        return [float(loss) for loss in [self._one() for _ in range(count)]]

    def _one(self) -> jax.Array:
        self._carry, loss = self._update(self._carry, *self._data)
        return loss


def judged(layers: Layers, images: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return mean loss and accuracy of images and labels in chunks, (chunks, images, ...)."""

    def chunk(part: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        x = part[0].astype(jnp.float32) * SCALE
        for layer in layers[:-1]:
            x = jax.nn.relu(x @ layer["W"] + layer["b"])
        logits = x @ layers[-1]["W"] + layers[-1]["b"]
        return cross_entropy(logits, part[1]), (logits.argmax(axis=1) == part[1]).mean()

    losses, accuracies = jax.lax.map(chunk, (images, labels))
    return losses.mean(), accuracies.mean()


class Evaluating(Session):
    def __init__(self, images: jax.Array, labels: jax.Array) -> None:
        chunk = CHUNK if len(labels) % CHUNK == 0 else len(labels)
        self._data = images.reshape(-1, chunk, images.shape[1]), labels.reshape(-1, chunk)
        self._layers = initial_carry(TASKS["evaluation"])["layers"]
        self._judge = jax.jit(judged)

    def run(self, count: int) -> list[float]:
        return [float(value) for _ in range(count) for value in self._judge(self._layers, *self._data)]


class Candidate(Offer):
    def __init__(self, data: str) -> None:
        self._dataset = read_data(data)
        self._train = self._as_jax(self._dataset.train_images, self._dataset.train_labels)
        self._test = self._as_jax(self._dataset.test_images, self._dataset.test_labels)
        self.versions = {"jax": jax.__version__}

    @staticmethod
    def _as_jax(images: np.ndarray, labels: np.ndarray) -> tuple[jax.Array, jax.Array]:
        return jnp.asarray(images), jnp.asarray(labels.astype(np.int32))

    def forms(self, task: str) -> Sequence[str]:
        if TASKS[task].after_update:
            raise RefusedError("not measured: this row shows what a second forward pass costs the engine")
        return ("one jitted function",) if TASKS[task].evaluates else FORMS

    def session(self, task: str, form: str, horizon: int, dropout: float | None) -> Session:
        if TASKS[task].evaluates:
            return Evaluating(*self._test)
        indices = jnp.asarray(batch_indices(TASKS[task], self._dataset, horizon).astype(np.int32))
        dataset = seen(TASKS[task], self._dataset)
        train = self._train if dataset is self._dataset else self._as_jax(dataset.train_images, dataset.train_labels)
        return Training(TASKS[task], form, dropout, (*train, indices))
