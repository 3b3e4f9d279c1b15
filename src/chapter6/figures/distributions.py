"""What happens layer by layer: histograms of activations, and spreads and gradients against depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chapter6.figures import panels, selection, style
from chapter6.figures.base import Figure
from chapter6.intervals import by_group
from chapter6.metrics import Split, metric_of
from chapter6.registry import Count

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Figure_
    from pandas import DataFrame

RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, 4.0)}
MOST_TICKS = 11  # layers whose numbers stand side by side in a panel
THEORY: dict[str, Any] = {"linestyle": (0, (3, 2)), "linewidth": 1, "zorder": 4}  # drawn over what is measured
TALLEST = 6.0  # a bar is cut at this many times the height of an even spread


@dataclass(frozen=True, kw_only=True)
class Histograms(Figure):
    """Distribution of each layer's activations: a row a variant, a column a layer, mean over replicates.

    A row shows the range of its activation function (sigmoid 0 to 1, tanh -1 to 1, ReLU 0 to 4) and has one
    vertical scale. Bars that pile up beyond it are cut and their share written beside them, as is the share
    outside the range. With ``of`` it is that of the sizes of deltas or of gradients, over all decades that
    any variant reaches; what is smaller still is told beside them. ``layers`` are those shown, by default all.
    """

    layers: tuple[Count, ...] = ()
    of: Literal["activation", "delta", "gradient"] = "activation"
    split: Split = "train"
    at: Literal["first", "last"] = "last"
    bins: Count = 40

    def metrics_named(self) -> set[tuple[str, str]]:
        return {(self.split, f"{self.recorded}/layer-*")}

    @property
    def recorded(self) -> str:
        """The metric of the histograms, without the layer."""
        return "histogram" if self.of == "activation" else f"histogram/{self.of}"

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return variant, label, activation, layer, left, right, share, density, outside."""
        from pandas import concat

        settings, histograms = tables["settings"], tables["histograms"]
        names = selection.labels(settings)
        histograms = histograms[histograms["metric"].str.rpartition("/")[0] == self.recorded]
        numbers = histograms["metric"].str.rpartition("-")[2].astype(int)
        histograms = histograms.assign(layer=numbers)[numbers.isin(self.layers or numbers)]
        decades = None if self.of == "activation" else _reached(histograms)
        parts = []
        for variant in selection.choose(settings, self.variants):
            rows = histograms[(histograms["variant"] == variant) & (histograms["split"] == self.split)]
            rows = selection.at(rows, self.at)
            activation = _activation(settings, variant)
            for layer, of_layer in rows.groupby("layer"):
                binned = self._binned(of_layer, decades or _shown(of_layer, activation), activation)
                parts.append(
                    binned.assign(
                        variant=variant,
                        label=names[variant],
                        activation=activation,
                        layer=f"layer {layer}",
                    )
                )
        return concat(parts, ignore_index=True)

    def _binned(self, rows: DataFrame, shown: tuple[float, float], activation: str) -> DataFrame:
        """Return left, right, share, density, outside of one variant's layer in the shown range's bins.

        A bounded activation at its upper bound lies in the recorded bin that starts there: it belongs to the
        last bin shown.
        """
        from pandas import DataFrame

        low, high = shown
        edges = np.linspace(low, high, self.bins + 1)
        place = np.searchsorted(edges, rows["left"].to_numpy() + 1e-9, side="right") - 1
        if self.of == "activation" and activation in ("sigmoid", "tanh"):
            place = np.where(np.isclose(rows["left"], high), self.bins - 1, place)
        inside = (place >= 0) & (place < self.bins)
        replicates = rows["replicate"].nunique()
        share = np.bincount(place[inside], rows["share"].to_numpy()[inside], self.bins) / replicates
        return DataFrame(
            {
                "left": edges[:-1],
                "right": edges[1:],
                "share": share,
                "density": share / np.diff(edges),
                "outside": max(0.0, 1 - float(share.sum())),
            }
        )

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        variants, layers = list(data["variant"].unique()), list(data["layer"].unique())
        figure, grid = _grid(data, variants, len(layers), 0.32 if self.title else 0.0)
        looks = style.looks(list(data["activation"].unique()))
        for axes, variant in zip(grid, variants, strict=True):
            row = data[data["variant"] == variant]
            _draw_row(axes, row, layers, looks[row["activation"].iloc[0]].color, self.of == "activation")
        for ax, layer in zip(grid[0], layers, strict=True):
            ax.set_title(layer, loc="center")
        for ax in grid[-1]:
            ax.set_xlabel("activation" if self.of == "activation" else "log10 of the size")
        note = f"per cent beside a cut bar: the share of the {self.of}s that it holds"
        figure.text(0.99, 0.06 / figure.get_figheight(), note, ha="right", va="bottom", size=8.5, color=style.MUTED)
        return figure


def _grid(data: DataFrame, variants: list[str], columns: int, title: float) -> tuple[Figure_, list[list[Axes]]]:
    """Return axes, rows by columns; rows with the same range share the tick labels of the last of them.

    The margins are set by hand, as constrained layout takes seconds for sixty axes.
    """
    ranges = [_range(data[data["variant"] == variant]) for variant in variants]
    ends = [here != below for here, below in zip(ranges, [*ranges[1:], None], strict=True)]
    ratios = [part for end in ends for part in ((1.0, 0.45) if end else (1.0, 0.16))][:-1]
    height = 0.68 * sum(ratios) + 1.1 + title
    figure = panels.sheet(height)
    grid = figure.add_gridspec(
        len(ratios),
        columns,
        height_ratios=ratios,
        left=(0.35 + 0.078 * data["label"].str.len().max()) / style.WIDTH,
        right=0.985,
        top=1 - (0.35 + title) / height,
        bottom=0.75 / height,
        hspace=0,
        wspace=0.16,
    )
    axes = [[figure.add_subplot(grid[2 * row, column]) for column in range(columns)] for row in range(len(variants))]
    for row, end in zip(axes, ends, strict=True):
        for ax in row:
            ax.tick_params(axis="x", labelsize=8.5, pad=1, labelbottom=end)
    return figure, axes


def _activation(settings: DataFrame, variant: str) -> str:
    endings = ("activation.kind", "activation")
    found = (selection.setting(settings, ending, variant) for ending in endings)
    return next((value for value in found if value), "")


def _shown(rows: DataFrame, activation: str) -> tuple[float, float]:
    """Return the range that an activation's histograms show."""
    return RANGES.get(activation, (float(rows["left"].min()), float(rows["right"].max())))


def _reached(histograms: DataFrame) -> tuple[float, float]:
    """Return an even number of whole decades that hold all that any variant reaches."""
    filled = histograms[histograms["share"] > 0]
    low, high = float(np.floor(filled["left"].min())), float(np.ceil(filled["right"].max()))
    return low, high + (high - low) % 2


def _range(row: DataFrame) -> tuple[float, float]:
    return float(row["left"].min()), float(row["right"].max())


def _draw_row(axes: Any, row: DataFrame, layers: list[str], color: str, signed: bool) -> None:
    low, high = _range(row)
    top = min(float(row["density"].max()), TALLEST / (high - low))
    for ax, layer in zip(axes, layers, strict=True):
        bins = row[row["layer"] == layer]
        edges = np.append(bins["left"].to_numpy(), bins["right"].iloc[-1])
        ax.stairs(bins["density"], edges, fill=True, color=color, linewidth=0)
        ax.set(xlim=(low, high), ylim=(0, 1.02 * top), yticks=[], xticks=[low, (low + high) / 2, high])
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.grid(visible=False)
        _write_shares(ax, bins, top, signed)
    axes[0].set_ylabel(row["label"].iloc[0], rotation=0, ha="right", va="center", labelpad=8)


def _write_shares(ax: Axes, bins: DataFrame, top: float, signed: bool) -> None:
    """Write the share of each pile that is cut, beside it, and the share outside the range; sizes lie below it."""
    low, high = _range(bins)
    cut = (bins["density"] > 1.001 * top).to_numpy()
    starts = np.flatnonzero(cut & ~np.append(False, cut[:-1]))
    ends = np.flatnonzero(cut & ~np.append(cut[1:], False))
    for start, end in zip(starts[:3], ends[:3], strict=True):
        left, right = bins["left"].iloc[start], bins["right"].iloc[end]
        at_left = (left + right) / 2 < (low + high) / 2
        ax.annotate(
            _percent(bins["share"].iloc[start : end + 1].sum()),
            (right if at_left else left, top),
            xytext=(4 if at_left else -4, 0),
            textcoords="offset points",
            ha="left" if at_left else "right",
            va="top",
            fontsize=8.5,
        )
    outside = float(bins["outside"].iloc[0])
    if outside >= 0.0005:
        where = "smaller" if not signed else f"above {high:g}" if low == 0 else "outside"
        heights, third = bins["density"].to_numpy(), len(bins) // 3
        at_right = signed or heights[-third:].max() <= heights[:third].max()  # where bars are lower
        x, side = (0.97, "right") if at_right else (0.03, "left")
        ax.text(x, 0.5, f"{_percent(outside)}\n{where}", transform=ax.transAxes, ha=side, va="center", size=8.5)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0095 else f"{100 * share:.1f} %"


@dataclass(frozen=True, kw_only=True)
class Layers(Figure):
    """A layer's metric (``gradient_norm``, ``activation_std``, ``unit_std``) against the layer, with t intervals.

    ``columns`` names the axis spread over panels, ``lines`` that of the lines. On the logarithmic scale means
    are geometric, and a mean of exactly zero is a hollow marker at the lower edge. With ``theory`` dashed lines
    beside them tell what layers of infinite width would have (``expected_signals``).
    """

    metric: str
    theory: bool = False
    split: Split = "train"
    at: Literal["first", "last"] = "last"
    log_y: bool = True
    columns: str = ""
    lines: str = ""
    per_row: Count = 3

    def metrics_named(self) -> set[tuple[str, str]]:
        return {(self.split, f"{metric}/layer-*") for metric in self._metrics}

    @property
    def _metrics(self) -> tuple[str, ...]:
        return (self.metric, f"expected_{self.metric}") if self.theory else (self.metric,)

    def axes_named(self) -> set[str]:
        return {self.columns, self.lines} - {""}

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return panel, line, label, layer (its number), theory (whether it is), mean, low, high, replicates."""
        from pandas import concat

        settings = tables["settings"]
        variants = selection.choose(settings, self.variants)
        parts = [
            selection.rows_of(tables["curves"], f"{metric}/layer-*", [self.split], variants).assign(
                theory=metric != self.metric
            )
            for metric in self._metrics
        ]
        rows = concat(parts, ignore_index=True)
        rows = selection.at(rows, self.at).assign(layer=lambda each: each["layer"].str.rpartition("-")[2].astype(int))
        placed = selection.place(settings, variants, self.columns, self.lines)
        rows = placed.assign(order=range(len(placed))).merge(rows, on="variant").sort_values(["order", "layer"])
        by = ["panel", "line", "label", "layer", "theory"]
        return by_group(rows, by, self.log_y, metric_of(self.metric).is_share)

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        """Draw one panel for each level of ``columns``, lines side by side where they would hide each other."""
        groups = list(data.groupby("panel", sort=False))
        figure, axes = panels.small_multiples(len(groups), self.per_row, height=3.2)
        lines, layers = list(data["line"].unique()), sorted(data["layer"].unique())
        looks = style.looks(lines)
        for ax, (panel, rows) in zip(axes, groups, strict=True):
            for line, of_line in rows.groupby("line", sort=False):
                shift = 0.05 * (lines.index(line) - (len(lines) - 1) / 2)
                _draw_line(ax, of_line[~of_line["theory"]], looks[str(line)], shift, self.log_y)
                told = of_line[of_line["theory"]]
                ax.plot(told["layer"] + shift, told["mean"], color=style.INK, **THEORY)
            ax.set_title(str(panel))
            ax.set_xticks(layers[:: 1 + len(layers) // MOST_TICKS])
        if self.log_y and (data["mean"] > 0).any():
            axes[0].set_yscale("log")
        panels.share_axis(axes[0], self.metric)
        panels.name_axes(axes, "layer", style.metric_name(self.metric))
        keys = _layer_keys(data, looks, self.log_y)
        keys += [panels.key("theory", color=style.INK, **THEORY)] if self.theory else []
        panels.legend(figure, keys, len(groups))
        return figure


def _draw_line(ax: Axes, rows: DataFrame, look: style.Look, shift: float, log: bool) -> None:
    x = rows["layer"].to_numpy() + shift
    zero = (rows["mean"] == 0).to_numpy() & log
    rows = rows.assign(mean=rows["mean"].mask(zero))
    ax.errorbar(x, rows["mean"], panels.error_bars(rows), capsize=2.5, elinewidth=1.2, zorder=3, **vars(look))
    if not zero.any():  # an empty line would upset the layout
        return
    ax.plot(
        x[zero],
        np.full(int(zero.sum()), 0.02),
        transform=ax.get_xaxis_transform(),
        linestyle="",
        marker=look.marker,
        markerfacecolor="white",
        markeredgecolor=look.color,
        clip_on=False,
    )


def _layer_keys(data: DataFrame, looks: Mapping[str, style.Look], log: bool) -> list[Any]:
    keys = panels.line_keys(data, looks)
    if log and (data["mean"] == 0).any():
        hollow = {"markerfacecolor": "white", "markeredgecolor": style.MUTED, "linestyle": ""}
        keys.append(panels.key("exactly zero", marker="o", **hollow))
    return keys
