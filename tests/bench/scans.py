"""JAX's time for the six update rules of 6.1-mnist, in one process a core: ``python -m bench.scans DATA``.

Each run records what the experiment does: the loss of every batch in its training pass and once more after the update,
and loss and accuracy on the test images five times. Each rule is compiled once a process, each fifth is one scan.
"""

import os
import subprocess
import sys
import time
from functools import partial
from typing import Any

from bench.processes import ONE_THREAD, PEERS_PYTHON, ROOT
from chapter6.terminal import say

RULES = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
REPLICATES, UPDATES, EVALUATIONS = 10, 2000, 5
RATE, MOMENTUM, DECAY, EPSILON = 0.01, 0.9, 0.99, 1e-7


def train(data: str, rules: list[str]) -> None:
    """Train the replicates of some rules, and print what the last of each ended with."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from bench.candidates import xla
    from bench.work import SCALE, TASKS, initial_weights
    from chapter6.engine.examples import draw_indices
    from chapter6.engine.streams import Streams

    candidate, task, tree = xla.Candidate(data), TASKS["sgd"], jax.tree.map
    images, labels = candidate._train
    test = [array.reshape(-1, xla.CHUNK, *array.shape[1:]) for array in candidate._test]

    def moved(rule: str, w: Any, g: Any, state: Any, t: Any) -> Any:
        if rule == "nesterov":
            v = tree(lambda v, g: MOMENTUM * v - RATE * g, state["m"], g)
            return tree(lambda w, v, g: w + MOMENTUM * v - RATE * g, w, v, g), state | {"m": v}
        if rule in ("adagrad", "rmsprop"):
            old, new = (1.0, 1.0) if rule == "adagrad" else (DECAY, 1 - DECAY)
            h = tree(lambda h, g: old * h + new * g * g, state["v"], g)
            return tree(lambda w, h, g: w - RATE * g / (jnp.sqrt(h) + EPSILON), w, h, g), state | {"v": h}
        w, changed = xla.moved(rule, w, g, state, t)
        return w, state | changed

    def update(rule: str, carry: Any, rows: Any) -> Any:
        w, state, t = carry
        batch = images[rows].astype(jnp.float32) * SCALE, labels[rows], None, None
        (loss, _), g = jax.value_and_grad(xla.batch_loss, has_aux=True)(w, *batch)
        w, state = moved(rule, w, g, state, t + 1)
        return (w, state, t + 1), (loss, xla.batch_loss(w, *batch)[0])

    @partial(jax.jit, static_argnums=0, donate_argnums=1)
    def part(rule: str, carry: Any, indices: Any) -> Any:
        carry, losses = jax.lax.scan(partial(update, rule), carry, indices)
        return carry, losses, xla.judged(carry[0], *test)

    for rule in rules:
        for replicate in range(REPLICATES):
            draws = Streams(6, replicate)("batches")
            indices = draw_indices(draws, len(labels), UPDATES, task.batch, "replacement").astype(np.int32)
            w = [{"W": jnp.asarray(each), "b": jnp.zeros(each.shape[1])} for each in initial_weights(task)]
            carry = w, {slot: tree(jnp.zeros_like, w) for slot in "mv"}, 0.0
            for rows in np.split(indices, EVALUATIONS):
                carry, losses, judged = part(rule, carry, jnp.asarray(rows))
                recorded = [np.asarray(each) for each in (*losses, *judged)]
        say(f"{rule}: loss {recorded[0][-1]:.3f}, after the update {recorded[1][-1]:.3f}, accuracy {recorded[3]:.4f}\n")


def main(data: str, processes: int = 2) -> None:
    """Share the rules out among processes and print the seconds that all of them took."""
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{ROOT / 'src'}"}
    command, began = [str(PEERS_PYTHON), "-m", "bench.scans", data], time.perf_counter()
    started = [subprocess.Popen([*command, *RULES[n::processes]], env=environment) for n in range(processes)]
    if any(codes := [process.wait() for process in started]):
        sys.exit(f"processes ended with {codes}")
    spent = time.perf_counter() - began
    say(f"{len(RULES) * REPLICATES} runs of {UPDATES} updates in {processes} processes: {spent:.1f} s\n")


if __name__ == "__main__":
    if sys.argv[2:]:
        train(sys.argv[1], sys.argv[2:])
    else:
        main(sys.argv[1])
