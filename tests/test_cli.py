import os
import re
import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from chapter6 import jobs
from chapter6.cli import COMMANDS, THREADS, main
from chapter6.registry import StudyError
from chapter6.study.orders import Trained, TrainingOrder, write_order
from chapter6.study.resolution import resolve

BOWL = {
    "surface": "bowl",
    "optimizer": {"kind": "sgd", "learning_rate": 0.9},
    "steps": 3,
    "record": [{"measure": "position", "at": {}}],
}


@pytest.fixture(autouse=True)
def _environment_as_before(monkeypatch):
    """The command line limits the threads of this process: undo it afterwards."""
    for name in THREADS:
        monkeypatch.setenv(name, os.environ.get(name, ""))


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    listed = dict(re.findall(r"^  ([\w-]+) +(\S.*)$", capsys.readouterr().out, re.MULTILINE))
    assert {name: listed.get(name) for name in COMMANDS} == COMMANDS


@pytest.mark.parametrize("arguments", [["fly"], []])
def test_a_command_that_does_not_exist(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert "command" in error
    if arguments:
        assert "'fly'" in error
        assert all(name in error for name in COMMANDS)


def test_every_job_is_a_command():
    modules = {path.stem for path in Path(jobs.__file__).parent.glob("*.py")} - {"__init__", "common"}
    with_a_command = {name for name in modules if hasattr(import_module(f"chapter6.jobs.{name}"), "add_arguments")}
    assert with_a_command == {name.replace("-", "_") for name in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_takes(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(f"usage: chapter6 {command}")
    assert COMMANDS[command] in said
    job = import_module(f"chapter6.jobs.{command.replace('-', '_')}")
    parser = ArgumentParser()
    job.add_arguments(parser)
    assert callable(job.run)


def test_a_mistake_of_the_user_is_one_line_and_status_1(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["list"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == ["chapter6 list: config/config.yaml: cannot be read: No such file or directory"]


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [(StudyError("this is wrong"), 1, "chapter6 list: this is wrong\n"), (KeyboardInterrupt(), 130, "stopped")],
)
def test_what_a_job_raises_becomes_a_status(raised, status, said, monkeypatch, capsys):
    def run(_):
        raise raised

    monkeypatch.setattr("chapter6.jobs.list.run", run)
    assert main(["list"]) == status
    assert said in capsys.readouterr().err


def test_an_error_of_the_program_is_not_hidden(monkeypatch):
    def run(_):
        raise ZeroDivisionError

    monkeypatch.setattr("chapter6.jobs.list.run", run)
    with pytest.raises(ZeroDivisionError):
        main(["list"])


def test_training_starts_without_the_heavy_libraries(tmp_path):
    """One thread of BLAS, set before NumPy comes in; no library that takes longer to import than a job trains."""
    taken = resolve(BOWL, "here")
    block = Trained("v", 0, 0, replace(taken, run=taken.run.within(1000)), "sources")
    write_order(str(tmp_path / "order.json"), TrainingOrder("e", 6, (block,)))
    arguments = ["train", "--order", "order.json", "--folder", "runs", "--data", "data", "--output", "job.json"]
    program = f"""
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            print("threads", *(os.environ.get(name) for name in {THREADS!r}))
sys.meta_path.insert(0, Watch())
from chapter6.cli import main
print("status", main({arguments!r}))
print("modules", *sorted({{name.split(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert said["status"] == "0"
    assert (tmp_path / "runs/v/replicate-0.json").exists()
    assert said["threads"].split() == ["1"] * len(THREADS)
    imported = set(said["modules"].split())
    assert {"numpy", "chapter6"} <= imported
    assert not imported & {"pandas", "pydantic", "yaml", "mlflow", "matplotlib", "seaborn", "snakemake", "statsmodels"}
