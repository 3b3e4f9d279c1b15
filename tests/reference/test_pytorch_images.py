"""Networks of images beside PyTorch's: convolution, pooling, normalization per channel, residual blocks, PReLU."""

import numpy as np
import pytest

from chapter6.engine.activations import GELU, PReLU, ReLU, Swish
from chapter6.engine.convolutions import Convolution
from chapter6.engine.examples import draw_indices
from chapter6.engine.layers import Dense, Flatten
from chapter6.engine.network import Architecture
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.pooling import MaxPooling
from chapter6.engine.problems import NetworkProblem
from chapter6.engine.residuals import Residual
from chapter6.engine.streams import Streams
from engine.small import gaussians, watch
from reference.pytorch_networks import BATCH, batches_of, follow, logits_of, module_of, torch
from reference.trajectories import DOUBLE, UPDATES, assert_close

SHAPE = (2, 6, 7)
RATE = 0.02
BLOCK = Residual((BatchNormalization(), ReLU(), Convolution(3, padding=1), Residual((Convolution(3, 1), GELU()))))
NETWORKS = {
    "convolution": [Convolution(3, padding=1), GELU(), Convolution(4, 2, stride=2, padding=1), ReLU()],
    "pooling": [Convolution(3), MaxPooling(), ReLU()],
    "overlapping pooling": [Convolution(3, 2), MaxPooling(3, stride=1), Swish()],
    "normalization": [Convolution(3), BatchNormalization(), ReLU()],
    "prelu": [Convolution(3), PReLU()],
    "residual": [Convolution(3, padding=1), BLOCK, PReLU(), MaxPooling()],
}


class Reshaped(torch.nn.Module):
    """A module that is handed flat images."""

    def __init__(self, module):
        super().__init__()
        self.module, self.order, self.of_slot = module, module.order, module.of_slot

    def forward(self, x):
        return self.module(x.view(-1, *SHAPE))


def image_problem(layers):
    design = Architecture((*layers, Flatten(), Dense(8), PReLU(), Dense(4)), SHAPE)
    streams = Streams(6, 0)
    splits = {"train": gaussians(40, inputs=84), "test": gaussians(17, inputs=84)}
    problem = NetworkProblem(design, design.initial_parameters(streams, np.float64), splits, (), streams)
    problem.train_on(draw_indices(streams("batches"), 40, UPDATES, BATCH, "replacement"), streams)
    return problem


@pytest.mark.parametrize("name", NETWORKS)
def test_every_update_of_a_network_of_images_equals_pytorchs(name):
    problem = image_problem(NETWORKS[name])
    module = Reshaped(module_of(problem))
    expected = follow(module, torch.optim.SGD(module.parameters(), lr=RATE), batches_of(problem))
    assert_close(watch(problem, {"kind": "sgd", "learning_rate": RATE}, UPDATES)[:2], expected, DOUBLE)
    if "normal" not in name and name != "residual":  # running variances differ by design
        x = problem.splits["test"].images
        np.testing.assert_allclose(problem.evaluator(17).forward(x), logits_of(module, x), rtol=0, atol=1e-9)
