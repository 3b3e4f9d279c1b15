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
from workflow.project import BOWL as SMALL

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


@pytest.fixture
def raising(monkeypatch):
    """Let `chapter6 list` raise what it is given."""

    def arrange(error):
        def run(_):
            raise error

        monkeypatch.setattr("chapter6.jobs.list.run", run)

    return arrange


def test_an_error_of_the_program_is_named_in_one_line(raising, capsys):
    raising(ZeroDivisionError("division\nby zero"))
    assert main(["list"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("chapter6 list: ZeroDivisionError: division by zero")
    assert "run again with --debug" in line


@pytest.mark.parametrize(
    "error", [ZeroDivisionError(), StudyError("wrong"), FileNotFoundError(2, "gone", "f"), MemoryError()]
)
@pytest.mark.parametrize("arguments", [["--debug", "list"], ["list", "--debug"], ["list"]])
def test_an_error_is_traced_where_it_is_to_be_debugged(error, arguments, raising, monkeypatch, capsys):
    raising(error)
    if "--debug" not in arguments:
        assert main(arguments) == 1
        assert "Traceback" not in capsys.readouterr().err
        monkeypatch.setenv("CHAPTER6_DEBUG", "1")
    assert main(arguments) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("Traceback")
    assert f"{type(error).__name__}" in printed
    assert printed.splitlines()[-1].startswith("chapter6 list: ")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.json"), "a.json: No such file or directory"),
        (PermissionError(13, "Permission denied", "out/b.npz"), "out/b.npz: Permission denied"),
        (OSError("80 requested and 12 written"), "80 requested and 12 written"),
        (OSError(28, "No space left on device", "c.npz"), "c.npz: No space left on device. Make room and start again"),
        (MemoryError(), "batch_size"),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (BrokenPipeError(32, "Broken pipe"), "Broken pipe"),  # of another pipe than the standard output
    ],
)
def test_what_the_system_refuses_is_one_line_with_file_and_reason(error, said, raising, capsys):
    raising(error)
    assert main(["list"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("chapter6 list: ")
    assert said in line


def test_a_message_moves_no_cursor(raising, capsys):
    raising(StudyError("a\x1b]0;owned\x07\u202egnp.exe\nsecond line"))
    assert main(["list"]) == 1
    assert capsys.readouterr().err == "chapter6 list: a?]0;owned??gnp.exe\nsecond line\n"


def test_help_tells_of_the_option_to_debug(capsys):
    for arguments in (["--help"], ["list", "--help"]):
        with pytest.raises(SystemExit):
            main(arguments)
        assert "--debug" in capsys.readouterr().out


@pytest.fixture
def small_study(tmp_path):
    """A folder with one experiment, whose question is more than a question."""
    question = 'question: "naïve \\e]0;owned\\a \\u202Egnp.exe 全角"'
    (tmp_path / "config/experiments").mkdir(parents=True)
    (tmp_path / "config/config.yaml").write_text("replicates: 3\n")
    text = SMALL.replace("question: Which rule swings less?", question)
    (tmp_path / "config/experiments/6.1-bowl.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def listed(folder, environment=None, **options):
    command = [sys.executable, "-c", "import sys; from chapter6.cli import process; sys.exit(process())", "list"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 120, "check": False} | options
    return subprocess.run(command, cwd=folder, env=os.environ | (environment or {}), **options)


@pytest.mark.parametrize(
    ("environment", "encoding"),
    [
        ({"PYTHONIOENCODING": "euc_jp"}, "euc_jp"),  # as of LC_ALL=ja_JP.EUC-JP, where there is such a locale
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "ascii"),
        ({"PYTHONUTF8": "1"}, "utf-8"),
    ],
)
def test_a_terminal_gets_what_it_can_show(environment, encoding, small_study):
    done = listed(small_study, environment)
    assert (done.returncode, done.stderr) == (0, b"")
    line = done.stdout.decode(encoding).splitlines()[0]
    assert line.startswith("6.1-bowl  na")
    assert "?]0;owned? ?gnp.exe" in line
    assert ("ï" in line, "全角" in line) == {"euc_jp": (True, True), "ascii": (False, False), "utf-8": (True, True)}[
        encoding
    ]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_enough_ends_the_command_quietly(unbuffered, small_study):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = listed(small_study, {"PYTHONUNBUFFERED": unbuffered}, stdout=writing)
    finally:
        os.close(writing)
    assert done.stderr == b""
    assert done.returncode == 128 + 13


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
