"""From the records and curves of runs to tidy tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chapter6.intervals import by_group
from chapter6.words import level_name, value_text

if TYPE_CHECKING:
    import pandas as pd

Curves = Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]]
Run = tuple[Mapping[str, Any], Curves]  # a record and its curves

CHOSEN = -1  # number of the "trial" that is the retrained choice of a search

CURVE_COLUMNS = ["experiment", "variant", "replicate", "step", "split", "metric", "value"]
RUN_COLUMNS = ["experiment", "variant", "replicate", "outcome", "steps", "seconds", "classes", "earlier_classes"]
HISTOGRAM_COLUMNS = ["experiment", "variant", "replicate", "step", "split", "metric", "left", "right", "share"]
PICTURE_COLUMNS = ["experiment", "variant", "replicate", "step", "split", "metric", "row", "column", "value"]
TRIAL_COLUMNS = ["experiment", "variant", "replicate", "trial", "round", "parameter", "value"]
TIME_COLUMNS = ["experiment", "variant", "beside", "task", "round", "seconds", "beside_seconds", "ratio"]
SETTING_COLUMNS = ["experiment", "variant", "position", "label", "parameter", "value", "text"]


@dataclass(frozen=True)
class Level:
    """Where a variant stands on one axis of the sweep.

    ``key`` is the level as it stands in variants' names (``relu``, ``rate-0.1``), ``label`` is for readers ("":
    the author gave none).
    """

    axis: str
    value: Any
    key: str
    label: str

    @property
    def text(self) -> str:
        """The level for readers: its label, or else its value in words."""
        return self.label or level_name(self.axis, value_text(self.value))


@dataclass(frozen=True)
class Described:
    """A variant as tables describe it; ``settings`` maps dotted keys to plain JSON values.

    ``listed`` is the part that ``variants:`` listed (axis ""), None where only a sweep made the variant, and
    ``levels`` are its parts on the sweep's axes. A tuned variant has those of the one that it was made ``of``.
    """

    name: str
    label: str
    track: str
    settings: Mapping[str, Any]
    listed: Level | None = None
    levels: tuple[Level, ...] = ()
    of: str = ""


def curves_table(runs: Iterable[Run]) -> pd.DataFrame:
    """One row a recorded number; what is not finite is left out (the run's outcome says why).

    Runs that are trials of a search have a column ``trial`` more.
    """
    import pandas as pd

    names: list[dict[str, Any]] = []
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    for where, steps, values in _recorded(runs, 0):
        is_finite = np.isfinite(values)
        names.append(where)
        parts.append((steps[is_finite], values[is_finite]))
    if not parts:
        return pd.DataFrame(columns=CURVE_COLUMNS)
    curve_of_row = np.repeat(np.arange(len(parts)), [len(steps) for steps, _ in parts])
    table = pd.DataFrame(names).take(curve_of_row).reset_index(drop=True)
    table["step"], table["value"] = map(np.concatenate, zip(*parts, strict=True))
    return table[[*CURVE_COLUMNS, *(["trial"] if "trial" in table else [])]]


def histograms_table(runs: Iterable[Run], ranges: Mapping[tuple[str, str], tuple[float, float]]) -> pd.DataFrame:
    """One row a bin: ``share`` of all values in [left, right).

    ``ranges`` maps a variant and a metric, without its layer, to the range of the bins.
    """
    import pandas as pd

    parts = []
    for where, steps, values in _recorded(runs, 1):
        edges = np.linspace(*ranges[where["variant"], where["metric"].rpartition("/")[0]], values.shape[1] + 1)
        for step, shares in zip(steps, values, strict=True):
            part = pd.DataFrame({"left": edges[:-1], "right": edges[1:], "share": shares})
            parts.append(part.assign(**where, step=step))
    return pd.concat(parts, ignore_index=True)[HISTOGRAM_COLUMNS] if parts else pd.DataFrame(columns=HISTOGRAM_COLUMNS)


def pictures_table(runs: Iterable[Run]) -> pd.DataFrame:
    """One row a pixel; a look at a picture is (rows, columns)."""
    import pandas as pd

    parts = []
    for where, steps, values in _recorded(runs, 2):
        look, row, column = (places.ravel() for places in np.indices(values.shape))
        part = pd.DataFrame({"step": steps[look], "row": row, "column": column, "value": values.ravel()})
        parts.append(part.assign(**where))
    return pd.concat(parts, ignore_index=True)[PICTURE_COLUMNS] if parts else pd.DataFrame(columns=PICTURE_COLUMNS)


def trials_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a hyper-parameter of a trial; ``value`` is the number itself."""
    import pandas as pd

    flat = [
        {**_names(row), "round": row["round"], "parameter": parameter, "value": value}
        for row in rows
        for parameter, value in row["values"].items()
    ]
    return pd.DataFrame(flat, columns=TRIAL_COLUMNS)


def _recorded(runs: Iterable[Run], dimensions: int) -> Iterator[tuple[dict[str, Any], np.ndarray, np.ndarray]]:
    """Yield where each curve of numbers (0), histograms (1) or pictures (2) belongs, its steps and its values."""
    for record, curves in runs:
        for (split, metric), (steps, values) in curves.items():
            if values.ndim == 1 + dimensions:
                yield _names(record) | {"split": split, "metric": metric}, steps, values


def _names(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: record[key] for key in ("experiment", "variant", "replicate", "trial") if key in record}


def runs_table(runs: Iterable[Run]) -> pd.DataFrame:
    """One row a run: how it ended, and among how many classes it, and what it started from, chose."""
    import pandas as pd

    rows = [_names(record) | {column: record[column] for column in RUN_COLUMNS} for record, _ in runs]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=RUN_COLUMNS)


def times_table(experiment: str, beside: str, rounds: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """One row a round, given by variant, task, its number and the seconds of both sides.

    ``ratio`` is that of the variant to the one ``beside`` it.
    """
    import pandas as pd

    rows = [(experiment, name, beside, task, n, own, other, own / other) for name, task, n, own, other in rounds]
    return pd.DataFrame(rows, columns=TIME_COLUMNS)


def settings_table(experiment: str, variants: Iterable[Described]) -> pd.DataFrame:
    """One row a hyper-parameter of a variant, ``value`` as JSON; first where it stands, ``text`` for readers.

    These rows are ``track``; ``listed`` (its key) and ``axis.<axis>`` (the level), where there are such parts;
    ``of``, for a tuned variant. The place of a variant in the sequence is its position.
    """
    import pandas as pd

    rows = [
        (experiment, variant.name, position, variant.label, parameter, json.dumps(value), text)
        for position, variant in enumerate(variants)
        for parameter, value, text in _parameters(variant)
    ]
    return pd.DataFrame(rows, columns=SETTING_COLUMNS)


def _parameters(variant: Described) -> Iterator[tuple[str, Any, str]]:
    yield "track", variant.track, ""
    if variant.listed:
        yield "listed", variant.listed.key, variant.listed.text
    for level in variant.levels:
        yield f"axis.{level.axis}", level.value, level.text
    if variant.of:
        yield "of", variant.of, ""
    for parameter, value in variant.settings.items():
        yield parameter, value, ""


def summary_table(curves: pd.DataFrame) -> pd.DataFrame:
    """The last value of every metric of every variant: mean over replicates with its 95 % t interval.

    Of a search, only the choice counts.
    """
    keys = ["variant", "split", "metric"]
    if "trial" in curves:
        curves = curves[curves["trial"] == CHOSEN]
    last = curves.sort_values("step", kind="stable").groupby([*keys, "replicate"], sort=False).last().reset_index()
    steps = last.groupby(keys, sort=False)["step"].max().reset_index()
    return steps.merge(by_group(last, keys), on=keys)[[*keys, "step", "mean", "low", "high", "replicates"]]
