import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from chapter6.cli import main
from chapter6.jobs import store, track
from chapter6.registry import StudyError
from chapter6.study.loading import load_study

from . import small

EXPERIMENT = """
id: tiny
title: Tiny
question: Does it run?
base: {surface: bowl, steps: 300, record: [{measure: position, at: {}}]}
variants:
  sgd: {optimizer: {kind: sgd, learning_rate: 0.9}}
  wild: {optimizer: {kind: sgd, learning_rate: 1.0e+30}}
  adam: {optimizer: {kind: adam, learning_rate: 0.3}, replicates: 1, track: today}
  layers:
    surface: null
    network: {hidden: [4, 4], outputs: 0, activation: relu}
    data: {kind: noise, examples: 64, inputs: 5}
    loss: linear
    steps: 0
    replicates: 1
    record: [{measure: activations}]
figures: [{kind: curves, metric: height, split: train}]
claims:
  - {id: C01, says: It runs., check: {kind: ordering, metric: height, split: train, lower: adam, than: sgd}}
"""
SETTINGS = {"replicates": 2, "replicates_per_job": 1, "runs_per_job": 1}


@pytest.fixture
def uri(tmp_path, monkeypatch):
    """The store of a project of one experiment, nothing trained; the project is the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("config/experiments").mkdir(parents=True)
    Path("config/experiments/tiny.yaml").write_text(EXPERIMENT)
    configure(SETTINGS)
    return f"sqlite:///{tmp_path}/mlflow.db"


def configure(settings):
    Path("study.json").write_text(json.dumps(settings))


def call(job, *arguments):
    parser = ArgumentParser()
    job.add_arguments(parser)
    job.run(parser.parse_args(arguments))


def train_all():
    small.train(load_study(json.loads(Path("study.json").read_text())), "tiny")


def mirror(uri):
    call(track, "--study", "study.json", "--experiment", "tiny", "--uri", uri)
    return json.loads(Path("results/tracking/tiny.json").read_text())


def create(uri):
    call(store, "--uri", uri, "--experiment", "tiny", "--output", "results/tracking/store.json")
    return json.loads(Path("results/tracking/store.json").read_text())


def runs(uri):
    client = MlflowClient(uri)
    found = client.search_runs([client.get_experiment_by_name("tiny").experiment_id])
    return {run.info.run_name: run for run in found}


def test_an_experiment_is_mirrored_and_kept_in_line(uri):
    stamp_of_store = create(uri)
    assert stamp_of_store["uri"] == uri

    assert mirror(uri)["runs"] == 0

    train_all()
    Path("results/claims").mkdir()
    verdict = {"id": "C01", "verdict": "supported", "statement": "It runs."}
    Path("results/claims/tiny.json").write_text(json.dumps([verdict]))
    Path("results/figures/tiny").mkdir(parents=True)
    Path("results/figures/tiny/curves.svg").write_text("<svg/>")
    stamp = mirror(uri)
    assert stamp == {
        "experiment": "tiny",
        "runs": 11,
        "store": stamp_of_store["store"],
        "keys": stamp["keys"],
    }
    found = runs(uri)
    assert set(found) == {
        *("sgd", "sgd replicate 0", "sgd replicate 1", "wild", "wild replicate 0", "wild replicate 1"),
        *("adam", "adam replicate 0", "layers", "layers replicate 0", "summary"),
    }
    assert {run.info.status for run in found.values()} == {"FINISHED"}
    _check_replicate(uri, found)
    _check_layers(found["layers replicate 0"])
    _check_parent(found)
    _check_summary(uri, found["summary"])
    assert found["wild replicate 0"].data.tags["outcome"] == "diverged"
    assert found["wild"].data.tags["diverged"] == "2"
    assert all(abs(value) < 1.79e308 for value in found["wild replicate 0"].data.metrics.values())

    assert mirror(uri) == stamp
    assert {name: run.info.run_id for name, run in runs(uri).items()} == {
        name: run.info.run_id for name, run in found.items()
    }

    configure(SETTINGS | {"study_seed": 7})
    assert mirror(uri)["runs"] == 0
    configure(SETTINGS | {"replicates": 1})
    assert mirror(uri)["runs"] == 9
    assert len(runs(uri)) == 11


def _check_replicate(uri, found):
    run = found["adam replicate 0"]
    expected = {
        "variant": "adam",
        "replicate": "0",
        "track": "today",
        "preset": "full",
        "claims": "C01",
        "outcome": "finished",
        "seed": "6",
        "mlflow.parentRunId": found["adam"].info.run_id,
        "job": "results/trained/tiny/adam-0.json",
    }
    assert {key: run.data.tags[key] for key in expected} == expected
    record = json.loads(Path("results/runs/tiny/adam/replicate-0.json").read_text())
    assert run.data.tags["chapter6.key"] == record["key"]
    assert run.data.tags["environment.numpy"] == record["environment"]["numpy"]
    assert run.data.params["optimizer"] == "adam"
    assert run.data.params["optimizer.learning_rate"] == "0.3"
    assert run.data.params["surface.start"] == "[-7.0, 2.0]"
    history = MlflowClient(uri).get_metric_history(run.info.run_id, "train/height")
    assert len(history) == 200
    assert run.data.metrics["train/height"] == run.data.metrics["final/train/height"]
    names = [item.path for item in MlflowClient(uri).list_artifacts(run.info.run_id)]
    assert names == ["replicate-0.json", "replicate-0.npz"]


def _check_layers(run):
    assert not any("histogram" in name for name in run.data.metrics)
    assert "final/train/unit_std/layer-1" in run.data.metrics
    assert "train/unit_std/layer-1" not in run.data.metrics
    assert run.data.params["network.hidden"] == "[4, 4]"


def _check_parent(found):
    name = "final/train/height"
    values = [found[f"sgd replicate {number}"].data.metrics[name] for number in (0, 1)]
    assert found["sgd"].data.metrics[name] == pytest.approx(sum(values) / 2)
    assert found["sgd"].data.metrics["train/height"] == pytest.approx(sum(values) / 2)
    assert found["sgd"].data.params == found["sgd replicate 0"].data.params
    assert found["wild"].data.tags["claims"] == ""


def _check_summary(uri, run):
    assert run.data.tags["claim.C01"] == "supported"
    assert run.data.tags["mlflow.note.content"] == "- **C01** supported: It runs."
    client = MlflowClient(uri)
    assert [item.path for item in client.list_artifacts(run.info.run_id)] == ["figures", "tiny.json"]
    assert [item.path for item in client.list_artifacts(run.info.run_id, "figures")] == ["figures/curves.svg"]


def test_a_mean_curve_ends_where_a_replicate_diverged_and_last_values_do_not():
    steps = np.arange(4)
    whole = {"batch/loss": (steps, np.array([1.0, 2.0, 3.0, 4.0])), "rank": (steps, steps * 1.0)}
    other = {"batch/loss": (steps[:2], np.array([3.0, np.inf]))}
    means = track._mean_curves([whole, other])
    assert set(means) == {"batch/loss"}
    ((step, value),) = track._lines(means).values()
    assert (step.tolist(), value.tolist()) == ([0], [2.0])
    finals = track._finals([whole, other])
    assert {name: value.tolist() for name, (_, value) in finals.items()} == {
        "final/batch/loss": [4.0],
        "final/rank": [3.0],
    }


def test_what_is_damaged_or_of_another_plan_is_left_out(uri, caplog):
    create(uri)
    train_all()
    Path("results/runs/tiny/sgd/replicate-0.npz").write_bytes(b"")
    Path("results/runs/tiny/sgd/replicate-1.json").write_text("{")
    text = EXPERIMENT.replace("learning_rate: 0.3", "learning_rate: 0.1")
    Path("config/experiments/tiny.yaml").write_text(text)
    mirror(uri)
    assert set(runs(uri)) == {
        *("wild", "wild replicate 0", "wild replicate 1", "layers", "layers replicate 0", "summary")
    }
    left_out = [record.message for record in caplog.records if "left out" in record.message]
    assert left_out == [
        "sgd: left out, not trained as planned: 0, 1",
        "adam: left out, not trained as planned: 0",
    ]


def test_an_unknown_experiment(uri):
    with pytest.raises(StudyError, match="unknown experiment 'huge'; choose from"):
        call(track, "--study", "study.json", "--experiment", "huge", "--uri", uri)


@pytest.mark.usefixtures("uri")
def test_by_hand(capsys):
    """As Snakemake calls it: quiet, no mlruns, and a damaged database is one line."""
    create = ["store", "--uri", "sqlite:///mlflow.db", "--experiment", "tiny", "--output", "store.json"]
    mirror_it = ["track", "--study", "study.json", "--experiment", "tiny"]
    program = [sys.executable, "-c", "import sys; from chapter6.cli import main; sys.exit(main())"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    options = {"capture_output": True, "text": True, "check": False, "env": environment}
    done = subprocess.run([*program, *create], **options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in Path().iterdir()) == ["config", "mlflow.db", "store.json", "study.json"]
    done = subprocess.run([*program, *mirror_it], **options)
    lines = done.stderr.splitlines()
    assert (done.returncode, lines[-1]) == (0, "INFO tiny: 0 runs in MLflow, 0 kept, 0 new, 0 replaced")
    assert all("left out" in line for line in lines[:-1])

    Path("mlflow.db").write_bytes(b"half a database")
    for arguments in (create, mirror_it):
        assert main(arguments) == 1
        message = f"chapter6 {arguments[0]}: mlflow.db: file is not a database. It is only a mirror of the"
        assert capsys.readouterr().err.splitlines()[-1].startswith(message)
