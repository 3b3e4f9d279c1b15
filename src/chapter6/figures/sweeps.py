"""One number a run over a sweep: against a hyper-parameter, and as a map over two axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chapter6.figures import panels, selection, style
from chapter6.figures.base import Figure, Splits
from chapter6.figures.summaries import Summary, summarised
from chapter6.metrics import metric_of
from chapter6.registry import Count

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class Sweep(Summary, Figure):
    """A summary against a hyper-parameter: a line for each level of ``lines``, a panel for each of ``columns``.

    ``x`` names an axis of the sweep or a dotted parameter; with ``relative`` it is divided by the middle value
    of each line. ``lines`` and ``columns`` are by default the first and the second axis that is left. With
    ``log_y`` means are geometric. Where runs diverged the mean of the others is hollow, and a cross stands at
    the upper edge.
    """

    split: Splits = "batch"
    last: Count = 100
    x: str = "rate"
    relative: bool = False
    lines: str = ""
    columns: str = ""
    per_row: Count = 3
    log_x: bool = True
    log_y: bool = True

    def axes_named(self) -> set[str]:
        return {self.x, self.columns, self.lines} - {""}

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return panel, line, label, x, split, mean, low, high, replicates, diverged, total."""
        variants = selection.choose(tables["settings"], self.variants)
        lines, columns = self._layout(tables["settings"])
        placed = selection.place(tables["settings"], variants, columns, lines, self.x)
        placed = placed.assign(x=placed["x"].astype(float))
        if self.relative:
            placed["x"] /= placed.groupby(["panel", "line"])["x"].transform("median")
        return summarised(self, tables, variants, placed, self.log_y)

    def _layout(self, settings: DataFrame) -> tuple[str, str]:
        left = [axis for axis in selection.axes_of(settings) if axis not in (self.x, self.lines, self.columns)]
        lines = self.lines or (left.pop(0) if left else "")
        return lines, self.columns or (left.pop(0) if left else "")

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        groups = list(data.groupby("panel", sort=False))
        figure, axes = panels.small_multiples(len(groups), self.per_row, height=3.6, single=4.2)
        lines = list(data["line"].unique())
        looks = style.looks(lines)
        for ax, (panel, rows) in zip(axes, groups, strict=True):
            for line, of_line in rows.groupby("line", sort=False):
                shift = 3.0 * (lines.index(line) - (len(lines) - 1) / 2)
                for split, points in of_line.groupby("split", sort=False):
                    dash = style.SPLIT_DASHES[str(split)] if isinstance(self.split, tuple) else "-"
                    _draw_points(ax, points.sort_values("x"), looks[str(line)], shift, dash)
            ax.set_title(str(panel))
        panels.set_scale(axes[0], data["x"], self.log_x, "x")
        panels.set_scale(axes[0], data["mean"], self.log_y)
        if data["x"].drop_duplicates().size <= 7:
            for ax in axes:
                ax.set_xticks(sorted(data["x"].unique()))
                ax.set_xticks([], minor=True)
        panels.share_axis(axes[0], self.metric, "y", bool(self.minus))
        _limit(axes[0], data, self.log_y, metric_of(self.metric).is_share and not self.minus and not self.log_y)
        x = style.axis_name(self.x) + (" / its middle value" if self.relative else "")
        panels.name_axes(axes, x, self.value_name().replace(" (", "\n("))
        panels.legend(figure, self._keys(data, looks), len(groups))
        return figure

    def _keys(self, data: DataFrame, looks: Mapping[str, style.Look]) -> list[Any]:
        keys = panels.line_keys(data, looks) if len(looks) > 1 else []
        keys += panels.split_keys(self.splits)
        return [*keys, panels.cross_key("runs diverged")] if data["diverged"].any() else keys


def _draw_points(ax: Axes, rows: DataFrame, look: style.Look, shift: float, dash: Any) -> None:
    """Draw one line with intervals; hollow where some runs diverged, a cross at the upper edge."""
    from matplotlib.transforms import ScaledTranslation

    ax.errorbar(
        rows["x"],
        rows["mean"],
        panels.error_bars(rows),
        color=look.color,
        marker=look.marker,
        linestyle=dash,
        capsize=2,
        elinewidth=1.1,
        linewidth=1.5,
        zorder=3,
    )
    lost = rows[rows["diverged"] > 0]
    ax.plot(
        lost["x"], lost["mean"], linestyle="", marker=look.marker, color=look.color, markerfacecolor="white", zorder=4
    )
    edge = ax.get_xaxis_transform() + ScaledTranslation(shift / 72, 0, ax.figure.dpi_scale_trans)
    top = np.full(len(lost), 0.975)
    ax.plot(lost["x"], top, transform=edge, linestyle="", color=look.color, zorder=5, **panels.CROSS)


def _limit(ax: Axes, data: DataFrame, log: bool, share: bool) -> None:
    """Hold the points that did not run away, of shares their intervals too, and leave room for the crosses."""
    if data["mean"].isna().all():
        return
    high = panels.robust_peak(data["mean"], 100 if log else 10)
    low = float(data["mean"].clip(upper=high).min())
    if share:
        low, high = min(low, float(data["low"].min())), max(high, float(data["high"].max()))
    if log and low > 0:
        ax.set_ylim(low / 1.25, high * 1.25 * (high / low) ** 0.08)
    else:
        room = high - low or abs(high) or 1.0
        ax.set_ylim(low - 0.04 * room, high + 0.1 * room)


@dataclass(frozen=True, kw_only=True)
class Heatmap(Summary, Figure):
    """A summary over two axes of a sweep, as a map with the mean over replicates written in each cell."""

    rows: str
    columns: str
    log: bool = False

    def axes_named(self) -> set[str]:
        return {self.rows, self.columns}

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return row, column, mean, low, high, replicates, diverged, total: one row a cell."""
        settings = tables["settings"]
        variants = selection.choose(settings, self.variants)
        placed = selection.place(settings, variants, self.columns, self.rows)
        shown = summarised(self, tables, variants, placed, log=False)
        return shown.rename(columns={"label": "row", "panel": "column"}).drop(columns="line")

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        """Draw the map; a cell whose every run diverged is grey and says so."""
        import seaborn
        from matplotlib.colors import LogNorm

        means = data.set_index(["row", "column"])["mean"].unstack(sort=False)  # noqa: PD010 (keeps empty cells)
        texts = means.map(
            lambda mean: "diverged" if np.isnan(mean) else style.number(mean, self.metric, bool(self.minus))
        )
        figure = panels.sheet(max(0.6 * len(means) + 1.0, 2.6), layout="constrained")
        ax = figure.subplots()
        ax.set_facecolor("#dddddd")
        low, high = data["mean"].agg(["min", "max"]) if data["mean"].notna().any() else (0, 1)
        seaborn.heatmap(
            means,
            annot=texts,
            fmt="",
            cmap="cividis",
            norm=LogNorm() if self.log else None,
            vmin=low,
            vmax=high,
            linewidths=1.5,
            ax=ax,
            annot_kws={"size": 10},
            mask=means.isna(),
            cbar_kws={"label": self.value_name().replace(" minus ", "\nminus "), "pad": 0.02},
        )
        for row, column in zip(*np.nonzero(means.isna().to_numpy()), strict=True):
            ax.text(column + 0.5, row + 0.5, "diverged", ha="center", va="center", color=style.MUTED)
        bar: Any = ax.collections[0].colorbar
        panels.share_axis(bar.ax, self.metric, "y", bool(self.minus))
        ax.tick_params(length=0, rotation=0)
        ax.grid(visible=False)
        ax.set(xlabel="", ylabel="")
        if len(means.columns) > 6:
            ax.set_xticklabels([text.replace(" ", "\n") for text in means.columns])
        return figure
