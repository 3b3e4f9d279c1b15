"""What is known of every metric, recorded or derived: one truth for claims, figures and searches.

A key may be that of a layer (``activation_std/layer-3``) or of a search as a curve over its trials
(``trial/accuracy``, ``best/accuracy``); what is known of these is known of the metric itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Split = Literal["batch", "train", "validation", "test", "noisy"]  # noisy: test images with noise
Transform = Literal["identity", "log", "logit"]


@dataclass(frozen=True)
class Metric:
    """How a metric is called and compared, where it may lie, and what a run that diverged counts as.

    ``transform`` is the scale on which a one-sample interval can be trusted. ``diverged`` is the value from the
    divergence on: a loss's is infinity, the worst, which medians, times and ranks can read, and over which no mean is
    defined; any other metric has none (NaN). An accuracy is chance from then on, one in as many classes as stand in
    the column of the table of runs that ``guesses_among`` names. ``by_split`` marks what differs by the examples it is
    measured on, ``counts`` what may be none, one or many, ``derived`` what no table holds.
    """

    key: str
    name: str
    unit: str = ""
    transform: Transform = "identity"
    least: float = 0.0
    most: float = math.inf
    better: Literal["higher", "lower"] = "higher"
    split: Split = "train"
    diverged: float = math.nan
    guesses_among: Literal["", "classes", "earlier_classes"] = ""
    by_split: bool = False
    counts: bool = False
    derived: bool = False

    @property
    def signed(self) -> bool:
        """Whether it may be negative, so that it has no ratio."""
        return self.least < 0

    @property
    def is_share(self) -> bool:
        """Whether it is a share or a difference of two, told in per cent or points."""
        return self.unit == "share"

    def after_divergence(self, run: Mapping[Any, Any]) -> float:
        """What it counts as in a run that diverged, a row of the table of runs."""
        return 1 / run[self.guesses_among] if self.guesses_among else self.diverged


METRICS = {
    metric.key: metric
    for metric in (
        Metric("loss", "loss", "nats", "log", better="lower", split="batch", diverged=math.inf, by_split=True),
        Metric(
            "updated_loss",
            "loss after the update",
            "nats",
            "log",
            better="lower",
            split="batch",
            diverged=math.inf,
            by_split=True,
        ),
        Metric("accuracy", "accuracy", "share", "logit", most=1, split="test", guesses_among="classes", by_split=True),
        Metric("gap", "gap", "share", least=-1, most=1, better="lower", split="test", derived=True),
        Metric(
            "optimism", "optimism of the choice", "share", least=-1, most=1, better="lower", split="test", derived=True
        ),
        Metric(
            "noise_loss",
            "accuracy lost to noise on the inputs",
            "share",
            least=-1,
            most=1,
            better="lower",
            split="noisy",
            derived=True,
        ),
        Metric("updates", "updates", "updates", "log", better="lower", derived=True),
        Metric("time_ratio", "time by that of the variant beside it", transform="log", better="lower"),
        Metric("saturated", "share of saturated activations", "share", "logit", most=1),
        Metric("misaligned_share", "misaligned share", "share", "logit", most=1),
        Metric("activation_mean", "mean of the activations", least=-math.inf),
        Metric("activation_std", "spread of the activations (std)", transform="log"),
        Metric("unit_std", "spread of a unit over the inputs (std)", transform="log"),
        Metric("slope", "mean slope of the activation function", transform="log"),
        Metric("gradient_norm", "norm of the gradient", transform="log"),
        Metric("expected_activation_std", "spread of the activations (std), in theory", transform="log"),
        Metric("expected_unit_std", "spread of a unit over the inputs (std), in theory", transform="log"),
        Metric("expected_delta_norm", "norm of delta, in theory", transform="log"),
        Metric("expected_gradient_norm", "norm of the gradient, in theory", transform="log"),
        Metric("offset", "distance of the mean activation from 0", transform="log", better="lower"),
        Metric("unit_mean", "mean of a unit over the inputs (root mean square)", transform="log", better="lower"),
        Metric("outside", "share of activations outside of a range", "share", "logit", most=1, better="lower"),
        Metric("flat", "share of flat slopes", "share", "logit", most=1, better="lower"),
        Metric("condition", "condition number of the inputs", transform="log", better="lower"),
        Metric("input_mean", "mean of a layer's input", least=-math.inf),
        Metric("input_std", "spread of a layer's input (std)", transform="log"),
        Metric("input_drift", "drift of a layer's input", "std", "log", better="lower"),
        Metric("delta_norm", "norm of delta", transform="log"),
        Metric("one_signed", "share of units with gradients of one sign", "share", "logit", most=1, better="lower"),
        Metric("dead", "share of dead units", "share", "logit", most=1, better="lower"),
        Metric("revived", "share of dead units that live again", "share", "logit", most=1),
        Metric("deaths", "number of units found dead", "units", better="lower", counts=True),
        Metric("lasting_deaths", "number of units dead ever since", "units", better="lower", counts=True),
        Metric("correlation", "mean absolute correlation of units", transform="logit", most=1, better="lower"),
        Metric("weight_norm", "norm of the weights", transform="log", better="lower"),
        Metric("sparsity", "share of small weights", "share", "logit", most=1),
        Metric("path_length", "length of the path", transform="log"),
        Metric("net_distance", "net distance", transform="log"),
        Metric("path_ratio", "length of the path over net distance", transform="log", better="lower"),
        Metric("noise_rise", "rise of the loss under weight noise", "nats", least=-math.inf, better="lower"),
        Metric("noise_change", "change of the loss under weight noise", "nats", "log", better="lower"),
        Metric("curvature", "largest curvature", least=-math.inf, better="lower"),
        Metric(
            "pruned_accuracy",
            "accuracy with units removed",
            "share",
            "logit",
            most=1,
            split="test",
            guesses_among="classes",
            by_split=True,
        ),
        Metric(
            "earlier_accuracy",
            "accuracy of what the run started from",
            "share",
            "logit",
            most=1,
            split="test",
            guesses_among="earlier_classes",
        ),
        Metric("second_value", "second over first singular value", transform="logit", most=1),
        Metric("angle", "angle", "degrees", most=180),
        Metric("height", "height", transform="log"),
        Metric("distance", "distance", transform="log"),
        Metric("x", "x", least=-math.inf),
        Metric("y", "y", least=-math.inf),
    )
}


def metric_of(key: str) -> Metric:
    """The metric behind a key; one that is not listed may lie anywhere from 0 on."""
    base = recorded_key(key).partition("/")[0]
    return METRICS.get(base) or Metric(base, base.replace("_", " "))


def recorded_key(key: str) -> str:
    """What is recorded of a key: of a search's ``best/dead/layer-2`` it is ``dead/layer-2``."""
    return key.removeprefix("best/").removeprefix("trial/")


def diverged_score(key: str, classes: int) -> float:
    """What a trial that diverged scores in a search, higher being better: what guessing among the classes would.

    Of a loss that is -log(classes) and not minus infinity: a Gaussian process is fitted to finite scores, among
    which one that is far from all others would hide what distinguishes them.
    """
    return {"accuracy": 1 / classes, "loss": -math.log(classes)}[metric_of(key).key]
