"""An experiment's tables, made from what its jobs left: records and curves of replicates, or the rounds of searches.

Files come in as a mapping from their name in the study to their content: a folder, or an archive.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, astuple
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from chapter6.analysis.tables import (
    CHOSEN,
    curves_table,
    histograms_table,
    pictures_table,
    runs_table,
    settings_table,
    times_table,
    trials_table,
)
from chapter6.analysis.tables import (
    Run as Row,
)
from chapter6.engine.measurements.base import Binned
from chapter6.engine.run import Run
from chapter6.study.paths import TABLES, Paths
from chapter6.study.plan import Experiment, PlannedSearch, Variant
from chapter6.study.results import Conditions, Files, UnreadableError, read_run
from chapter6.study.searches import cut, read_chosen, read_round, read_trial_curves
from chapter6.study.taken import EACH
from chapter6.study.timings import read_times

if TYPE_CHECKING:
    import pandas as pd


def tables_of(files: Files, experiment: Experiment, under: Conditions) -> dict[str, pd.DataFrame]:
    """Return the tables by kind, the curves under "".

    :class:`UnreadableError` where a file is missing, damaged, or not of the run that is planned.
    """
    rows = [row for planned in experiment.searches() for row in _searched(files, planned)]
    for planned in experiment.runs():
        run = resolved(planned.variant, files, planned.replicate)
        record, curves = read_run(files, planned, run, under)
        rows.append((vars(record) | _classes(record.run), curves))
    described = [variant.described(settings_of(variant, files)) for variant in experiment.variants.values()]
    return {
        "settings": settings_table(experiment.id, described),
        "runs": runs_table(rows),
        "histograms": histograms_table(rows, _histogram_ranges(experiment)),
        "pictures": pictures_table(rows),
        "trials": trials_table(record for record, _ in rows if "values" in record),
        "times": _times(files, experiment),
        "": curves_table(rows),
    }


def tables_for(experiment: Experiment, paths: Paths, read: Callable[[str], pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables that an experiment's claims are judged by: its own, and beside them those that claims name.

    ``read`` returns a table by its file; variants of other experiments are called ``<experiment>/<variant>``.
    """
    import pandas as pd

    found = {}
    for kind in TABLES:
        parts = [read(paths.table(experiment.id, kind))]
        for other in experiment.beside:
            table = read(paths.table(other, kind))
            parts.append(table.assign(variant=f"{other}/" + table["variant"].astype(str)) if len(table) else table)
        rows = [part for part in parts if len(part)]
        if rows:
            found[kind or "curves"] = pd.concat(rows, ignore_index=True) if len(rows) > 1 else rows[0]
    return found


def settings_of(variant: Variant, files: Files) -> dict[str, Any]:
    """Return the settings of a variant's runs with what they take from ``files``; those that differ are told so."""
    count = variant.replicates if variant.taken.files else 1
    first, *others = (resolved(variant, files, replicate).settings for replicate in range(count))
    differing = {key: EACH for key in first if any(other[key] != first[key] for other in others)}
    return {**first, **differing}


def resolved(variant: Variant, files: Files, replicate: int = 0) -> Run:
    """Return the run of one of the variant's replicates with what it takes from ``files``."""

    def read(file: str) -> Any:
        try:
            return json.loads(files[file])
        except (OSError, ValueError, LookupError) as error:
            raise UnreadableError(file, f"it cannot be read ({error})") from None

    return variant.taken.resolved(read, replicate)


def _times(files: Files, experiment: Experiment) -> pd.DataFrame:
    """Return the table of an experiment's times, empty where none are asked for."""
    if experiment.timing is None:
        return times_table(experiment.id, "", ())
    times = read_times(files, experiment.paths.times(experiment.id), experiment.timing)
    return times_table(experiment.id, times.beside, (astuple(each) for each in times.rounds))


def _searched(files: Files, planned: PlannedSearch) -> Iterator[Row]:
    """Yield every trial of a search, cut where a replayed rule stopped it, and the choice with its score."""
    chosen, curves = read_chosen(files, planned), read_trial_curves(files, planned.sources)
    names = {"experiment": planned.experiment, "variant": planned.variant.name, "replicate": planned.replicate}
    names |= {"seconds": nan} | _classes(planned.variant.run)
    for name in planned.sources:
        for trial in read_round(files, name).trials:
            last = chosen.last_step(trial)
            told = asdict(trial) | names | {"trial": trial.number, "steps": last}
            yield told, cut(curves.get(trial.number, {}), last)
    steps, metric = planned.variant.run.steps, planned.search.metric
    values = {("test", name): value for name, value in chosen.test.items()}
    values["validation", metric] = abs(chosen.score)  # a loss is scored as its negative
    results = {key: (np.array([steps]), np.array([value])) for key, value in values.items()}
    yield names | {"trial": CHOSEN, "outcome": "finished", "steps": steps}, results


def _classes(run: Run) -> dict[str, float]:
    """Return among how many classes a run chooses, and what it started from."""
    earlier = run.starts_from.run if run.starts_from else None
    return {"classes": run.classes or nan, "earlier_classes": (earlier.classes if earlier else None) or nan}


def _histogram_ranges(experiment: Experiment) -> Mapping[tuple[str, str], tuple[float, float]]:
    """Return the range of every variant's histograms, by their metric without the layer."""
    return {
        (variant.name, metric.rpartition("/")[0]): (record.measure.low, record.measure.high)
        for variant in experiment.variants.values()
        for record in variant.run.record
        if isinstance(record.measure, Binned)
        for metric in record.measure.metrics
        if metric.startswith("histogram/")
    }
