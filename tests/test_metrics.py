"""What is known of metrics, and that everything that is recorded is known."""

import math
import subprocess
import sys

import pytest

from chapter6.engine.measurements.base import Measurement
from chapter6.metrics import METRICS, diverged_score, metric_of, recorded_key


@pytest.mark.parametrize(
    ("key", "base"),
    [
        ("loss", "loss"),
        ("activation_std/layer-3", "activation_std"),
        ("best/accuracy", "accuracy"),
        ("trial/updates", "updates"),
        ("best/dead/layer-2", "dead"),
    ],
)
def test_layers_and_searches_are_of_a_metric(key, base):
    assert metric_of(key) is METRICS[base]


def test_what_a_search_s_curve_records():
    assert [recorded_key(key) for key in ("best/dead/layer-2", "trial/loss", "gap")] == ["dead/layer-2", "loss", "gap"]


def test_an_unknown_metric_has_a_name_and_no_value_after_a_divergence():
    unknown = metric_of("sharpness_ratio/layer-1")
    assert (unknown.name, unknown.unit, unknown.transform) == ("sharpness ratio", "", "identity")
    assert (unknown.split, unknown.signed, unknown.better) == ("train", False, "higher")
    assert math.isnan(unknown.diverged)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_scale_and_bounds_of_a_metric_agree(metric):
    assert metric.least < metric.most
    assert metric.signed is (metric.least < 0)
    if metric.transform != "identity":
        assert metric.least == 0
    assert (metric.transform == "logit") is (metric.least == 0 and metric.most == 1)
    assert not metric.is_share or metric.most == 1


def test_a_divergence_counts_as_chance_as_the_worst_or_as_nothing():
    values = {key: metric.after_divergence({"classes": 4, "earlier_classes": 5}) for key, metric in METRICS.items()}
    known = {key: value for key, value in values.items() if not math.isnan(value)}
    assert known == {
        "accuracy": 0.25,
        "pruned_accuracy": 0.25,
        "earlier_accuracy": 0.2,
        "loss": math.inf,
        "updated_loss": math.inf,
    }
    assert (diverged_score("accuracy", 5), diverged_score("best/accuracy", 10)) == (0.2, 0.1)
    assert diverged_score("loss", 10) == -math.log(10)


def test_every_measurement_s_own_metrics_are_known():
    named = {name for member in Measurement.members.values() for name in getattr(member, "metrics", ())}
    assert {metric_of(name).key for name in named} - METRICS.keys() == {"histogram", "picture"}


def test_importing_needs_the_standard_library_only():
    code = "import sys, chapter6.metrics; print({'numpy', 'pandas', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
