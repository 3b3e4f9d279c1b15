"""From the tidy tables of one experiment to one number a run.

A run is a variant's replicate; in a search, where the variant is the strategy and the replicate a whole
search, every trial is a run.

A run that diverged stays in every comparison: from the first recording after its divergence on, up to where its
fellow runs end, a metric counts as `metrics` says (an accuracy as chance, a loss as infinite, any other as
undefined, and with it a verdict that needs it).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chapter6.intervals import Array
from chapter6.metrics import Split, metric_of
from chapter6.quantities import MINUENDS, Curve, Quantity, Target, split_of, summarized
from chapter6.registry import StudyError

if TYPE_CHECKING:
    import pandas as pd

Tables = Mapping[str, "pd.DataFrame"]
Readings = dict[str, dict[int, float]]  # variant -> replicate -> number

NO_TRIAL = -1


class Run(NamedTuple):
    """What a curve belongs to."""

    variant: str
    replicate: int
    trial: int = NO_TRIAL


def readings(tables: Tables, quantity: Quantity, variants: Iterable[str]) -> Readings:
    """The quantity of every run of the variants that has it, by variant and replicate."""
    found: Readings = {}
    for run, value in read_runs(tables, quantity, variants).items():
        _enter(found, run, value, quantity.metric)
    return found


def _enter(found: Readings, run: Run, value: float, metric: str) -> None:
    """Enter the number of a run, which must be the only one of its variant and replicate."""
    of_variant = found.setdefault(run.variant, {})
    if run.replicate in of_variant:
        raise StudyError(
            f"{metric}: {run.variant} is a search with several trials; ask for best/{metric} or trial/{metric}"
        )
    of_variant[run.replicate] = value


def read_runs(tables: Tables, quantity: Quantity, variants: Iterable[str]) -> dict[Run, float]:
    """The quantity of every run, trials apart."""
    variants = list(variants)
    curves = read_curves(tables, quantity.metric, quantity.split, variants)
    if quantity.when:
        marks = read_curves(tables, quantity.when.metric, quantity.when.split, variants)
        curves = {run: _from_target(curve, marks.get(run), quantity.when) for run, curve in curves.items()}
        return {run: float(curve.readings[0]) if curve.steps.size else math.nan for run, curve in curves.items()}
    cut = {run: _window(curve, quantity.first_step, quantity.last_step) for run, curve in curves.items()}
    return {run: summarized(quantity.summary, curve) for run, curve in cut.items() if curve.steps.size}


def times(tables: Tables, target: Target, variants: Iterable[str]) -> Readings:
    """Steps (at least 1) that each run takes to the target, infinity where it is never reached."""
    found: Readings = {}
    for run, curve in read_curves(tables, target.metric, target.split, variants).items():
        _enter(found, run, max(target.first_step(curve), 1.0), target.metric)
    return found


def budgets(tables: Tables, target: Target, variants: Iterable[str]) -> dict[str, float]:
    """The step up to which every run of a variant was watched."""
    found: dict[str, float] = {}
    for run, curve in read_curves(tables, target.metric, target.split, variants).items():
        found[run.variant] = min(found.get(run.variant, math.inf), float(curve.steps[-1]))
    return found


def read_curves(tables: Tables, metric: str, split: Split | None, variants: Iterable[str]) -> dict[Run, Curve]:
    """The curves of one metric, recorded or derived, with diverged runs carried on to the end."""
    variants = list(variants)
    head, _, tail = metric.partition("/")
    chosen = split_of(metric, split)
    if head in ("gap", "noise_loss"):
        return _gaps(tables, MINUENDS[head], chosen, variants)
    if head == "optimism":
        return _optimism(tables, chosen, variants)
    if head in ("best", "trial"):
        return _over_trials(tables, tail, chosen, variants, best=head == "best")
    if head == "time_ratio":
        return _time_ratios(tables, tail, variants)
    found = _recorded(tables, metric, chosen, variants)
    of_trials = {run.trial != NO_TRIAL for run in found}  # the choice of a search has other splits than its trials
    gone = {
        run: metric_of(metric).after_divergence(row)
        for run, row in diverged_runs(tables, variants).items()
        if not of_trials or (run.trial != NO_TRIAL) in of_trials
    }
    finished = {run: curve for run, curve in found.items() if run not in gone}
    for run, worst in gone.items():
        fellows = [curve for other, curve in finished.items() if other.variant == run.variant]
        ends = [curve.steps for curve in fellows or finished.values()]
        found[run] = _carried_on(found.get(run), np.unique(np.concatenate([[0.0], *ends])), worst)
    return found


def diverged_runs(tables: Tables, variants: Iterable[str]) -> dict[Run, Mapping[Any, Any]]:
    """The runs recorded as diverged, with their rows of the table of runs."""
    runs = tables.get("runs")
    if runs is None or runs.empty:
        return {}
    gone = runs[(runs["outcome"] == "diverged") & runs["variant"].isin(list(variants))]
    return {Run(*key): row for key, row in zip(_keys(gone), gone.to_dict("records"), strict=True)}


def metrics_like(tables: Tables, pattern: str, split: Split | None) -> list[str]:
    """The metrics that a pattern such as ``unit_std/layer-[2-5]`` or ``time_ratio/*`` stands for, layers in order."""
    if not set("*?[") & set(pattern):
        return [pattern]
    rows = _rows(tables)
    recorded = rows.loc[rows["split"] == split_of(pattern, split), "metric"].unique()
    timed = tables["times"]["task"].unique() if "times" in tables else ()
    known = [*recorded, *(f"time_ratio/{task}" for task in timed)]
    return sorted((name for name in known if fnmatchcase(name, pattern)), key=natural_order)


def natural_order(name: str) -> list[tuple[str, int]]:
    """Sort key under which layer-10 comes after layer-9."""
    return [(word, int(number or 0)) for word, number in re.findall(r"(\D+)(\d*)", name)]


def _keys(frame: pd.DataFrame) -> list[tuple[str, int, int]]:
    trials = frame["trial"].fillna(NO_TRIAL).astype(int) if "trial" in frame else [NO_TRIAL] * len(frame)
    return list(zip(frame["variant"].astype(str), frame["replicate"].astype(int), trials, strict=True))


def _rows(tables: Tables) -> pd.DataFrame:
    """The table of curves, empty where no run of the experiment ended well."""
    import pandas as pd

    empty = pd.DataFrame(columns=["variant", "replicate", "step", "split", "metric", "value"])
    return tables.get("curves", empty)


def _recorded(tables: Tables, metric: str, split: str, variants: list[str]) -> dict[Run, Curve]:
    table = _rows(tables)
    rows = table[(table["metric"] == metric) & (table["split"] == split) & table["variant"].isin(variants)]
    rows = rows.sort_values("step", kind="stable")
    points: dict[Run, list[int]] = {}
    for position, key in enumerate(_keys(rows)):
        points.setdefault(Run(*key), []).append(position)
    steps, values = rows["step"].to_numpy(dtype=float), rows["value"].to_numpy(dtype=float)
    return {run: Curve(steps[at], values[at]) for run, at in points.items()}


def _carried_on(curve: Curve | None, ends: Array, worst: float) -> Curve:
    """A diverged run's curve, with what it counts as at every later step of its fellows, at least once."""
    curve = curve or Curve(np.empty(0), np.empty(0))
    last = curve.steps[-1] if curve.steps.size else -1.0
    later = ends[ends > last] if (ends > last).any() else np.array([last + 1])
    return Curve(np.append(curve.steps, later), np.append(curve.readings, np.full(later.size, worst)))


def _time_ratios(tables: Tables, task: str, variants: list[str]) -> dict[Run, Curve]:
    """The one reading of every round in which a variant was timed beside another."""
    table = tables.get("times")
    if table is None:
        return {}
    rows = table[(table["task"] == task) & table["variant"].isin(variants)]
    keys = zip(rows["variant"].astype(str), rows["round"].astype(int), strict=True)
    ratios = rows["ratio"].to_numpy(dtype=float)
    return {Run(*key): Curve(np.zeros(1), np.array([ratio])) for key, ratio in zip(keys, ratios, strict=True)}


def _gaps(tables: Tables, minuend: Split, split: Split, variants: list[str]) -> dict[Run, Curve]:
    """One split's accuracy less the other's, wherever the first is recorded; the other is interpolated.

    Undefined from where a run diverged: two networks at chance are no narrow gap.
    """
    over = read_curves(tables, "accuracy", minuend, variants)
    other = read_curves(tables, "accuracy", split, variants)
    gaps = {}
    for run in over.keys() & other.keys():
        steps, readings = other[run].steps, other[run].readings
        within = (over[run].steps >= steps[0]) & (over[run].steps <= steps[-1])
        at = over[run].steps[within]
        gaps[run] = Curve(at, over[run].readings[within] - np.interp(at, steps, readings))
    recorded = _recorded(tables, "accuracy", minuend, variants)
    for run in gaps.keys() & set(diverged_runs(tables, variants)):
        last = recorded[run].steps[-1] if run in recorded else -math.inf
        gaps[run].readings[gaps[run].steps > last] = math.nan
    return gaps


def _optimism(tables: Tables, split: Split, variants: list[str]) -> dict[Run, Curve]:
    """The accuracy by which each search made its choice less that of the choice, retrained, on another split."""
    chosen_by = _recorded(tables, "accuracy", "validation", variants)
    retrained = _recorded(tables, "accuracy", split, variants)
    return {
        run: Curve(retrained[run].steps, chosen_by[run].readings - retrained[run].readings)
        for run in chosen_by.keys() & retrained.keys()
        if run.trial == NO_TRIAL
    }


def _over_trials(tables: Tables, metric: str, split: Split, variants: list[str], best: bool) -> dict[Run, Curve]:
    """One curve a search over its trials: 1, 2, ..., each with its final value, or the best so far."""
    finals = _updates(tables, variants) if metric == "updates" else read_runs(tables, Quantity(metric, split), variants)
    searches: dict[Run, list[float]] = {}
    for run in sorted(run for run in finals if run.trial != NO_TRIAL):
        searches.setdefault(Run(run.variant, run.replicate), []).append(finals[run])
    so_far = np.minimum.accumulate if metric_of(metric).better == "lower" else np.maximum.accumulate
    return {
        run: Curve(np.arange(1.0, len(values) + 1), so_far(values) if best else np.array(values))
        for run, values in searches.items()
    }


def _updates(tables: Tables, variants: list[str]) -> dict[Run, float]:
    """The last step at which anything of a trial was recorded."""
    table = _rows(tables)
    rows = table[table["variant"].isin(variants)]
    last: dict[Run, float] = {}
    for key, step in zip(_keys(rows), rows["step"], strict=True):
        last[Run(*key)] = max(last.get(Run(*key), 0.0), float(step))
    return last


def _window(curve: Curve, first: int | None, last: int | None) -> Curve:
    inside = (curve.steps >= (first or 0)) & (curve.steps <= (math.inf if last is None else last))
    return Curve(curve.steps[inside], curve.readings[inside])


def _from_target(curve: Curve, marks: Curve | None, target: Target) -> Curve:
    start = target.first_step(marks) if marks else math.inf
    return Curve(curve.steps[curve.steps >= start], curve.readings[curve.steps >= start])
