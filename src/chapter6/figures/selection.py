"""Steps from tables to what a figure shows: choosing, placing, smoothing, thinning, intervals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from chapter6.registry import StudyError
from chapter6.words import name

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
    """Return every variant's display name; a variant that a sweep named is called by its levels."""
    first = settings.drop_duplicates("variant")
    given = dict(zip(first["variant"].astype(str), first["label"].astype(str), strict=True))
    said = _said(settings, axes_of(settings))
    return {variant: said[variant][1] if label == variant else label for variant, label in given.items()}


def axes_of(settings: DataFrame) -> list[str]:
    """Return the axes of the experiment's sweep, in its order."""
    names = [str(parameter) for parameter in settings["parameter"].unique()]
    return [name.removeprefix("axis.") for name in names if name.startswith("axis.")]


def _said(settings: DataFrame, axes: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return what ``axes`` say of each variant, as a key (``relu·he``) and as a label; else its own name.

    A variant that is both listed and swept (``adam_rate-0.1``) is first called by its listed name. A tuned
    variant's key and label say so at the end.
    """
    known = level_names(settings)
    tuned = _tuned(settings)
    said = {}
    for variant, (listed, here, _) in _parts(settings).items():
        pairs = [(axis, here[axis]) for axis in axes if axis in here]
        keys, names = [level for _, level in pairs], [known[pair] for pair in pairs]
        if listed:
            keys, names = [listed, *keys], [known["", listed], *names]
        key, label = "·".join(keys), " · ".join(names)
        said[variant] = (f"{key}-tuned", f"{label}, tuned") if variant in tuned and here else (key, label)
    return said


def level_names(settings: DataFrame) -> dict[tuple[str, str], str]:
    """Return the name of every level (axis, level) of the sweep for readers; a listed variant's axis is "".

    A variant's label is that of its parts, with commas between, from which the levels' own labels are read;
    where the parts do not fit, a level is called by its key.
    """
    found: dict[tuple[str, str], str] = {}
    for variant, (listed, here, label) in _parts(settings).items():
        pairs = [("", listed)] * bool(listed) + list(here.items())
        said = label.split(", ") if here else [label]
        if label == variant or len(said) != len(pairs):
            said = [level_name(*pair) for pair in pairs]
        for pair, text in zip(pairs, said, strict=True):
            found.setdefault(pair, text)
    return found


def _parts(settings: DataFrame) -> dict[str, tuple[str, dict[str, str], str]]:
    """Return of each variant its listed name, "" if it was not listed, its levels by axis, and its label."""
    of_axis = {axis: levels(settings, axis) for axis in axes_of(settings)}
    tuned = _tuned(settings)
    first = settings.drop_duplicates("variant")
    found = {}
    for variant, label in zip(first["variant"].astype(str), first["label"].astype(str), strict=True):
        here = {axis: of[variant] for axis, of in of_axis.items() if variant in of}
        name, called = variant, label
        if variant in tuned and here:
            name, called = variant.removesuffix("-tuned"), label.removesuffix(", tuned")
        swept = "_".join(f"{axis}-{level}" if _is_number(level) else level for axis, level in here.items())
        listed = name.removesuffix(swept).removesuffix("_") if name.endswith(swept) else ""
        found[variant] = (listed, here, called)
    return found


def _tuned(settings: DataFrame) -> set[str]:
    """Return the variants of the tuned track."""
    rows = settings[(settings["parameter"] == "track") & (settings["value"] == '"tuned"')]
    return set(rows["variant"].astype(str))


def levels(settings: DataFrame, axis: str) -> dict[str, str]:
    """Return each variant's level on a sweep's ``axis``, or its value of a dotted parameter of that name."""
    for parameter in (f"axis.{axis}", axis):
        rows = settings[settings["parameter"] == parameter]
        if len(rows):
            return {variant: _text(v) for variant, v in zip(rows["variant"], rows["value"], strict=True)}
    known = sorted(str(p).removeprefix("axis.") for p in settings["parameter"].unique())
    raise StudyError(f"axis: no setting is called {axis!r}; choose from {known}")


def setting(settings: DataFrame, ending: str, variant: str | None = None) -> str | None:
    """Return the first setting whose dotted name ends in ``ending``, of one variant or of any."""
    rows = settings if variant is None else settings[settings["variant"] == variant]
    dotted = "." + rows["parameter"].astype(str)
    found = rows[dotted.str.endswith("." + ending)]
    return _text(found["value"].iloc[0]) if len(found) else None


def _text(value: object) -> str:
    """Return the plain text of a JSON value: ``"sgd"`` without quotes, 4.0 as 4."""
    try:
        parsed = json.loads(str(value))
    except json.JSONDecodeError:
        return str(value)
    if isinstance(parsed, float):
        return f"{parsed:g}"
    return parsed if isinstance(parsed, str) else json.dumps(parsed)


def place(settings: DataFrame, variants: Sequence[str], columns: str = "", lines: str = "", x: str = "") -> DataFrame:
    """Return variant, panel, line, label and x: where each variant is shown, in the experiment's order.

    A panel is a level of the axis ``columns``, x one of the axis ``x``. A line is a level of the axis
    ``lines``, by default what the axes not yet used say of the variant, or the variant itself. Two variants in
    one place would be averaged as if they were replicates, which is refused.
    """
    from pandas import DataFrame

    names = level_names(settings)
    panel = _levels_of(settings, variants, columns)
    line, label = _lines(settings, variants, [columns, x], lines)
    level = _levels_of(settings, variants, x)
    placed = DataFrame(
        {
            "variant": list(variants),
            "panel": [_name_of(names, columns, panel[variant]) if columns else "" for variant in variants],
            "line": [line[variant] for variant in variants],
            "label": [label[variant] for variant in variants],
            "x": [level[variant] for variant in variants],
        }
    )
    shared = placed[placed.duplicated(["panel", "line", "x"], keep=False)]
    if len(shared):
        raise StudyError(
            f"variants: {list(shared['variant'])} would share a line; name another axis (lines, columns) or "
            "choose among them"
        )
    return placed


def _lines(
    settings: DataFrame, variants: Sequence[str], used: Sequence[str], lines: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Return each variant's line, the key of its look, and the line's label."""
    if lines:
        line, names = _levels_of(settings, variants, lines), level_names(settings)
        return line, {variant: _name_of(names, lines, level) for variant, level in line.items()}
    axes = axes_of(settings)
    if not set(axes) & set(used):
        return dict(zip(variants, variants, strict=True)), labels(settings)
    said = _said(settings, [axis for axis in axes if axis not in used])
    return {v: key for v, (key, _) in said.items()}, {v: label for v, (_, label) in said.items()}


def _levels_of(settings: DataFrame, variants: Sequence[str], axis: str) -> dict[str, str]:
    """Return the level of every variant on ``axis``, all "" where no axis is named."""
    if not axis:
        return dict.fromkeys(variants, "")
    known = levels(settings, axis)
    _require(variants, known, axis)
    return known


def _require(variants: Iterable[str], known: Mapping[str, str], axis: str) -> None:
    missing = [variant for variant in variants if variant not in known]
    if missing:
        raise StudyError(f"axis: {axis!r} is not set for {missing}; choose variants that have it")


def _name_of(names: Mapping[tuple[str, str], str], axis: str, level: str) -> str:
    return names.get((axis, level)) or level_name(axis, level)


def level_name(axis: str, level: str) -> str:
    """Return a level for readers: ``ReLU``, but ``depth 4``."""
    what = name(axis.rpartition(".")[2])
    if level in ("true", "false"):
        return f"{'with' if level == 'true' else 'without'} {what}"
    return f"{what} {level}" if _is_number(level) else name(level)


def _is_number(level: str) -> bool:
    try:
        float(level)
    except ValueError:
        return False
    return True


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
    """Return the rows of a metric (or of a glob, ``rank/layer-*``), with its ``layer``, finite values only.

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
