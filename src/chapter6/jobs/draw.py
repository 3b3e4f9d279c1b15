"""Draw an experiment's figures, and print its tables for readers, from the tables of its runs."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from chapter6.figures.style import save
from chapter6.files import write_text
from chapter6.jobs.common import add_experiment_arguments, experiment_of, read_tables, study_of

add_arguments = add_experiment_arguments


def run(args: Namespace) -> None:
    """Write every figure and every table for readers of one experiment."""
    study = study_of(args)
    experiment = experiment_of(study, args.experiment)
    tables = read_tables(study, experiment)
    Path(study.paths.figures(experiment.id)).mkdir(parents=True, exist_ok=True)
    for name, figure in experiment.figures.items():
        save(figure.draw(tables), Path(study.paths.figure(experiment.id, name)))
    for name, table in experiment.tables.items():
        write_text(Path(study.paths.printed(experiment.id, name)), table.data(tables).to_csv(index=False))
