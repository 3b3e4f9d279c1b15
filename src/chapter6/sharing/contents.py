"""What belongs to a study: the names of its files, the settings read back from them, and the facts they tell."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from chapter6.registry import StudyError
from chapter6.sharing.archive import Environment, Facts
from chapter6.study.gathering import Files
from chapter6.study.paths import Paths, replicate_files
from chapter6.study.plan import Experiment, Study, Variant, plan_experiment
from chapter6.study.searches import curves_file
from chapter6.study.spec import ExperimentSpec, load_config, load_experiment

CONFIG = "config/config.yaml"
EXPERIMENTS = "config/experiments"
DATA = "data/digest.json"  # SHA-256 of the data set's files
TABLES = ("", "settings", "runs", "histograms", "trials")
PASSWORD = re.compile(rb"(://)[^/@\s\"']+@")
# Bounds of what a stranger's settings may ask for. The study has 17 experiments, 400 variants and 4000 runs.
MOST_VARIANTS = 20_000
MOST_RUNS = 1_000_000
MOST_OF_A_NUMBER = 10_000_000


@dataclass(frozen=True)
class RunFile:
    """A planned replicate, and the names of its two files."""

    experiment: str
    variant: Variant
    replicate: int
    curves: str
    record: str


class Folder(Mapping[str, bytes]):
    """Files of a project by the name that they get in an archive, each read when it is asked for."""

    def __init__(self, places: Mapping[str, Path]) -> None:
        self._places = {name: place for name, place in sorted(places.items()) if place.is_file()}

    def __getitem__(self, name: str) -> bytes:
        content = self._places[name].read_bytes()
        return PASSWORD.sub(rb"\1***@", content) if name.endswith((".yaml", "/study.json")) else content

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def folder_of(study: Study, root: Path) -> Folder:
    """Return what there is of a study in a project's folder. Passwords in addresses are left out."""
    places = {name: root / name for name in (*planned(study), CONFIG)}
    for path in sorted((root / study.config.experiments).glob("*.yaml")):
        name = load_experiment(path).id
        if name in study.experiments:
            places[f"{EXPERIMENTS}/{name}.yaml"] = path
    places[DATA] = root / study.config.data.directory / "digest.json"
    return Folder(places)


def planned(study: Study) -> Iterator[str]:
    """Yield the name of every file that a finished study has."""
    paths = study.paths
    yield from (paths.settings, paths.claims(), paths.page)
    for run in runs_of(study):
        yield from (run.curves, run.record)
    for experiment in study.experiments.values():
        yield f"{EXPERIMENTS}/{experiment.id}.yaml"
        yield from (paths.claims(experiment.id), paths.summary(experiment.id))
        yield from (paths.table(experiment.id, kind) for kind in TABLES)
        yield from (paths.figure(experiment.id, figure) for figure in experiment.figures)
        yield from (paths.tuning(experiment.id, of) for of in experiment.tunings)
        for variant, replicate in searches_of(experiment):
            for round_file in rounds_of(paths, experiment, variant, replicate):
                yield from (round_file, curves_file(round_file))
            yield paths.chosen(experiment.id, variant.name, replicate)


def runs_of(study: Study) -> Iterator[RunFile]:
    """Yield every replicate that is trained as one, that is, not inside of a search."""
    for experiment in study.experiments.values():
        for variant in experiment.variants.values():
            folder = study.paths.run_folder(experiment.id, variant.name)
            for replicate in range(0 if variant.search else variant.replicates):
                yield RunFile(experiment.id, variant, replicate, *replicate_files(folder, replicate))


def searches_of(experiment: Experiment) -> Iterator[tuple[Variant, int]]:
    """Yield every search of an experiment: the variant and the replicate."""
    for variant in experiment.variants.values():
        for replicate in range(variant.replicates if variant.search else 0):
            yield variant, replicate


def rounds_of(paths: Paths, experiment: Experiment, variant: Variant, replicate: int) -> list[str]:
    """Return the records of a search's rounds; a replay has none of its own."""
    numbers = range(1, len(variant.rounds) + 1)
    return [paths.search_round(experiment.id, variant.name, replicate, number) for number in numbers]


def study_in(files: Files, preset: str) -> Study:
    """Read back the study from its settings; StudyError where they are none or ask for too much."""
    paths = Paths(preset)
    try:
        config = load_config(json.loads(files[paths.settings]), paths.settings)
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise StudyError(f"{paths.settings}: missing, or not the settings of a study ({error})") from None
    if config.preset != preset:
        raise StudyError(f"{paths.settings}: preset {config.preset!r}, and the manifest says {preset!r}")
    specs = [
        load_experiment(cast("Path", _Text(name, files[name])))
        for name in sorted(files)
        if name.startswith(f"{EXPERIMENTS}/")
    ]
    if not specs:
        raise StudyError(f"{EXPERIMENTS}: no experiments")
    for spec in specs:
        _check_bounds(spec)
    study = Study(config, {spec.id: plan_experiment(spec, config, f"{EXPERIMENTS}/{spec.id}.yaml") for spec in specs})
    asked = sum(variant.replicates for e in study.experiments.values() for variant in e.variants.values())
    if asked > MOST_RUNS:
        raise StudyError(f"the settings ask for {asked} runs, and {MOST_RUNS} are the most")
    return study


def facts(study: Study, files: Files) -> Facts:
    """Return what the files tell in sum, the same for the same files."""
    records = [record for run in runs_of(study) if (record := _json(files, run.record))]
    claims = _json(files, study.paths.claims()) or []
    starts = [datetime.fromisoformat(record["started"]) for record in records]
    ends = [s + timedelta(seconds=record["seconds"]) for s, record in zip(starts, records, strict=True)]
    environments = Counter(json.dumps(record["environment"], sort_keys=True) for record in records)
    return Facts(
        preset=study.config.preset,
        preview=study.is_preview,
        seed=study.config.study_seed,
        experiments=tuple(sorted(study.experiments)),
        runs=len(records),
        searches=sum(len(list(searches_of(experiment))) for experiment in study.experiments.values()),
        verdicts=dict(sorted(Counter(claim["verdict"] for claim in claims).items())),
        trained=(min(starts).isoformat(), max(ends).isoformat(timespec="milliseconds")) if records else (),
        data=tuple(sorted({record["data"] for record in records if record["data"]})),
        sources=tuple(sorted({record["sources"] for record in records})),
        environments=tuple(Environment(**json.loads(text), runs=count) for text, count in sorted(environments.items())),
    )


@dataclass(frozen=True)
class _Text:
    """A file's text where its path is asked for."""

    name: str
    content: bytes

    def __str__(self) -> str:
        return self.name

    def read_text(self, encoding: str) -> str:
        return self.content.decode(encoding)


def _check_bounds(spec: ExperimentSpec) -> None:
    variants = max(len(spec.variants), 1) * math.prod(len(levels) for levels in spec.sweep.values())
    if variants > MOST_VARIANTS:
        raise StudyError(f"experiment {spec.id!r} asks for {variants} variants, and {MOST_VARIANTS} are the most")
    largest = max(_numbers(spec.model_dump(mode="json")), default=0)
    if largest > MOST_OF_A_NUMBER:
        raise StudyError(
            f"experiment {spec.id!r} asks for {largest:g} of something, and {MOST_OF_A_NUMBER:g} is the most"
        )


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float):
        yield value


def _json(files: Files, name: str) -> Any:
    """Return JSON data; None where there are none."""
    try:
        return json.loads(files[name])
    except (KeyError, ValueError, RecursionError):
        return None
