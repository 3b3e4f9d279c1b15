"""Claims beyond the chapter on tables in which they are true and false."""

from __future__ import annotations

import pytest

from .own_claims import judged, layers, on_test

LARGE = "tanh_large_start"
UPWARDS = [10.0**layer for layer in range(1, 11)]
TEN_LAYERS = [
    f"{activation}_{size}_learning_rate-{rate}"
    for activation in ("tanh", "relu")
    for size in ("small", "large")
    for rate in ("0.001", "0.01", "0.1")
]


def vanishing(metric, tenth):
    """What the tenth layer has beside 1 in the first, under both activation functions."""
    both = {"tanh_small_start": 1.0, "relu_small_start": 1.0}
    return [
        ("train", f"{metric}/layer-1", both),
        ("train", f"{metric}/layer-10", dict.fromkeys(both, float(tenth))),
    ]


def saturated(share, deltas):
    return layers("saturated", LARGE, [share] * 10) + layers("delta_norm", LARGE, deltas)


@pytest.mark.parametrize(
    ("claim", "verdict", "recorded"),
    [
        ("C42", "supported", vanishing("activation_std", 1e-4) + vanishing("delta_norm", 1e4)),
        ("C42", "contradicted", vanishing("activation_std", 0.5) + vanishing("delta_norm", 1e4)),
        ("C42", "contradicted", vanishing("activation_std", 1e-4) + vanishing("delta_norm", 2)),
        ("C42-large", "supported", saturated(0.7, UPWARDS)),
        # the share that is saturated says nothing about what the large weights multiply
        ("C42-large", "contradicted", saturated(0.7, UPWARDS[::-1])),
        ("C42-large", "contradicted", saturated(0.2, UPWARDS)),
        ("C66", "supported", [on_test(**dict.fromkeys(TEN_LAYERS, 0.1))]),
        ("C66", "contradicted", [on_test(**dict.fromkeys(TEN_LAYERS, 0.1) | {"tanh_large_learning_rate-0.1": 0.6})]),
    ],
)
def test_claim(claim, verdict, recorded):
    assert judged(claim, *recorded) == verdict
