"""How keys are written for readers, in figures and in sentences."""

from __future__ import annotations

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
PARAMETERS = {"regularizer.strength": "weight decay"}


def name(key: str) -> str:
    """Return how a key (``relu``, ``learning_rate``) is written."""
    return NAMES.get(key, key.replace("_", " "))


def parameter_name(parameter: str) -> str:
    """Return how a dotted setting (``optimizer.learning_rate``) is written."""
    return PARAMETERS.get(parameter, name(parameter.rpartition(".")[2]))
