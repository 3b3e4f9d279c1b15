"""Figures of searches, checked by their data; and what the other kinds make of a search's tables."""

import numpy as np
import pytest

from chapter6.figures import selection, trials
from chapter6.figures.curves import Curves
from chapter6.figures.landscape import Landscape, boxes, decades
from chapter6.figures.recipes import Figure
from chapter6.figures.summaries import Dots
from chapter6.figures.trials import BestSoFar, BestTrials
from chapter6.registry import StudyError

RATE, DECAY = "optimizer.learning_rate", "penalties.l2.strength"


def finals(tables, variant, replicate, split="validation"):
    """Final values of a search's trials, in their order, read the plain way."""
    table = tables["curves"]
    rows = table[(table["variant"] == variant) & (table["replicate"] == replicate) & (table["split"] == split)]
    return rows[rows["step"] == 9].set_index("trial")["value"].sort_index()


def test_results_are_final_values_and_none_where_a_trial_diverged(search):
    found = trials.results(search, "accuracy", "validation", ["narrowing", "random"])
    assert found["variant"].drop_duplicates().tolist() == ["narrowing", "random"]
    assert len(found) == 36
    lost = found[found["value"].isna()]
    assert lost[["variant", "replicate", "trial"]].to_numpy().tolist() == [["random", 1, 0]]
    here = found[(found["variant"] == "random") & (found["replicate"] == 0)]
    np.testing.assert_array_equal(here["value"], finals(search, "random", 0))


def test_best_trials_are_ranked_by_the_first_split_of_one_search(search):
    data = BestTrials(metric="accuracy", best=4, replicate=1, variants=("random",)).data(search)
    best = finals(search, "random", 1).sort_values(ascending=False).head(4)
    first = data.drop_duplicates("rank")
    assert first["trial"].tolist() == best.index.tolist()
    assert first["result"].tolist() == best.tolist()
    assert data["split"].unique().tolist() == ["validation", "train"]
    assert len(data) == 4 * 2 * 3


def test_best_trials_give_their_settings_in_the_heading(search):
    figure = BestTrials(metric="accuracy", best=3, variants=("random",), x="epoch")
    data = figure.data(search)
    table = search["trials"]
    best = table[(table["variant"] == "random") & (table["replicate"] == 0) & (table["trial"] == data["trial"][0])]
    rate, decay = best["value"]
    minus = "\N{MINUS SIGN}"
    assert data["settings"][0] == f"η {rate:.3g}\ndecay {decay:.3g}".replace("-", minus)
    np.testing.assert_allclose(data["x"].unique(), [0.25, 1.25, 2.25])
    titles = [ax.get_title(loc="left") for ax in figure.draw(search).axes]
    assert titles[0] == f"Best-1:  {100 * data['result'][0]:.1f} %\n{data['settings'][0]}"
    assert len(titles) == 3


def test_the_first_split_is_solid_and_the_others_dashed(search):
    figure = BestTrials(metric="accuracy", best=1)
    drawing = figure.draw(search)
    assert [line.get_linestyle() for line in drawing.axes[0].lines] == ["-", "--"]
    assert [text.get_text() for text in drawing.legends[0].get_texts()][-2:] == ["validation", "training"]


def test_of_several_strategies_the_best_of_all_are_shown(search):
    data = BestTrials(metric="accuracy", best=18).data(search)
    assert set(data["variant"]) == {"random", "narrowing"}
    assert data.drop_duplicates("rank")["result"].is_monotonic_decreasing


def test_less_loss_is_better(search):
    tables = search | {"curves": search["curves"].replace("accuracy", "loss")}
    data = BestTrials(metric="loss", best=2, variants=("random",)).data(tables)
    assert data["trial"][0] == finals(search, "random", 0).idxmin()
    so_far = BestSoFar(metric="loss", variants=("narrowing",)).data(tables)
    assert so_far["mean"].is_monotonic_decreasing


def test_best_so_far_is_the_mean_of_running_maxima(search):
    data = BestSoFar(metric="accuracy").data(search)
    assert data["label"].drop_duplicates().tolist() == ["random", "coarse to fine"]
    of = data[data["line"] == "narrowing"].set_index("trials")
    each = np.array([np.maximum.accumulate(finals(search, "narrowing", replicate)) for replicate in range(2)])
    np.testing.assert_allclose(of["mean"], each.mean(axis=0))
    assert of.index.tolist() == list(range(1, 10))
    assert (of["replicates"] == 2).all()


def test_a_trial_that_diverged_counts_as_chance(search):
    data = BestSoFar(metric="accuracy", variants=("random",)).data(search).set_index("trials")
    assert data.loc[1, "mean"] == pytest.approx((0.1 + finals(search, "random", 0)[0]) / 2)


def test_best_so_far_is_drawn_in_steps(search):
    ax = BestSoFar(metric="accuracy").draw(search).axes[0]
    assert {line.get_drawstyle() for line in ax.lines} == {"steps-post"}


def test_landscape_holds_every_trial_of_every_search(search):
    figure = Landscape(metric="accuracy", x=RATE, y=DECAY, highlight=2)
    data = figure.data(search)
    assert len(data) == 36
    assert data["shown"].all()
    assert data["panel"].drop_duplicates().tolist() == ["random", "coarse to fine"]
    one = data[(data["variant"] == "random") & (data["replicate"] == 0)].set_index("trial")
    table = search["trials"]
    rows = table[(table["variant"] == "random") & (table["replicate"] == 0) & (table["parameter"] == RATE)]
    np.testing.assert_allclose(one["x"], rows["value"])
    np.testing.assert_allclose(one["value"], finals(search, "random", 0))
    assert data[data["rank"] <= 2].groupby("panel").size().tolist() == [2, 2]
    texts = [text.get_text() for text in figure.draw(search).legends[0].get_texts()]
    assert texts == ["the best 2", "diverged"]


def test_landscape_axes_are_logarithmic_and_hold_the_range_of_the_search(search):
    ax = Landscape(metric="accuracy", x=RATE, y=DECAY, replicate=0).draw(search).axes[0]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    np.testing.assert_allclose([*ax.get_xlim(), *ax.get_ylim()], [1e-6, 1e-2, 1e-8, 1e-4])
    assert decades([2e-6, 1e-3]) == (1e-6, 1e-3)
    assert decades([0.01, 0.01]) == (0.01, 0.1)


def test_rounds_show_one_search_with_a_marker_and_a_box_a_round(search):
    figure = Landscape(metric="accuracy", x=RATE, y=DECAY, rounds=True, variants=("narrowing",))
    data = figure.data(search)
    shown = data[data["shown"]]
    assert (shown["replicate"] == 0).all()
    assert len(shown) == 9
    assert shown["rank"].max() == 9
    drawing = figure.draw(search)
    texts = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert texts == ["round 1", "round 2", "round 3", "the best 5"]
    assert [text.get_text() for text in drawing.axes[0].texts] == ["round 1", "round 2", "round 3"]


def test_a_rounds_box_holds_the_best_trials_before_it(search):
    data = Landscape(metric="accuracy", x=RATE, y=DECAY, rounds=True, variants=("narrowing",)).data(search)
    shown = data[data["shown"]].sort_values("rank")
    found = boxes(shown, keep=2)
    assert found[1] is None
    best = shown[shown["round"] < 3].nlargest(2, "value")
    assert found[3] == (best["x"].min(), best["x"].max(), best["y"].min(), best["y"].max())
    own = boxes(shown, keep=0)
    second = shown[shown["round"] == 2]
    assert own[2] == (second["x"].min(), second["x"].max(), second["y"].min(), second["y"].max())


def test_landscape_where_every_trial_diverged_is_drawn(search):
    runs = search["runs"].assign(outcome="diverged")
    for figure in (Landscape(metric="accuracy", x=RATE, y=DECAY), BestTrials(metric="accuracy"),
                   BestSoFar(metric="accuracy")):  # fmt: skip
        figure.draw(search | {"runs": runs}).draw_without_rendering()


def test_other_kinds_take_a_search_by_its_choice(search):
    data = Dots(metric="accuracy").data(search)
    assert data["value"].tolist() == [0.6, 0.7, 0.6, pytest.approx(0.7)]
    assert data["mean"].unique() == pytest.approx([0.65])
    assert data["total"].tolist() == [2] * 4
    assert (data["diverged"] == 0).all()
    curves = Curves(metric="accuracy", split="test").data(search)
    assert curves["replicates"].tolist() == [2, 2]
    with pytest.raises(StudyError, match=r"no 'accuracy' on \['validation'\]; choose from \['test accuracy'\]"):
        Dots(metric="accuracy", split="validation").data(search)


def test_names_for_validation():
    figure = Figure.build({"kind": "landscape", "metric": "accuracy", "x": RATE, "y": DECAY})
    assert figure.axes_named() == {RATE, DECAY}
    assert figure.metrics_named() == {("validation", "accuracy")}
    best = Figure.build({"kind": "best_trials", "metric": "accuracy", "split": ["validation", "train"]})
    assert best.metrics_named() == {("validation", "accuracy"), ("train", "accuracy")}


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (BestTrials(metric="accuracy", replicate=7), "no search 7; choose from [0, 1]"),
        (
            Landscape(metric="accuracy", x="optimizer.momentum", y=DECAY),
            "choose from optimizer.learning_rate, penalties.l2.strength",
        ),
        (BestSoFar(metric="accuracy", variants=("grid",)), "choose from ['random', 'narrowing']"),
    ],
)
def test_mistakes_name_value_and_choices(search, figure, words):
    with pytest.raises(StudyError) as error:
        figure.data(search)
    assert words in str(error.value)


def test_an_experiment_without_trials_is_refused(optimizers):
    with pytest.raises(StudyError, match="no search"):
        BestSoFar(metric="accuracy").data(optimizers)
    with pytest.raises(StudyError, match="no search"):
        trials.settings_of(optimizers)


def test_trials_and_choices_are_told_apart(search, optimizers):
    runs = search["runs"]
    assert len(selection.own_runs(runs)) + len(selection.trials(runs)) == len(runs)
    assert selection.own_runs(optimizers["runs"]) is optimizers["runs"]
