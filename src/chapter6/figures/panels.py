"""Layout shared by the kinds: small multiples, legends beside the data, limits that an outlier cannot set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chapter6.figures import style
from chapter6.metrics import metric_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray
    from pandas import DataFrame

CROSS: dict[str, Any] = {"marker": "x", "markersize": 7, "markeredgewidth": 1.8}  # runs that diverged


def sheet(height: float, **options: Any) -> Figure:
    """Return an empty figure, as wide as pages show it."""
    import matplotlib.figure

    return matplotlib.figure.Figure(figsize=(style.WIDTH, height), **options)


def small_multiples(
    count: int, per_row: int = 4, height: float = 2.6, single: float = 4.0
) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``count`` panels on common axes; the places left over in the last row are empty."""
    columns = min(count, per_row)
    rows = -(-count // columns)
    figure = sheet(single if count == 1 else height * rows + 0.7, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    axes = list(grid.flat)
    for place, unused in enumerate(axes[count:], start=count):
        unused.remove()
        axes[place - columns].xaxis.set_tick_params(labelbottom=True)
    return figure, axes[:count]


def legend(figure: Figure, handles: Sequence[Any], panels: int = 1) -> None:
    """Put a legend outside the axes: right of a single panel, below several."""
    if not handles:
        return
    if panels == 1:
        figure.legend(handles=handles, loc="outside right upper")
        return
    widest = max(len(handle.get_label()) for handle in handles)
    columns = min(len(handles), max(1, 110 // (widest + 8)))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.6)


def key(label: str, **look: Any) -> Any:
    """Return a legend's entry."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **look)


def line_keys(data: DataFrame, looks: Mapping[str, style.Look]) -> list[Any]:
    """Return a legend's entries for the lines."""
    labels = data.groupby("line", sort=False)["label"].first()
    return [key(label, **vars(looks[str(line)])) for line, label in labels.items()]


def split_keys(splits: Sequence[str]) -> list[Any]:
    """Return a legend's entries for the dashes of several splits."""
    if len(splits) < 2:
        return []
    return [key(style.SPLIT_NAMES[s], color=style.MUTED, linestyle=style.SPLIT_DASHES[s]) for s in splits]


def cross_key(label: str) -> Any:
    """Return a legend's entry for crosses."""
    return key(label, color=style.MUTED, linestyle="", **CROSS)


def error_bars(rows: DataFrame) -> NDArray[Any]:
    """Return how far each interval reaches below and above its mean; nowhere where there is none."""
    arms = np.vstack([rows["mean"] - rows["low"], rows["high"] - rows["mean"]])
    return np.asarray(np.abs(np.nan_to_num(arms)))


def name_axes(axes: Sequence[Axes], x: str, y: str) -> None:
    """Name the ordinate of the panels at the left and the abscissa of those at the bottom."""
    for ax in axes:
        place = ax.get_subplotspec()
        if place is not None and place.is_first_col():
            ax.set_ylabel(y)
    columns = max(1, sum(1 for ax in axes if (place := ax.get_subplotspec()) and place.is_first_row()))
    for ax in axes[-columns:]:
        ax.set_xlabel(x)


def robust_peak(peaks: ArrayLike, factor: float) -> float:
    """Return the largest peak that is no more than ``factor`` times the typical (lower median) one."""
    ordered = np.sort(np.asarray(peaks, dtype=float))
    ordered = ordered[np.isfinite(ordered)]
    if not len(ordered):
        return 1.0
    typical = ordered[(len(ordered) - 1) // 2]
    return float(ordered[ordered <= factor * abs(typical)].max(initial=typical))


def set_scale(axes: Axes, values: ArrayLike, log: bool, axis: str = "y") -> None:
    """Make an axis logarithmic; where there are zeros, linear below the smallest positive value."""
    from matplotlib.ticker import LogLocator, NullLocator, SymmetricalLogLocator

    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not log or not (finite > 0).any():
        return
    setter = axes.set_yscale if axis == "y" else axes.set_xscale
    ticks = axes.yaxis if axis == "y" else axes.xaxis
    smallest, largest = float(finite[finite > 0].min()), float(finite.max())
    if finite.min() > 0:
        setter("log")
    else:
        setter("symlog", linthresh=smallest, linscale=0.5)
        ticks.set_major_locator(SymmetricalLogLocator(base=10, linthresh=smallest))
    if finite.min() > 0 and largest < 100 * smallest:
        ticks.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ticks.set_minor_locator(NullLocator())
    if smallest >= 1e-3 and largest <= 1e4:
        ticks.set_major_formatter(lambda value, _: f"{value:g}")


def share_axis(axes: Axes, metric: str, axis: str = "y", difference: bool = False) -> None:
    """Write the ticks of a share in per cent, of a difference of shares as bare points."""
    from matplotlib.ticker import PercentFormatter

    if metric_of(metric).is_share:
        ticks = axes.yaxis if axis == "y" else axes.xaxis
        ticks.set_major_formatter(PercentFormatter(1, symbol="" if difference else " %"))
