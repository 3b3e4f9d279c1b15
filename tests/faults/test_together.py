"""Two at once: in one folder the second is turned away, and two clones with one cache both finish."""

import subprocess
import threading
from contextlib import suppress

import pytest

from data.conftest import extract, server
from workflow.fixtures import finished
from workflow.project import EXTRACT, PATIENCE, Done, Project, new_project

from .states import differences, leftovers, state

__all__ = ["extract", "finished", "server"]

pytestmark = pytest.mark.workflow

IMAGES = "/train-images-idx3-ubyte.gz"
TRAINED = ("results/trained/6.1-net/slow-0.json", "results/trained/6.1-net/fast-0.json")
NET = r"data/mnist/|results/(runs|trained)/6\.1-net/"


class Started:
    """A study that runs, its output in a file."""

    def __init__(self, project: Project) -> None:
        self.file = project / "output.txt"
        with self.file.open("w") as output:
            self.process = subprocess.Popen(
                ["snakemake", "--cores", "1", *TRAINED],
                cwd=project.folder,
                env=project.environment,
                stdout=output,
                stderr=output,
            )

    def end(self) -> Done:
        """Wait for its end."""
        return Done(self.process.wait(PATIENCE), self.file.read_text(encoding="utf-8"))


@pytest.fixture
def clone(server, extract, tmp_path):
    """Returns a function from a name to a project of which MNIST comes from the server, with a cache for all."""
    mirror = server.serve(extract)

    def write(name):
        project = new_project(tmp_path / name)
        project.edit("config/config.yaml", EXTRACT.as_uri(), mirror)
        project.edit("config/config.yaml", 'cache: ""', f"cache: {tmp_path / 'cache'}")
        return project

    return write


def begun(server, extract, wait):
    """Answer with a beginning, then ``wait()`` until it is true, a byte each time, then the rest."""
    content = (extract / IMAGES[1:]).read_bytes()

    def behave(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        for at in range(len(content)):
            handler.wfile.write(content[at : at + 1])
            if wait():
                handler.wfile.write(content[at + 1 :])
                return

    server.on(IMAGES, behave)


def test_a_second_snakemake_in_one_folder_is_turned_away(server, extract, clone, finished):
    asked, go_on = threading.Event(), threading.Event()

    def wait():
        asked.set()
        return go_on.wait(0.2)

    begun(server, extract, wait)
    project = clone("project")
    first = Started(project)
    try:
        while not asked.wait(0.2):
            assert first.process.poll() is None, first.end().output
        second = project.snakemake(*TRAINED)
    finally:
        go_on.set()
        done = first.end()
    assert second.status == 1
    assert "no other Snakemake process" in second.output
    assert "--unlock" in second.output
    assert "Traceback" not in second.output
    assert done.status == 0, done.output
    assert differences(project, state(finished), NET) == []
    assert leftovers(project) == []


def test_two_clones_that_share_a_cache_both_finish(server, extract, clone, finished, tmp_path):
    """The first file is given to either only when both have asked for it."""
    both = threading.Barrier(2)

    def wait():
        with suppress(threading.BrokenBarrierError):
            both.wait(8)
        return True

    begun(server, extract, wait)
    projects = [clone("one"), clone("other")]
    for done in [started.end() for started in [Started(project) for project in projects]]:
        assert done.status == 0, done.output
    for project in projects:
        assert differences(project, state(finished), NET) == []
        assert leftovers(project) == []
    assert len(list((tmp_path / "cache").iterdir())) == 4
