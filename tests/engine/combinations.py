"""Every combination of batch normalization, dropout and activation."""

from itertools import product
from typing import get_args, get_type_hints

import pytest

from chapter6.engine.masking import Dropout
from chapter6.engine.normalization import BatchNormalization

PLACEMENTS = (None, "before", "after")
ACTIVATIONS = ("sigmoid", "tanh", "relu", "prelu")  # the book's, and one that keeps its input and learns
FORMS = get_args(get_type_hints(Dropout)["form"])

every_combination = pytest.mark.parametrize(
    ("placement", "dropout", "activation"),
    [
        pytest.param(*each, id="-".join(str(part) for part in each))
        for each in product(PLACEMENTS, (None, *FORMS), ACTIVATIONS)
    ],
)


def normalized(placement, **settings):
    """Return what :func:`engine.small.architecture` takes for batch normalization there."""
    return {"batch_normalization": BatchNormalization(**settings), "placement": placement}


def layers(placement, dropout, activation="relu", ratio=0.3):
    """Return what :func:`engine.small.architecture` takes."""
    return {
        "activation": activation,
        **(normalized(placement) if placement else {}),
        "dropout": Dropout(ratio, dropout) if dropout else None,
    }
