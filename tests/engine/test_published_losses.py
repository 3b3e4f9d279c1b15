"""The engine may become faster: what it computes stays what the published results were made with, but for rounding."""

import numpy as np
import pytest

from chapter6.engine.data import Images
from chapter6.engine.execution import execute
from chapter6.engine.masking import Dropout
from chapter6.engine.measurements.losses import BatchLoss
from chapter6.engine.network import Perceptron
from chapter6.engine.normalization import BatchNormalization
from chapter6.engine.optimizers import SGD, AdaGrad, Optimizer, RMSProp
from chapter6.engine.penalties import L2
from chapter6.engine.run import Record, Run, Schedule
from chapter6.engine.stages import Stage
from chapter6.engine.streams import Streams
from chapter6.registry import build
from engine.small import digits

UPDATES = 20
PARTS = {"batch_normalization": {"batch_normalization": BatchNormalization()}, "dropout": {"dropout": Dropout(0.2)}}
# at their defaults the first steps are so long that rounding grows: AdaGrad ends at 1.24 or 1.44 by the processor
CALM = {"adagrad": AdaGrad(0.002), "rmsprop": RMSProp(0.001)}
PENALTIES = {"l2": (L2(0.001),)}
LOSS_OF_THE_LAST_UPDATE = {
    "sgd": 2.29028273,
    "momentum": 2.19563127,
    "nesterov": 2.19063902,
    "adagrad": 1.82166636,
    "rmsprop": 1.04348338,
    "adam": 1.80001962,
    "batch_normalization": 0.99443543,
    "dropout": 2.28593826,
    "l2": 2.55627450,
}


@pytest.mark.parametrize("name", LOSS_OF_THE_LAST_UPDATE)
def test_the_loss_after_twenty_updates_is_that_of_the_published_results(name):
    optimizer = CALM.get(name) or (build(Optimizer, name) if name in Optimizer.members else SGD(0.1))
    dataset = digits(500, 1)
    dataset.train_images[np.random.default_rng(0).random(dataset.train_images.shape) < 0.8] = 0  # as dark as digits are
    run = Run(
        data=Images(),
        network=Perceptron((100,) * 4, **PARTS.get(name, {})).layers((1, 28, 28), 10),
        penalties=PENALTIES.get(name, ()),
        stages=(Stage(steps=UPDATES, optimizer=optimizer),),
        record=(Record(BatchLoss(), (Schedule(),)),),
    )
    losses = execute(run.within(500), Streams(6, 0), dataset).curves["batch", "loss"].values
    assert len(losses) == UPDATES
    assert losses[-1] == pytest.approx(LOSS_OF_THE_LAST_UPDATE[name], abs=1e-6)
