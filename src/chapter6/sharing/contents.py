"""What belongs to a study: the names of its files, the settings read back from them, and the facts they tell."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from chapter6.registry import StudyError, build, canonical
from chapter6.sharing.archive import Environment, Facts
from chapter6.study.loading import plan_study
from chapter6.study.paths import Paths
from chapter6.study.plan import Study
from chapter6.study.reading import check_identifiers, experiment_files, parse_yaml
from chapter6.study.results import UNREADABLE, Files, Folder, RunRecord
from chapter6.study.schema import parse
from chapter6.study.spec import ExperimentSpec, load_config

CONFIG = "config/config.yaml"
EXPERIMENTS = "config/experiments"
DATA = "data/digest.json"  # SHA-256 of the data set's files
PASSWORD = re.compile(rb"(://)[^/@\s\"']+@")


class Settings(Folder):
    """Files of a project by the name that they get in an archive; passwords in addresses are left out."""

    def __getitem__(self, name: str) -> bytes:
        content = super().__getitem__(name)
        return PASSWORD.sub(rb"\1***@", content) if name.endswith((".yaml", "/study.json")) else content


def folder_of(study: Study, root: Path) -> Settings:
    """Return what there is of a study in a project's folder."""
    places = {name: root / name for name in (*names_of(study), CONFIG)}
    for path in experiment_files(root / study.config.experiments):
        if path.stem in study.experiments:
            places[f"{EXPERIMENTS}/{path.name}"] = path
    places[DATA] = root / study.config.data.directory / "digest.json"
    return Settings(places)


def names_of(study: Study) -> Iterator[str]:
    """Yield the name of every file that a finished study has."""
    yield from study.files()
    yield from (f"{EXPERIMENTS}/{experiment}.yaml" for experiment in study.experiments)


def study_in(files: Files, preset: str) -> Study:
    """Read back the study from its settings; StudyError where they are none or ask for too much."""
    paths = Paths(preset)
    try:
        config = load_config(json.loads(files[paths.settings]), paths.settings)
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise StudyError(f"{paths.settings}: missing, or not the settings of a study ({error})") from None
    if config.preset != preset:
        raise StudyError(f"{paths.settings}: preset {config.preset!r}, and the manifest says {preset!r}")
    names = sorted(name for name in files if name.startswith(f"{EXPERIMENTS}/"))
    specs = {name: parse(ExperimentSpec, parse_yaml(files[name], name), name) for name in names}
    if not specs:
        raise StudyError(f"{EXPERIMENTS}: no experiments")
    check_identifiers({name: spec.id for name, spec in specs.items()})
    return plan_study(replace(config, allow_large=False), specs)


def facts(study: Study, files: Files) -> Facts:
    """Return what the files tell in sum, the same for the same files."""
    records = list(_records(study, files))
    claims = _json(files, study.paths.claims()) or []
    ends = [record.end.isoformat(timespec="milliseconds") for record in records]
    environments = Counter(canonical(record.environment) for record in records)
    return Facts(
        preset=study.config.preset,
        preview=study.is_preview,
        seed=study.config.study_seed,
        experiments=tuple(sorted(study.experiments)),
        runs=len(records),
        searches=sum(len(list(experiment.searches())) for experiment in study.experiments.values()),
        verdicts=dict(sorted(Counter(claim["verdict"] for claim in claims).items())),
        trained=(min(record.start for record in records).isoformat(), max(ends)) if records else (),
        data=tuple(sorted({record.data for record in records if record.data})),
        sources=tuple(sorted({record.sources for record in records})),
        environments=tuple(Environment(**json.loads(text), runs=count) for text, count in sorted(environments.items())),
    )


def _records(study: Study, files: Files) -> Iterator[RunRecord]:
    """Yield every record that can be read, whatever it tells."""
    for experiment in study.experiments.values():
        for run in experiment.runs():
            with suppress(*UNREADABLE):
                yield build(RunRecord, json.loads(files[run.files[1]]))


def _json(files: Files, name: str) -> Any:
    """Return JSON data; None where there are none."""
    try:
        return json.loads(files[name])
    except (KeyError, ValueError, RecursionError):
        return None
