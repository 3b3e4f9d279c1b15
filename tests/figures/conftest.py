"""Tables like those of sections 6.1, 6.2 and 6.5, small and made up."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chapter6.analysis.tables import Described, Level, settings_table

Tables = dict[str, pd.DataFrame]
OPTIMIZERS = {"sgd": 0.01, "momentum": 0.01, "nesterov": 0.01, "adagrad": 0.01, "rmsprop": 0.01, "adam": 0.001}
LABELS = {
    "sgd": "SGD",
    "momentum": "Momentum",
    "nesterov": "Nesterov",
    "adagrad": "AdaGrad",
    "rmsprop": "RMSProp",
    "adam": "Adam",
}


def settings(
    variants: Mapping[str, Mapping[str, Any]],
    labels: Mapping[str, str] | None = None,
    called: Mapping[Any, str] | None = None,
) -> pd.DataFrame:
    """The real table of variants; among their parameters ``listed``, ``axis.<axis>``, ``track`` and ``of`` are parts.

    ``labels`` are those of variants, ``called`` those of levels.
    """
    return settings_table(
        "x", [_described(name, given, labels or {}, called or {}) for name, given in variants.items()]
    )


def _described(name: str, given: Mapping[str, Any], labels: Mapping[str, str], called: Mapping[Any, str]) -> Described:
    rest = dict(given)
    track, of = rest.pop("track", "book"), rest.pop("of", "")
    axes = {parameter: rest.pop(parameter) for parameter in given if parameter.startswith("axis.")}
    levels = [Level(axis.removeprefix("axis."), value, "", called.get(value, "")) for axis, value in axes.items()]
    listed = rest.pop("listed", "" if levels else name)
    own = Level("", listed, listed, called.get(listed, "")) if listed else None
    return Described(name, labels.get(name, name), track, rest, own, tuple(levels), of)


def curve(variant: str, replicate: int, split: str, metric: str, steps: Any, values: Any) -> pd.DataFrame:
    frame = pd.DataFrame({"step": np.asarray(steps), "value": np.broadcast_to(values, np.shape(steps))})
    return frame.assign(experiment="x", variant=variant, replicate=replicate, split=split, metric=metric)


def runs(variants: Iterable[str], replicates: int, lost: Mapping[tuple[str, int], int] | None = None) -> pd.DataFrame:
    rows = [
        ("x", v, r, "diverged" if (v, r) in (lost or {}) else "finished", (lost or {}).get((v, r), 400))
        for v in variants
        for r in range(replicates)
    ]
    return pd.DataFrame(rows, columns=["experiment", "variant", "replicate", "outcome", "steps"])


@pytest.fixture(scope="session")
def optimizers() -> Tables:
    """Six listed variants, 4 replicates of 400 updates; RMSProp's replicate 3 runs away and diverges after 50."""
    rng = np.random.default_rng(6)
    steps = np.arange(1, 401)
    parts = []
    for place, variant in enumerate(OPTIMIZERS):
        for replicate in range(4):
            loss = 2.3 * np.exp(-steps / (150 - 20 * place)) + 0.05 + rng.exponential(0.02, len(steps))
            end = len(steps)
            if (variant, replicate) == ("rmsprop", 3):
                loss, end = loss + np.exp(steps / 2.0), 50
            parts.append(curve(variant, replicate, "batch", "loss", steps[:end], loss[:end]))
            for split, low in (("train", 0.97), ("test", 0.95)):
                accuracy = low + 0.003 * place + rng.normal(0, 0.002, 5)
                parts.append(curve(variant, replicate, split, "accuracy", [0, 100, 200, 300, 400][: end // 80], 0.1))
                parts[-1]["value"] = accuracy[: len(parts[-1])]
    names = {v: {"optimizer": v, "optimizer.learning_rate": rate} for v, rate in OPTIMIZERS.items()}
    return {
        "curves": pd.concat(parts, ignore_index=True),
        "settings": settings(names, LABELS),
        "runs": runs(OPTIMIZERS, 4, {("rmsprop", 3): 50}),
    }


@pytest.fixture(scope="session")
def bowl() -> Tables:
    """Paths of 30 updates of plain gradient descent at six learning rates."""
    parts, names = [], {}
    for variant, rate in zip(OPTIMIZERS, (0.95, 0.1, 0.2, 0.5, 0.3, 0.7), strict=True):
        steps = np.arange(31)
        parts.append(curve(variant, 0, "train", "x", steps, -7 * (1 - rate / 10) ** steps))
        parts.append(curve(variant, 0, "train", "y", steps, 2 * (1 - 2 * rate) ** steps))
        names[variant] = {"surface": "bowl", "surface.elongation": 20.0, "optimizer.learning_rate": rate}
    return {"curves": pd.concat(parts), "settings": settings(names, LABELS), "runs": runs(OPTIMIZERS, 1)}


@pytest.fixture(scope="session")
def layered() -> Tables:
    """Activation times initializer, 3 replicates: histograms, spreads, gradient norms and deaths by layer.

    Sigmoid and tanh saturate under std-1 (half of the units exactly at the upper bound); under zeros the
    gradients are exactly zero.
    """
    rng = np.random.default_rng(7)
    edges = np.linspace(-1, 4, 201)
    functions = {"sigmoid": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}
    scales = {"std-1": 50.0, "he": 1.4, "zeros": 0.0}
    names, parts, bins = {}, [], []
    for activation, function in functions.items():
        for initializer, scale in scales.items():
            variant = f"{activation}_{initializer}"
            names[variant] = {
                "axis.activation": activation,
                "axis.initializer": initializer,
                "network.activation": activation,
            }
            for replicate in range(3):
                for layer in (1, 2, 3):
                    values = function(scale * rng.standard_normal(500))
                    shares = np.histogram(values, edges)[0] / values.size
                    frame = pd.DataFrame({"left": edges[:-1], "right": edges[1:], "share": shares})
                    name = f"layer-{layer}"
                    where = {"experiment": "x", "variant": variant, "replicate": replicate, "step": 0}
                    bins.append(frame.assign(**where, split="train", metric=f"histogram/{name}"))
                    norm = 0.0 if initializer == "zeros" else rng.lognormal() * 10.0**-layer
                    parts.append(curve(variant, replicate, "train", f"gradient_norm/{name}", [0], norm))
                    deaths = [0 if initializer == "zeros" else 100] * 3
                    parts.append(curve(variant, replicate, "train", f"deaths/{name}", [0, 1, 2], deaths))
    return {
        "curves": pd.concat(parts, ignore_index=True),
        "settings": settings(names),
        "runs": runs(names, 3),
        "histograms": pd.concat(bins, ignore_index=True),
    }


@pytest.fixture(scope="session")
def sweep() -> Tables:
    """Two optimizers x three rates x two depths, 3 replicates; Adam diverges at rate 10, always at depth 8."""
    rng = np.random.default_rng(8)
    names, parts, lost = {}, [], {}
    for optimizer, default in (("sgd", 0.01), ("adam", 0.001)):
        for rate in (0.1, 1, 10):
            for depth in (2, 8):
                variant = f"{optimizer}_rate-{rate:g}_depth-{depth}"
                names[variant] = {
                    "axis.optimizer": optimizer,
                    "axis.rate": rate,
                    "axis.depth": depth,
                    "optimizer.learning_rate": rate * default,
                }
                for replicate in range(3):
                    steps = np.arange(1, 11)
                    if (optimizer, rate) == ("adam", 10) and (depth == 8 or replicate == 0):
                        steps = steps[:3]
                        lost[variant, replicate] = 3
                    loss = 1 / steps + 0.1 / rate + 0.01 * rng.random(len(steps))
                    parts.append(curve(variant, replicate, "batch", "loss", steps, loss))
                    parts.append(curve(variant, replicate, "train", "accuracy", steps[-1:], 0.9 + 0.01 * replicate))
                    parts.append(curve(variant, replicate, "test", "accuracy", steps[-1:], 0.8))
    return {"curves": pd.concat(parts, ignore_index=True), "settings": settings(names), "runs": runs(names, 3, lost)}


@pytest.fixture(scope="session")
def search() -> Tables:
    """Two searches of 9 trials by each of two strategies, and their choices; narrowing in 3 rounds of 3.

    Accuracy rises with the learning rate alone; random's first trial of search 1 diverges after 1 update.
    """
    rng = np.random.default_rng(9)
    steps = np.array([1, 5, 9])
    parts, ends, points = [], [], []
    for variant in ("random", "narrowing"):
        for replicate in range(2):
            for trial in range(9):
                rate, decay = 10 ** rng.uniform(-6, -2), 10 ** rng.uniform(-8, -4)
                lost = (variant, replicate, trial) == ("random", 1, 0)
                for split, high in (("train", 1.0), ("validation", 0.8)):
                    values = (0.1 + (high - 0.1) * (np.log10(rate) + 6) / 4) * np.array([0.5, 0.9, 1.0])
                    part = curve(variant, replicate, split, "accuracy", steps, values)[: 1 if lost else 3]
                    parts.append(part.assign(trial=trial))
                number = 1 if variant == "random" else trial // 3 + 1
                for parameter, value in (("optimizer.learning_rate", rate), ("penalties.l2.strength", decay)):
                    points.append(("x", variant, replicate, trial, number, parameter, value))
                ends.append(("x", variant, replicate, "diverged" if lost else "finished", 1 if lost else 9, trial))
            parts.append(curve(variant, replicate, "test", "accuracy", [9], 0.6 + 0.1 * replicate).assign(trial=-1))
            ends.append(("x", variant, replicate, "finished", 9, -1))
    names = {variant: {"optimizer": "sgd", "optimizer.learning_rate": 0.001} for variant in ("random", "narrowing")}
    return {
        "curves": pd.concat(parts, ignore_index=True),
        "settings": settings(names, {"random": "random", "narrowing": "coarse to fine"}),
        "runs": pd.DataFrame(ends, columns=["experiment", "variant", "replicate", "outcome", "steps", "trial"]).assign(
            classes=10
        ),
        "trials": pd.DataFrame(
            points, columns=["experiment", "variant", "replicate", "trial", "round", "parameter", "value"]
        ),
    }


@pytest.fixture(scope="session")
def pictured(optimizers: Tables) -> Tables:
    """Two pictures of two variants, at two steps and of two replicates."""
    rows = [
        (variant, replicate, step, "train", f"picture/{name}", row, column, 100 * replicate + step + column)
        for variant in ("sgd", "adam")
        for replicate in (0, 1)
        for step in (0, 5)
        for name in ("mean", "input-1", "input-2")
        for row in (0, 1)
        for column in (0, 1, 2)
    ]
    names = ["variant", "replicate", "step", "split", "metric", "row", "column", "value"]
    return {**optimizers, "pictures": pd.DataFrame(rows, columns=names)}
