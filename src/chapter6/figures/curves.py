"""Metrics over training, with bands over replicates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chapter6.figures import panels, selection, style
from chapter6.figures.base import Figure, Splits, as_tuple
from chapter6.intervals import by_group
from chapter6.metrics import metric_of
from chapter6.registry import Count, Index

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes
    from pandas import DataFrame, Series


@dataclass(frozen=True, kw_only=True)
class Curves(Figure):
    """A metric against updates: a line and a 95 % t band for each variant, a dash for each split.

    ``columns`` names the axis of the sweep that is spread over panels, ``lines`` the axis of the lines; both
    may be ``layer`` for a layer's metric (``dead/layer-*``). ``smooth: book`` smooths each run as the book
    does, before averaging. With ``log_y`` averages are geometric. ``x: epoch`` divides updates by
    ``updates_per_epoch`` (0: the distance at which the metric was recorded). Runs that diverged count until
    they do and are numbered in the legend; they do not set the limits of ``y`` unless it is given.
    """

    metric: str
    split: Splits = "batch"
    smooth: Literal["none", "book"] = "none"
    x: Literal["step", "epoch"] = "step"
    updates_per_epoch: Index = 0
    log_x: bool = False
    log_y: bool = False
    columns: str = ""
    lines: str = ""
    per_row: Count = 4
    y: tuple[float, float] | None = None

    @property
    def _log(self) -> bool:
        """Whether the ordinate is logarithmic: as asked, or for counts, where one differs from none and many."""
        return self.log_y or metric_of(self.metric).counts

    def axes_named(self) -> set[str]:
        return {self.columns, self.lines} - {"", "layer"}

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return panel, line, label, diverged, total, split, mean, low, high, replicates, x.

        A line whose runs all diverged before the metric was first recorded has one row, without a value.
        """
        splits = as_tuple(self.split)
        variants = selection.choose(tables["settings"], self.variants)
        rows = selection.rows_of(tables["curves"], self.metric, splits, variants)
        if self.smooth == "book" and len(rows):
            rows = selection.smoothed(rows)
        rows = self._placed(rows, tables["settings"], variants)
        place = ["panel", "line", "label"]
        counts = rows.drop_duplicates(["variant", *place])[["variant", *place]]
        counts = counts.merge(selection.diverged(tables["runs"]), on="variant", how="left").drop(columns="variant")
        rows = rows[self._kept(rows)]
        shown = by_group(rows, [*place, "split", "step"], self.log_y, metric_of(self.metric).is_share)
        shown = counts.merge(shown, on=place, how="left").fillna({"split": splits[0]})
        return shown.assign(
            x=shown.pop("step") / selection.updates_a_unit(self.x, self.updates_per_epoch, rows["step"])
        )

    def _kept(self, rows: DataFrame) -> Series[bool]:
        """Mark the rows of at most 300 steps of each split, fewer in panels side by side, which are narrower."""
        points = selection.POINTS // min(3, len(rows["panel"].unique()))
        kept = rows["step"] < 0
        for split, steps in rows.groupby("split")["step"]:
            kept |= (rows["split"] == split) & rows["step"].isin(selection.thin(steps, points, self.log_x))
        return kept

    def _placed(self, rows: DataFrame, settings: DataFrame, variants: list[str]) -> DataFrame:
        """Add panel, line and label, in the order in which they are shown; a variant without rows keeps one."""
        by_layer = "*" in self.metric
        placed = selection.place(settings, variants, "" if by_layer else self.columns, self.lines)
        how: Literal["inner", "left"] = "inner" if by_layer else "left"
        rows = placed.assign(order=range(len(placed))).merge(rows, on="variant", how=how)
        if by_layer:
            rows["panel"] = rows["layer"].str.replace("-", " ")
        return rows.sort_values(["order", "layer", "step"], kind="stable")

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        groups = list(data.groupby("panel", sort=False))
        looks = style.looks(list(data["line"].unique()))
        figure, axes = panels.small_multiples(len(groups), self.per_row, single=max(4.0, 0.24 * (len(looks) + 3)))
        limits = self.y or _limits(data, self._log)
        self._scale(axes[0], data, limits)
        for ax, (panel, rows) in zip(axes, groups, strict=True):
            for position, (line, of_line) in enumerate(rows.groupby("line", sort=False)):
                for split, curve in of_line.groupby("split", sort=False):
                    dash = style.SPLIT_DASHES[str(split)] if isinstance(self.split, tuple) else "-"
                    width = 1.7 + metric_of(self.metric).counts * 0.9 * (len(looks) - 1 - position)
                    _draw_curve(ax, curve, looks[str(line)], position, linestyle=dash, linewidth=width)
                    _mark_end(ax, curve, looks[str(line)], limits[1])
            ax.set_title(str(panel))
        name = style.metric_name(self.metric, as_tuple(self.split))
        panels.name_axes(axes, "epochs" if self.x == "epoch" else "updates", name)
        panels.legend(figure, self._keys(data, looks, limits[1]), len(groups))
        return figure

    def _scale(self, ax: Axes, data: DataFrame, limits: tuple[float, float]) -> None:
        """Set scales and limits, which all panels share."""
        panels.set_scale(ax, data["mean"].clip(upper=limits[1]), self._log)
        panels.set_scale(ax, data["x"], self.log_x, "x")
        panels.share_axis(ax, self.metric)
        ax.margins(x=0.02)
        ax.set_ylim(*limits)

    def _keys(self, data: DataFrame, looks: Mapping[str, style.Look], high: float) -> list[Any]:
        keys, notes = [], False
        for line, rows in data.groupby("line", sort=False):
            counts = rows.drop_duplicates("panel")
            lost, total = int(counts["diverged"].sum()), int(counts["total"].sum())
            unseen = lost < total and bool((rows["mean"] > high).mean() > 0.5)
            notes |= lost > 0 or unseen
            label = rows["label"].iloc[0] + (f"\n(diverged in {lost} of {total})" if lost else "")
            keys.append(panels.key(label + ("\n(above the axis)" if unseen else ""), **vars(looks[str(line)])))
        splits = [split for split in as_tuple(self.split) if (data["split"] == split).any()]
        if len(keys) == 1 and len(splits) == 1 and not notes:
            keys = []
        keys += panels.split_keys(splits)
        return [*keys, panels.cross_key("no run left")] if (data["diverged"] == data["total"]).any() else keys


def _draw_curve(ax: Axes, curve: DataFrame, look: style.Look, position: int, **options: Any) -> None:
    """Draw mean and band; markers start at another place for each line."""
    if curve["mean"].isna().all():
        return
    every = (0.02 + 0.022 * (position % 6), 0.14)
    ax.plot(curve["x"], curve["mean"], color=look.color, marker=look.marker, markevery=every, zorder=3, **options)
    ax.fill_between(curve["x"], curve["low"], curve["high"], color=look.color, alpha=0.18, linewidth=0)


def _mark_end(ax: Axes, curve: DataFrame, look: style.Look, high: float) -> None:
    """Put a cross where a line ends because every run diverged, at the upper edge if it ends above."""
    if (curve["diverged"] == curve["total"]).all() and curve["mean"].notna().any():
        last = curve.tail(1)
        ax.plot(last["x"], last["mean"].clip(upper=high), color=look.color, zorder=5, clip_on=False, **panels.CROSS)


def _limits(data: DataFrame, log: bool) -> tuple[float, float]:
    """Return limits that hold where the lines run, but not what runs away or starts far outside.

    A line's usual height (its median, its end) counts up to 50 times that of the others; its peak, a start or a
    spike, up to 1.5 times. Lines with runs that diverged count as peaks only.
    """
    if data["mean"].isna().all():
        return 0.0, 1.0
    top = data["high"].fillna(data["mean"]).clip(upper=2 * data["mean"].abs())
    lines = data.assign(top=top).groupby(["panel", "line", "split"], sort=False)
    usual, often, highest = lines["mean"].median(), lines["top"].quantile(0.98), lines["top"].max()
    steady = np.maximum(usual, lines["mean"].last())[lines["diverged"].first() == 0]
    peaks = highest.where(highest <= 20 * often, often)
    high = panels.robust_peak(peaks, 1e3 if log else 1.5)
    if len(steady):
        high = max(high, panels.robust_peak(steady, 1e6 if log else 50.0))
    high = max(high, float(peaks[peaks <= 1.2 * high].max()))
    low = float(data["mean"].clip(upper=high).min())
    if log:
        smallest = float(data["mean"].where(data["mean"] > 0).clip(upper=high).min())
        return (smallest / 1.2 if low > 0 else -0.2 * smallest), high * 1.2
    room = 0.04 * (high - low or abs(high) or 1.0)
    return (-room / 2 if 0 <= low < 0.35 * high else low - room), high + room
