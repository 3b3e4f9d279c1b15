"""Every combination of batch normalization, dropout and activation."""

from itertools import product

import pytest

from chapter6.engine.activations import Activation
from chapter6.engine.layers import BatchNormalization, Dropout
from engine.small import build

PLACEMENTS = (None, "before", "after")
DROPOUTS = (None, *Dropout.members)

every_combination = pytest.mark.parametrize(
    ("placement", "dropout", "activation"),
    [
        pytest.param(*each, id="-".join(str(part) for part in each))
        for each in product(PLACEMENTS, DROPOUTS, Activation.members)
    ],
)


def layers(placement, dropout, activation="relu", ratio=0.3):
    """Return what :func:`engine.small.architecture` takes."""
    return {
        "activation": activation,
        "batch_normalization": BatchNormalization(placement) if placement else None,
        "dropout": build(Dropout, {"kind": dropout, "ratio": ratio}) if dropout else None,
    }
