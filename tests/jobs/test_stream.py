"""Jobs that mirror their runs: what arrives, and that nothing on the way there reaches the job."""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from chapter6.jobs import stream
from chapter6.study.loading import load_study
from chapter6.study.orders import training

from .small import call, train_order, write_study


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study whose jobs mirror their runs, into a file for want of a server."""
    monkeypatch.chdir(tmp_path)
    write_study(tracking={"uri": f"sqlite:///{tmp_path}/runs.db"})
    monkeypatch.setenv(stream.LIVE, "live.json")
    monkeypatch.setattr(stream, "LINGER", 200)  # on a busy machine nothing is certain to be there after ten seconds
    Path("live.json").write_text(Path("config/config.yaml").read_text())
    return load_study()


def train(study, variant="he"):
    name, (job,) = "6.2-noise", study.jobs["6.2-noise"].values()
    order = training(study, name, job)
    own = replace(order, blocks=tuple(block for block in order.blocks if block.variant == variant))
    train_order(own, study.paths.runs(name), f"{variant}.json")


def names(study):
    client = MlflowClient(study.tracking_uri)
    found = client.search_runs([client.get_experiment_by_name("6.2-noise").experiment_id])
    return sorted(run.info.run_name for run in found)


def test_a_job_mirrors_what_it_trains_and_track_completes_it(study, caplog):
    caplog.set_level("INFO", "chapter6")
    train(study)
    assert names(study) == ["he replicate 0", "he replicate 1"]
    train(study)  # nothing is trained, so nothing is sent
    train(study, "small")
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == []
    call("track", "--experiment", "6.2-noise")
    assert caplog.records[-1].message == "6.2-noise: 7 runs in MLflow, 4 kept, 3 new, 0 replaced"
    assert len(names(study)) == 7


def test_outside_live_mode_there_is_no_process(study, monkeypatch):
    monkeypatch.delenv(stream.LIVE)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process"))
    train(study)
    assert Path("he.json").exists()


@pytest.mark.usefixtures("study")
def test_what_does_not_exist_or_is_not_as_planned_is_said():
    runs = "he 0\nhe 1\n"
    told = ("--study", "live.json", "--experiment", "6.2-noise", "--linger", "200")
    command = [sys.executable, "-c", stream.PROGRAM, "stream", *told]
    done = subprocess.run(command, input=runs, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "he replicate 1: not trained as planned" in done.stderr
    assert done.stderr.endswith("chapter6 stream: 2 runs were not mirrored\n")


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("raise SystemExit(3)", 3),
        ("import time; time.sleep(600)", -signal.SIGKILL),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", -signal.SIGKILL),
    ],
    ids=["gone", "hanging", "stopped"],
)
def test_whatever_becomes_of_the_process_the_job_ends_well(study, monkeypatch, caplog, program, status):
    monkeypatch.setattr(stream, "PROGRAM", program)
    monkeypatch.setattr(stream, "LINGER", 0)
    with stream.streaming("6.2-noise") as finished:
        for replicate in range(20_000):  # more than a pipe holds
            finished("he", replicate)
    assert caplog.records[-1].message.endswith(f"`snakemake track` (status {status})")
    train(study)
    assert Path("he.json").exists()


def test_a_process_that_cannot_be_started(study, monkeypatch, caplog):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    train(study)
    assert "No such file" in next(record.message for record in caplog.records if record.levelname == "WARNING")
    assert Path("he.json").exists()


@pytest.mark.usefixtures("study")
def test_the_process_ends_by_itself_when_the_job_is_gone():
    """Also in the middle of a call that gets no answer."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        uri = f"http://127.0.0.1:{mute.getsockname()[1]}"
        settings = json.loads(Path("live.json").read_text()) | {"tracking": {"uri": uri}}
        Path("live.json").write_text(json.dumps(settings))
        told = ("--study", "live.json", "--experiment", "6.2-noise", "--linger", "1")
        process = subprocess.Popen([sys.executable, "-c", stream.PROGRAM, "stream", *told], stdin=subprocess.PIPE)
        os.write(process.stdin.fileno(), b"he 0\n")
        connection, _ = mute.accept()
        process.stdin.close()
        assert process.wait(60) == -signal.SIGALRM
        connection.close()
