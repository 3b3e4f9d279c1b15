"""Tables for readers: what the book's scripts print while they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from chapter6.figures import selection, trials
from chapter6.figures.base import Shown, Splits, as_tuple
from chapter6.figures.style import SPLIT_NAMES, metric_name
from chapter6.intervals import by_group
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
        splits, variants = as_tuple(self.split), selection.choose(tables["settings"], self.variants)
        rows = selection.rows_of(tables["curves"], self.metric, splits, variants)
        steps = np.unique(rows["step"])[:: self.every]
        means = by_group(rows[rows["step"].isin(steps)], ["step", "variant", "split"])
        runs = selection.own_runs(tables["runs"])["variant"].value_counts()
        whole = means[means["replicates"] == means["variant"].map(runs)]
        columns = [(variant, split) for variant in variants for split in splits]
        wide = whole.pivot_table(index="step", columns=["variant", "split"], values="mean", observed=True).reindex(
            steps
        )
        numbers = ((steps - 1) // self.updates_per_epoch) if self.updates_per_epoch else steps
        unit = "epoch" if self.updates_per_epoch else "update"
        shown: DataFrame = wide.reindex(columns=columns).set_axis(self._heads(tables["settings"], columns), axis=1)
        shown.insert(0, unit, numbers)
        return shown.reset_index(drop=True)

    def _heads(self, settings: DataFrame, columns: Sequence[tuple[str, Split]]) -> list[str]:
        """Return the heads of columns: variant and split, of which each stands only where it tells columns apart."""
        names, (variants, splits) = selection.labels(settings), map(set, zip(*columns, strict=True))
        told = (len(variants) > 1 or len(splits) == 1, len(splits) > 1)
        return [", ".join(compress((names[variant], SPLIT_NAMES[split]), told)) for variant, split in columns]


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
