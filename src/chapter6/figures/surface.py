"""The two-variable function of section 6.1: its shape, its gradient and the paths of update rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chapter6.figures import panels, selection, style
from chapter6.figures.base import Figure
from chapter6.registry import Count, Positive, StudyError

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from pandas import DataFrame

LEVELS = (0.1, 0.4, 1, 2, 4, 7, 11, 16, 22, 29, 40, 60, 90)
MINIMUM: dict[str, Any] = {
    "marker": "+",
    "color": style.INK,
    "markersize": 13,
    "markeredgewidth": 2,
    "linestyle": "",
    "zorder": 9,
}


def bowl(x: NDArray[Any], y: NDArray[Any], elongation: float) -> NDArray[Any]:
    """Return x^2 / elongation + y^2."""
    return np.asarray(x**2 / elongation + y**2)


def formula(elongation: float) -> str:
    """Return the function as text for an axis."""
    return f"f(x, y) = x² / {elongation:g} + y²"


def grid(half_width: float, half_height: float, columns: int, rows: int, elongation: float) -> DataFrame:
    """Return x, y, height and elongation on a regular grid, row by row."""
    from pandas import DataFrame

    x, y = np.meshgrid(np.linspace(-half_width, half_width, columns), np.linspace(-half_height, half_height, rows))
    height = bowl(x, y, elongation)
    return DataFrame({"x": x.ravel(), "y": y.ravel(), "height": height.ravel(), "elongation": elongation})


def elongation_of(tables: Mapping[str, DataFrame]) -> float:
    """Return the bowl's elongation from the settings; the book's 20 where they do not say."""
    return float(selection.setting(tables["settings"], "elongation") or 20)


def _mark_minimum(ax: Axes) -> None:
    ax.plot(0, 0, **MINIMUM)
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1}
    ax.annotate("minimum", (0, 0), (11, 7), textcoords="offset points", bbox=box, zorder=8, fontsize=9.5)


def _square(data: DataFrame, column: str) -> NDArray[Any]:
    return data[column].to_numpy().reshape(data["y"].nunique(), data["x"].nunique())


def _contours(ax: Axes, half_width: float, half_height: float, elongation: float, **options: Any) -> None:
    data = grid(half_width, half_height, 121, 81, elongation)
    ax.contour(*(_square(data, c) for c in ("x", "y", "height")), levels=LEVELS, linewidths=0.9, **options)


@dataclass(frozen=True, kw_only=True)
class Surface(Figure):
    """The function f(x, y) = x^2 / elongation + y^2 as a surface and as contours, side by side."""

    half_width: Positive = 10.0
    half_height: Positive = 10.0

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return x, y, height on a grid."""
        return grid(self.half_width, self.half_height, 61, 61, elongation_of(tables))

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        x, y, height = (_square(data, column) for column in ("x", "y", "height"))
        figure = panels.sheet(3.9, layout="constrained")
        solid: Any = figure.add_subplot(1, 2, 1, projection="3d", computed_zorder=False)
        solid.plot_surface(
            x, y, height, cmap="viridis", rcount=20, ccount=20, linewidth=0.25, edgecolor="white", alpha=0.95
        )
        solid.view_init(elev=32, azim=-62)
        solid.set(xlabel="x", ylabel="y", title=formula(data["elongation"].iloc[0]))
        solid.set_zlabel("f(x, y)")
        solid.set_box_aspect(None, zoom=0.9)
        flat = figure.add_subplot(1, 2, 2)
        lines = flat.contour(x, y, height, levels=LEVELS, cmap="viridis", linewidths=1.3)
        flat.clabel(lines, LEVELS[3::2], fontsize=8.5)
        _mark_minimum(flat)
        flat.set(xlabel="x", ylabel="y", title="contours", aspect="equal")
        return figure


@dataclass(frozen=True, kw_only=True)
class GradientField(Figure, key="gradient_field"):
    """Arrows of the negative gradient over the contours, coloured by their angle to the minimum."""

    half_width: Positive = 10.0
    half_height: Positive = 5.0
    columns: Count = 20
    rows: Count = 10

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return x, y, the arrow's dx and dy, and its angle to the direction of the minimum in degrees."""
        elongation = elongation_of(tables)
        data = grid(0.95 * self.half_width, 0.93 * self.half_height, self.columns, self.rows, elongation)
        data = data[(data["x"] != 0) | (data["y"] != 0)]
        dx, dy = -2 * data["x"] / elongation, -2 * data["y"]
        cosine = -(dx * data["x"] + dy * data["y"]) / (np.hypot(dx, dy) * np.hypot(data["x"], data["y"]))
        return data.assign(dx=dx, dy=dy, angle=np.degrees(np.arccos(cosine.clip(-1, 1))))

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        """Draw arrows in proportion to the gradient; the longest spans one row of the grid."""
        figure, (ax,) = panels.small_multiples(1, single=4.6)
        elongation = float(data["elongation"].iloc[0])
        _contours(ax, self.half_width, self.half_height, elongation, colors=style.FAINT)
        longest = float(np.hypot(data["dx"], data["dy"]).max())
        spacing = 2 * self.half_height / max(self.rows - 1, 1)
        arrows = ax.quiver(
            *(data[column] for column in ("x", "y", "dx", "dy", "angle")),
            cmap=_angle_colors(),
            angles="xy",
            scale_units="xy",
            scale=longest / (0.95 * spacing),
            width=0.0028,
            clim=(0, 90),
            zorder=3,
        )
        bar = figure.colorbar(arrows, ax=ax, label="angle to the minimum (degrees)", shrink=0.75, pad=0.02)
        bar.set_ticks([0, 15, 30, 45, 60, 75, 90])
        _mark_minimum(ax)
        ax.set(xlabel="x", ylabel="y", aspect="equal", title=f"negative gradient of {formula(elongation)}")
        ax.grid(visible=False)
        return figure


def _angle_colors() -> Any:
    """Viridis from dark for large angles to green for none, without the yellow that white paper swallows."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["viridis"](np.linspace(0.85, 0, 256)))


@dataclass(frozen=True, kw_only=True)
class Paths(Figure):
    """The path of each update rule over the contours of the surface, one panel a variant, on common axes.

    A panel's heading gives the learning rate. The window holds every path, and is cut at ``half_width`` and
    ``half_height`` where a path runs away.
    """

    half_width: Positive = 15.0
    half_height: Positive = 10.0
    per_row: Count = 3

    def metrics_named(self) -> set[tuple[str, str]]:
        """Return the position's coordinates."""
        return {("train", "x"), ("train", "y")}

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return variant, label, rate, step, x, y, elongation; of several replicates the first."""
        settings = tables["settings"]
        variants = selection.choose(settings, self.variants)
        rows = selection.rows_of(tables["curves"], "[xy]", ["train"], variants)
        if set(rows["metric"]) != {"x", "y"}:
            raise StudyError(f"paths: x and y are needed; the table has {sorted(set(rows['metric']))}")
        rows = rows[rows["replicate"] == rows["replicate"].min()]
        wide = rows.pivot_table(index=["variant", "step"], columns="metric", values="value").reset_index()
        wide.columns.name = None
        names = selection.labels(settings)
        rates = {variant: selection.setting(settings, "learning_rate", variant) or "" for variant in variants}
        order = {variant: position for position, variant in enumerate(variants)}
        wide = wide.assign(
            label=wide["variant"].map(names),
            rate=wide["variant"].map(rates),
            order=wide["variant"].map(order),
            elongation=elongation_of(tables),
        )
        paths: DataFrame = wide.sort_values(["order", "step"]).drop(columns="order").reset_index(drop=True)
        return paths

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        groups = list(data.groupby("variant", sort=False))
        figure, axes = panels.small_multiples(len(groups), self.per_row, height=2.4)
        looks = style.looks([str(variant) for variant, _ in groups])
        width, height = self._window(data)
        for ax, (variant, path) in zip(axes, groups, strict=True):
            _contours(ax, width, height, float(data["elongation"].iloc[0]), colors=style.FAINT)
            _draw_path(ax, path, looks[str(variant)].color)
            rate = path["rate"].iloc[0]
            ax.set_title(path["label"].iloc[0] + (f"  (η = {rate})" if rate else ""))
            ax.grid(visible=False)
        axes[0].set(xlim=(-width, width), ylim=(-height, height))
        panels.name_axes(axes, "x", "y")
        panels.legend(figure, _path_keys(), 2)
        return figure

    def _window(self, data: DataFrame) -> tuple[float, float]:
        """Return half the window's width and height: every path with some room, but not one that runs away."""
        return (
            min(1.12 * float(data["x"].abs().max()), self.half_width),
            min(1.25 * float(data["y"].abs().max()), self.half_height),
        )


START: dict[str, Any] = {"marker": "o", "color": "white", "markeredgecolor": style.INK, "markersize": 8}
END: dict[str, Any] = {"marker": "s", "markersize": 7}


def _draw_path(ax: Axes, path: DataFrame, color: str) -> None:
    x, y = path["x"].to_numpy(), path["y"].to_numpy()
    ax.plot(x, y, color=color, marker=".", markersize=5, linewidth=1.4, zorder=3)
    ax.plot(0, 0, **MINIMUM)
    ax.plot(x[:1], y[:1], **START, zorder=7, linestyle="")
    ax.plot(x[-1:], y[-1:], **END, color=color, linestyle="", markeredgecolor="white", zorder=7)


def _path_keys() -> list[Any]:
    return [
        panels.key("start", **START, linestyle=""),
        panels.key("after the last update", **END, color=style.MUTED, linestyle=""),
        panels.key("minimum", **MINIMUM),
    ]
