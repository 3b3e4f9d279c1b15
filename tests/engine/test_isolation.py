"""A run gives the same bits alone, after others and in another process."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chapter6.engine.optimizers import Adam
from engine.combinations import layers
from engine.small import network_problem, watch

SETTINGS = {"dtype": np.float32, "penalty": "l2", "steps": 50}

ALONE = "from engine import test_isolation; print(test_isolation.digest_of_a_run(**test_isolation.PARTS[{!r}]))"
PARTS = {
    "plain": {},
    "before-standard": layers("before", "standard"),
    "after-inverted": layers("after", "inverted", "tanh"),
}

every_part = pytest.mark.parametrize("parts", PARTS)


def digest_of_a_run(optimizer="adam", replicate=3, **layers):
    problem = network_problem(**SETTINGS, replicate=replicate, **layers)
    losses, values, _ = watch(problem, optimizer, 50)
    averages = b"".join(array.tobytes() for array in problem.parameters.statistics.values())
    return hashlib.sha256(losses.tobytes() + values.tobytes() + averages).hexdigest()


@every_part
def test_a_run_after_others_equals_the_run_before_them(parts):
    first = digest_of_a_run(**PARTS[parts])
    others = {digest_of_a_run(kind) for kind in ("sgd", "nesterov", "rmsprop")}
    others |= {digest_of_a_run(replicate=4), digest_of_a_run(hidden=(20, 3)), digest_of_a_run(activation="tanh")}
    others |= {digest_of_a_run(**layers("after", "standard")), digest_of_a_run(replicate=4, **PARTS[parts])}
    assert digest_of_a_run(**PARTS[parts]) == first
    assert len(others - {first}) >= 7


@every_part
def test_a_run_alone_in_a_process_equals_the_run_among_others(parts):
    tests = str(Path(__file__).parents[1])
    program = f"import sys; sys.path.insert(0, {tests!r}); {ALONE.format(parts)}"
    alone = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    digest_of_a_run("momentum")
    assert alone.stdout.strip() == digest_of_a_run(**PARTS[parts])


@every_part
def test_two_runs_whose_updates_alternate_do_not_meet(parts):
    settings = SETTINGS | PARTS[parts]
    alone = [watch(network_problem(**settings, replicate=replicate), "adam", 50)[1][-1] for replicate in (0, 1)]
    problems = [network_problem(**settings, replicate=replicate) for replicate in (0, 1)]
    optimizer = Adam()
    states = [optimizer.start(problem.values) for problem in problems]
    for step in range(1, 51):
        for problem, state in zip(problems, states, strict=True):
            problem.differentiate(step)
            optimizer.step(problem.values, problem.gradient, state, step)
    np.testing.assert_array_equal([problem.values for problem in problems], alone)
