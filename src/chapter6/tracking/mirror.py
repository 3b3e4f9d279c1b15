"""Bringing an experiment of MLflow in line with what the study holds: entries in, runs out."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from chapter6.tracking.entries import LONGEST_VALUE, NOTE, Content, Data, Entry, Points, digest
from chapter6.tracking.stores import explaining, open_client, open_experiment, patiently

KEY, SLOT, PARENT = "chapter6.key", "chapter6.slot", "mlflow.parentRunId"
METRICS_PER_BATCH, PARAMS_PER_BATCH, RUNS_PER_PAGE = 1000, 100, 1000  # what MLflow takes at once


@dataclass(frozen=True)
class Mirrored:
    """What stands in MLflow now: the store's identity, how many runs, a digest of their keys.

    ``changes`` counts the runs that were kept, are new, or took the place of another.
    """

    store: str
    runs: int
    keys: str
    changes: Mapping[str, int]


def mirror(uri: str, experiment: str, entries: Sequence[Entry], note: str = "") -> Mirrored:
    """Bring the experiment's runs in line with ``entries``; ``note`` describes the experiment.

    A run is kept if it is finished and has its entry's key. Any other run of the same slot, half logged, outdated
    or a double, is deleted. Runs of slots that no entry names are left alone. A single entry costs the same however
    many runs there are.
    """
    with explaining(uri):
        client = open_client(uri)
        home, store = open_experiment(client, uri, experiment)
        if note and home.tags.get(NOTE) != note:
            patiently(client.set_experiment_tag, home.experiment_id, NOTE, note)
        present = _runs_by_slot(client, home.experiment_id, entries)
        run_ids: dict[str, str] = {}
        changes: Counter[str] = Counter(kept=0, new=0, replaced=0)
        for entry in entries:
            tags, others = _tags(entry, run_ids), present[entry.slot]
            run = _settle(client, entry, others)
            changes["kept" if run else "replaced" if others else "new"] += 1
            if run:
                _update_tags(client, run, tags)
            else:
                run = _log(client, home.experiment_id, entry, tags)
            run_ids[entry.slot] = run.info.run_id
        if changes["kept"] < len(entries):
            doubles = _runs_by_slot(client, home.experiment_id, entries)
            for entry in entries:
                _settle(client, entry, doubles[entry.slot])
    return Mirrored(store, len(entries), digest(sorted((e.slot, e.key) for e in entries)), changes)


def _settle(client: Any, entry: Entry, runs: Sequence[Any]) -> Any:
    """Delete all runs of the entry's slot but one that shows it; return that one, if any.

    Of several, every process keeps the same.
    """
    showing = [run for run in runs if _shows(run, entry)]
    kept = min(showing, key=lambda run: str(run.info.run_id), default=None)
    for run in runs:
        if run is not kept:
            patiently(client.delete_run, run.info.run_id)
    return kept


def _runs_by_slot(client: Any, experiment_id: str, entries: Sequence[Entry]) -> defaultdict[str, list[Any]]:
    """Return the runs of the experiment, or of the only entry's slot."""
    only = f"tags.`{SLOT}` = '{entries[0].slot}'" if len(entries) == 1 else ""
    runs: defaultdict[str, list[Any]] = defaultdict(list)
    token = None
    while True:
        page = patiently(client.search_runs, [experiment_id], only, max_results=RUNS_PER_PAGE, page_token=token)
        for run in page:
            runs[run.data.tags.get(SLOT, "")].append(run)
        token = page.token
        if not token:
            return runs


def _shows(run: Any, entry: Entry) -> bool:
    """Whether the run is complete (its status is set last) and shows what the entry holds."""
    return bool(run.info.status == "FINISHED" and run.data.tags.get(KEY) == entry.key)


def _tags(entry: Entry, run_ids: Mapping[str, str]) -> dict[str, str]:
    parent = {PARENT: run_ids[entry.parent]} if entry.parent else {}
    return {**{_name(key): text for key, text in entry.tags.items()}, **parent, SLOT: entry.slot, KEY: entry.key}


def _update_tags(client: Any, run: Any, tags: Mapping[str, str]) -> None:
    changed = [RunTag(key, value) for key, value in tags.items() if run.data.tags.get(key) != value]
    if changed:
        patiently(client.log_batch, run.info.run_id, tags=changed)


def _log(client: Any, experiment_id: str, entry: Entry, tags: Mapping[str, str]) -> Any:
    """Log one run; its status becomes FINISHED when everything else is in place."""
    content = entry.load()
    run = patiently(
        client.create_run,
        experiment_id,
        start_time=_milliseconds(entry, 0),
        tags={**entry.origin, **tags},
        run_name=entry.name,
    )
    run_id = run.info.run_id
    metrics = _chunks(_metrics(entry, content.metrics), METRICS_PER_BATCH)
    params = _chunks(_params(content), PARAMS_PER_BATCH)
    for some_metrics, some_params in zip_longest(metrics, params, fillvalue=()):
        patiently(client.log_batch, run_id, metrics=some_metrics, params=some_params)
    if entry.data:
        patiently(client.log_inputs, run_id, datasets=[_dataset(entry.data)])
    repository = get_artifact_repository(run.info.artifact_uri, client.tracking_uri)
    for folder, files in content.artifacts.items():
        for file in files:
            patiently(repository.log_artifact, str(file), folder or None)
    patiently(client.set_terminated, run_id, "FINISHED", _milliseconds(entry, 1))
    return run


def _params(content: Content) -> list[Param]:
    """Return parameters as text; what is not set, and lists without items, are left out."""
    texts = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in content.params.items()
        if value not in (None, [], {})
    }
    return [Param(_name(key), text[:LONGEST_VALUE]) for key, text in texts.items()]


def _metrics(entry: Entry, metrics: Mapping[str, Points]) -> list[Metric]:
    """Return every point, its time read from how far the run had come."""
    last = max((int(steps[-1]) for steps, _ in metrics.values() if len(steps)), default=0)
    return [
        Metric(_name(name), float(value), _milliseconds(entry, step / last if last else 1), int(step))
        for name, (steps, values) in metrics.items()
        for step, value in zip(steps.tolist(), values.tolist(), strict=True)
    ]


def _name(text: str) -> str:
    """Return a name that MLflow takes: ids of the study may hold a plus sign."""
    return re.sub(r"[^\w./ -]", "_", text)


def _milliseconds(entry: Entry, share: float) -> int:
    moment = entry.started + timedelta(seconds=entry.seconds * share)
    return int(moment.timestamp() * 1000)


def _dataset(data: Data) -> DatasetInput:
    dataset = Dataset(
        name=data.name,
        digest=data.digest[:16],  # MLflow takes 36
        source_type="local",
        source=json.dumps({"uri": data.source}),
        profile=json.dumps(dict(data.profile)),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
