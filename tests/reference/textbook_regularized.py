"""Batch normalization and dropout in plain float64, and the networks that have them.

As in :mod:`reference.textbook` nothing is shared with the engine. To the parameters "W1", "b1", ... come "gamma1" and
"beta1", ... A ``design`` says what a network is made of::

    {"activation": "relu", "normalization": "before", "dropout": ("standard", 0.3), "penalty": ("l2", 0.01)}

where ``normalization`` ("before" or "after" the activation), ``dropout`` and ``penalty`` may be None.
"""

import numpy as np

from reference.textbook import (
    ACTIVATIONS,
    PENALTIES,
    RULES,
    affine,
    affine_slopes,
    cross_entropy,
    cross_entropy_slope,
    initial_parameters,
)

EPSILON = 10e-7
MOMENTUM = 0.9

# --- Section 6.3: batch normalization (Ioffe and Szegedy, algorithms 1 and 2) ----------------------------------


def batch_statistics(x):
    """Return mean and biased variance of every column."""
    mean = x.sum(axis=0) / len(x)
    return mean, ((x - mean) ** 2).sum(axis=0) / len(x)


def normalize(x, gamma, beta, mean, variance, epsilon=EPSILON):
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def normalize_slopes(upstream, x, gamma, epsilon=EPSILON):
    """Return the gradients with respect to x, gamma and beta: the chain rule of the paper's section 3."""
    m = len(x)
    mean, variance = batch_statistics(x)
    xhat = (x - mean) / np.sqrt(variance + epsilon)
    to_xhat = upstream * gamma
    to_variance = (to_xhat * (x - mean)).sum(axis=0) * -0.5 * (variance + epsilon) ** -1.5
    to_mean = -to_xhat.sum(axis=0) / np.sqrt(variance + epsilon) + to_variance * (-2 * (x - mean)).sum(axis=0) / m
    to_x = to_xhat / np.sqrt(variance + epsilon) + to_variance * 2 * (x - mean) / m + to_mean / m
    return to_x, (upstream * xhat).sum(axis=0), upstream.sum(axis=0)


def running_average(old, new, momentum=MOMENTUM):
    return momentum * old + (1 - momentum) * new


# --- Section 6.4.3: dropout; what a layer's outputs are multiplied by ------------------------------------------


def training_scale(mask, dropout):
    """Return the mask of ones and zeros in the book's form, divided by the share of ones in the inverted form."""
    form, ratio = dropout
    return {"standard": mask, "inverted": mask / (1 - ratio)}[form]


def evaluation_scale(dropout):
    form, ratio = dropout
    return {"standard": 1 - ratio, "inverted": 1.0}[form]


# --- The network: affine, (normalization,) activation, (normalization,) (dropout,) and so on -------------------


def all_initial_parameters(draws, initializer, design):
    """Return the textbook's parameters, and gamma 1 and beta 0 for each hidden layer that is normalized."""
    parameters = initial_parameters(draws, initializer)
    for number, draw in enumerate(draws[:-1], start=1):
        if design["normalization"]:
            parameters[f"gamma{number}"] = np.ones(draw.shape[1])
            parameters[f"beta{number}"] = np.zeros(draw.shape[1])
    return parameters


def hidden_layers(parameters):
    return sum(name.startswith("W") for name in parameters) - 1


def no_averages(parameters):
    """Return the running mean and variance of each normalized layer before the first batch."""
    widths = [len(value) for name, value in parameters.items() if name.startswith("gamma")]
    return [(np.zeros(width), np.zeros(width)) for width in widths]


def forward(parameters, x, design, averages=None, scales=None):
    """Return the logits and, for each hidden layer, its input, pre-activations and activation's input and output.

    ``averages`` are what the layers normalize by, None for the batch's own. ``scales`` multiply their outputs.
    """
    function, _ = ACTIVATIONS[design["activation"]]
    seen = []
    for number in range(1, hidden_layers(parameters) + 1):

        def normalized(values, where, number=number):
            if design["normalization"] != where:
                return values
            statistics = averages[number - 1] if averages else batch_statistics(values)
            return normalize(values, parameters[f"gamma{number}"], parameters[f"beta{number}"], *statistics)

        z = affine(x, parameters[f"W{number}"], parameters[f"b{number}"])
        into = normalized(z, "before")
        out = function(into)
        seen.append({"x": x, "z": z, "into": into, "out": out})
        x = normalized(out, "after")
        if scales:
            x = x * scales[number - 1]
    last = hidden_layers(parameters) + 1
    seen.append({"x": x})
    return affine(x, parameters[f"W{last}"], parameters[f"b{last}"]), seen


def evaluate(parameters, x, design, averages):
    """Return the logits in evaluation mode: running averages, no mask."""
    hidden = hidden_layers(parameters)
    scales = [evaluation_scale(design["dropout"])] * hidden if design["dropout"] else None
    return forward(parameters, x, design, averages, scales)[0]


def training_scales(design, masks):
    return [training_scale(mask, design["dropout"]) for mask in masks] if design["dropout"] else None


def loss(parameters, x, labels, design, masks=None):
    """Return the mean cross-entropy of the training pass plus the penalties on all weights."""
    logits, _ = forward(parameters, x, design, None, training_scales(design, masks))
    total = cross_entropy(logits, labels)
    if design["penalty"]:
        kind, strength = design["penalty"]
        for number in range(1, hidden_layers(parameters) + 2):
            total += PENALTIES[kind][0](parameters[f"W{number}"], strength)
    return total


def gradients(parameters, x, labels, design, masks=None):
    """Return the gradient of :func:`loss` with respect to every parameter."""
    scales = training_scales(design, masks)
    logits, seen = forward(parameters, x, design, None, scales)
    _, slope = ACTIVATIONS[design["activation"]]
    result = {}
    upstream = cross_entropy_slope(logits, labels)
    for number in range(hidden_layers(parameters) + 1, 0, -1):
        layer = seen[number - 1]
        if "z" in layer:
            if scales:
                upstream = upstream * scales[number - 1]
            if design["normalization"] == "after":
                upstream = normalization_slopes(upstream, layer["out"], parameters, number, result)
            upstream = upstream * slope(layer["into"])
            if design["normalization"] == "before":
                upstream = normalization_slopes(upstream, layer["z"], parameters, number, result)
        weights = parameters[f"W{number}"]
        upstream, result[f"W{number}"], result[f"b{number}"] = affine_slopes(upstream, layer["x"], weights)
        if design["penalty"]:
            kind, strength = design["penalty"]
            result[f"W{number}"] = result[f"W{number}"] + PENALTIES[kind][1](weights, strength)
    return result


def normalization_slopes(upstream, x, parameters, number, result):
    below, result[f"gamma{number}"], result[f"beta{number}"] = normalize_slopes(
        upstream, x, parameters[f"gamma{number}"]
    )
    return below


def moved_averages(parameters, x, design, masks, averages):
    """Return the running averages after one more training pass."""
    _, seen = forward(parameters, x, design, None, training_scales(design, masks))
    normalized = {"before": "z", "after": "out"}.get(design["normalization"])
    batches = [batch_statistics(layer[normalized]) for layer in seen[:-1]] if normalized else []
    return [
        tuple(running_average(old, new) for old, new in zip(pair, batch, strict=True))
        for pair, batch in zip(averages, batches, strict=True)
    ]


def train(parameters, batches, design, rule, settings, masks):
    """Update ``parameters`` once a batch; yield the loss before, the parameters and the running averages after it.

    ``masks`` are the masks of each update, one array of ones and zeros a hidden layer.
    """
    state = {}
    averages = no_averages(parameters)
    for (x, labels), mask in zip(batches, masks, strict=True):
        before = loss(parameters, x, labels, design, mask)
        slopes = gradients(parameters, x, labels, design, mask)
        averages = moved_averages(parameters, x, design, mask, averages)
        RULES[rule](parameters, slopes, state, **settings)
        yield before, dict(parameters), averages
