"""What several commands share: the study they belong to and an experiment's tables."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from chapter6.files import read_json
from chapter6.registry import StudyError
from chapter6.study.plan import Experiment, Study, load_study
from chapter6.study.spec import read_config

if TYPE_CHECKING:
    import pandas as pd

TABLES = {"curves": "", "settings": "settings", "runs": "runs", "histograms": "histograms", "trials": "trials"}


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


def overridden_study(args: Namespace) -> Study:
    """Load the study of config/config.yaml with the overrides laid over it."""
    raw = read_config(Path("config/config.yaml"))
    return load_study(raw | {key: value for key in ("preset", "only") if (value := getattr(args, key))})


def study_of(args: Namespace) -> Study:
    """Load the study that ``--study`` names."""
    try:
        return load_study(read_json(args.study) if args.study else None)
    except (OSError, ValueError) as error:
        raise StudyError(
            f"--study {args.study}: cannot be read ({error}); snakemake writes it when it starts"
        ) from None


def experiment_of(study: Study, name: str) -> Experiment:
    """Return one experiment of the study."""
    if name not in study.experiments:
        raise StudyError(f"unknown experiment {name!r}; choose from {sorted(study.experiments)}")
    return study.experiments[name]


def read_tables(study: Study, experiment: str) -> dict[str, pd.DataFrame]:
    """Read the tables of an experiment that have rows."""
    import pandas as pd

    files = {name: Path(study.paths.table(experiment, kind)) for name, kind in TABLES.items()}
    tables = {name: pd.read_parquet(file) for name, file in files.items() if file.exists()}
    return {name: table for name, table in tables.items() if len(table)}
