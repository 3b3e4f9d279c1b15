"""The engine's small problems as PyTorch modules with the same weights, batches and masks.

Whoever imports this is skipped where PyTorch is not installed.
"""

from functools import partial

import numpy as np
import pytest

from chapter6.engine.activations import Activation, PReLU
from chapter6.engine.convolutions import Convolution
from chapter6.engine.layers import Dense, Flatten, steps
from chapter6.engine.masking import Dropout
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.pooling import MaxPooling
from chapter6.engine.residuals import Residual
from chapter6.engine.streams import Streams
from engine.small import gaussians, network_problem
from reference.trajectories import UPDATES, drawn_masks

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make test-reference` installs it")
nn = torch.nn

torch.set_num_threads(1)

BATCH = 16
ACTIVATIONS = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": partial(nn.GELU, approximate="tanh"),
    "swish": nn.SiLU,
}


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
    design, parameters = problem.architecture, problem.parameters
    module = Stack(design.layers, design.shape, 0, parameters.value_of, handed_masks(design))
    module.order = [slot.name for slot in parameters.slots]
    return module


class Stack(nn.Sequential):
    """Layers in their order; ``of_slot`` holds what PyTorch calls each slot, in the engine's shape."""

    def __init__(self, layers, shape, number, views, masks):
        super().__init__()
        self.of_slot = {}
        for layer, own, before, _ in steps(layers, shape, number):
            if isinstance(layer, Residual):
                self.append(Added(layer.layers, before, own, views, masks))
                self.of_slot |= self[-1].of_slot
            else:
                learned = self.learned(layer, f"layer-{own}", before)
                self.append(learned or without_parameters(layer, masks.get(f"layer-{own}")))
        with torch.no_grad():
            for slot, tensor in self.of_slot.items():
                tensor.copy_(torch.tensor(views[slot]))

    def learned(self, layer, name, shape):
        """Return the module of a layer that learns, its slots held; None for others."""
        module = None
        match layer:
            case Convolution():
                settings = (layer.filters, layer.size, layer.stride, layer.padding)
                module = nn.Conv2d(shape[0], *settings, dtype=torch.float64)
                self.hold(name, weights=module.weight.view(layer.filters, -1).T, biases=module.bias)
            case Dense():
                module = nn.Linear(*shape, layer.units, dtype=torch.float64)
                self.hold(name, weights=module.weight.T, biases=module.bias)
            case PReLU():
                module = nn.PReLU(shape[0], dtype=torch.float64)
                self.hold(name, slopes=module.weight)
            case BatchNormalization():
                kind = nn.BatchNorm2d if len(shape) > 1 else nn.BatchNorm1d
                module = kind(shape[0], layer.epsilon, 1 - layer.momentum, dtype=torch.float64)
                self.hold(name, gains=module.weight, shifts=module.bias)
        return module

    def hold(self, name, **tensors):
        self.of_slot |= {f"{kind}/{name}": tensor.detach() for kind, tensor in tensors.items()}


class Added(Stack):
    """What is added to its input."""

    def forward(self, x):
        return x + super().forward(x)


def without_parameters(layer, masks):
    """Return the module of a layer that learns nothing."""
    match layer:
        case Activation():
            return ACTIVATIONS[layer.key]()
        case Dropout():
            return HandedDropout(layer.ratio, masks)
        case MaxPooling():
            return nn.MaxPool2d(layer.size, layer.stride)
        case Flatten():
            return nn.Flatten()
    raise AssertionError(f"no module for {layer}")


def handed_masks(design):
    """Return the masks of every layer that draws some, by its name."""
    found = {name: (layer, *shape) for layer, name, shape, _ in design.walk() if isinstance(layer, Dropout)}
    if not found:
        return {}
    layer, width = next(iter(found.values()))
    masks = drawn_masks(Streams(6, 0), found, (BATCH, width), layer.ratio, UPDATES)
    return {name: [each[number] for each in masks] for number, name in enumerate(found)}


def linears(module):
    return [each for each in module if isinstance(each, nn.Linear)]


def normalizations(module):
    return [each for each in module if isinstance(each, nn.BatchNorm1d)]


def weights_and_the_rest(module):
    """Return the weight matrices and all other parameters, as the engine's penalties tell them apart."""
    weights = [each.weight for each in module.modules() if isinstance(each, nn.Linear | nn.Conv2d)]
    return weights, [each for each in module.parameters() if all(each is not weight for weight in weights)]


def flat(module):
    """Return the parameters as the engine lays them out."""
    return np.concatenate([module.of_slot[name].detach().numpy().ravel() for name in module.order])


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
