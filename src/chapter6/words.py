"""How keys are written for readers, in figures and in sentences."""

from __future__ import annotations

import json
from typing import Any

NAMES = {
    "sgd": "SGD",
    "adagrad": "AdaGrad",
    "rmsprop": "RMSProp",
    "adam": "Adam",
    "momentum": "Momentum",
    "nesterov": "Nesterov",
    "relu": "ReLU",
    "xavier": "Xavier",
    "he": "He",
    "bn": "batch normalization",
    "bayesian": "Bayesian",
    "std-0.01": "std 0.01",
    "std-1": "std 1",
}
PARAMETERS = {"penalties.l2.strength": "weight decay"}


def name(key: str) -> str:
    """Return how a key (``relu``, ``learning_rate``) is written."""
    return NAMES.get(key, key.replace("_", " "))


def parameter_name(parameter: str) -> str:
    """Return how a dotted setting (``optimizer.learning_rate``) is written."""
    return PARAMETERS.get(parameter, name(parameter.rpartition(".")[2]))


def level_name(axis: str, level: str) -> str:
    """Return how a level is written that has no label: ``ReLU``, but ``depth 4``."""
    what = name(axis.rpartition(".")[2])
    if level in ("true", "false"):
        return f"{'with' if level == 'true' else 'without'} {what}"
    return f"{what} {level}" if _is_number(level) else name(level)


def value_text(value: Any) -> str:
    """Return a plain value as text: ``sgd``, 4 for 4.0, ``true``."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def _is_number(level: str) -> bool:
    try:
        float(level)
    except ValueError:
        return False
    return True
