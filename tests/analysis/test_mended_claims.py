"""The study's own claims on tables in which they are true, false, or unfair in the way that they once were."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from chapter6.analysis.claims import judge_claim
from chapter6.study.loading import load_study

from .hand_made import tables

ROOT = Path(__file__).parents[2]
WOBBLE = np.linspace(-1, 1, 10)


@cache
def claims():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        study = load_study()
    return {spec.id: spec.claim for each in study.experiments.values() for spec in each.spec.claims}


def judged(claim, *recorded, spread=0.02, **told):
    """The verdict on ten replicates a number or a curve {step: number}, each a little different."""
    wobble = 1 + spread * WOBBLE
    many = [
        (
            split,
            metric,
            {name: [_like(value, by) for by in np.roll(wobble, n)] for n, (name, value) in enumerate(runs.items())},
        )
        for split, metric, runs in recorded
    ]
    return judge_claim(claims()[claim], "e", tables(*many, **told)).verdict


def _like(value, by):
    return {step: _like(each, by) for step, each in value.items()} if isinstance(value, dict) else float(value * by)


def loss(**runs):
    return "batch", "loss", runs


def on_train(**runs):
    return "train", "accuracy", runs


def on_test(**runs):
    return "test", "accuracy", runs


def layers(metric, variant, values):
    return [("train", f"{metric}/layer-{n}", {variant: value}) for n, value in enumerate(values, start=1)]


def depths(**sides):
    return {
        f"{side}_depth-{depth}-tuned": value
        for side, values in sides.items()
        for depth, value in zip((4, 20), values, strict=True)
    }


def falling(slow, last=600):
    return {step: float(2.3 * np.exp(-step / slow)) for step in range(last)}


FASTER = {"momentum": falling(90), "adagrad": falling(80), "adam": falling(80)}
SIGMOID = "sigmoid_std-1"
SLOW, QUICK = falling(60, 200), falling(20, 200)
NO_TRADE = {
    f"{rule}_{place}": curve
    for place in ("rate-0.316_depth-2", "rate-3.16_depth-8", "rate-10_depth-8", "rate-0.1_depth-2", "rate-1_depth-8")
    for rule, curve in (("adam", QUICK), ("momentum", SLOW), ("adagrad", SLOW), ("rmsprop", SLOW))
}
HERE = {"rmsprop_rate-0.1_depth-2": QUICK}
THERE = {"momentum_rate-1_depth-8": QUICK}
EXPLODED = {step: 1e4 if step < 3 else loss for step, loss in QUICK.items()}


@pytest.mark.parametrize(
    ("claim", "verdict", "recorded"),
    [
        ("C03", "supported", [loss(sgd=falling(300), **FASTER)]),
        ("C03", "contradicted", [loss(sgd=falling(80), **FASTER)]),
        ("C03", "contradicted", [loss(sgd=falling(300), **FASTER | {"adam": falling(400)})]),
        ("C03-time", "supported", [loss(sgd=falling(200), **FASTER)]),
        ("C03-time", "supported", [loss(sgd=falling(9000), **FASTER)]),  # SGD is not there when the run ends
        ("C03-time", "contradicted", [loss(sgd=falling(80), **FASTER)]),
        ("C04", "supported", [loss(**NO_TRADE | HERE | THERE)]),
        ("C04", "contradicted", [loss(**NO_TRADE)]),
        ("C04", "contradicted", [loss(**NO_TRADE | HERE)]),  # better at one setting, as good at the other
        # by its mean loss RMSProp would be the worse one in both, for three updates out of two hundred
        ("C04", "supported", [loss(**NO_TRADE | THERE | {"rmsprop_rate-0.1_depth-2": EXPLODED})]),
        ("C06", "supported", layers("outside", SIGMOID, [0.7] * 5) + layers("delta_norm", SIGMOID, [0.01, 1, 1, 1, 1])),
        (
            "C06",
            "contradicted",
            layers("outside", SIGMOID, [0.3] * 5) + layers("delta_norm", SIGMOID, [0.01] + [1] * 4),
        ),
        # activations at both ends, and weights that give back what the slopes take
        ("C06", "contradicted", layers("outside", SIGMOID, [0.7] * 5) + layers("delta_norm", SIGMOID, [0.8] + [1] * 4)),
        ("C15", "supported", [loss(relu_he=1.0, relu_xavier=1.5), on_test(relu_he=0.9, relu_xavier=0.8)]),
        ("C15", "contradicted", [loss(relu_he=1.5, relu_xavier=1.0), on_test(relu_he=0.8, relu_xavier=0.9)]),
        ("C15", "undecided", [loss(relu_he=2.1, relu_xavier=2.3), on_test(relu_he=0.11, relu_xavier=0.1)]),  # neither
        (
            "C25-equal",
            "supported",
            [
                on_train(plain={1: 0.5, 2: 0.9, 9: 1}, **{"decay-0.1": {1: 0.5, 2: 0.9, 9: 0.95}}),
                on_test(plain={1: 0.5, 2: 0.6, 9: 0.7}, **{"decay-0.1": {1: 0.5, 2: 0.75, 9: 0.7}}),
            ],
        ),
        # the gap at the end is smaller because decay is slower; where both had learned as much it was not
        (
            "C25-equal",
            "contradicted",
            [
                on_train(plain={1: 0.5, 2: 0.9, 9: 1}, **{"decay-0.1": {1: 0.5, 2: 0.9, 9: 0.91}}),
                on_test(plain={1: 0.5, 2: 0.7, 9: 0.7}, **{"decay-0.1": {1: 0.5, 2: 0.7, 9: 0.71}}),
            ],
        ),
        (
            "C52",
            "supported",
            layers("delta_norm", "sigmoid_std-0.01", [0.5] + [1] * 4) + layers("delta_norm", SIGMOID, [0.1]),
        ),
        (
            "C52",
            "contradicted",
            layers("delta_norm", "sigmoid_std-0.01", [1e-6] + [1] * 4) + layers("delta_norm", SIGMOID, [0.1]),
        ),
        (
            "C58",
            "supported",
            layers("activation_mean", "tanh_std-0.01", [0.001] * 5)
            + layers("activation_std", "tanh_std-0.01", [0.01] * 5),
        ),
        (
            "C58",
            "contradicted",
            layers("activation_mean", "tanh_std-0.01", [0.001] * 5)
            + layers("activation_std", "tanh_std-0.01", [0.1] + [0.01] * 4),
        ),
        (
            "C59",
            "supported",
            [("train", f"input_drift/layer-{n}", {"plain_depth-5": 1.0, "bn_depth-5": 0.1}) for n in range(2, 7)],
        ),
        (
            "C59",
            "contradicted",
            [
                ("train", f"input_drift/layer-{n}", {"plain_depth-5": 1.0, "bn_depth-5": 0.8 if n == 4 else 0.1})
                for n in range(2, 7)
            ],
        ),
        # the first layer sees images, which do not move: it decides nothing
        (
            "C59",
            "supported",
            [
                ("train", f"input_drift/layer-{n}", {"plain_depth-5": n - 1.0, "bn_depth-5": (n - 1) / 10})
                for n in range(1, 7)
            ],
        ),
        ("C67", "supported", [on_test(**depths(he=(0.95, 0.9), xavier=(0.95, 0.4)))]),
        ("C67", "contradicted", [on_test(**depths(he=(0.95, 0.9), xavier=(0.95, 0.9)))]),
        # Xavier is behind in any network, and by no more in a deep one
        ("C67", "contradicted", [on_test(**depths(he=(0.95, 0.9), xavier=(0.45, 0.5)))]),
        # at one rate for all only He learns, with its own each of them does
        (
            "C67",
            "contradicted",
            [on_test(**depths(he=(0.95, 0.9), xavier=(0.95, 0.9)), **{"he_depth-20": 0.9, "xavier_depth-20": 0.1})],
        ),
        ("C67", "undecided", [on_test(**depths(he=(0.95, 0.19), xavier=(0.95, 0.1)))]),  # at depth 20 neither learned
        ("C59-deep", "supported", [on_train(**{"bn_depth-20": 0.9, "plain_depth-20": 0.1})]),
        ("C59-deep", "contradicted", [on_train(**{"bn_depth-20": 0.9, "plain_depth-20": 0.8})]),
        ("C59-deep", "contradicted", [on_train(**{"bn_depth-20": 0.4, "plain_depth-20": 0.1})]),
    ],
)
def test_claim(claim, verdict, recorded):
    assert judged(claim, *recorded) == verdict
