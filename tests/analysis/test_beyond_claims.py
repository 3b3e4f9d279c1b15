"""Claims beyond the chapter on tables in which they are true and false."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from chapter6.analysis.claims import judge_claim
from chapter6.analysis.tables import times_table
from chapter6.study.loading import load_study

from .hand_made import tables
from .own_claims import ROOT, claims, judged, layers, loss, on_test

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


def heart(variant, least):
    """A loss that is this at its lowest and ends higher."""
    return [("train", "loss", {variant: {1: 2.3, 251: least, 491: 4 * least}})]


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
        ("C46", "supported", [loss(**{"start-0.01": 2.303})]),
        ("C46", "contradicted", [loss(**{"start-0.01": 2.5})]),
        ("C46-xavier", "supported", [loss(**{"start-xavier": 2.306})]),
        ("C46-xavier", "contradicted", [loss(**{"start-xavier": 2.404})]),
        ("C46-he", "supported", [loss(**{"start-he": 2.404})]),
        ("C46-he", "contradicted", [loss(**{"start-he": 2.303})]),  # He's weights are larger than that
        ("C47", "supported", heart("tiny-0.001", 2e-4)),
        ("C47", "contradicted", heart("tiny-0.001", 2e-2)),
        ("C47-random", "supported", heart("tiny-random", 2e-4)),
        ("C47-random", "contradicted", heart("tiny-random", 2e-2)),
        ("C47-sgd", "supported", heart("tiny-sgd", 2e-4)),
        ("C47-sgd", "contradicted", heart("tiny-sgd", 2e-2)),
        ("C70", "supported", [on_test(**{"last": 0.97, "trained-on": 0.95})]),
        ("C70", "contradicted", [on_test(**{"last": 0.97, "trained-on": 0.97})]),
        # better than after as many updates, and not than what the same cost brings
        ("C70", "contradicted", [on_test(**{"last": 0.97, "fine-same": 0.95, "trained-on": 0.98})]),
        ("C70-random", "supported", [on_test(**{"A-recipe/last": 0.97, "random": 0.95})]),
        ("C70-random", "contradicted", [on_test(**{"A-recipe/last": 0.97, "random": 0.97})]),
        ("C66", "supported", [on_test(**dict.fromkeys(TEN_LAYERS, 0.1))]),
        ("C66", "contradicted", [on_test(**dict.fromkeys(TEN_LAYERS, 0.1) | {"tanh_large_learning_rate-0.1": 0.6})]),
    ],
)
def test_claim(claim, verdict, recorded):
    assert judged(claim, *recorded, spread=0.002 if claim[:3] in ("C46", "C70") else 0.02) == verdict


def test_c69_counts_every_rate_that_the_study_tunes(monkeypatch):
    monkeypatch.chdir(ROOT)
    study = load_study()
    tuned = {
        name: [variant.name for variant in experiment.variants.values() if variant.track != "book"]
        for name, experiment in study.experiments.items()
        if any(tuning.procedure.rate.key.endswith("learning_rate") for tuning in experiment.tunings.values())
    }
    [spec] = (each for each in study.experiments["A-recipe"].spec.claims if each.id == "C69")
    assert set(spec.experiments) == set(tuned)
    [check] = spec.claim.checks
    every = [f"{name}/{variant}" for name, variants in tuned.items() for variant in variants]
    assert [name for name in every if not any(fnmatchcase(name, pattern) for pattern in check.variants)] == []


@pytest.mark.parametrize(("outside", "verdict"), [(2, "supported"), (3, "contradicted")])
def test_c69_the_best_rate_lies_in_a_range_of_three_decades(outside, verdict):
    rates = {f"6.1-mnist/{n}-{'tuned' if n else 'soonest'}": 0.3 if n < outside else 0.1 for n in range(10)}
    axes = {name: {"optimizer.learning_rate": rate} for name, rate in rates.items()}
    untuned = {"6.1-mnist/sgd": 0.5}  # not asked for
    assert judged("C69", on_test(**dict.fromkeys([*rates, *untuned], 0.9)), axes=axes) == verdict


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


def soonest(sigmoid, tanh, relu):
    """Validation accuracies that pass 0.9 after so many updates of 1500, or never."""
    reached = {"sigmoid": sigmoid, "tanh": tanh, "relu": relu}
    return (
        "validation",
        "accuracy",
        {f"{name}-soonest": {1: 0.1, at: 0.95, 1500: 0.95 if at < 1500 else 0.5} for name, at in reached.items()},
    )


@pytest.mark.parametrize(
    ("claim", "updates", "verdict"),
    [
        ("C36", (600, 300, 100), "supported"),
        ("C36", (600, 150, 100), "contradicted"),
        ("C36-six", (600, 300, 100), "supported"),
        ("C36-six", (300, 300, 100), "contradicted"),
        ("C36-six", (1200, 300, 100), "contradicted"),
    ],
)
def test_c36_how_soon_activation_functions_learn(claim, updates, verdict):
    assert judged(claim, soonest(*updates)) == verdict


def outputs(start, end):
    """Distances of ELU's mean output from zero, beside those of 0.4 under ReLU."""
    return [
        ("train", f"offset/layer-{n}", {"elu-tuned": {0: start, 1000: end}, "relu-tuned": {0: 0.4, 1000: 0.4}})
        for n in range(1, 5)
    ]


def under_noise(elu, clean=0.96):
    """Test accuracies without noise and with it, beside ReLU's 0.96 and 0.8."""
    return [
        on_test(**{"elu-tuned": clean, "relu-tuned": 0.96}),
        ("noisy", "accuracy", {"elu-tuned": elu, "relu-tuned": 0.8}),
    ]


def under_labels(relu, elu):
    """Test accuracies with wrong labels, beside 0.96 without."""
    return [on_test(**{"relu-tuned": 0.96, "elu-tuned": 0.96, "relu_labels-tuned": relu, "elu_labels-tuned": elu})]


TEN = ("sigmoid", "tanh", "relu", "leaky", "prelu", "elu", "selu", "maxout", "gelu", "swish")


def at_the_end(**others):
    return [on_test(**{f"{name}-tuned": others.get(name, 0.95) for name in TEN})]


@pytest.mark.parametrize(
    ("claim", "recorded", "verdict"),
    [
        ("C60", [("train", "path_ratio", {"sigmoid-tuned": 3.0, "centred-tuned": 2.0})], "supported"),
        ("C60", [("train", "path_ratio", {"sigmoid-tuned": 2.0, "centred-tuned": 2.0})], "contradicted"),
        ("C61", outputs(0.1, 0.2), "supported"),
        ("C61", outputs(0.1, 0.4), "contradicted"),
        ("C61", outputs(0.4, 0.1), "contradicted"),
        ("C62", under_noise(elu=0.85), "supported"),
        ("C62", under_noise(elu=0.8), "contradicted"),
        ("C62", under_noise(elu=0.85, clean=0.9), "contradicted"),  # less to lose
        ("C62-labels", under_labels(relu=0.85, elu=0.9), "supported"),
        ("C62-labels", under_labels(relu=0.85, elu=0.85), "contradicted"),
        ("C63", at_the_end(), "supported"),
        ("C63", at_the_end(elu=0.97), "contradicted"),
        ("C63-sigmoid", at_the_end(sigmoid=0.9), "supported"),
        ("C63-sigmoid", at_the_end(sigmoid=0.9, selu=0.85), "contradicted"),
    ],
)
def test_trained_activation_functions(claim, recorded, verdict):
    assert judged(claim, *recorded, spread=0.001) == verdict


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ({}, "supported"),
        ({"tanh": 1.02}, "contradicted"),
        ({"leaky": 1.2}, "contradicted"),  # no exponential, and as dear
    ],
)
def test_c40_an_exponential_costs_time(ratios, verdict):
    usual = {"elu": 1.5, "sigmoid": 1.3, "tanh": 1.2, "leaky": 1.0}
    rounds = [
        (name, "update", number, ratio * (1 + 0.01 * (-1) ** number), 1.0)
        for name, ratio in (usual | ratios).items()
        for number in range(20)
    ]
    of = {**tables(also=["relu", *usual]), "times": times_table("e", "relu", rounds)}
    assert judge_claim(claims()["C40"], "e", of).verdict == verdict
