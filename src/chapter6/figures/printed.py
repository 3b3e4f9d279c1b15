"""Tables for readers: what the book's scripts print while they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from chapter6.figures import selection, trials
from chapter6.figures.base import Shown, Splits, as_tuple
from chapter6.figures.style import SPLIT_NAMES, metric_name
from chapter6.metrics import Split
from chapter6.registry import Count, Family, Index, StudyError
from chapter6.words import parameter_name

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class Table(Shown, Family):
    """A table of one experiment, folded on the page under its ``title``; ``caption`` says what the numbers are."""

    title: str


@dataclass(frozen=True, kw_only=True)
class Progress(Table, key="progress"):
    """A metric while training goes on, the mean over replicates: a column for each variant and split.

    Of the updates at which the metric was recorded, the first and ``every`` so many-th after it have a row. With
    ``updates_per_epoch`` rows are numbered by epochs, from 0 as in the book. Where a replicate has diverged, or a split
    was not looked at, there is no number.
    """

    metric: str
    split: Splits
    every: Count = 1
    updates_per_epoch: Index = 0

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        splits, names = as_tuple(self.split), selection.labels(tables["settings"])
        variants = selection.choose(tables["settings"], self.variants)
        rows = selection.rows_of(tables["curves"], self.metric, splits, variants)
        rows = rows[rows["step"].isin(np.unique(rows["step"])[:: self.every])]
        runs = selection.own_runs(tables["runs"])["variant"].value_counts()
        means = rows.groupby(["step", "variant", "split"], observed=True)["value"].agg(["mean", "size"]).reset_index()
        means = means[means["size"] == means["variant"].map(runs)]
        columns = [(variant, split) for variant in variants for split in splits]
        wide = means.pivot_table(index="step", columns=["variant", "split"], values="mean", observed=True)
        wide = wide.reindex(columns=columns, index=np.unique(rows["step"]))
        told = (len(variants) > 1 or len(splits) == 1, len(splits) > 1)  # what tells a column from the others
        heads = [", ".join(compress((names[variant], SPLIT_NAMES[split]), told)) for variant, split in columns]
        shown: DataFrame = wide.set_axis(heads, axis=1).rename_axis("update").reset_index()
        if self.updates_per_epoch:
            shown["update"] = (shown["update"] - 1) // self.updates_per_epoch
        return shown.rename(columns={"update": "epoch" if self.updates_per_epoch else "update"})


@dataclass(frozen=True, kw_only=True)
class BestTrials(Table, key="best_trials"):
    """The best trials of one search, best first: final ``metric``, and the settings that were searched.

    Beside them stands what the ``source`` prints of its own best trials: the metric, then the settings in the order of
    the search's space.
    """

    metric: str
    split: Split = "validation"
    best: Count = 20
    replicate: Index = 0
    source: tuple[tuple[float, ...], ...] = ()

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        from pandas import DataFrame

        variants = selection.choose(tables["settings"], self.variants)
        found = trials.of_search(trials.results(tables, self.metric, self.split, variants), self.replicate)
        found = found.assign(rank=trials.ranks(found["value"], self.metric)).sort_values("rank")
        searched = list(dict.fromkeys(tables["trials"]["parameter"].astype(str)))
        found = found[found["rank"] <= self.best].merge(trials.settings_of(tables), on=trials.KEYS)
        heads = [metric_name(self.metric, [self.split]), *map(parameter_name, searched)]
        if any(len(row) != len(heads) for row in self.source):
            raise StudyError(f"source: a row has {len(heads)} numbers: {', '.join(heads)}")
        own = found[["rank", "value", *searched]].astype({"rank": int}).set_axis(["rank", *heads], axis=1)
        theirs = DataFrame(self.source, columns=[f"{head}, source" for head in heads]) if self.source else DataFrame()
        return own.reset_index(drop=True).join(theirs)
