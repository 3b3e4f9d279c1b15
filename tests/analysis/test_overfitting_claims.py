"""Claims of section 6.4 on tables in which they are true, false, or unfair in the way that they once were."""

from __future__ import annotations

import numpy as np
import pytest

from chapter6.analysis.claims import judge_claim
from chapter6.analysis.tables import times_table

from .hand_made import tables
from .own_claims import claims, judged, loss, on_test, on_train

REST, FALLS = dict.fromkeys(range(10), 0.5), {step: 1 / (step + 1) for step in range(10)}
RATIOS = ("0.1", "0.15", "0.2", "0.3", "0.7")


def nets(train, test, falling=()):
    """What training and test accuracies, by net, say; the loss of some still falls."""
    return [on_train(**train), on_test(**test), loss(**{name: FALLS if name in falling else REST for name in train})]


def within(**accuracies):
    """What is said within the book's number of updates: training and test accuracy by net."""
    names = {"both": "bn-dropout"}
    train, test = ({names.get(name, name): pair[part] for name, pair in accuracies.items()} for part in (0, 1))
    return [on_train(**train), on_test(**test)]


def weighed(*norms_and_gaps):
    """Norm of the weights and gap by strength of the decay."""
    names = ("plain", "decay-0.001", "decay-0.01", "decay-0.1")
    nets = dict(zip(names, norms_and_gaps, strict=True))
    told = {name: (0.9, 0.9 - gap) for name, (_, gap) in nets.items()}
    return [("train", "weight_norm", {name: norm for name, (norm, _) in nets.items()}), *within(**told)]


def decayed(plain, decay, falling=()):
    (plain_train, plain_test), (train, test) = plain, decay
    names = ("plain-long", "decay-0.1-long")
    return nets(
        dict(zip(names, (plain_train, train), strict=True)), dict(zip(names, (plain_test, test), strict=True)), falling
    )


def dropped(train, test, falling=()):
    names = ("dropout-0.15-long", "dropout-0.2-long")
    return nets(
        {"plain-long": 1, **dict.fromkeys(names, train)}, {"plain-long": 0.78, **dict.fromkeys(names, test)}, falling
    )


def half(accuracy, falling=()):
    """Ratio 0.5 beside others of which 0.2 is the best."""
    others = {f"dropout-{ratio}-long": 0.8 if ratio == "0.2" else 0.7 for ratio in RATIOS}
    runs = {**others, "dropout-0.5-long": accuracy}
    return nets(dict.fromkeys(runs, 0.9), runs, falling)


def four(none, dropout, bn, both, falling=()):
    names = ("none-long", "dropout-long", "bn-long", "bn-dropout-long")
    return nets(dict.fromkeys(names, 0.99), dict(zip(names, (none, dropout, bn, both), strict=True)), falling)


def cells(decay_25, dropout_25, decay_400, dropout_400, falling=()):
    """Four gaps."""
    gaps = {"decay-25": decay_25, "dropout-25": dropout_25, "decay-400": decay_400, "dropout-400": dropout_400}
    return nets(dict.fromkeys(gaps, 0.9), {name: 0.9 - gap for name, gap in gaps.items()}, falling)


def sized(gap, falling=()):
    """Gaps by images and width: as ``gap`` says."""
    cells = {f"shallow-{w}_examples-{n}": (w, n) for w in (2, 8, 25, 100, 400) for n in (100, 1000, 10000)}
    runs = {name: 0.9 - gap(*cell) for name, cell in cells.items()}
    return nets(dict.fromkeys(cells, 0.9), runs, falling)


SIZES = {
    f"shallow-{w}_examples-{n}": {"examples": n, "dense-1.units": w}
    for w in (2, 8, 25, 100, 400)
    for n in (100, 1000, 10000)
}


def textbook(width, images):
    """The gap rises with the width and falls with the images."""
    return 0.1 + 0.05 * np.log10(width) - 0.03 * np.log10(images)


def interpolating(width, images):
    """It rises while a network cannot fit its images, and falls where it can."""
    return 0.1 + 0.05 * min(np.log10(width), 1.4 - np.log10(width / 25)) - 0.03 * np.log10(images)


def thinned(masks, falling=()):
    """Ensembles of which that of 5 has 0.8."""
    runs = {"dropout-masks": masks, "ensemble-2": 0.77, "ensemble-5": 0.8, "ensemble-10": 0.82}
    return nets(dict.fromkeys(runs, 1), runs, falling)


@pytest.mark.parametrize(
    ("claim", "verdict", "recorded"),
    [
        ("C21", "supported", within(none=(0.97, 0.7), dropout=(0.97, 0.8), bn=(0.97, 0.8), both=(0.97, 0.81))),
        ("C21", "contradicted", within(none=(0.97, 0.8), dropout=(0.97, 0.82), bn=(0.97, 0.7), both=(0.97, 0.8))),
        # a smaller gap, and dropout is needed as much as without
        ("C21", "contradicted", within(none=(0.97, 0.7), dropout=(0.97, 0.8), bn=(0.97, 0.75), both=(0.97, 0.87))),
        ("C23", "supported", [on_train(plain=dict.fromkeys(range(301, 900, 3), 0.995)), on_test(plain={898: 0.75})]),
        ("C23", "contradicted", [on_train(plain=dict.fromkeys(range(301, 900, 3), 0.97)), on_test(plain={898: 0.75})]),
        ("C23", "contradicted", [on_train(plain=dict.fromkeys(range(301, 900, 3), 0.995)), on_test(plain={898: 0.95})]),
        # all images right at the end, and not from the epoch on that the claim names
        ("C23", "contradicted", [on_train(plain={301: 0.95, 600: 0.96, 898: 0.998}), on_test(plain={898: 0.75})]),
        ("C25", "supported", within(plain=(0.998, 0.7), **{"decay-0.1": (0.9, 0.7)})),
        ("C25", "contradicted", within(plain=(0.998, 0.7), **{"decay-0.1": (0.9, 0.5)})),
        ("C25", "contradicted", within(plain=(0.998, 0.7), **{"decay-0.1": (0.998, 0.8)})),  # every image is learned
        ("C25-weak", "supported", within(plain=(0.998, 0.7), **{"decay-0.01": (0.9, 0.7)})),
        ("C25-weak", "contradicted", within(plain=(0.998, 0.7), **{"decay-0.01": (0.998, 0.7)})),
        ("C25-reader", "supported", within(plain=(0.998, 0.7), **{"decay-0.1": (0.9, 0.72)})),
        # the gap is smaller, and only because the training images are learned less well
        ("C25-reader", "contradicted", within(plain=(0.998, 0.7), **{"decay-0.1": (0.9, 0.7)})),
        ("C26", "supported", within(plain=(0.998, 0.7), **dict.fromkeys(("dropout-0.15", "dropout-0.2"), (0.9, 0.7)))),
        (
            "C26",
            "contradicted",
            within(plain=(0.998, 0.7), **{"dropout-0.15": (0.998, 0.7), "dropout-0.2": (0.9, 0.7)}),
        ),
        ("C53", "supported", weighed((30, 0.3), (25, 0.28), (20, 0.25), (10, 0.2))),
        ("C53", "contradicted", weighed((30, 0.3), (25, 0.28), (20, 0.25), (10, 0.3))),
        ("C53", "contradicted", weighed((30, 0.3), (25, 0.28), (26, 0.25), (10, 0.2))),
        ("C25-end", "supported", decayed((0.99, 0.7), (0.9, 0.7))),
        ("C25-end", "contradicted", decayed((0.99, 0.7), (0.9, 0.5))),
        ("C25-end", "undecided", decayed((0.99, 0.7), (0.9, 0.7), ["decay-0.1-long"])),
        ("C26-end", "supported", dropped(0.95, 0.8)),
        ("C26-end", "contradicted", dropped(0.95, 0.6)),
        ("C26-end", "undecided", dropped(0.95, 0.8, ["dropout-0.2-long"])),
        ("C26-reader", "supported", dropped(0.95, 0.82)),
        ("C26-reader", "contradicted", dropped(0.95, 0.75)),
        # a method that was stopped when the plain network had finished looks worse than it is
        ("C26-reader", "undecided", dropped(0.8, 0.6, ["dropout-0.15-long", "dropout-0.2-long"])),
        ("C72", "supported", half(0.82)),
        ("C72", "contradicted", half(0.72)),
        ("C72", "undecided", half(0.72, ["dropout-0.5-long"])),
        ("C72", "contradicted", half(0.72, ["dropout-0.7-long"])),  # that one decides nothing
        ("C21-end", "supported", four(0.7, 0.8, 0.8, 0.81)),
        ("C21-end", "contradicted", four(0.8, 0.85, 0.7, 0.75)),
        ("C21-end", "undecided", four(0.7, 0.8, 0.8, 0.81, ["bn-long"])),
        ("C54", "supported", cells(0.1, 0.1, 0.3, 0.1)),
        ("C54", "contradicted", cells(0.3, 0.1, 0.3, 0.1)),  # decay is no worse in the complex network than in any
        ("C54", "undecided", cells(0.1, 0.1, 0.3, 0.1, ["dropout-400"])),
        ("C27", "supported", thinned(0.8)),
        ("C27", "contradicted", thinned(0.7)),
        ("C27", "undecided", thinned(0.8, ["dropout-masks"])),
    ],
)
def test_claim(claim, verdict, recorded):
    assert judged(claim, *recorded, spread=0.002) == verdict


@pytest.mark.parametrize(
    ("claim", "verdict", "recorded"),
    [
        ("C24", "supported", sized(textbook)),
        ("C24-below", "supported", sized(textbook)),
        ("C24", "contradicted", sized(interpolating)),
        ("C24-below", "supported", sized(interpolating)),
        ("C24", "contradicted", sized(lambda width, images: textbook(width, 1 / images))),
        ("C24-below", "contradicted", sized(lambda width, images: textbook(1 / width, images))),
        # narrow networks have a small gap as long as they learn
        ("C24", "undecided", sized(textbook, ["shallow-2_examples-10000"])),
        ("C24-below", "undecided", sized(textbook, ["shallow-8_examples-100"])),
    ],
)
def test_claim_over_sizes(claim, verdict, recorded):
    assert judged(claim, *recorded, spread=0.002, axes=SIZES) == verdict


def large(gap_none, gap_bn, gain, gain_with_bn):
    """Gaps, and what dropout brings without batch normalization and with it."""
    test = {"none-tuned": 0.9, "bn-tuned": 0.9, "dropout-tuned": 0.9 + gain, "bn-dropout-tuned": 0.9 + gain_with_bn}
    train = {**test, "none-tuned": 0.9 + gap_none, "bn-tuned": 0.9 + gap_bn}
    return [on_train(**train), on_test(**test)]


@pytest.mark.parametrize(
    ("recorded", "verdict"),
    [
        (large(0.06, 0.03, 0.05, 0.01), "supported"),
        (large(0.03, 0.06, 0.05, 0.01), "contradicted"),
        (large(0.06, 0.03, 0.05, 0.06), "contradicted"),
        (large(0.02, 0.015, 0.05, 0.01), "contradicted"),  # a difference that does not matter
    ],
)
def test_with_all_images(recorded, verdict):
    assert judged("C21-large", *recorded, spread=0.0005) == verdict


def test_several_networks_beat_one():
    runs = {"plain": 0.75, "ensemble-2": 0.77, "ensemble-5": 0.8, "ensemble-10": 0.82}
    assert judged("C55", on_test(**runs)) == "supported"
    assert judged("C55", on_test(**{**runs, "ensemble-2": 0.75})) == "contradicted"


@pytest.mark.parametrize(
    ("update", "evaluation", "verdict"),
    [(1.05, 1.01, "supported"), (1.3, 1.01, "contradicted"), (1.05, 1.3, "contradicted")],
)
def test_dropout_costs_less_than_a_tenth_more(update, evaluation, verdict):
    rounds = [
        ("dropout", task, number, ratio * (1 + 0.01 * (-1) ** number), 1.0)
        for task, ratio in (("update", update), ("evaluation", evaluation))
        for number in range(20)
    ]
    of = {**tables(also=["plain", "dropout"]), "times": times_table("e", "plain", rounds)}
    assert judge_claim(claims()["C56"], "e", of).verdict == verdict


@pytest.mark.parametrize(
    ("needs", "verdict"), [(100, "supported"), (130, "contradicted"), (2000, "contradicted")]
)  # the last of them never gets there
def test_dropout_needs_less_than_a_tenth_more_updates(needs, verdict):
    runs = {
        name: {step: float(step >= at) for step in range(0, 300, 10)}
        for name, at in (("plain", 100), ("dropout", needs))
    }
    assert judged("C56-updates", on_train(**runs), spread=0) == verdict
