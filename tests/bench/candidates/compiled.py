"""PyTorch through torch.compile, in two ways.

The usual one compiles gathering, network and loss and leaves the step to the fused optimizer. The other compiles the
whole update as one function of the parameters, as JAX does.
"""

from collections.abc import Callable
from functools import partial
from math import isqrt
from types import FunctionType

import torch
from torch.func import grad_and_value
from torch.nn import Conv2d, Linear
from torch.nn.functional import conv2d, cross_entropy, linear, max_pool2d, relu

from bench.candidates.pytorch import PyTorch, Update, fused_optimizer, in_order, judged, network
from bench.work import (
    BETAS,
    EPSILON,
    LEARNING_RATES,
    MOMENTUM,
    NORMALIZATION_EPSILON,
    NORMALIZATION_MOMENTUM,
    SCALE,
    Task,
)

Tensors = dict[str, torch.Tensor]


class Candidate(PyTorch):
    training_forms = (
        "network compiled, losses read at once",
        "whole update compiled, losses read at once",
        "whole update compiled, losses read by the block",
    )
    channels_last_forms = (
        "network compiled channels last, losses read by the block",
        "whole update compiled channels last, losses read by the block",
    )
    evaluation_form = "network compiled"

    def update(self, task: Task, way: str, dropout: float | None) -> Update:
        if way.startswith("whole update compiled"):
            return self._whole_update(task, way, dropout)
        model, digits = in_order(network(task, dropout), way), self.digits
        optimizer = fused_optimizer(task, model)

        def batch_loss(rows: torch.Tensor) -> torch.Tensor:
            images, labels = digits.gather(rows)
            return cross_entropy(model(images), labels)

        compiled = torch.compile(apart(batch_loss), options={"cpp_wrapper": True})

        def update(rows: torch.Tensor) -> torch.Tensor:
            optimizer.zero_grad(set_to_none=True)
            loss = compiled(rows)
            loss.backward()
            optimizer.step()
            return loss

        return update

    def _whole_update(self, task: Task, way: str, dropout: float | None) -> Update:
        parameters, averages = initial_parameters(task, way)
        state = {f"{slot}/{name}": torch.zeros_like(value) for slot in "mv" for name, value in parameters.items()}
        state["t"] = torch.zeros(())
        digits = self.digits

        def update(rows: torch.Tensor) -> torch.Tensor:
            images = torch.index_select(digits.images, 0, rows) * SCALE
            labels = torch.index_select(digits.labels, 0, rows)
            slopes, (loss, moments) = grad_and_value(batch_loss, has_aux=True)(parameters, images, labels, dropout)
            for name, moment in moments.items():
                averages[name].lerp_(moment, 1 - NORMALIZATION_MOMENTUM)
            step(task.optimizer, parameters, slopes, state)
            return loss

        return torch.compile(apart(update))

    def judge(self, model: torch.nn.Module) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
        return torch.compile(partial(judged, model))


def apart(function: FunctionType) -> FunctionType:
    """Return a copy with a code object of its own: that is what PyTorch files compiled code and its guards by."""
    code = function.__code__.replace()
    return FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)


def initial_parameters(task: Task, way: str) -> tuple[Tensors, Tensors]:
    """Return the parameters and the running averages of batch normalization."""
    parameters, averages = {}, {}
    layers = [module for module in in_order(network(task, None), way) if isinstance(module, Linear | Conv2d)]
    for number, layer in enumerate(layers, start=1):
        width = len(layer.weight)
        parameters[f"W{number}"] = layer.weight.detach()
        parameters[f"b{number}"] = torch.zeros(width)
        if task.normalized and number < len(layers):
            parameters[f"gain{number}"], parameters[f"shift{number}"] = torch.ones(width), torch.zeros(width)
            averages |= {f"mean{number}": torch.zeros(width), f"variance{number}": torch.zeros(width)}
    return parameters, averages


def affine(x: torch.Tensor, weights: torch.Tensor, biases: torch.Tensor) -> torch.Tensor:
    """Return what a dense layer makes of flat examples, or a convolution of square images, with pooling."""
    if weights.dim() == 2:
        return linear(x.flatten(1), weights, biases)
    images = x if x.dim() == 4 else x.unflatten(1, (1, isqrt(x.shape[1]), -1))
    return max_pool2d(conv2d(images, weights, biases, padding=1), 2)


def batch_loss(
    parameters: Tensors, x: torch.Tensor, labels: torch.Tensor, dropout: float | None
) -> tuple[torch.Tensor, Tensors]:
    """Return the mean loss of a training pass and the moments of its batch, where it is normalized."""
    moments: Tensors = {}
    last = sum(name.startswith("W") for name in parameters)
    for number in range(1, last):
        x = affine(x, parameters[f"W{number}"], parameters[f"b{number}"])
        if f"gain{number}" in parameters:
            variance, mean = torch.var_mean(x, dim=0, correction=0)
            moments |= {f"mean{number}": mean.detach(), f"variance{number}": variance.detach()}
            x = (x - mean) * torch.rsqrt(variance + NORMALIZATION_EPSILON)
            x = x * parameters[f"gain{number}"] + parameters[f"shift{number}"]
        x = relu(x)
        if dropout is not None:
            x = torch.nn.functional.dropout(x, dropout)
    logits = linear(x, parameters[f"W{last}"], parameters[f"b{last}"])
    return cross_entropy(logits, labels), moments


def step(optimizer: str, parameters: Tensors, slopes: Tensors, state: Tensors) -> None:
    """Apply the engine's form of the rule in place."""
    rate = LEARNING_RATES[optimizer]
    if optimizer == "adam":
        state["t"] += 1
        rate = rate * torch.sqrt(1 - BETAS[1] ** state["t"]) / (1 - BETAS[0] ** state["t"])
    for name, slope in slopes.items():
        first, second = state[f"m/{name}"], state[f"v/{name}"]
        if optimizer == "sgd":
            parameters[name].sub_(slope, alpha=rate)
        elif optimizer == "momentum":
            first.mul_(MOMENTUM).sub_(slope, alpha=rate)
            parameters[name].add_(first)
        else:
            first.lerp_(slope, 1 - BETAS[0])
            second.lerp_(slope * slope, 1 - BETAS[1])
            parameters[name].sub_(rate * first / (second.sqrt() + EPSILON))
