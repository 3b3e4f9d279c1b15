"""The study's own claims on tables in which they are true, false, or unfair in the way that they once were."""

from __future__ import annotations

import numpy as np
import pytest

from chapter6.analysis.claims import judge_claim

from .hand_made import tables
from .own_claims import claims, judged, layers, loss, on_test, on_train


def depths(**sides):
    return {
        f"{side}_depth-{depth}-tuned": value
        for side, values in sides.items()
        for depth, value in zip((4, 20), values, strict=True)
    }


def soonest(sgd):
    return loss(**{"sgd-soonest": sgd} | {f"{rule}-soonest": curve for rule, curve in FASTER.items()})


def started(learned=0.9, **losses):
    """Losses of Xavier's and of He's initial weights, by activation."""
    by_name = {
        f"{activation}_{start}": value
        for activation, values in losses.items()
        for start, value in zip(("xavier", "he"), values, strict=True)
    }
    return [loss(**by_name), on_test(**{name: learned if "sigmoid" in name else 0.9 for name in by_name})]


def unbroken(second_value, accuracy):
    """Networks with equal initial weights; of one kind they are as told, of the others they stay so."""
    names = [f"{activation}_{start}" for activation in ("relu", "sigmoid") for start in ("zeros", "constant")]
    others = dict.fromkeys(names[:3])
    second = {**dict.fromkeys(others, 0.0), names[3]: second_value}
    return [("train", "second_value", second), on_test(**{**dict.fromkeys(others, 0.1), names[3]: accuracy})]


SCALES = [1, 0.541, 0.293, 0.158, 0.0858, 0.0464, 0.0251, 0.0136, 0.00736, 0.00398, 0.00215, 0.00117, 0.000631]
SCALES += [0.000341, 0.000185, 0.0001]


def over_scales(plain, bn):
    """Training accuracies at sixteen initial scales, beginning with the largest."""
    return on_train(
        **{
            f"{name}_std-{scale}": value
            for name, values in (("plain", plain), ("bn", bn))
            for scale, value in zip(SCALES, values, strict=True)
        }
    )


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
        ("C03-tuned-time", "supported", [soonest(sgd=falling(200))]),
        ("C03-tuned-time", "contradicted", [soonest(sgd=falling(80))]),
        # each rule at the rate at which its mean loss is smallest is another question
        ("C03-tuned-time", "contradicted", [soonest(sgd=falling(80)), loss(**{"sgd-tuned": falling(300)})]),
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
        ("C16", "supported", started(sigmoid=(0.7, 0.8), tanh=(0.7, 0.8))),
        ("C16", "contradicted", started(sigmoid=(0.7, 0.8), tanh=(0.8, 0.7))),
        # under sigmoid neither learns: the loss is a little lower where the network still gives one class
        ("C16", "undecided", started(0.1, sigmoid=(2.2, 2.3), tanh=(0.7, 0.8))),
        ("C05", "supported", unbroken(0.0005, 0.11)),
        ("C05", "contradicted", unbroken(0.5, 0.11)),
        ("C05", "contradicted", unbroken(0.0005, 0.3)),  # equal units learn something, and do not say so
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


@pytest.mark.parametrize(("after", "verdict"), [(0.905, "supported"), (0.912, "undecided"), (0.95, "contradicted")])
def test_c22_both_places_are_within_a_point(after, verdict):
    assert judged("C22", on_test(before=0.9, after=after), spread=0.005) == verdict


@pytest.mark.parametrize(
    ("plain", "bn", "c17", "c19", "spread"),
    [
        ([0.5] * 4 + [0.1] * 12, [0.9] * 12 + [0.7] * 4, "supported", "supported", "supported"),
        ([0.9] * 12 + [0.1] * 4, [0.8] * 16, "contradicted", "supported", "supported"),
        ([0.7] * 16, [0.9] * 13 + [0.6] * 3, "contradicted", "contradicted", "contradicted"),  # faster at 13 of 16
        # where neither has learned, a higher accuracy is not faster learning
        ([0.11] * 4 + [0.6] * 12, [0.15] * 4 + [0.9] * 12, "contradicted", "contradicted", "contradicted"),
        # without it the network learns nowhere, so that its accuracy varies less
        ([0.1] * 16, [0.9] * 10 + [0.3] * 6, "supported", "supported", "contradicted"),
    ],
)
def test_claims_over_initial_scales(plain, bn, c17, c19, spread):
    axes = {
        f"{name}_std-{scale}": {"normalization": name, "std": scale} for name in ("plain", "bn") for scale in SCALES
    }
    made = over_scales(plain, bn)
    assert tuple(judged(claim, made, axes=axes) for claim in ("C17", "C19", "C19-spread")) == (c17, c19, spread)


ZIGZAG, STRAIGHT, WIDE = [4, -4, 3, -3, 2, -2, 1], [4, 2, 1, 0.5, 0.2, 0.1, 0.1], [4, 20, 9, -9, -20, -9, -1]


@pytest.mark.parametrize(
    ("adam", "height", "verdict"),
    [
        (STRAIGHT, 0.1, "supported"),
        (ZIGZAG, 0.1, "contradicted"),
        (WIDE, 0.1, "contradicted"),  # it turns once, and far out
        (STRAIGHT, 3.0, "contradicted"),  # no zigzag, and no arrival
    ],
)
def test_c02_other_rules_zigzag_less_than_sgd(adam, height, verdict):
    ways = {"sgd": ZIGZAG, "adam": adam} | dict.fromkeys(("momentum", "adagrad", "rmsprop"), STRAIGHT)
    heights = {name: [height if name == "adam" else 0.1] for name in ways}
    made = tables(
        ("train", "y", {name: [dict(enumerate(way))] for name, way in ways.items()}), ("train", "height", heights)
    )
    assert judge_claim(claims()["C02"], "e", made).verdict == verdict
