"""One number a run, and final values by variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chapter6.figures import panels, selection, style
from chapter6.figures.base import Figure, Splits, as_tuple
from chapter6.intervals import by_group
from chapter6.metrics import Split, metric_of
from chapter6.registry import Count

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One number of each run: a metric's final value, its mean over the run, or its best.

    ``last`` is how many updates at the end the final value is averaged over; ``minus`` names a split whose
    value is subtracted (the gap between training and test accuracy: split train, minus test).
    """

    metric: str
    split: Splits = "test"
    minus: Split | None = None
    summary: Literal["final", "mean", "lowest", "highest"] = "final"
    last: Count = 1

    @property
    def splits(self) -> tuple[Split, ...]:
        """The splits shown."""
        return as_tuple(self.split)

    def metrics_named(self) -> set[tuple[str, str]]:
        splits = self.splits + ((self.minus,) if self.minus else ())
        return {(split, self.metric) for split in splits}

    def value_name(self) -> str:
        """Return what the numbers are, for an axis."""
        what = style.metric_name(self.metric, self.splits)
        if self.minus:
            what += f" minus {style.SPLIT_NAMES[self.minus]}" + (", points" if metric_of(self.metric).is_share else "")
        if self.summary == "final":
            return f"final {what}" if self.last == 1 else f"{what} (mean of the last {self.last} updates)"
        return f"{what} ({'mean over the run' if self.summary == 'mean' else self.summary})"

    def summarise(self, curves: DataFrame, runs: DataFrame, variants: Sequence[str]) -> DataFrame:
        """Return variant, replicate, split, value: one row for each run that finished."""
        splits = self.splits + ((self.minus,) if self.minus else ())
        rows = selection.rows_of(curves, self.metric, splits, variants)
        runs = selection.own_runs(runs)
        finished = runs.loc[runs["outcome"] == "finished", ["variant", "replicate"]]
        rows = rows.merge(finished, on=["variant", "replicate"])
        keys = ["variant", "replicate", "split"]
        if self.summary == "final":
            end = rows.groupby(keys, sort=False)["step"].transform("max")
            rows = rows[rows["step"] > end - self.last]
        function = {"lowest": "min", "highest": "max"}.get(self.summary, "mean")
        values = rows.groupby(keys, sort=False)["value"].agg(function).reset_index()
        if not self.minus:
            return values
        base = values[values["split"] == self.minus].drop(columns="split")
        both = values[values["split"] != self.minus].merge(base, on=keys[:2], suffixes=("", "_base"))
        return both.assign(value=both["value"] - both["value_base"]).drop(columns="value_base")


def summarised(
    figure: Summary, tables: Mapping[str, DataFrame], variants: Sequence[str], placed: DataFrame, log: bool
) -> DataFrame:
    """Return ``placed`` with split, mean, low, high, replicates, diverged, total; all in the order of ``placed``.

    A variant whose every run diverged keeps its row, without a mean.
    """
    from pandas import DataFrame

    values = figure.summarise(tables["curves"], tables["runs"], variants)
    share = metric_of(figure.metric).is_share and not figure.minus
    shown = by_group(values, ["variant", "split"], log, share)
    every = placed.merge(selection.diverged(tables["runs"]), on="variant", how="left")
    every = every.merge(DataFrame({"split": list(figure.splits)}), how="cross")
    return every.merge(shown, on=["variant", "split"], how="left")


@dataclass(frozen=True, kw_only=True)
class Dots(Summary, Figure):
    """A summary of each variant: a dot with its 95 % t interval, above the replicates' own dots.

    ``columns`` names the axis spread over panels, ``rows`` that of the rows. Two splits are a full and a
    hollow dot. Runs that diverged have no summary; how many did is written in the row.
    """

    columns: str = ""
    rows: str = ""
    sort: Literal["file", "value"] = "file"
    log_x: bool = False

    def axes_named(self) -> set[str]:
        return {self.columns, self.rows} - {""}

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return panel, line, label, split, mean, low, high, replicates, diverged, total and each run's value."""
        variants = selection.choose(tables["settings"], self.variants)
        placed = selection.place(tables["settings"], variants, self.columns, self.rows)
        shown = summarised(self, tables, variants, placed, self.log_x)
        if self.sort == "value":
            order = shown.groupby("line", sort=False)["mean"].mean().sort_values(ascending=False)
            shown["line"] = shown["line"].astype("category").cat.set_categories(order.index)
            shown = shown.sort_values("line", kind="stable").astype({"line": str})
        runs = self.summarise(tables["curves"], tables["runs"], variants)
        return shown.merge(runs, on=["variant", "split"], how="left")

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        groups = list(data.groupby("panel", sort=False))
        labels = data.drop_duplicates("line").set_index("line")["label"]
        looks = style.looks(list(labels.index))
        height = 0.38 * len(labels) + 1.1
        figure, axes = panels.small_multiples(len(groups), 3, height=height, single=height)
        for ax, (panel, rows) in zip(axes, groups, strict=True):
            for position, line in enumerate(labels.index):
                _draw_dots(ax, rows[rows["line"] == line], looks[line].color, position, self)
            ax.set_title(str(panel))
            ax.grid(visible=False, axis="y")
        axes[0].set_yticks(range(len(labels)), list(labels))
        axes[0].set_ylim(len(labels) - 0.4, -0.6)
        panels.set_scale(axes[0], data["value"], self.log_x, "x")
        panels.share_axis(axes[0], self.metric, "x", bool(self.minus))
        panels.name_axes(axes, self.value_name(), "")
        if len(self.splits) > 1:
            keys = [
                panels.key(
                    style.SPLIT_NAMES[split], marker="o", color=style.MUTED, linestyle="", markersize=7, **_fill(place)
                )
                for place, split in enumerate(self.splits)
            ]
            panels.legend(figure, keys, 2)
        return figure


def _fill(place: int) -> dict[str, Any]:
    return {"markerfacecolor": "white"} if place else {}


def _draw_dots(ax: Axes, rows: DataFrame, color: str, position: int, figure: Summary) -> None:
    """Draw one row: replicates faint, mean and interval in front, the numbers at the right edge."""
    splits = figure.splits
    for place, split in enumerate(splits):
        y = position + (place - (len(splits) - 1) / 2) * 0.22
        of_split = rows[rows["split"] == split]
        below = np.full(len(of_split), y + (0.2 if len(splits) == 1 else 0))
        ax.plot(of_split["value"], below, "o", color=color, alpha=0.4, markersize=4, mew=0)
        first = of_split.head(1)
        options: dict[str, Any] = {"fmt": "o", "color": color, "markersize": 7, "capsize": 3, **_fill(place)}
        ax.errorbar(first["mean"], [y] * len(first), xerr=panels.error_bars(first), **options)
    means = rows.drop_duplicates("split")["mean"].dropna()
    text = " / ".join(style.number(mean, figure.metric, bool(figure.minus)) for mean in means)
    if len(rows) and rows["diverged"].iloc[0]:
        count = f"{int(rows['diverged'].iloc[0])} of {int(rows['total'].iloc[0])} diverged"
        text = f"{text} ({count})" if text else count
    ax.annotate(
        text,
        (1, position),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center_baseline",
        fontsize=9.5,
        annotation_clip=False,
    )
