"""The other kinds, checked by their data."""

import numpy as np
import pandas as pd
import pytest

from chapter6.figures import style
from chapter6.figures.distributions import Histograms, Layers
from chapter6.figures.pictures import Pictures
from chapter6.figures.recipes import Figure
from chapter6.figures.summaries import Dots
from chapter6.figures.surface import GradientField, Paths, Surface
from chapter6.figures.sweeps import Heatmap, Sweep
from chapter6.registry import StudyError

from .conftest import OPTIMIZERS


def test_surface_is_the_formula(bowl):
    data = Surface().data(bowl)
    np.testing.assert_allclose(data["height"], data["x"] ** 2 / 20 + data["y"] ** 2)
    assert len(Surface().draw(bowl).axes) == 2


def test_arrows_point_down_the_gradient_and_know_their_angle(bowl):
    data = GradientField(half_width=4, half_height=2, columns=5, rows=4).data(bowl)
    np.testing.assert_allclose(data["dx"], -data["x"] / 10)
    np.testing.assert_allclose(data["dy"], -2 * data["y"])
    there = np.arctan2(-data["y"], -data["x"])
    turned = np.degrees(np.abs(np.angle(np.exp(1j * (np.arctan2(data["dy"], data["dx"]) - there)))))
    np.testing.assert_allclose(data["angle"], turned, atol=1e-6)


def test_paths_have_one_panel_a_variant_on_common_axes(bowl):
    data = Paths().data(bowl)
    assert data["variant"].drop_duplicates().tolist() == list(OPTIMIZERS)
    first = data[data["variant"] == "sgd"].iloc[0]
    assert (first["step"], first["x"], first["y"], first["rate"], first["label"]) == (0, -7, 2, "0.95", "SGD")
    axes = Paths().draw(bowl).axes
    assert [ax.get_title(loc="left") for ax in axes][:2] == ["SGD  (η = 0.95)", "Momentum  (η = 0.1)"]
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in axes}) == 1


def test_histograms_show_each_activations_range(layered):
    data = Histograms().data(layered)
    ranges = data.groupby("activation", sort=False).agg({"left": "min", "right": "max"})
    assert [tuple(row) for row in ranges.to_numpy()] == [(0, 1), (-1, 1), (0, 4)]
    assert data["label"].iloc[0] == "sigmoid · std 1"
    total = data.groupby(["variant", "layer"])["share"].sum() + data.groupby(["variant", "layer"])["outside"].first()
    np.testing.assert_allclose(total, 1)


def test_units_at_the_upper_bound_are_in_the_last_bin(layered):
    data = Histograms(variants=("tanh_std-1",)).data(layered)
    assert (data["outside"] < 1e-9).all()
    assert data[data["right"] == 1]["share"].min() > 0.4


def test_what_relu_sends_beyond_the_range_is_written(layered):
    figure = Histograms(variants=("relu_std-1",))
    outside = figure.data(layered)["outside"].unique()
    assert (outside > 0.4).all()
    texts = [text.get_text() for ax in figure.draw(layered).axes for text in ax.texts]
    assert sum(text.endswith("above 4") for text in texts) == 3


def test_histograms_average_over_replicates(layered):
    data = Histograms(variants=("sigmoid_he",), bins=40).data(layered)
    table = layered["histograms"]
    rows = table[(table["variant"] == "sigmoid_he") & (table["metric"] == "histogram/layer-1")]
    middle = rows[np.isclose(rows["left"], 0.5)]["share"].mean()
    shown = data[(data["layer"] == "layer 1") & np.isclose(data["left"], 0.5)]["share"].item()
    assert shown == pytest.approx(middle)


def test_sizes_of_deltas_are_shown_over_the_decades_that_any_reaches(layered):
    """Deltas of 1e-3.3 to 1e-1.2 in one variant, in the other half of them, the rest being smaller than any bin."""
    edges = np.arange(-20, 11, 1.0)
    wide, few = np.zeros(30), np.zeros(30)
    wide[16:19], few[17] = [0.25, 0.25, 0.5], 0.5
    bins = [
        pd.DataFrame({"left": edges[:-1], "right": edges[1:], "share": shares}).assign(
            experiment="x", variant=variant, replicate=0, step=0, split="train", metric=f"histogram/delta/layer-{layer}"
        )
        for variant, shares in (("tanh_he", wide), ("relu_he", few))
        for layer in (1, 2, 10)
    ]
    tables = {**layered, "histograms": pd.concat([layered["histograms"], *bins], ignore_index=True)}
    figure = Histograms(of="delta", layers=(2, 10), variants=("tanh_he", "relu_he"), bins=4)
    data = figure.data(tables)
    assert data["layer"].drop_duplicates().tolist() == ["layer 2", "layer 10"]
    assert (data["left"].min(), data["right"].max()) == (-4, 0)
    assert data[data["variant"] == "tanh_he"]["share"].tolist() == [0.25, 0.25, 0.5, 0] * 2
    assert set(data[data["variant"] == "relu_he"]["outside"]) == {0.5}
    texts = [text.get_text() for ax in figure.draw(tables).axes for text in ax.texts]
    assert texts.count("50 %\nsmaller") == 2
    assert set(Histograms().data(tables)["layer"]) == {"layer 1", "layer 2", "layer 3"}  # those of activations alone


def test_layers_are_numbered_and_zero_is_marked(layered):
    figure = Layers(metric="gradient_norm", columns="activation")
    data = figure.data(layered)
    assert sorted(data["layer"].unique()) == [1, 2, 3]
    assert data["panel"].drop_duplicates().tolist() == ["sigmoid", "tanh", "ReLU"]
    assert (data[data["line"] == "zeros"]["mean"] == 0).all()
    assert (data[data["line"] == "he"]["low"] > 0).all()
    drawing = figure.draw(layered)
    assert drawing.axes[0].get_yscale() == "log"
    assert "exactly zero" in [text.get_text() for text in drawing.legends[0].get_texts()]


def test_a_theory_is_dashed_beside_what_was_measured(layered):
    curves = layered["curves"]
    told = curves[curves["metric"].str.startswith("gradient_norm")]
    told = told.assign(metric="expected_" + told["metric"], value=0.5)
    tables = {**layered, "curves": pd.concat([curves, told], ignore_index=True)}
    figure = Layers(metric="gradient_norm", theory=True, columns="activation")
    data = figure.data(tables)
    assert (data[data["theory"]]["mean"] == 0.5).all()
    assert len(data[data["theory"]]) == len(data[~data["theory"]]) > 0
    drawing = figure.draw(tables)
    assert sum(line.is_dashed() for ax in drawing.axes for line in ax.lines) == 9
    assert "theory" in [text.get_text() for text in drawing.legends[0].get_texts()]
    assert figure.metrics_named() == {("train", "gradient_norm/layer-*"), ("train", "expected_gradient_norm/layer-*")}


def test_dots_hold_final_values_and_each_run(optimizers):
    data = Dots(metric="accuracy", split="test").data(optimizers)
    table = optimizers["curves"]
    final = table[(table["split"] == "test") & (table["step"] == 400) & (table["variant"] == "adam")]["value"]
    shown = data[data["line"] == "adam"]
    assert sorted(shown["value"]) == sorted(final)
    assert shown["mean"].iloc[0] == pytest.approx(final.mean())
    assert len(data[data["line"] == "rmsprop"]) == 3  # the run that diverged has no final value


def test_final_values_may_be_averaged_over_the_last_updates(optimizers):
    table = optimizers["curves"]
    loss = table[(table["metric"] == "loss") & (table["variant"] == "sgd") & (table["replicate"] == 0)]["value"]
    runs = Dots(metric="loss", split="batch", last=50, variants=("sgd",)).data(optimizers)
    assert runs["value"].iloc[0] == pytest.approx(loss.iloc[-50:].mean())
    whole = Dots(metric="loss", split="batch", summary="mean", variants=("sgd",)).data(optimizers)
    assert whole["value"].iloc[0] == pytest.approx(loss.mean())


def test_the_gap_is_a_paired_difference_of_splits(sweep):
    data = Dots(metric="accuracy", split="train", minus="test", variants=("sgd_rate-1_depth-2",)).data(sweep)
    np.testing.assert_allclose(sorted(data["value"]), [0.1, 0.11, 0.12])
    assert set(data["split"]) == {"train"}


def test_dots_sorted_by_value(optimizers):
    data = Dots(metric="accuracy", sort="value").data(optimizers)
    means = data.drop_duplicates("line")["mean"]
    assert means.is_monotonic_decreasing
    assert data["line"].iloc[0] == "adam"


def test_a_variant_that_always_diverged_keeps_its_row(sweep):
    figure = Dots(metric="accuracy", variants=("adam_rate-10_*",))
    data = figure.data(sweep)
    lost = data[data["line"] == "adam_rate-10_depth-8"]
    assert lost["mean"].isna().all()
    texts = [text.get_text() for text in figure.draw(sweep).axes[0].texts]
    assert texts == ["80.0 % (1 of 3 diverged)", "3 of 3 diverged"]


def test_a_figure_of_nothing_but_divergence_is_drawn(sweep):
    for figure in (
        Dots(metric="accuracy", variants=("adam_rate-10_depth-8",)),
        Sweep(metric="loss", variants=("adam_rate-10_depth-8",)),
        Heatmap(metric="accuracy", rows="depth", columns="rate", variants=("adam_rate-10_depth-8",)),
    ):
        assert figure.data(sweep)["mean"].isna().all()
        with style.theme():
            figure.draw(sweep).draw_without_rendering()


def test_a_sweep_lays_itself_out(sweep):
    data = Sweep(metric="loss", last=5).data(sweep)
    assert data["panel"].drop_duplicates().tolist() == ["depth 2", "depth 8"]
    assert data["line"].drop_duplicates().tolist() == ["sgd", "adam"]
    assert sorted(data["x"].unique()) == [0.1, 1, 10]
    drawing = Sweep(metric="loss").draw(sweep)
    assert drawing.axes[0].get_xscale() == "log"
    crosses = [line for ax in drawing.axes for line in ax.lines if line.get_marker() == "x" and len(line.get_xdata())]
    assert [line.get_xdata()[0] for line in crosses] == [10, 10]


def test_a_sweep_relative_to_the_middle(sweep):
    data = Sweep(metric="loss", x="optimizer.learning_rate", relative=True, lines="optimizer", columns="depth")
    with pytest.raises(Exception, match="share a line"):
        Sweep(metric="loss", x="depth", lines="optimizer", columns="optimizer").data(sweep)
    np.testing.assert_allclose(sorted(data.data(sweep)["x"].unique()), [0.1, 1, 10])


def test_heatmap_cells(sweep):
    figure = Heatmap(metric="accuracy", split="train", minus="test", rows="depth", columns="rate",
                     variants=("adam_*",))  # fmt: skip
    data = figure.data(sweep).set_index(["row", "column"])
    assert data.loc[("depth 2", "rate 1"), "mean"] == pytest.approx(0.11)
    assert np.isnan(data.loc[("depth 8", "rate 10"), "mean"])
    texts = [text.get_text() for text in figure.draw(sweep).axes[0].texts]
    assert texts.count("11.0 points") == 4
    assert texts.count("diverged") == 1


def test_alt_text_falls_back_on_what_the_kind_is():
    assert Figure.build({"kind": "paths", "title": "T.", "caption": "C."}).alt == "T. C"
    assert Figure.build({"kind": "surface"}).alt.startswith("The function f(x, y)")


def test_well_known_variants_look_the_same_everywhere():
    six = style.looks(list(OPTIMIZERS))
    assert six["adam"] == style.looks(["adam"])["adam"] == style.looks(["adam", "other"])["adam"]
    assert style.looks(["adam-tuned"])["adam-tuned"] == six["adam"]
    assert len(set(six.values())) == 6
    by_initializer = style.looks(["relu_xavier", "relu_he"])
    assert by_initializer["relu_he"] == style.LOOKS["he"]
    assert style.looks(["xavier·relu", "xavier·tanh"])["xavier·tanh"] == style.LOOKS["tanh"]


def test_each_variant_of_a_section_has_its_own_look():
    for keys in (
        ("plain", "bn"),
        ("none", "before", "after"),
        ("plain", "dropout-0.15", "dropout-0.2", "dropout-0.5"),
        ("plain", "ensemble-2", "ensemble-5", "ensemble-10", "dropout", "dropout-masks"),
        ("none", "l2", "l1", "dropout", "inverted", "bn", "l2-dropout", "bn-dropout", "early"),
        ("grid-centres", "grid-ends", "random", "narrowing", "bayesian"),
    ):
        looks = style.looks(keys)
        assert len(set(looks.values())) == len(keys)
        assert all(looks[key] == style.looks([key])[key] for key in keys if not key.endswith("-dropout"))
    assert style.looks(["none", "before"])["before"] == style.looks(["plain", "bn"])["bn"]
    assert style.looks(["plain"])["plain"] == style.looks(["without"])["without"]


def test_looks_are_distinct_for_many_lines():
    keys = [f"{a}_{i}" for a in ("relu", "sigmoid", "tanh") for i in ("xavier", "he", "zeros", "std-1")]
    looks = style.looks(keys)
    assert len(set(looks.values())) == len(keys)
    assert looks["tanh_he"].color == looks["relu_he"].color
    unknown = style.looks([f"ratio {n}" for n in range(12)])
    assert len(set(unknown.values())) == 12


@pytest.mark.parametrize(
    ("value", "metric", "difference", "text"),
    [
        (0.9712, "accuracy", False, "97.1 %"),
        (-0.0001, "accuracy", True, "0.0 points"),
        (-0.021, "accuracy", True, "\N{MINUS SIGN}2.1 points"),
        (0.12345, "loss", False, "0.123"),
        (123456.0, "loss", False, "1.2e+05"),
    ],
)
def test_numbers(value, metric, difference, text):
    assert style.number(value, metric, difference) == text


def test_the_theme_changes_nothing_for_others():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with style.theme():
        assert mpl.rcParams["svg.fonttype"] == "none"
    assert dict(mpl.rcParams) == before


def test_tables_are_not_changed(optimizers):
    before = {name: table.copy() for name, table in optimizers.items()}
    Figure.build({"kind": "curves", "metric": "loss", "smooth": "book"}).draw(optimizers)
    for name, table in optimizers.items():
        pd.testing.assert_frame_equal(table, before[name])


def test_pictures_stand_in_the_order_in_which_they_are_asked_for(pictured):
    figure = Pictures(shown=("input-*", "mean"), variants=("adam", "sgd"), at="first")
    data = figure.data(pictured)
    assert data["picture"].unique().tolist() == ["input-1", "input-2", "mean"]
    assert data["label"].unique().tolist() == ["SGD", "Adam"]
    assert data["value"].max() == 2  # of the first replicate, at the first step
    drawn = figure.draw(pictured)
    assert [ax.get_title(loc="left") for ax in drawn.axes[:3]] == ["input 1", "input 2", "mean"]
    np.testing.assert_allclose(drawn.axes[0].images[0].get_array(), [[0, 1, 2], [0, 1, 2]])
    assert drawn.axes[0].get_xlabel() == "0 to 2"


def test_a_picture_that_was_not_recorded_is_refused_with_those_that_were(pictured):
    with pytest.raises(StudyError, match=r"no picture filter-\*; choose from \['input-1', 'input-2', 'mean'\]"):
        Pictures(shown=("filter-*",), variants=("sgd",)).data(pictured)
