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
from chapter6.study.paths import replicate_files
from chapter6.study.plan import Experiment, Study


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
        raise StudyError(f"{error}; {_way_out(study, experiment, error.file)}") from None
    for kind, table in tables.items():
        with replacing(paths.table(experiment.id, kind)) as path:
            table.to_parquet(path, index=False)
    with replacing(paths.summary(experiment.id)) as path:
        summary_table(tables[""]).to_csv(path, index=False, float_format="%.6g")


def _way_out(study: Study, experiment: Experiment, file: str) -> str:
    """Say how a file is made again; of a replicate, Snakemake knows only the record of the job that trains it."""
    config, made, what = study.config, file, "it and what follows from it"
    for batch in study.batches[experiment.id].values():
        for block in batch.blocks:
            folder = study.paths.run_folder(experiment.id, block.variant.name)
            if file in {replicate_files(folder, number)[1] for number in range(block.first, block.last + 1)}:
                made, what = study.paths.trained(experiment.id, batch.name), "of its runs those that are not whole"
    asked = f" preset={config.preset}" * study.is_preview + f" only={','.join(config.selected)}" * bool(config.selected)
    start = f"snakemake --cores all --forcerun {made}{asked and ' --config' + asked}"
    return f"`{start}` makes {what} again"
