"""What tables say of variants, and of runs by variant."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from chapter6.analysis.tables import (
    SETTING_COLUMNS,
    Described,
    Level,
    curves_table,
    histograms_table,
    pictures_table,
    settings_table,
    summary_table,
)

SGD = Level("", "sgd", "sgd", "")
RATE = Level("rate", 0.1, "rate-0.1", "a tenth")
DEEP = Level("batch_norm", True, "deep", "")


def test_a_variant_s_parts_come_before_its_settings_with_a_text_for_readers():
    tuned = Described("sgd_rate-0.1_deep-tuned", "SGD, tuned", "tuned", {"steps": 5}, SGD, (RATE, DEEP), of="sgd_deep")
    table = settings_table("e", [Described("plain", "Plain", "book", {"a.b": None}), tuned])
    assert list(table.columns) == SETTING_COLUMNS
    rows = table[table["variant"] == tuned.name]
    assert [*zip(rows["parameter"], rows["value"].map(json.loads), rows["text"], strict=True)] == [
        ("track", "tuned", ""),
        ("listed", "sgd", "SGD"),
        ("axis.rate", 0.1, "a tenth"),
        ("axis.batch_norm", True, "with batch norm"),
        ("of", "sgd_deep", ""),
        ("steps", 5, ""),
    ]
    assert table[table["variant"] == "plain"]["parameter"].tolist() == ["track", "a.b"]
    assert table.groupby("variant")["position"].first().to_dict() == {"plain": 0, tuned.name: 1}


@pytest.mark.parametrize(
    ("level", "text"),
    [
        (Level("", "relu", "relu", "Rectifier"), "Rectifier"),
        (Level("", "relu", "relu", ""), "ReLU"),
        (Level("depth", 4.0, "depth-4", ""), "depth 4"),
        (Level("optimizer.learning_rate", 1e-7, "learning_rate-1e-07", ""), "learning rate 1e-07"),
        (Level("batch_norm", False, "without", ""), "without batch norm"),
    ],
)
def test_a_level_is_told_by_its_label_or_in_words(level, text):
    assert level.text == text


def test_the_summary_holds_last_values_with_their_interval():
    values = {("a", 0): 1.0, ("a", 1): 2.0, ("a", 2): 4.0, ("b", 0): 7.0}
    rows = [(v, r, step, "test", "accuracy", value * step) for (v, r), value in values.items() for step in (2, 1)]
    curves = pd.DataFrame(rows, columns=["variant", "replicate", "step", "split", "metric", "value"])
    summary = summary_table(curves).set_index("variant")
    low, high = stats.t.interval(0.95, 2, *(f([2.0, 4.0, 8.0]) for f in (np.mean, stats.sem)))
    np.testing.assert_allclose(summary.loc["a", ["mean", "low", "high"]].astype(float), [14 / 3, low, high])
    assert summary.loc["b", ["mean", "step", "replicates"]].tolist() == [14.0, 2, 1]
    assert summary.loc["b", ["low", "high"]].isna().all()


def test_every_finite_number_of_a_curve_is_a_row_and_histograms_are_none():
    record = {"experiment": "x", "variant": "a", "replicate": 0}
    losses = np.array([0, 10, 20]), np.array([0.5, np.inf, 0.25])
    histogram = np.array([0]), np.ones((1, 4))
    later = np.array([20]), np.array([0.75])
    table = curves_table(
        [
            (record, {("batch", "loss"): losses, ("train", "activation_histogram"): histogram}),
            (
                record | {"replicate": 1},
                {("batch", "loss"): (later[0], later[1] * np.nan), ("test", "accuracy"): later},
            ),
        ]
    )
    rows = [
        ("x", "a", 0, 0, "batch", "loss", 0.5),
        ("x", "a", 0, 20, "batch", "loss", 0.25),
        ("x", "a", 1, 20, "test", "accuracy", 0.75),
    ]
    assert list(table.itertuples(index=False, name=None)) == rows


def test_a_variant_has_histograms_of_several_ranges():
    record = {"experiment": "x", "variant": "a", "replicate": 0}
    shares = np.array([0]), np.array([[0.25, 0.75]])
    run = record, {("train", "histogram/layer-1"): shares, ("train", "histogram/delta/layer-1"): shares}
    ranges = {("a", "histogram"): (-1.0, 1.0), ("a", "histogram/delta"): (-20.0, 10.0)}
    rows = [
        (-1, 0, 0.25, "histogram/layer-1"),
        (0, 1, 0.75, "histogram/layer-1"),
        (-20, -5, 0.25, "histogram/delta/layer-1"),
        (-5, 10, 0.75, "histogram/delta/layer-1"),
    ]
    table = histograms_table([run], ranges)[["left", "right", "share", "metric"]]
    assert list(table.itertuples(index=False, name=None)) == rows


def test_without_curves_the_table_has_its_columns_and_no_row():
    assert list(curves_table([])) == ["experiment", "variant", "replicate", "step", "split", "metric", "value"]


def test_pictures_are_a_row_a_pixel_and_no_histograms():
    looks = np.arange(12.0).reshape(2, 2, 3)
    run = ({"experiment": "e", "variant": "v", "replicate": 4}, {("train", "picture/mean"): (np.array([0, 7]), looks)})
    table = pictures_table([run])
    assert len(table) == 12
    last = table[(table["step"] == 7) & (table["row"] == 1) & (table["column"] == 2)]
    assert last[["variant", "replicate", "metric", "value"]].to_numpy().tolist() == [["v", 4, "picture/mean", 11.0]]
    assert histograms_table([run], {}).empty
    assert curves_table([run]).empty
