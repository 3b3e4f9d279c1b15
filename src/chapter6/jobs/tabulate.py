"""Gather an experiment's runs into tidy tables."""

from __future__ import annotations

from argparse import Namespace

from chapter6.analysis.tables import summary_table
from chapter6.files import replacing
from chapter6.jobs.common import add_experiment_arguments, conditions, experiment_of, folder_of, study_of
from chapter6.registry import StudyError
from chapter6.study.gathering import tables_of
from chapter6.study.plan import Experiment, Study
from chapter6.study.results import UnreadableError

add_arguments = add_experiment_arguments


def run(args: Namespace) -> None:
    """Write the tables of one experiment from the files of its replicates or searches."""
    study = study_of(args)
    experiment = experiment_of(study, args.experiment)
    paths = study.paths
    try:
        tables = tables_of(folder_of(study), experiment, conditions(study))
    except UnreadableError as error:
        raise StudyError(f"{error}; {_way_out(study, experiment, error.file)}") from None
    for kind, table in tables.items():
        with replacing(paths.table(experiment.id, kind)) as path:
            table.to_parquet(path, index=False)
    with replacing(paths.summary(experiment.id)) as path:
        summary_table(tables[""]).to_csv(path, index=False, float_format="%.6g")


def _way_out(study: Study, experiment: Experiment, file: str) -> str:
    """Say how a file is made again; of a replicate, Snakemake knows only the record of the job that trains it."""
    config, made, what = study.config, file, "it and what follows from it"
    for planned in experiment.runs():
        if file in planned.files:
            made, what = study.job_of(planned), "of its runs those that are not whole or not these"
    asked = f" preset={config.preset}" * (config.preset != "full") + f" only={','.join(config.selected)}" * bool(
        config.selected
    )
    start = f"snakemake --cores all --forcerun {made}{asked and ' --config' + asked}"
    return f"`{start}` makes {what} again"
