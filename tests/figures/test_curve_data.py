"""Curves: bands, smoothing, thinning, divergence, panels and limits, checked by their data."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from chapter6.figures import selection, style
from chapter6.figures.curves import Curves

from .conftest import curve, runs, settings


def book_smooth_curve(x):
    """The book's common/util.py, as published."""
    window_len = 11
    s = np.r_[x[window_len - 1 : 0 : -1], x, x[-1:-window_len:-1]]
    w = np.kaiser(window_len, 2)
    y = np.convolve(w / w.sum(), s, mode="valid")
    return y[5 : len(y) - 5]


@pytest.mark.parametrize("length", [11, 12, 200])
def test_smoothing_is_the_books(length):
    values = np.random.default_rng(length).random(length)
    np.testing.assert_allclose(selection.smooth_as_book(values), book_smooth_curve(values), rtol=1e-12)


def test_short_curves_stay_as_they_are():
    assert selection.smooth_as_book([3.0, 1.0]).tolist() == [3.0, 1.0]


def test_bands_are_t_intervals_over_replicates(optimizers):
    data = Curves(metric="loss", variants=("adam",)).data(optimizers)
    row = data[data["x"] == 1].iloc[0]
    table = optimizers["curves"]
    values = table[(table["variant"] == "adam") & (table["metric"] == "loss") & (table["step"] == 1)]["value"]
    low, high = t.interval(0.95, 3, values.mean(), values.std() / 2)
    np.testing.assert_allclose([row["mean"], row["low"], row["high"]], [values.mean(), low, high])
    assert row["replicates"] == 4


def test_log_bands_are_geometric_and_positive(optimizers):
    data = Curves(metric="loss", variants=("adam",), log_y=True).data(optimizers)
    table = optimizers["curves"]
    values = table[(table["variant"] == "adam") & (table["metric"] == "loss") & (table["step"] == 1)]["value"]
    assert data[data["x"] == 1]["mean"].iloc[0] == pytest.approx(np.exp(np.log(values).mean()))
    assert (data["low"] > 0).all()


def test_each_run_is_smoothed_before_averaging(optimizers):
    data = Curves(metric="loss", variants=("sgd",), smooth="book").data(optimizers)
    table = optimizers["curves"]
    of_sgd = table[(table["variant"] == "sgd") & (table["metric"] == "loss")]
    each = [book_smooth_curve(run["value"].to_numpy()) for _, run in of_sgd.groupby("replicate")]
    np.testing.assert_allclose(data[data["x"] == 1]["mean"], np.mean(each, axis=0)[0])


def test_one_replicate_has_no_band():
    tables = {"curves": curve("a", 0, "batch", "loss", [1, 2], [1.0, 2.0]), "settings": settings({"a": {"k": 1}}),
              "runs": runs(["a"], 1)}  # fmt: skip
    data = Curves(metric="loss").data(tables)
    assert data["mean"].tolist() == [1.0, 2.0]
    assert data[["low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize("log", [False, True])
def test_thinning_keeps_the_ends_and_at_most_so_many(log):
    kept = selection.thin(np.arange(5000), 300, log)
    assert (kept[0], kept[-1]) == (0, 4999)
    assert len(kept) <= 300
    assert selection.thin([1, 5, 9]).tolist() == [1, 5, 9]


def test_curves_are_thinned(optimizers):
    data = Curves(metric="loss").data(optimizers)
    per_line = data.groupby("line")["x"].agg(["size", "min", "max"])
    assert (per_line["size"] <= 300).all()
    assert set(per_line["max"].drop("rmsprop")) == {400.0}


def test_variants_stand_in_the_files_order_with_their_labels(optimizers):
    data = Curves(metric="loss", variants=("adam", "sgd", "m*")).data(optimizers)
    assert data["line"].drop_duplicates().tolist() == ["sgd", "momentum", "adam"]
    assert data["label"].drop_duplicates().tolist() == ["SGD", "Momentum", "Adam"]


def test_divergence_is_counted_and_named_but_sets_no_limits(optimizers):
    figure = Curves(metric="loss")
    data = figure.data(optimizers)
    lost = data[data["line"] == "rmsprop"]
    assert (lost["diverged"].iloc[0], lost["total"].iloc[0]) == (1, 4)
    assert lost[lost["x"] > 50]["replicates"].max() == 3
    drawing = figure.draw(optimizers)
    assert drawing.axes[0].get_ylim()[1] < 3
    texts = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert "RMSProp\n(diverged in 1 of 4)" in texts


def test_a_spike_at_the_start_is_cut_but_a_high_line_is_not():
    start = {"a": 2.3, "b": 2.3, "c": 90.0, "d": 12.0}
    rest = {"a": 0.2, "b": 0.5, "c": 0.4, "d": 12.0}
    parts = [curve(v, 0, "batch", "loss", range(50), [start[v], *[rest[v]] * 49]) for v in start]
    tables = {"curves": pd.concat(parts), "settings": settings({v: {"k": 1} for v in start}), "runs": runs(start, 1)}
    high = Curves(metric="loss").draw(tables).axes[0].get_ylim()[1]
    assert 12 < high < 14


def test_a_line_without_runs_left_ends_in_a_cross():
    tables = {
        "curves": pd.concat([curve("a", r, "batch", "loss", [1, 2], [2.0, 1e9]) for r in range(2)]
                            + [curve("b", r, "batch", "loss", [1, 2, 3], 1.0 + r / 10) for r in range(2)]),
        "settings": settings({"a": {"k": 1}, "b": {"k": 2}}),
        "runs": runs(["a", "b"], 2, {("a", 0): 3, ("a", 1): 3}),
    }  # fmt: skip
    ax = Curves(metric="loss").draw(tables).axes[0]
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in crosses] == [(2, ax.get_ylim()[1])]


def test_a_variant_that_was_never_recorded_is_still_named():
    tables = {
        "curves": curve("a", 0, "batch", "loss", [1, 2], 1.0),
        "settings": settings({"a": {"k": 1}, "b": {"k": 2}}),
    }
    figure, lost = Curves(metric="loss"), runs(["a", "b"], 1, {("b", 0): 1})
    data = figure.data(tables | {"runs": lost})
    assert data[data["line"] == "b"]["mean"].isna().tolist() == [True]
    texts = [text.get_text() for text in figure.draw(tables | {"runs": lost}).legends[0].get_texts()]
    assert texts[:2] == ["a", "b\n(diverged in 1 of 1)"]
    Curves(metric="loss", variants=("b",)).draw(tables | {"runs": lost}).draw_without_rendering()


def test_shares_stay_inside_their_bounds():
    values = [0.0, 0.1, 1.0]
    tables = {"curves": pd.concat([curve("a", r, "test", "accuracy", [1], v) for r, v in enumerate(values)]),
              "settings": settings({"a": {"k": 1}}), "runs": runs(["a"], 3)}  # fmt: skip
    data = Curves(metric="accuracy", split="test").data(tables)
    assert (data["low"].item(), data["high"].item()) == (0.0, 1.0)


def test_panels_and_lines_follow_the_axes(sweep):
    data = Curves(metric="loss", columns="depth").data(sweep)
    assert data["panel"].drop_duplicates().tolist() == ["depth 2", "depth 8"]
    assert data["label"].drop_duplicates().tolist()[0] == "SGD · rate 0.1"
    chosen = Curves(metric="loss", columns="depth", lines="optimizer", variants=("*_rate-1_*",)).data(sweep)
    assert chosen["line"].drop_duplicates().tolist() == ["sgd", "adam"]


def test_layers_of_a_metric_become_panels(layered):
    figure = Curves(metric="deaths/layer-*", split="train", variants=("relu_*",))
    data = figure.data(layered)
    assert data["panel"].drop_duplicates().tolist() == ["layer 1", "layer 2", "layer 3"]
    drawing = figure.draw(layered)
    assert drawing.axes[0].get_yscale() == "symlog"  # counts: none, one and many are all visible


def test_listed_variants_that_are_swept_keep_their_names():
    names = {f"{v}_ratio-{r:g}": {"listed": v, "axis.ratio": r} for v in ("plain", "bn") for r in (0.0, 0.5)}
    tables = {"curves": pd.concat([curve(v, 0, "batch", "loss", [1, 2], 1.0) for v in names]),
              "settings": settings(names), "runs": runs(names, 1)}  # fmt: skip
    data = Curves(metric="loss", columns="ratio").data(tables)
    assert data["line"].drop_duplicates().tolist() == ["plain", "bn"]
    assert data["panel"].drop_duplicates().tolist() == ["ratio 0", "ratio 0.5"]


def test_tuned_variants_of_a_sweep_stand_beside_their_base():
    names = {f"relu_{i}": {"track": "book", "axis.activation": "relu", "axis.initializer": i} for i in ("he", "std-1")}
    names["relu_he-tuned"] = names["relu_he"] | {"track": "tuned", "of": "relu_he"}
    labels = {"relu_he": "ReLU, He", "relu_std-1": "ReLU, standard deviation 1", "relu_he-tuned": "ReLU, He, tuned"}
    called = {"std-1": "standard deviation 1"}
    tables = {"curves": pd.concat([curve(v, 0, "test", "accuracy", [1], 0.9) for v in names]),
              "settings": settings(names, labels, called), "runs": runs(names, 1)}  # fmt: skip
    data = Curves(metric="accuracy", split="test", columns="activation").data(tables)
    assert data["line"].tolist() == ["he", "std-1", "he-tuned"]
    assert data["label"].tolist() == ["He", "standard deviation 1", "He, tuned"]
    assert data["panel"].unique().tolist() == ["ReLU"]
    assert style.looks(["he-tuned"])["he-tuned"] == style.LOOKS["he"]


def test_levels_are_called_by_their_labels():
    names = {f"{n}_learning_rate-{r}": {"axis.normalization": n, "axis.learning_rate": r}
             for n in ("plain", "bn") for r in (0.1, 1)}  # fmt: skip
    label = {"plain": "without", "bn": "batch normalization"}
    table = settings(names, called=label)
    assert selection.levels(table, "normalization")["bn_learning_rate-1"] == ("bn", "batch normalization")
    placed = selection.place(table, list(names), x="learning_rate")
    assert placed["line"].tolist() == ["plain", "plain", "bn", "bn"]
    assert placed["label"].tolist() == ["without"] * 2 + ["batch normalization"] * 2
    unnamed = selection.place(settings(names), list(names), columns="normalization", lines="learning_rate")
    assert unnamed["panel"].unique().tolist() == ["plain", "batch normalization"]
    assert unnamed["label"].tolist()[:2] == ["learning rate 0.1", "learning rate 1"]


def test_labels_may_hold_what_joins_them():
    names = {f"{n}_{o}": {"listed": n, "axis.order": o} for n in ("plain", "a-b") for o in ("x_y", "y")}
    called = {"a-b": "first, then · second", "y": "y, tuned"}
    table = settings(names, {"a-b_y": "first, then second, y"}, called)
    assert selection.labels(table)["a-b_y"] == "first, then second, y"
    assert selection.labels(table)["plain_y"] == "plain · y, tuned"
    by_listed = selection.place(table, list(names), columns="order")
    assert by_listed["line"].tolist() == ["plain", "plain", "a-b", "a-b"]
    assert by_listed["label"].tolist()[2:] == ["first, then · second"] * 2
    assert by_listed["panel"].tolist() == ["x y", "y, tuned"] * 2


def test_a_tuned_variant_that_was_only_listed_is_told_from_its_base_in_a_figure_by_axes():
    names = {"sgd_d-2": {"listed": "sgd", "axis.d": 2}, "adam": {}, "adam-tuned": {"track": "tuned", "of": "adam"}}
    names["adam-tuned"]["listed"] = "adam"
    placed = selection._said(settings(names), [])
    assert placed == {"sgd_d-2": ("sgd", "SGD"), "adam": ("adam", "Adam"), "adam-tuned": ("adam-tuned", "Adam, tuned")}


@pytest.mark.parametrize(("given", "x"), [(0, [0.0, 1.0, 2.0]), (200, [0.0, 0.5, 1.0])])
def test_epochs(optimizers, given, x):
    figure = Curves(metric="accuracy", split="test", x="epoch", updates_per_epoch=given, variants=("adam",))
    assert figure.data(optimizers)["x"].tolist()[:3] == x


def test_splits_are_dashed_and_explained(optimizers):
    drawing = Curves(metric="accuracy", split=("train", "test"), variants=("adam",)).draw(optimizers)
    assert {line.get_linestyle() for line in drawing.axes[0].lines} == {"-", "--"}
    assert [text.get_text() for text in drawing.legends[0].get_texts()] == ["Adam", "training", "test"]
