"""Reducing tidy tables to one number a run."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chapter6.analysis.runs import budgets, metrics_like, readings, times
from chapter6.analysis.tables import times_table
from chapter6.analysis.variant_data import VariantData, aligned
from chapter6.quantities import Curve, Quantity, Target, summarized
from chapter6.registry import StudyError

from .hand_made import search_tables, tables

CURVE = {0: 4.0, 10: -2.0, 30: 1.0, 40: 0.0}


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("last", 0.0),
        ("first", 4.0),
        ("mean", (10 * 1 + 20 * -0.5 + 10 * 0.5) / 40),
        ("median", 0.5),
        ("minimum", -2.0),
        ("maximum", 4.0),
        ("total", 3.0),
        ("total_variation", 6.0 + 3.0 + 1.0),
        ("sign_changes", 2.0),
    ],
)
def test_summaries(summary, expected):
    made = tables(("train", "y", {"sgd": [CURVE]}))
    assert readings(made, Quantity("y", summary=summary), ["sgd"]) == {"sgd": {0: pytest.approx(expected)}}


def test_a_window_cuts_the_curve_ends_included():
    made = tables(("train", "y", {"sgd": [CURVE]}))
    assert readings(made, Quantity("y", summary="total", first_step=10, last_step=30), ["sgd"])["sgd"][0] == -1.0
    assert readings(made, Quantity("y", last_step=29), ["sgd"])["sgd"][0] == -2.0
    assert readings(made, Quantity("y", first_step=41), ["sgd"]) == {}


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=20), st.floats(-100, 100))
def test_summaries_of_place_move_with_the_curve_and_those_of_change_do_not(values, shift):
    steps = np.arange(float(len(values)))
    curve, moved = Curve(steps, np.array(values)), Curve(steps, np.array(values) + shift)
    for name in ("last", "first", "mean", "median", "minimum", "maximum"):
        assert summarized(name, moved) == pytest.approx(summarized(name, curve) + shift, abs=1e-9)
    variations = [summarized("total_variation", each) for each in (moved, curve)]
    assert variations[0] == pytest.approx(variations[1], abs=1e-9)


def test_the_gap_is_taken_where_train_was_recorded_and_test_is_interpolated_never_extrapolated():
    made = tables(
        ("train", "accuracy", {"plain": [{1: 0.2, 2: 0.6, 3: 1.0, 4: 1.0}]}),
        ("test", "accuracy", {"plain": [{1: 0.2, 3: 0.7}]}),
    )
    assert readings(made, Quantity("gap"), ["plain"])["plain"][0] == pytest.approx(0.3)
    assert readings(made, Quantity("gap", summary="total"), ["plain"])["plain"][0] == pytest.approx(0 + 0.15 + 0.3)


def test_a_number_is_read_when_another_reaches_its_target_and_missing_where_it_never_does():
    made = tables(
        ("train", "accuracy", {"plain": [{1: 0.2, 2: 0.9, 3: 1.0}, {1: 0.2, 2: 0.3, 3: 0.4}]}),
        ("test", "accuracy", {"plain": [{1: 0.2, 2: 0.5, 3: 0.6}, {1: 0.1, 2: 0.2, 3: 0.3}]}),
    )
    when = Target(metric="accuracy", split="train", at_least=0.8)
    found = readings(made, Quantity("gap", when=when), ["plain"])["plain"]
    assert found[0] == pytest.approx(0.4)
    assert math.isnan(found[1])


def test_a_diverged_run_counts_as_chance_or_worst_from_its_divergence_to_the_end_of_its_fellows():
    made = tables(
        ("batch", "loss", {"sgd": [{1: 2.0, 2: 1.0, 3: 0.5}, {1: 9.0}]}),
        ("test", "accuracy", {"sgd": [{1: 0.5, 2: 0.6, 3: 0.7}, {1: 0.5}]}),
        ("train", "rank", {"sgd": [{1: 5.0, 3: 5.0}, {1: 5.0}]}),
        diverged=[("sgd", 1)],
    )
    assert readings(made, Quantity("loss"), ["sgd"])["sgd"] == {0: 0.5, 1: math.inf}
    assert readings(made, Quantity("loss", summary="median"), ["sgd"])["sgd"] == {0: 1.0, 1: math.inf}
    assert readings(made, Quantity("loss", last_step=1), ["sgd"])["sgd"] == {0: 2.0, 1: 9.0}
    assert readings(made, Quantity("accuracy"), ["sgd"])["sgd"] == {0: 0.7, 1: 0.1}
    assert readings(made, Quantity("accuracy", summary="total"), ["sgd"])["sgd"][1] == pytest.approx(0.7)
    assert math.isnan(readings(made, Quantity("rank"), ["sgd"])["sgd"][1])
    assert budgets(made, Target(metric="accuracy", at_least=0.6), ["sgd"]) == {"sgd": 3.0}
    made["runs"]["classes"] = 4
    assert readings(made, Quantity("accuracy"), ["sgd"])["sgd"] == {0: 0.7, 1: 0.25}


def test_a_run_that_diverged_before_its_first_recording_or_after_its_last_is_no_better():
    made = tables(
        ("batch", "loss", {"sgd": [{1: 2.0, 2: 1.0}], "adam": [{1: 0.1, 2: 0.1}]}),
        diverged=[("sgd", 1), ("adam", 0)],
    )
    found = readings(made, Quantity("loss"), ["sgd", "adam"])
    assert found["sgd"] == {0: 1.0, 1: math.inf}
    assert found["adam"] == {0: math.inf}


def test_times_to_a_target_are_infinite_where_it_is_not_reached():
    made = tables(("batch", "loss", {"sgd": [{0: 3.0, 5: 1.0, 9: 2.0}, {0: 3.0, 9: 2.5}]}))
    assert times(made, Target(metric="loss", at_most=1.5), ["sgd"]) == {"sgd": {0: 5.0, 1: math.inf}}
    assert times(made, Target(metric="loss", at_most=3.0), ["sgd"])["sgd"][0] == 1.0


def test_a_round_of_a_timing_is_a_replicate_and_a_pattern_stands_for_its_tasks():
    rounds = [
        (name, task, n, own * (1 + n), 2.0)
        for name, own in (("elu", 3.0), ("leaky", 2.0))
        for task in ("update", "evaluation")
        for n in range(2)
    ]
    made = tables(("batch", "loss", {"elu": [{1: 2.0}]})) | {"times": times_table("e", "relu", rounds)}
    assert readings(made, Quantity("time_ratio/update"), ["elu", "relu"]) == {"elu": {0: 1.5, 1: 3.0}}
    assert metrics_like(made, "time_ratio/*", None) == ["time_ratio/evaluation", "time_ratio/update"]
    assert readings(tables(), Quantity("time_ratio/update"), ["elu"]) == {}


def test_searches_are_curves_over_their_trials():
    made = search_tables({"random": [[0.3, 0.7, 0.5]]}, updates={"random": [[20, 10, 5]]})

    def of(metric, summary="last"):
        return readings(made, Quantity(metric, "validation", summary), ["random"])["random"][0]

    assert of("best/accuracy") == 0.7
    assert of("best/accuracy", "first") == 0.3
    assert of("trial/accuracy", "median") == 0.5
    assert of("trial/updates", "total") == 35
    assert times(made, Target(metric="best/accuracy", split="validation", at_least=0.6), ["random"])["random"][0] == 2
    with pytest.raises(StudyError, match="random is a search with several trials; ask for best/accuracy"):
        of("accuracy")


def test_layers_come_in_their_order():
    made = tables(*(("train", f"rank/layer-{n}", {"sgd": [1.0]}) for n in (10, 9, 1)))
    assert metrics_like(made, "rank/layer-*", None) == ["rank/layer-1", "rank/layer-9", "rank/layer-10"]
    assert metrics_like(made, "rank/layer-*", "test") == []


def test_an_unknown_summary_and_a_target_without_a_level_are_refused():
    with pytest.raises(StudyError, match="unknown summary 'final'; choose from"):
        Quantity("loss", summary="final")
    with pytest.raises(StudyError, match="give one of at_least, at_most"):
        Target(metric="loss")


def test_pairs_are_of_one_setting_and_replicates_of_both():
    axes = {name: {"std": 1 if name.endswith("1") else 0.1} for name in ("bn-1", "bn-2", "plain-1", "plain-2")}
    made = tables(("test", "accuracy", {name: [0.5] for name in axes}), axes=axes)
    data = VariantData(made)
    assert list(data.pairs("bn-*", "plain-*", ["std"])) == [
        (("bn-1", "plain-1"), {"std": 1}),
        (("bn-2", "plain-2"), {"std": 0.1}),
    ]
    assert len(list(data.pairs("bn-*", "*"))) == 6
    a, b = aligned({"a": {0: 1.0, 1: 2.0, 3: 3.0}, "b": {3: 30.0, 1: 20.0}}, "a", "b")
    assert (a.tolist(), b.tolist()) == ([2.0, 3.0], [20.0, 30.0])
    assert [column.size for column in aligned({}, "a", "b")] == [0, 0]


def test_what_noise_costs_is_the_accuracy_without_less_that_with_it():
    made = tables(("test", "accuracy", {"net": [{9: 0.9}]}), ("noisy", "accuracy", {"net": [{9: 0.7}]}))
    assert readings(made, Quantity("noise_loss"), ["net"])["net"][0] == pytest.approx(0.2)


def test_the_gap_of_a_run_that_diverged_is_undefined_and_no_narrow_one():
    made = tables(
        ("train", "accuracy", {"net": [{0: 0.2, 10: 0.5}, {0: 0.2, 10: 0.8, 20: 0.9}]}),
        ("test", "accuracy", {"net": [{0: 0.1, 10: 0.3}, {0: 0.1, 10: 0.5, 20: 0.6}]}),
        diverged=[("net", 0)],
    )
    found = readings(made, Quantity("gap"), ["net"])["net"]
    assert math.isnan(found[0])
    assert found[1] == pytest.approx(0.3)
    assert readings(made, Quantity("gap", last_step=10), ["net"])["net"][0] == pytest.approx(0.2)


def test_a_time_to_a_target_is_asked_of_a_search_and_not_of_its_last_trial():
    made = search_tables({"random": [[0.2, 0.8, 0.5]]})
    assert times(made, Target(metric="best/accuracy", split="validation", at_least=0.7), ["random"]) == {
        "random": {0: 2.0}
    }
    with pytest.raises(StudyError, match="accuracy: random is a search with several trials; ask for best/accuracy"):
        times(made, Target(metric="accuracy", split="validation", at_least=0.7), ["random"])
