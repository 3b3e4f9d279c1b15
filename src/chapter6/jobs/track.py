"""Mirror an experiment's finished runs into MLflow: a run a variant, a nested one a replicate, a summary."""

from __future__ import annotations

import logging
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache, cached_property, partial, reduce
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from chapter6.files import read_json, write_json
from chapter6.jobs.common import add_experiment_arguments, commit, conditions, experiment_of, folder_of, study_of
from chapter6.registry import StudyError, canonical, plain
from chapter6.settings import flatten
from chapter6.study.gathering import resolved
from chapter6.study.paths import replicate_files
from chapter6.study.plan import Experiment, PlannedRun, PlannedSearch, Study, Variant
from chapter6.study.resolution import written
from chapter6.study.results import Conditions, Folder, RunRecord, read_curves, read_run
from chapter6.study.searches import Chosen, read_chosen, read_rounds
from chapter6.tracking.entries import NOTE, Content, Data, Entry, Points, digest, thinned

log = logging.getLogger(__name__)


def add_arguments(parser: ArgumentParser) -> None:
    add_experiment_arguments(parser)
    parser.add_argument("--uri", help="the store (default: the configuration's)")
    parser.add_argument("--output", help="stamp of what was mirrored (default: the study's)")


def run(args: Namespace) -> None:
    """Mirror what is finished, then write the stamp, which depends on what was mirrored and not on when."""
    from chapter6.tracking.mirror import mirror

    study = study_of(args)
    experiment = experiment_of(study, args.experiment)
    entries = list(Gathering(study, experiment).entries())
    name = study.mirrored_as(experiment.id)
    done = mirror(args.uri or study.tracking_uri, name, entries, experiment.spec.question)
    changes = ", ".join(f"{number} {change}" for change, number in done.changes.items())
    log.info("%s: %d runs in MLflow, %s", experiment.id, done.runs, changes)
    stamp = {"experiment": experiment.id, "runs": done.runs, "store": done.store, "keys": done.keys}
    write_json(args.output or study.paths.tracked(experiment.id), stamp)


@dataclass(frozen=True)
class Gathering:
    """What an experiment has to show, as entries for the mirror; parents come before their children."""

    study: Study
    experiment: Experiment

    def entries(self) -> Iterator[Entry]:
        """Yield every variant that has a finished replicate, its replicates, and the summary."""
        if self.experiment.spec.search:
            yield from self._searches()
            return
        trained = {v.name: self._records(v) for v in self.experiment.variants.values()}
        for name, records in trained.items():
            if records:
                variant = self.experiment.variants[name]
                yield self._parent(variant, records)
                yield from (self._replicate(variant, record) for record in records)
        everything = [record for records in trained.values() for record in records]
        if everything:
            yield self._summary(max(record.end for record in everything))

    def finished(self, name: str, replicate: int) -> Entry:
        """Return one replicate by itself: its variant has an entry when its replicates are all there."""
        variant = self.experiment.variants[name]
        if (record := self._record(self.experiment.run(variant, replicate))) is None:
            raise StudyError("not trained as planned")
        return replace(self._replicate(variant, record), parent=None)

    def _searches(self) -> Iterator[Entry]:
        """Yield every variant that has a finished search, its searches (trials are a table), and the summary."""
        ends = []
        for variant in self.experiment.variants.values():
            finished = [p for p in self.experiment.searches_of(variant) if Path(p.chosen).is_file()]
            if not finished:
                continue
            chosen = [read_chosen(self.files, planned) for planned in finished]
            starts = [_modified(Path(planned.chosen)) for planned in finished]
            ends += starts
            keys = [digest([canonical(variant.search), plain(each)]) for each in chosen]
            tags, slot = self._tags(variant), f"variant/{variant.name}"
            load = partial(Content, self._params(variant))
            yield Entry(slot, variant.name, digest(keys), min(starts), 0, load, tags, _origin())
            for planned, each, start, key in zip(finished, chosen, starts, keys, strict=True):
                number = planned.replicate
                yield Entry(
                    slot=f"replicate/{variant.name}/{number}",
                    name=f"{variant.name} search {number}",
                    key=key,
                    started=start,
                    seconds=0,
                    load=partial(self._search, planned, each),
                    tags=tags | {"replicate": str(number), "outcome": "finished"},
                    origin=_origin(),
                    parent=slot,
                )
        if ends:
            yield self._summary(max(ends))

    def _search(self, planned: PlannedSearch, chosen: Chosen) -> Content:
        scores = np.array([trial.score for trial in read_rounds(self.files, planned.rounds)])
        metrics = {f"final/test/{name}": thinned([0], [value]) for name, value in chosen.test.items()}
        if len(scores):
            metrics["trial/score"] = thinned(np.arange(len(scores)), scores)
            metrics["trial/best_score"] = thinned(np.arange(len(scores)), np.maximum.accumulate(scores))
        params = self._params(planned.variant) | {f"chosen.{name}": value for name, value in chosen.values.items()}
        return Content(params, metrics, {"": [Path(planned.chosen), *map(Path, planned.rounds)]})

    def _records(self, variant: Variant) -> list[RunRecord]:
        """Return the records of planned replicates that are trained, their two files whole and matching."""
        read = {p.replicate: self._record(p) for p in self.experiment.runs_of(variant)}
        missing = [str(replicate) for replicate, record in read.items() if record is None]
        if missing:
            log.warning("%s: left out, not trained as planned: %s", variant.name, ", ".join(missing))
        return [record for record in read.values() if record is not None]

    def _record(self, planned: PlannedRun) -> RunRecord | None:
        try:
            run = resolved(planned.variant, self.files, planned.replicate)
            return read_run(self.files, planned, run, self.under)[0]
        except StudyError:
            return None

    @cached_property
    def under(self) -> Conditions:
        """What current runs depend on."""
        return conditions(self.study, is_strict=False)

    @cached_property
    def files(self) -> Folder:
        """What there is of the study."""
        return folder_of(self.study)

    def _parent(self, variant: Variant, records: Sequence[RunRecord]) -> Entry:
        diverged = sum(record.outcome == "diverged" for record in records)
        return Entry(
            slot=f"variant/{variant.name}",
            name=variant.name,
            key=digest([record.key for record in records]),
            started=min(record.start for record in records),
            seconds=sum(record.seconds for record in records),
            load=partial(self._means, variant, records),
            tags=self._tags(variant) | {"replicates": str(len(records)), "diverged": str(diverged)},
            origin=_origin(),
            data=self._data(records[0]),
        )

    def _replicate(self, variant: Variant, record: RunRecord) -> Entry:
        number = record.replicate
        environment = {f"environment.{name}": text for name, text in record.environment.items()}
        of_record = {"seed": str(record.seed), "sources": record.sources}
        job = self.study.job_of(self.experiment.run(variant, number))
        return Entry(
            slot=f"replicate/{variant.name}/{number}",
            name=f"{variant.name} replicate {number}",
            key=record.key,
            started=record.start,
            seconds=record.seconds,
            load=partial(self._curves, variant, number),
            tags=self._tags(variant) | {"replicate": str(number), "outcome": record.outcome},
            origin={**_origin(), **environment, **of_record, "job": job},
            parent=f"variant/{variant.name}",
            data=self._data(record),
        )

    def _summary(self, ended: datetime) -> Entry:
        paths, name = self.study.paths, self.experiment.id
        figures = _existing(paths.figure(name, figure) for figure in self.experiment.figures)
        tables = _existing([paths.claims(name), paths.summary(name)])
        claims = read_json(paths.claims(name)) if Path(paths.claims(name)) in tables else []
        files = [(file.name, sha256(file.read_bytes()).hexdigest()) for file in (*figures, *tables)]
        verdicts = {f"claim.{claim['id']}": claim["verdict"] for claim in claims}
        statements = {claim.id: claim.says for claim in self.experiment.claims}
        lines = [f"- **{claim['id']}** {claim['verdict']}: {statements.get(claim['id'], '')}" for claim in claims]
        return Entry(
            slot="summary",
            name="summary",
            key=digest(files),
            started=ended,
            seconds=0,
            load=lambda: Content(artifacts={"figures": figures, "": tables}),
            tags={"preset": self.study.config.preset, **verdicts, **({NOTE: "\n".join(lines)} if lines else {})},
            origin=_origin(),
        )

    def _curves(self, variant: Variant, replicate: int) -> Content:
        files = replicate_files(self.study.paths.run_folder(self.experiment.id, variant.name), replicate)
        curves = _numbers(files[0])
        return Content(self._params(variant), _lines(curves) | _finals([curves]), {"": [Path(f) for f in files]})

    def _means(self, variant: Variant, records: Sequence[RunRecord]) -> Content:
        folder = self.study.paths.run_folder(self.experiment.id, variant.name)
        curves = [_numbers(replicate_files(folder, record.replicate)[0]) for record in records]
        return Content(self._params(variant), _lines(_mean_curves(curves)) | _finals(curves))

    def _tags(self, variant: Variant) -> dict[str, str]:
        claims = [
            claim.id
            for claim in self.experiment.claims
            if any(_concerns(check.variants_named(), variant.name) for check in claim.checks)
        ]
        return {
            "variant": variant.name,
            "track": variant.track,
            "preset": self.study.config.preset,
            "claims": " ".join(claims),
        }

    def _data(self, record: RunRecord) -> Data | None:
        config = self.study.config.data
        profile = {f"{split} examples": size for split, size in vars(config.sizes).items()}
        return Data(config.name, record.data, config.directory, profile) if record.data else None

    def _params(self, variant: Variant) -> dict[str, Any]:
        axes = {f"axis.{level.axis}": level.value for level in variant.levels}
        return flatten(written(resolved(variant, self.files))) | variant.searched | axes


def _numbers(file: str) -> dict[str, Points]:
    """Return the curves of numbers, not of histograms, by SPLIT/METRIC."""
    curves = read_curves(file)
    return {f"{split}/{metric}": curve for (split, metric), curve in curves.items() if curve[1].ndim == 1}


def _mean_curves(replicates: Sequence[Mapping[str, Points]]) -> dict[str, Points]:
    """Return the mean of each curve at the steps that all replicates have: one that diverged ends it."""
    means = {}
    for name in set.intersection(*(set(curves) for curves in replicates)):
        curves = [curves[name] for curves in replicates]
        steps = reduce(np.intersect1d, (steps for steps, _ in curves))
        values = np.stack([value[np.isin(step, steps)] for step, value in curves])
        with np.errstate(over="ignore", invalid="ignore"):
            means[name] = (steps, values.mean(axis=0))
    return {name: means[name] for name in replicates[0] if name in means}


def _lines(curves: Mapping[str, Points]) -> dict[str, Points]:
    """Return the curves of two points and more, thinned."""
    return {name: thinned(*points) for name, points in curves.items() if len(points[0]) > 1}


def _finals(replicates: Sequence[Mapping[str, Points]]) -> dict[str, Points]:
    """Return the mean of the replicates' last values that are finite, under final/SPLIT/METRIC.

    It has no step, so that the UI draws bars.
    """
    last: dict[str, list[float]] = {}
    for name, (_, values) in chain.from_iterable(curves.items() for curves in replicates):
        last.setdefault(f"final/{name}", []).extend(values[-1:][np.isfinite(values[-1:])])
    return {name: thinned([0], [np.mean(values)]) for name, values in last.items() if values}


def _concerns(patterns: Collection[str], variant: str) -> bool:
    """Whether a check that names ``patterns`` reads the variant; one that names none reads all."""
    return not patterns or any(fnmatchcase(variant, pattern) for pattern in patterns)


def _existing(files: Any) -> list[Path]:
    return [path for path in map(Path, files) if path.is_file()]


def _modified(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


@cache
def _origin() -> dict[str, str]:
    """Return where the mirroring happens: git commit and cluster job, where there are any."""
    origin = {"mlflow.source.name": "chapter6", "mlflow.source.type": "JOB"}
    if checked_out := commit():
        origin["mlflow.source.git.commit"] = checked_out
    if job := os.environ.get("SLURM_JOB_ID"):
        origin["slurm.job"] = job
    return origin
