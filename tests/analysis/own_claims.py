"""The study's own claims, judged on tables made by hand."""

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
