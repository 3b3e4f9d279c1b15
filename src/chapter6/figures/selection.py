"""Steps from tables to what a figure shows: choosing, placing, smoothing, thinning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chapter6.registry import StudyError
from chapter6.settings import key_among
from chapter6.words import level_name, value_text

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from pandas import DataFrame

POINTS = 300  # a line has no more: what a screen can show, and what keeps an SVG small


def choose(settings: DataFrame, patterns: Sequence[str] = ()) -> list[str]:
    """Return the variants that ``patterns`` (names or globs; none: all) choose, in the experiment's order."""
    order = settings.drop_duplicates("variant").sort_values("position", kind="stable")
    names = [str(variant) for variant in order["variant"]]
    for pattern in patterns:
        if not any(fnmatchcase(variant, pattern) for variant in names):
            raise StudyError(f"variants: {pattern!r} matches none; choose from {names}")
    return [v for v in names if not patterns or any(fnmatchcase(v, pattern) for pattern in patterns)]


def labels(settings: DataFrame) -> dict[str, str]:
    """Return every variant's display name: its label or, where it has none, what its parts say."""
    first = settings.drop_duplicates("variant")
    given = dict(zip(first["variant"].astype(str), first["label"].astype(str), strict=True))
    said = _said(settings, axes_of(settings))
    return {variant: said[variant][1] or label if label == variant else label for variant, label in given.items()}


def axes_of(settings: DataFrame) -> list[str]:
    """Return the axes of the experiment's sweep, in its order."""
    names = [str(parameter) for parameter in settings["parameter"].unique()]
    return [name.removeprefix("axis.") for name in names if name.startswith("axis.")]


def _said(settings: DataFrame, axes: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return what its listed part and its levels on ``axes`` say of each variant: a key (``relu·he``) and a label.

    Those of a tuned variant say so at the end.
    """
    parts = [_values(settings, parameter) for parameter in ("listed", *(f"axis.{axis}" for axis in axes))]
    tracks = {variant: track for variant, (track, _) in _values(settings, "track").items()}
    made = set(settings.loc[settings["parameter"].str.match(r"of$|axis\."), "variant"].astype(str))
    said = {}
    for variant in settings["variant"].astype(str).unique():
        here = [part[variant] for part in parts if variant in part]
        key, label = "·".join(key for key, _ in here), " · ".join(label for _, label in here)
        if variant in made and tracks.get(variant, "").startswith("tuned"):
            key, label = f"{key}-{tracks[variant]}", f"{label}, {tracks[variant].replace('-', ' ')}"
        said[variant] = key, label
    return said


def _values(settings: DataFrame, parameter: str) -> dict[str, tuple[str, str]]:
    """Return value and text of a parameter for each variant that has it."""
    rows = settings[settings["parameter"] == parameter]
    values = (value_text(json.loads(value)) for value in rows["value"])
    return dict(zip(rows["variant"].astype(str), zip(values, rows["text"], strict=True), strict=True))


def levels(settings: DataFrame, axis: str) -> dict[str, tuple[str, str]]:
    """Return key and label of each variant's level on a sweep's ``axis``, or of a dotted parameter's value."""
    if swept := _values(settings, f"axis.{axis}"):
        return swept
    keys = [str(parameter).removeprefix("axis.") for parameter in settings["parameter"].unique()]
    values = _values(settings, key_among(keys, axis, "axis"))
    return {variant: (value, level_name(axis, value)) for variant, (value, _) in values.items()}


def setting(settings: DataFrame, ending: str, variant: str | None = None) -> str | None:
    """Return the first setting whose dotted name ends in ``ending``, of one variant or of any."""
    rows = settings if variant is None else settings[settings["variant"] == variant]
    dotted = "." + rows["parameter"].astype(str)
    found = rows[dotted.str.endswith("." + ending)]
    return value_text(json.loads(found["value"].iloc[0])) if len(found) else None


def place(settings: DataFrame, variants: Sequence[str], columns: str = "", lines: str = "", x: str = "") -> DataFrame:
    """Return variant, panel, line, label and x: where each variant is shown, in the experiment's order.

    A panel is a level of the axis ``columns``, x one of the axis ``x``. A line is a level of the axis
    ``lines``, by default what the axes not yet used say of the variant, or the variant itself. Two variants in
    one place would be averaged as if they were replicates, which is refused.
    """
    from pandas import DataFrame

    panel, level = (_levels_of(settings, variants, axis) for axis in (columns, x))
    line = _levels_of(settings, variants, lines) if lines else _lines(settings, variants, [columns, x])
    rows = [(variant, panel[variant][1], *line[variant], level[variant][0]) for variant in variants]
    placed = DataFrame(rows, columns=["variant", "panel", "line", "label", "x"])
    shared = placed[placed.duplicated(["panel", "line", "x"], keep=False)]
    if len(shared):
        raise StudyError(
            f"variants: {list(shared['variant'])} would share a line; name another axis (lines, columns) or "
            "choose among them"
        )
    return placed


def _lines(settings: DataFrame, variants: Sequence[str], used: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return each variant's line, the key of its look, and the line's label."""
    axes = axes_of(settings)
    if set(axes) & set(used):
        return _said(settings, [axis for axis in axes if axis not in used])
    names = labels(settings)
    return {variant: (variant, names[variant]) for variant in variants}


def _levels_of(settings: DataFrame, variants: Sequence[str], axis: str) -> dict[str, tuple[str, str]]:
    """Return key and label of every variant's level on ``axis``, all "" where no axis is named."""
    if not axis:
        return dict.fromkeys(variants, ("", ""))
    known = levels(settings, axis)
    if missing := [variant for variant in variants if variant not in known]:
        raise StudyError(f"axis: {axis!r} is not set for {missing}; choose variants that have it")
    return known


def own_runs(table: DataFrame) -> DataFrame:
    """Return the rows of runs that stand for themselves: of a search not its trials, but its retrained choice."""
    return table[~(table["trial"] >= 0)] if "trial" in table else table


def trials(table: DataFrame) -> DataFrame:
    """Return the rows of the trials of searches."""
    if "trial" not in table:
        raise StudyError("trial: the experiment is no search, its table has no trials")
    return table[table["trial"] >= 0].astype({"trial": int})


def rows_of(
    curves: DataFrame, metric: str, splits: Sequence[str], variants: Sequence[str], of_trials: bool = False
) -> DataFrame:
    """Return the rows of a metric (or of a glob, ``dead/layer-*``), with its ``layer``, finite values only.

    Values that are not finite belong to runs that diverged, which `diverged` counts. A search is its choice
    or, with ``of_trials``, its trials.
    """
    curves = trials(curves) if of_trials else own_runs(curves)
    named = [m for m in curves["metric"].unique() if fnmatchcase(str(m), metric)]
    rows = curves[curves["metric"].isin(named) & curves["split"].isin(splits)]
    if rows.empty:
        known = sorted({f"{s} {m}" for s, m in zip(curves["split"], curves["metric"], strict=True)})
        raise StudyError(f"metric: no {metric!r} on {list(splits)}; choose from {known}")
    finite: DataFrame = rows[rows["variant"].isin(variants) & np.isfinite(rows["value"])]
    return finite.assign(layer=[str(name).partition("/")[2] for name in finite["metric"]])


def at(rows: DataFrame, end: Literal["first", "last"]) -> DataFrame:
    """Return the rows of each variant's first or last recorded step."""
    steps = rows.groupby("variant", sort=False)["step"].transform("min" if end == "first" else "max")
    return rows[rows["step"] == steps]


def diverged(runs: DataFrame) -> DataFrame:
    """Return variant, diverged (number of runs) and total; a search is its choice."""
    runs = own_runs(runs)
    flags = runs.assign(diverged=runs["outcome"] == "diverged")
    counts = flags.groupby("variant", sort=False)["diverged"].agg(["sum", "size"]).reset_index()
    return counts.set_axis(["variant", "diverged", "total"], axis=1)


def thin(steps: ArrayLike, points: int = POINTS, log: bool = False) -> NDArray[Any]:
    """Return at most ``points`` of the steps, ends included, evenly spaced by rank (log: by ratio)."""
    steps = np.unique(np.asarray(steps))
    if len(steps) <= points:
        return steps
    space = np.geomspace(1, len(steps), points) - 1 if log else np.linspace(0, len(steps) - 1, points)
    kept: NDArray[Any] = steps[np.unique(space.round().astype(int))]
    return kept


def updates_a_unit(x: str, updates_per_epoch: int, steps: ArrayLike) -> float:
    """Return the updates in a unit of the abscissa: 1, or an epoch's (0: the distance between recordings)."""
    if x == "step":
        return 1.0
    distances = np.diff(np.unique(np.asarray(steps)))
    return float(updates_per_epoch or (distances.min() if len(distances) else 1))


def smooth_as_book(values: ArrayLike) -> NDArray[np.float64]:
    """Smooth with the book's Kaiser window (length 11, beta 2); fewer values than that stay as they are.

    The ends are mirrored as in the book's ``smooth_curve``: about the first value, and past the last.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 11:
        return values
    window = np.kaiser(11, 2)
    mirrored = np.concatenate([values[5:0:-1], values, values[:-6:-1]])
    return np.convolve(window / window.sum(), mirrored, mode="valid")


def smoothed(rows: DataFrame) -> DataFrame:
    """Smooth every run's curve on its own, so that the band speaks of the smoothed curves."""
    ordered = rows.sort_values("step", kind="stable")
    keys = ["variant", "replicate", "split", "metric"]
    values = ordered.groupby(keys, sort=False)["value"].transform(lambda curve: smooth_as_book(curve.to_numpy()))
    result: DataFrame = ordered.assign(value=values)
    return result
