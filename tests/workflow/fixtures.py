"""One finished run of the small study for all tests, whichever worker comes first."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .project import Project, new_project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The whole study, run once with two cores. Read it only; ``project`` is a copy to change."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    project = Project(shared / "finished")
    with _alone(shared / "finished.lock"):
        if not project.folder.exists():
            new_project(project.folder)
            done = project.snakemake()
            (project / "output.txt").write_text(done.output, encoding="utf-8")
            (project / "status.txt").write_text(str(done.status), encoding="utf-8")
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A finished study to change."""
    return finished.copy(tmp_path / "project")


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A study in which nothing has been run."""
    return new_project(tmp_path / "project")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock of a file; a worker that dies leaves it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
