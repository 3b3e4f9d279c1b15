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


def flat(variant, share, deltas):
    return layers("flat", variant, [share] * 5) + layers("delta_norm", variant, deltas)


def signs(sigmoid, tanh):
    """Shares of one-signed units from the second layer on; in the first they are all so."""
    return [
        ("train", f"one_signed/layer-{n}", {"sigmoid_batch": share, "tanh_batch": other})
        for n, share, other in ((1, 1.0, 1.0), *((n, sigmoid, tanh) for n in range(2, 6)))
    ]


def deep(selu, relu=0.1, mean=0.01, pooled=1.0):
    """Spreads of each of SELU's units, by layer, and of ReLU's pooled activations."""
    return [
        *layers("activation_mean", "selu_deep", [mean] * 32),
        *layers("unit_std", "selu_deep", selu),
        *(("train", f"activation_std/layer-{n}", {"selu_deep": pooled, "relu_deep": relu}) for n in range(1, 33)),
    ]


@pytest.mark.parametrize(
    ("claim", "verdict", "recorded"),
    [
        ("C34", "supported", flat("sigmoid_wide", 0.7, UPWARDS[:5])),
        # flat units beside others through which as much passes
        ("C34", "contradicted", flat("sigmoid_wide", 0.7, [0.8, 0.9, 0.9, 1.0, 1.0])),
        ("C34", "contradicted", flat("sigmoid_wide", 0.3, UPWARDS[:5])),
        ("C34-tanh", "supported", flat("tanh_wide", 0.7, UPWARDS[:5])),
        ("C34-tanh", "contradicted", flat("tanh_wide", 0.7, UPWARDS[4::-1])),
        ("C35", "supported", signs(sigmoid=0.8, tanh=0.05)),
        ("C35", "contradicted", signs(sigmoid=0.3, tanh=0.05)),
        ("C35", "contradicted", signs(sigmoid=0.8, tanh=0.3)),
        ("C38", "supported", deep(selu=[1.0] * 32)),
        ("C38", "contradicted", deep(selu=[1.0] * 31 + [0.6])),
        ("C38", "contradicted", deep(selu=[1.0] * 32, mean=0.2)),
        ("C38", "contradicted", deep(selu=[1.0] * 32, pooled=1.4)),
        ("C38", "contradicted", deep(selu=[1.0] * 32, relu=0.9)),
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


RATES = [0.0001, 0.000316, 0.001, 0.00316, 0.01, 0.0316, 0.1, 0.316, 1, 3.16, 10, 31.6, 100]


def over_rates(best=(0.2, 0.2, 1.0), **reached):
    """At how many rates, of which the middle ones, each input reaches a loss of 0.5; and the losses at the best."""
    runs = {
        f"{name.replace('_', '-')}_multiple-{rate:g}": 0.3 if abs(place - 6) < count / 2 else 2.0
        for name, count in reached.items()
        for place, rate in enumerate(RATES)
    }
    tuned = {
        f"{name}_multiple-0.0316-tuned": loss for name, loss in zip(("scaled", "mean-image", "raw"), best, strict=True)
    }
    axes = {
        name: {"inputs": name.split("_multiple")[0], "multiple": float(name.partition("multiple-")[2])} for name in runs
    }
    return ("test", "loss", runs | tuned), axes


@pytest.mark.parametrize(
    ("recorded", "verdict"),
    [
        (over_rates(scaled=5, mean_image=5, raw=1), "supported"),
        (over_rates(scaled=5, mean_image=5, raw=5), "contradicted"),
        (over_rates(scaled=5, mean_image=5, raw=1, best=(0.2, 0.2, 0.2)), "contradicted"),  # as good at the best rate
    ],
)
def test_c41_centring_and_scaling_widen_what_works(recorded, verdict):
    losses, axes = recorded
    assert judged("C41", losses, axes=axes) == verdict


@pytest.mark.parametrize(
    ("first", "last", "verdict"),
    [(0.001, 0.001, "supported"), (0.001, 0.6, "contradicted"), (0.6, 0.001, "contradicted")],
)
def test_c64_scaled_inputs_bear_noise_on_the_weights(first, last, verdict):
    curves = {"scaled_multiple-0.0316-tuned": {0: first, 300: last}, "raw_multiple-0.0316-tuned": {0: 0.6, 300: 0.6}}
    assert judged("C64", ("train", "noise_change", curves)) == verdict


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [
        ({}, "supported"),
        ({"whitened": 0.9}, "supported"),  # worse than centring is no better
        ({"whitened": 0.97}, "contradicted"),
        ({"mean-pixel": 0.93}, "contradicted"),
    ],
)
def test_c65_centring_is_enough(accuracies, verdict):
    names = ("mean-image", "mean-pixel", "pca", "whitened")
    runs = {f"{name}_multiple-0.0316-tuned": accuracies.get(name, 0.95) for name in names}
    assert judged("C65", on_test(**runs), spread=0.002) == verdict
