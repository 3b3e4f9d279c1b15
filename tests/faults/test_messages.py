"""What a command says when there is no room: the file, the reason, and that nothing finished is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chapter6 import cli
from chapter6.files import replacing

FULL = Path("/dev/full")


class Job:
    """A command that writes a file into a disk that is full."""

    def __init__(self, error):
        self.error = error

    def add_arguments(self, parser):
        pass

    def run(self, args):
        with replacing("results/a.npz"):
            raise self.error


@pytest.fixture
def called(tmp_path, monkeypatch):
    """Returns a function that runs such a command and returns its status."""
    monkeypatch.chdir(tmp_path)
    for name in cli.THREADS:
        monkeypatch.setenv(name, os.environ.get(name, ""))

    def call(error):
        monkeypatch.setattr(cli, "import_module", lambda _: Job(error))
        return cli.main(["train"])

    return call


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(122, "Disk quota exceeded"), "Disk quota exceeded"),
        (OSError("80 requested and 0 written"), "80 requested and 0 written; is the disk full?"),
    ],
)
def test_a_full_disk_is_one_message(called, capsys, error, reason):
    assert called(error) == 1
    said = f"chapter6 train: results/a.npz: {reason}. Make room and start again: what is finished is kept.\n"
    assert capsys.readouterr().err == said


def test_other_errors_of_the_system_are_one_line_with_the_file(called, capsys):
    assert called(PermissionError(13, "Permission denied", "results/x.json")) == 1
    said = capsys.readouterr().err
    assert "results/x.json" in said
    assert "Permission denied" in said
    assert "Make room" not in said
    assert len(said.splitlines()) == 1


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_where_the_log_has_no_room_the_terminal_is_told(tmp_path):
    program = "import sys; from chapter6.cli import main; sys.exit(main(sys.argv[1:]))"
    with FULL.open("w") as log:
        done = subprocess.run(
            [sys.executable, "-c", program, "list"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stdout.startswith("chapter6 list: config/config.yaml: cannot be read")
