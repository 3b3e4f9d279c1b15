"""What several commands share: the study they belong to and an experiment's tables."""

from __future__ import annotations

import subprocess
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chapter6.files import read_json
from chapter6.registry import StudyError
from chapter6.study.code import training_digest
from chapter6.study.gathering import tables_for
from chapter6.study.loading import load_study
from chapter6.study.plan import Experiment, Study
from chapter6.study.results import Conditions, Folder
from chapter6.study.spec import read_config

if TYPE_CHECKING:
    import pandas as pd


def add_study_argument(parser: ArgumentParser) -> None:
    """Declare ``--study``."""
    parser.add_argument(
        "--study", type=Path, help="the configuration in force, as JSON (config/config.yaml if not given)"
    )


def add_experiment_arguments(parser: ArgumentParser) -> None:
    """Declare ``--study`` and ``--experiment``."""
    add_study_argument(parser)
    parser.add_argument("--experiment", required=True, help="id of the experiment")


def add_overrides(parser: ArgumentParser) -> None:
    """Declare the two settings that the Makefile passes on."""
    parser.add_argument("--preset", help="full or quick")
    parser.add_argument("--only", help="ids of experiments, separated by commas")
    parser.add_argument("--allow-large", action="store_true", default=None, help="take a study of any size")


def overridden_study(args: Namespace) -> Study:
    """Load the study of config/config.yaml with the overrides laid over it."""
    raw = read_config(Path("config/config.yaml"))
    return load_study(raw | {key: value for key in ("preset", "only", "allow_large") if (value := getattr(args, key))})


def study_of(args: Namespace, lenient: bool = False) -> Study:
    """Load the study that ``--study`` names; a ``lenient`` one goes on without experiments that have a mistake."""
    try:
        return load_study(
            read_json(args.study) if args.study else None, lenient=lenient, only=getattr(args, "experiment", None) or ""
        )
    except (OSError, ValueError) as error:
        raise StudyError(
            f"--study {args.study}: cannot be read ({error}); snakemake writes it when it starts"
        ) from None


def experiment_of(study: Study, name: str) -> Experiment:
    """Return one experiment of the study."""
    if name in study.broken:
        raise StudyError(study.broken[name])
    if name not in study.experiments:
        raise StudyError(f"unknown experiment {name!r}; choose from {sorted(study.experiments)}")
    return study.experiments[name]


def conditions(study: Study, is_strict: bool = True) -> Conditions:
    """Return what current runs of the study depend on; runs of other code pass where one is not ``is_strict``."""
    digest = json_or_none(Path(study.config.data.directory) / "digest.json") or {}
    return Conditions(study.config.study_seed, digest.get("digest"), training_digest if is_strict else None)


def folder_of(study: Study) -> Folder:
    """Return what there is of the study's files."""
    return Folder({name: Path(name) for name in study.files()})


def commit() -> str:
    """Return the commit that is checked out, ``-dirty`` with changes; nothing outside a clone."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def json_or_none(path: Path) -> Any:
    """Read a JSON file; None where there is none or only half of one."""
    try:
        return read_json(path)
    except (OSError, ValueError):
        return None


def read_tables(study: Study, experiment: Experiment) -> dict[str, pd.DataFrame]:
    """Read the tables of an experiment that have rows, and beside them those that its claims name."""
    import pandas as pd

    def read(name: str) -> pd.DataFrame:
        return pd.read_parquet(name) if Path(name).exists() else pd.DataFrame()

    return tables_for(experiment, study.paths, read)
