"""Run the study on a toy Slurm through profiles/slurm and compare its results with those of a local run.

    PYTHONPATH=tests python -m cluster.study preset=quick                  # what `make cluster-test` does
    PYTHONPATH=tests python -m cluster.study --grains 1 10 40 -- only=6.3-scales,6.2-symmetry

Each run has a copy of this checkout, and the words after the options go to Snakemake's ``--config``. The status is 1
if a run fails or a bit differs. With ``--grains`` there is a run on Slurm for each ``runs_per_job``; how long each took
is said and decides nothing.
"""

import argparse
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from workflow.project import ROOT, Done

from .comparison import count, differences
from .toy_slurm import SLURM, SiteProject, Toy, obstacle

COPIED = ("Snakefile", "config", "workflow", "profiles", "reports/text", "src/chapter6", "data/mnist")
PATIENCE = 3600  # seconds for a whole study, on a busy machine
REPLICATES_PER_JOB = 10  # as in config/config.yaml: a smaller grain makes smaller blocks of replicates, too


def copy_of_the_checkout(folder: Path) -> SiteProject:
    """Return a project in which nothing has been run; MNIST comes along if it is here, else it is fetched."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    assert SLURM is not None
    return SiteProject(folder, SLURM)


def run(project: SiteProject, *arguments: str) -> tuple[Done, float]:
    """Run Snakemake to its end; return how it ended and the seconds it took."""
    clock = time.monotonic()
    with project.study(*arguments) as study:
        status = study.status(PATIENCE)
        return Done(status, study.output), time.monotonic() - clock


def results(project: SiteProject) -> Path:
    """The one results folder of a project."""
    (folder,) = project.folder.glob("results*")
    return folder


def check(local: SiteProject, project: SiteProject, done: Done) -> bool:
    """Say whether a run on Slurm ended well with the bits of the local one."""
    if done.status:
        say(f"Snakemake ended with {done.status}:\n{done.output[-3000:]}")
        return False
    found = differences(results(local), results(project))
    say(f"{count(results(project))}: " + ("; ".join(found) or "bit-identical to the local run"))
    return not found


def grain_words(grain: int) -> list[str]:
    """What makes a job train so many runs at most."""
    return [f"runs_per_job={grain}", f"replicates_per_job={min(grain, REPLICATES_PER_JOB)}"]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def running(toy: Toy) -> Iterator[None]:
    """Start a toy, and stop it whatever happens."""
    toy.up()
    try:
        yield
    finally:
        toy.down()


def compare(folder: Path, words: Sequence[str], grains: Sequence[int]) -> bool:
    """Run the study here and on Slurm, once or once for each grain."""
    local = copy_of_the_checkout(folder / "local")
    done, seconds = run(local, "--cores", "2", "--config", *words)
    if done.status:
        say(done.output)
        return False
    say(f"local, two cores: {seconds:.0f} s")
    well = True
    with running(Toy(folder / "slurm")):
        for grain in grains or (None,):
            project = copy_of_the_checkout(folder / f"grain-{grain or 'profile'}")
            extra = [] if grain is None else grain_words(grain)
            done, seconds = run(project, "--workflow-profile", "profiles/slurm", "--config", *words, *extra)
            jobs = len(re.findall("has been submitted with SLURM jobid", done.output))
            say(f"toy Slurm, runs_per_job {grain or 'of the profile'}: {jobs} jobs, {seconds:.0f} s")
            well &= check(local, project, done)
            shutil.rmtree(project.folder)
    return well


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grains", type=int, nargs="*", default=[], metavar="N", help="values of runs_per_job")
    parser.add_argument("words", nargs="*", metavar="KEY=VALUE", help="for Snakemake's --config")
    args = parser.parse_args()
    if why := obstacle():
        sys.exit(f"no toy Slurm here: {why}")
    with TemporaryDirectory(prefix="cluster-") as folder:
        return int(not compare(Path(folder), args.words or ["preset=full"], args.grains))


if __name__ == "__main__":
    sys.exit(main())
