# ruff: noqa: RUF001  (the page's typography: minus and multiplication signs, dashes)

from chapter6.report.settings import Level, VariantSettings, describe, levels
from chapter6.report.strings import strings

WORDS = strings("en")
RUN = {
    "data": "images",
    "data.examples": 60000,
    "network.hidden": [100, 100, 100, 100],
    "optimizer": "sgd",
    "optimizer.learning_rate": 0.01,
    "steps": 2000,
    "batch_size": 128,
    "sampling": "replacement",
    "record": [
        {"measure": {"kind": "evaluation", "splits": ["test"]}, "at": [{"first": 0, "every": 200, "last": 2000}]}
    ],
}


def variant(label="SGD", replicates=10, **changes):
    return VariantSettings(label, "book", replicates, RUN | changes)


def test_what_is_shared_is_said_once_and_what_differs_by_variant():
    adam = variant("Adam", 3, optimizer="adam", **{"optimizer.learning_rate": 0.001, "optimizer.epsilon": 1e-7})
    view = describe([variant(), adam], [], WORDS)
    shared = dict(view.shared)
    assert shared["hidden layers"] == "100 × 4"
    assert shared["measured"] == "loss and accuracy (test) every 200 updates"
    assert "optimizer" not in shared
    assert view.differing.columns == ("Variant", "optimizer", "Replicates")
    assert view.differing.rows == (
        ("SGD", "SGD, learning rate 0.01", "10"),
        ("Adam", "Adam, learning rate 0.001, ε 10⁻⁷", "3"),
    )
    assert (view.variants, view.runs) == (2, 13)


def test_many_variants_are_shown_by_axes_and_levels():
    levels = [Level("rate", "0.1", {"optimizer.learning_rate": {"times": 0.1}}), Level("rate", "1", {})]
    view = describe([variant(**{"optimizer.learning_rate": i / 100}) for i in range(1, 91)], levels, WORDS)
    assert view.differing.columns == ("Axis", "Level", "Sets")
    assert view.differing.rows == (("rate", "0.1", "learning rate: × 0.1"), ("rate", "1", "–"))
    assert view.variants == 90


def test_what_a_level_measures_is_told_by_name():
    records = [{"measure": "deltas", "at": "end"}, {"measure": {"kind": "tails", "low": 0.1}, "at": "end"}]
    start = Level("rate", "initial", {"steps": 0, "record": records})
    view = describe([variant(**{"optimizer.learning_rate": i / 100}) for i in range(1, 91)], [start], WORDS)
    assert view.differing.rows == (("rate", "initial", "updates: 0; measured: deltas, tails"),)


def test_settings_that_play_no_part_are_left_out():
    point = {**RUN, "surface": "bowl", "surface.elongation": 20, "surface.start": [-7, 2]}
    del point["network.hidden"]
    shared = dict(describe([VariantSettings("SGD", "book", 1, point)], [], WORDS).shared)
    assert shared["surface"] == "elongated bowl, elongation 20, start −7, 2"
    assert not {"data", "batch size", "mini-batches"} & set(shared)
    assert describe([variant()], [], WORDS).differing is None


def test_of_a_search_the_ranges_stand_where_the_values_would():
    searched = {
        "optimizer.learning_rate": {"low": 1e-6, "high": 0.01, "scale": "log"},
        "strategy": "narrowing",
        "strategy.keep": 5,
        "search.trials": 40,
        "search.rounds": [14, 13, 13],
    }
    view = describe([VariantSettings("coarse", "book", 5, RUN | searched, runs_each=45)], [], WORDS)
    shared = dict(view.shared)
    assert shared["optimizer"] == "SGD, learning rate 10⁻⁶ to 0.01 (on a logarithmic scale)"
    assert shared["strategy"] == "coarse to fine, best trials kept 5"
    assert shared["trials of a search"] == "40"
    assert shared["trials of each round"] == "14, 13, 13"
    assert shared["whole searches"] == "5"
    assert view.runs == 225


def test_names_of_variants_are_not_taken_for_kinds():
    replay = variant(replay="dropout-0.15", **{"replay.rule": "halving", "replay.rule.rungs": 3})
    assert dict(describe([replay], [], WORDS).shared)["replay of"] == (
        "dropout-0.15, stopping rule successive halving, times halved 3"
    )


def test_levels_as_their_author_wrote_them():
    sweep = {
        "optimizer": {"adam": {"label": "Adam", "optimizer": {"kind": "adam", "learning_rate": {"times": 0.1}}}},
        "std": [0.5, "wide"],
    }
    assert list(levels(sweep, {"label"})) == [
        Level("optimizer", "Adam", {"optimizer": "adam", "optimizer.learning_rate": {"times": 0.1}}),
        Level("std", "0.5", {"std": 0.5}),
        Level("std", "wide", {"std": "wide"}),
    ]
