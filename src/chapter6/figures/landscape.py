"""The landscape of a search: every trial at its place in the space, coloured by its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chapter6.figures import panels, selection, style, trials
from chapter6.figures.base import Figure
from chapter6.metrics import Split
from chapter6.registry import Count, Index

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from numpy.typing import ArrayLike
    from pandas import DataFrame

BOX_DASHES: tuple[Any, ...] = ((0, (1, 1.5)), (0, (5, 2)), "-")  # of rounds; further rounds are solid


@dataclass(frozen=True, kw_only=True)
class Landscape(Figure):
    """Every trial of a search over two hyper-parameters, coloured by its final metric, the best ones ringed.

    A panel holds the trials of one variant: of every search or, with ``replicate``, of that one. ``rounds``
    shows one search (the first if ``replicate`` does not say which) with a marker and a box for each round: that
    of the first is the whole range, that of a later one the smallest around the ``keep`` best trials before it,
    as in coarse-to-fine search (``keep: 0``: around the round's own trials). The axes show the decades in which
    the trials of all searches lie. Trials that diverged are crosses.
    """

    metric: str
    x: str
    y: str
    split: Split = "validation"
    rounds: bool = False
    keep: Index = 5
    replicate: Index | None = None
    highlight: Index = 5
    log_x: bool = True
    log_y: bool = True
    per_row: Count = 2

    def axes_named(self) -> set[str]:
        return {self.x, self.y}

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return variant, panel, replicate, trial, round, x, y, value (NaN: diverged), rank in its panel, shown.

        Trials of other searches than the one asked for are not shown, but stand in the range of the axes.
        """
        settings = tables["settings"]
        variants = selection.choose(settings, self.variants)
        values = trials.results(tables, self.metric, self.split, variants)
        places = trials.settings_of(tables, [self.x, self.y])
        places = places[[*trials.KEYS, "round", self.x, self.y]].rename(columns={self.x: "x", self.y: "y"})
        found = values.merge(places, on=trials.KEYS)
        replicate = 0 if self.rounds and self.replicate is None else self.replicate
        shown = found.index if replicate is None else trials.of_search(found, replicate).index
        found = found.assign(panel=found["variant"].map(selection.labels(settings)), shown=found.index.isin(shown))
        of_panel = found["value"].where(found["shown"]).groupby(found["panel"], sort=False)
        return found.assign(rank=of_panel.transform(lambda values: trials.ranks(values, self.metric)))

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        from matplotlib.colors import Normalize

        shown = data[data["shown"]]
        groups = list(shown.groupby("panel", sort=False))
        figure, axes = panels.small_multiples(len(groups), self.per_row, height=3.8, single=5.2)
        low, high = shown["value"].agg(["min", "max"]) if shown["value"].notna().any() else (0, 1)
        norm = Normalize(low, high)
        self._scale(axes[0], data)
        for ax, (panel, rows) in zip(axes, groups, strict=True):
            self._draw_panel(ax, rows, norm)
            ax.set_title(str(panel) if len(groups) > 1 else "")
        panels.name_axes(axes, style.axis_name(self.x), style.axis_name(self.y))
        self._add_colorbar(figure, axes, norm)
        panels.legend(figure, self._keys(shown), 2)
        return figure

    def _draw_panel(self, ax: Axes, rows: DataFrame, norm: Normalize) -> None:
        options: dict[str, Any] = {"clip_on": False, "zorder": 3}
        ended = rows[rows["value"].notna()].sort_values("rank", ascending=False)  # the best in front
        for number, of_round in ended.groupby("round"):
            ax.scatter(
                of_round["x"],
                of_round["y"],
                c=of_round["value"],
                s=38,
                cmap="cividis",
                norm=norm,
                marker=self._marker(int(str(number))),
                edgecolors=style.MUTED,
                linewidths=0.6,
                **options,
            )
        lost = rows[rows["value"].isna()]
        if len(lost):
            ax.plot(lost["x"], lost["y"], linestyle="", color=style.MUTED, **panels.CROSS, **options)
        best = rows[rows["rank"] <= self.highlight]
        if len(best):
            ax.plot(best["x"], best["y"], linestyle="", clip_on=False, zorder=4, **RING)
        for number, box in boxes(rows.sort_values("rank", kind="stable"), self.keep).items() if self.rounds else ():
            _draw_box(ax, number, box)

    def _marker(self, number: int) -> str:
        return style.MARKERS[(number - 1) % len(style.MARKERS)] if self.rounds else "o"

    def _scale(self, ax: Axes, data: DataFrame) -> None:
        """Set scales and limits, which all panels share."""
        if self.log_x:
            ax.set_xscale("log")
            ax.set_xlim(decades(data["x"]))
        if self.log_y:
            ax.set_yscale("log")
            ax.set_ylim(decades(data["y"]))

    def _add_colorbar(self, figure: matplotlib.figure.Figure, axes: list[Axes], norm: Normalize) -> None:
        from matplotlib.cm import ScalarMappable

        name = f"final {style.metric_name(self.metric, [self.split])}"
        bar = figure.colorbar(ScalarMappable(norm, "cividis"), ax=axes, label=name, pad=0.02, aspect=30)
        panels.share_axis(bar.ax, self.metric)

    def _keys(self, shown: DataFrame) -> list[Any]:
        keys = []
        for number in sorted(shown["round"].unique()) if self.rounds else ():
            look = {"marker": self._marker(int(number)), "markersize": 6, "color": style.MUTED}
            keys.append(panels.key(f"round {number}", linestyle=_dash(number), **look))
        best = int((shown["rank"] <= self.highlight).groupby(shown["panel"]).sum().max())
        if best:
            keys.append(panels.key("the best" if best == 1 else f"the best {best}", linestyle="", **RING))
        return [*keys, panels.cross_key("diverged")] if shown["value"].isna().any() else keys


RING: dict[str, Any] = {
    "marker": "o",
    "markersize": 11,
    "markerfacecolor": "none",
    "markeredgecolor": style.VERMILION,
    "markeredgewidth": 1.8,
}


def boxes(ranked: DataFrame, keep: int) -> dict[int, tuple[float, float, float, float] | None]:
    """Return left, right, bottom, top of each round's box, from the trials of one search, best first.

    None is the whole range: the first round's, unless ``keep`` is 0.
    """
    found: dict[int, tuple[float, float, float, float] | None] = {}
    for number in sorted(int(number) for number in ranked["round"].unique()):
        before = ranked[ranked["round"] < number]
        inside = before.head(keep) if keep else ranked[ranked["round"] == number]
        found[number] = None
        if len(inside):
            (left, bottom), (right, top) = inside[["x", "y"]].agg(["min", "max"]).to_numpy()
            found[number] = float(left), float(right), float(bottom), float(top)
    return found


def _draw_box(ax: Axes, number: int, box: tuple[float, float, float, float] | None) -> None:
    """Draw a round's box with its name at the upper left corner; none is drawn along the frame."""
    left, right, bottom, top = box or (*ax.get_xlim(), *ax.get_ylim())
    x, y = [left, right, right, left, left], [bottom, bottom, top, top, bottom]
    ax.plot(x, y, color=style.MUTED, linestyle=_dash(number), linewidth=1.3, zorder=2, clip_on=False)
    ax.annotate(
        f"round {number}",
        (left, top),
        xytext=(0, 4),
        textcoords="offset points",
        fontsize=9,
        color=style.MUTED,
        zorder=2.5,
        annotation_clip=False,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.5},
    )


def _dash(number: int) -> Any:
    return BOX_DASHES[min(int(number), len(BOX_DASHES)) - 1]


def decades(values: ArrayLike) -> tuple[float, float]:
    """Return the powers of ten between which positive values lie."""
    logs = np.log10(np.asarray(values, dtype=float))
    low, high = np.floor(logs.min() + 1e-9), np.ceil(logs.max() - 1e-9)
    return float(10**low), float(10 ** max(high, low + 1))
