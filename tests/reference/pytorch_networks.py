"""The engine's small problems as PyTorch modules with the same weights, batches and masks.

Whoever imports this is skipped where PyTorch is not installed.
"""

from itertools import zip_longest

import numpy as np
import pytest

from chapter6.engine.activations import Activation
from chapter6.engine.layers import Dense
from chapter6.engine.masking import Dropout
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.streams import Streams
from engine.small import gaussians, network_problem
from reference.trajectories import UPDATES, drawn_masks

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make test-reference` installs it")
nn = torch.nn

torch.set_num_threads(1)

BATCH = 16
ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


class HandedDropout(nn.Dropout):
    """PyTorch's dropout, in training with the next of the handed ``masks`` in place of one of its own."""

    def __init__(self, ratio, masks):
        super().__init__(ratio)
        self.masks = iter(masks)

    def forward(self, x):
        return x * torch.as_tensor(next(self.masks)) / (1 - self.p) if self.training else super().forward(x)


def small_problem(**options):
    """Return a problem of the engine in float64, ready for UPDATES batches of BATCH examples."""
    return network_problem(gaussians(40), steps=UPDATES, batch_size=BATCH, **options)


def batches_of(problem):
    """Yield copies of the problem's batches as tensors."""
    for step in range(UPDATES):
        x, labels = problem.batches[step]
        yield torch.tensor(x), torch.tensor(labels.astype(np.int64))


def module_of(problem):
    """Return the network of ``problem`` with a copy of its parameters, in training mode."""
    views, masks, modules = problem.parameters.value_of, handed_masks(problem.architecture), []
    for layer, name, (width,), _ in problem.architecture.walk():
        match layer:
            case Dense():
                linear = nn.Linear(width, layer.units, dtype=torch.float64)
                copy_into(linear.weight, views[f"weights/{name}"].T)
                copy_into(linear.bias, views[f"biases/{name}"])
                modules.append(linear)
            case Activation():
                modules.append(ACTIVATIONS[layer.key]())
            case BatchNormalization():
                modules.append(nn.BatchNorm1d(width, layer.epsilon, 1 - layer.momentum, dtype=torch.float64))
            case Dropout():
                modules.append(HandedDropout(layer.ratio, masks[name]))
            case _:
                raise AssertionError(f"no module for {layer}")
    return nn.Sequential(*modules)


def handed_masks(design):
    """Return the masks of every layer that draws some, by its name."""
    found = {name: (layer, width) for layer, name, (width,), _ in design.walk() if isinstance(layer, Dropout)}
    if not found:
        return {}
    layer, width = next(iter(found.values()))
    masks = drawn_masks(Streams(6, 0), found, (BATCH, width), layer.ratio, UPDATES)
    return {name: [each[number] for each in masks] for number, name in enumerate(found)}


def copy_into(tensor, array):
    with torch.no_grad():
        tensor.copy_(torch.tensor(array))


def linears(module):
    return [each for each in module if isinstance(each, nn.Linear)]


def normalizations(module):
    return [each for each in module if isinstance(each, nn.BatchNorm1d)]


def weights_and_the_rest(module):
    """Return the weight matrices and all other parameters, as the engine's penalties tell them apart."""
    weights = [each.weight for each in linears(module)]
    return weights, [each for each in module.parameters() if all(each is not weight for weight in weights)]


def flat(module):
    """Return the parameters as the engine lays them out: weights, then biases, gains and shifts layer by layer."""
    parts = [each.weight.T for each in linears(module)]
    for linear, normalization in zip_longest(linears(module), normalizations(module)):
        parts += [linear.bias, *((normalization.weight, normalization.bias) if normalization else ())]
    return np.concatenate([part.detach().numpy().ravel() for part in parts])


def follow(module, optimizer, batches, penalty=None, before_step=None):
    """Train; return the loss before and the parameters after each update.

    ``penalty`` maps the weight matrices to what the loss grows by; ``before_step`` is called with the update's number
    from 1.
    """
    losses, values = [], []
    for step, (x, labels) in enumerate(batches, start=1):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(x), labels)
        if penalty:
            loss = loss + penalty(weights_and_the_rest(module)[0])
        loss.backward()
        if before_step:
            before_step(step)
        optimizer.step()
        losses.append(loss.item())
        values.append(flat(module))
    return np.array(losses), np.array(values)


def logits_of(module, x):
    """Return the logits in evaluation mode."""
    module.eval()
    with torch.no_grad():
        logits = module(torch.tensor(x)).numpy()
    module.train()
    return logits
