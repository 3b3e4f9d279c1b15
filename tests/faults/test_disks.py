"""A disk that is full at each stage of the study; ``python -m faults.disks`` tries it at many more moments."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from workflow.fixtures import finished
from workflow.project import Project, new_project

from .disks import FULL, full, mounted, obstacle, small_disk
from .states import differences, leftovers, runs_in_mlflow, state

__all__ = ["finished"]

OBSTACLE = obstacle()
pytestmark = [pytest.mark.workflow, pytest.mark.skipif(OBSTACLE is not None, reason=str(OBSTACLE))]

NET = r"data/|results/(runs|trained|tables|figures|claims)/6\.1-net"
TRAINED = ["results/trained/6.1-net/slow-0.json", "results/trained/6.1-net/fast-0.json"]
# What is asked for at each stage, the first of it on a full disk, and the file that the message names.
STAGES = {
    "data": (["data/mnist/digest.json"], r"data/mnist/\S+\.npy"),
    "training": (TRAINED, r"results/runs/6\.1-net/slow/replicate-0\.npz"),
    "table": (["results/tables/6.1-net.csv", "results/tracking/store.json"], r"results/tables/6\.1-net\S*\.parquet"),
    "MLflow": (["results/tracking/6.1-net.json"], r"mlflow\.db|mlartifacts/\S+"),
    "page": (["reports/html/index.html"], r"reports/html/index\.html"),
}
# Written anew after every failure, or there from the first.
UNLIKE = {"results/claims.json", "reports/html/index.html", "mlflow", "results/study.json"}
UNLIKE |= {"results/runs/stays", "results/tables/stays"}
UNLIKE |= {"results/orders/collect/all.json", "results/orders/page/all.json"}  # of the one experiment that is asked for


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few MB."""
    with small_disk(tmp_path / "small") as disk:
        yield disk


@pytest.fixture
def project(disk: Path, tmp_path: Path) -> Iterator[Project]:
    """A project on it; what Snakemake writes and small results lie elsewhere, so that the stage is what fails."""
    project = new_project(disk / "project")
    with ExitStack() as mounts:
        for base, names in ((tmp_path, (".snakemake", "logs", "results")), (disk, ("runs", "tables"))):
            for name in names:
                place = project / (name if base == tmp_path else f"results/{name}")
                for folder in (base / name, place):
                    folder.mkdir(exist_ok=True)
                mounts.enter_context(mounted("--bind", str(base / name), str(place)))
                if base == disk:
                    (place / "stays").touch()  # Snakemake removes empty folders, and cannot remove this one
        yield project


def test_a_full_disk_is_named_and_nothing_is_lost(project: Project, disk: Path, finished: Project):
    wanted = state(finished)
    for stage, (targets, file) in STAGES.items():
        with full(disk):
            done = project.snakemake("--config", "only=6.1-net", "--", targets[0])
            assert done.status == 1, (stage, done.output)
            assert re.search(f"chapter6 [a-z]+: .*({file})", "\n".join(FULL.findall(done.output))), (stage, done.output)
            assert "Traceback" not in done.output, (stage, done.output)
            assert half_written(project, wanted) == [], stage
            assert leftovers(project) == [], stage
        done = project.snakemake("--config", "only=6.1-net", "--", *targets)
        assert done.status == 0, (stage, done.output)
    done = project.snakemake("--config", "only=6.1-net")
    assert done.status == 0, done.output
    assert differences(project, wanted, NET) == []
    assert leftovers(project) == []
    assert runs_in_mlflow(project) == [run for run in runs_in_mlflow(finished) if run[0] == "6.1-net"]
    page = (project / "reports/html/index.html").read_text(encoding="utf-8")
    assert "Incomplete" not in page
    assert 'id="T01"' in page


def half_written(project: Project, wanted: dict[str, str]) -> list[str]:
    """Files that are there but not as in the finished study; those of the moment need only be whole."""
    gathered = project / "results/claims.json"
    if gathered.exists():
        json.loads(gathered.read_text(encoding="utf-8"))
    if (project / "mlflow.db").exists():
        with closing(sqlite3.connect(project / "mlflow.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    there = {name for name in state(project) if name.startswith(("data/", "results/", "reports/html/"))}
    return sorted(there.intersection(differences(project, wanted)) - UNLIKE)
