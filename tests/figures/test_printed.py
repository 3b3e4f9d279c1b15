"""Tables for readers: what the book's scripts print, made from runs."""

import numpy as np
import pytest

from chapter6.figures.printed import BestTrials, Progress, Table
from chapter6.registry import StudyError


def test_every_kind_is_tried_here():
    assert set(Table.members) == {"progress", "best_trials"}


def test_progress_has_a_row_for_every_so_many_th_update_and_a_column_for_each_variant(optimizers):
    table = Progress(title="t", metric="loss", split="batch", every=100, variants=("sgd", "adam")).data(optimizers)
    assert list(table.columns) == ["update", "SGD", "Adam"]
    assert table["update"].tolist() == [1, 101, 201, 301]
    curves = optimizers["curves"]
    rows = curves[(curves["variant"] == "adam") & (curves["split"] == "batch") & (curves["step"] == 201)]
    np.testing.assert_allclose(table["Adam"][2], rows["value"].mean())


def test_progress_tells_no_mean_of_those_that_did_not_diverge(optimizers):
    table = Progress(title="t", metric="loss", split="batch", every=40, variants=("rmsprop",)).data(optimizers)
    assert table["update"].tolist()[:3] == [1, 41, 81]
    assert table["RMSProp"].notna().tolist()[:3] == [True, True, False]


def test_progress_by_epochs_counts_from_zero_and_leaves_out_what_was_not_looked_at(optimizers):
    curves = optimizers["curves"]
    is_late = (curves["split"] == "test") & (curves["step"] == 300)
    tables = optimizers | {"curves": curves[~is_late].assign(step=curves["step"] + (curves["split"] != "batch"))}
    table = Progress(
        title="t", metric="accuracy", split=("train", "test"), updates_per_epoch=50, variants=("sgd",)
    ).data(tables)
    assert list(table.columns) == ["epoch", "training", "test"]
    assert table["epoch"].tolist() == [0, 2, 4, 6, 8]
    assert table["training"].notna().all()
    assert table["test"].notna().tolist() == [True, True, True, False, True]


def test_the_best_trials_stand_beside_those_of_the_source(search):
    printed = ((0.9, 0.01, 1e-6), (0.8, 0.02, 1e-5))
    table = BestTrials(title="t", metric="accuracy", best=3, replicate=1, variants=("random",), source=printed).data(
        search
    )
    own = ["validation accuracy", "learning rate", "weight decay"]
    assert list(table.columns) == ["rank", *own, *(f"{name}, source" for name in own)]
    assert table["rank"].tolist() == [1, 2, 3]
    assert table["validation accuracy"].is_monotonic_decreasing
    trials = search["trials"]
    rates = trials[(trials["variant"] == "random") & (trials["replicate"] == 1)]
    assert set(table["learning rate"]) <= set(rates["value"])
    assert table["validation accuracy, source"].tolist()[:2] == [0.9, 0.8]
    assert table.iloc[2, 4:].isna().all()


def test_a_row_of_the_source_that_lacks_a_number_is_refused(search):
    with pytest.raises(StudyError, match="source: a row has 3 numbers: validation accuracy, learning rate"):
        BestTrials(title="t", metric="accuracy", source=((0.9, 0.01),), variants=("random",)).data(search)
