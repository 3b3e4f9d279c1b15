"""Gather an experiment's runs into tidy tables."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from chapter6.analysis.tables import summary_table
from chapter6.files import replacing
from chapter6.jobs.common import add_experiment_arguments, experiment_of, study_of
from chapter6.registry import StudyError
from chapter6.sharing.contents import Folder, planned
from chapter6.study.gathering import UnreadableError, tables_of


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_experiment_arguments(parser)


def run(args: Namespace) -> None:
    """Write the tables of one experiment from the files of its replicates or searches."""
    study = study_of(args)
    experiment = experiment_of(study, args.experiment)
    paths = study.paths
    try:
        tables = tables_of(Folder({name: Path(name) for name in planned(study)}), paths, experiment)
    except UnreadableError as error:
        folder = Path(error.file).parent
        raise StudyError(f"{error}; delete {folder} and start the study again: only this variant is trained") from None
    for kind, table in tables.items():
        with replacing(paths.table(experiment.id, kind)) as path:
            table.to_parquet(path, index=False)
    with replacing(paths.summary(experiment.id)) as path:
        summary_table(tables[""]).to_csv(path, index=False, float_format="%.6g")
