import json
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from chapter6.data.mnist import load
from chapter6.engine.streams import Streams
from chapter6.jobs import train
from chapter6.study.assemble import execute
from chapter6.study.records import read_curves
from chapter6.study.sources import training_digest

from .small import fetch_extract, train_block, write_study

FIELDS = {
    *("key", "experiment", "variant", "replicate", "seed", "run", "outcome", "steps", "curves", "data", "sources"),
    *("started", "seconds", "environment"),
}


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """The canonical text of a run of a few updates on the extract of MNIST, which is in the current folder."""
    monkeypatch.chdir(tmp_path)
    fetch_extract()
    run = json.loads(write_study().experiments["6.2-noise"].variants["he"].canonical)
    measured = [{"measure": {"kind": "batch_loss", "after_update": False}, "steps": [[0, 1, 20]]}]
    data = {"source": "mnist", "examples": 1000, "inputs": 784, "validation": 0.0}
    network = run["network"] | {"outputs": 10}
    return json.dumps(run | {"data": data, "network": network, "steps": 20, "batch_size": 8, "record": measured})


def files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def records(folder):
    return [json.loads(path.read_text()) for path in sorted(Path(folder).glob("replicate-*.json"))]


def changed(run, **settings):
    return json.dumps(json.loads(run) | settings)


def test_a_record_says_all_that_the_numbers_depend_on(digits):
    before = datetime.now().astimezone()
    train_block(digits, 0, 1, "runs/replicates-0-1.json")
    assert set(files("runs")) == {
        "replicates-0-1.json",
        *(f"replicate-{number}.{kind}" for number in (0, 1) for kind in ("npz", "json")),
    }
    for number, record in enumerate(records("runs")):
        assert record.keys() == FIELDS
        expected = {
            "experiment": "e",
            "variant": "v",
            "replicate": number,
            "seed": 6,
            "run": json.loads(digits),
            "outcome": "finished",
            "steps": 20,
            "data": json.loads(Path("data/digest.json").read_text())["digest"],
            "sources": training_digest(),
            "curves": sha256(Path(f"runs/replicate-{number}.npz").read_bytes()).hexdigest(),
        }
        assert {name: record[name] for name in expected} == expected
        assert before.timestamp() - 1 < datetime.fromisoformat(record["started"]).timestamp()
        assert record["seconds"] >= 0
        assert set(record["environment"]) == {"python", "numpy", "blas", "machine", "processor"}
        assert record["environment"]["numpy"] == np.__version__
    block = json.loads(Path("runs/replicates-0-1.json").read_text())
    keys = {str(record["replicate"]): record["key"] for record in records("runs")}
    assert block == {"experiment": "e", "variant": "v", "replicates": keys}
    assert len(set(keys.values())) == 2


def test_the_curves_are_those_of_the_engine(digits):
    train_block(digits, 3, 3, "runs/block.json")
    outcome = execute(json.loads(digits), Streams(6, 3), load(Path("data")))
    written = read_curves("runs/replicate-3.npz")
    assert written.keys() == outcome.curves.keys() == {("batch", "loss")}
    for name, (steps, values) in written.items():
        assert steps.tolist() == outcome.curves[name].steps
        assert values.tolist() == outcome.curves[name].values


def test_what_is_trained_is_not_trained_again(digits):
    train_block(digits, 0, 2, "runs/block.json")
    before = files("runs")
    train_block(digits, 0, 2, "runs/block.json")
    assert files("runs") == before
    train_block(digits, 1, 3, "runs/other.json")
    after = files("runs")
    assert before.items() < after.items()
    assert after.keys() - before.keys() == {"other.json", "replicate-3.npz", "replicate-3.json"}


@pytest.mark.parametrize("name", ["replicate-1.npz", "replicate-1.json"])
def test_a_damaged_file_costs_its_own_replicate(digits, name):
    train_block(digits, 0, 2, "runs/block.json")
    before = files("runs")
    path = Path("runs") / name
    path.write_bytes(path.read_bytes()[:-30])
    train_block(digits, 0, 2, "runs/block.json")
    after = files("runs")
    assert {key for key in before if before[key] != after[key]} <= {"replicate-1.json"}  # it was started later
    assert json.loads(after["replicate-1.json"])["curves"] == sha256(after["replicate-1.npz"]).hexdigest()


def test_other_settings_are_trained_anew_and_the_first_ones_come_back(digits):
    train_block(digits, 0, 1, "runs/block.json")
    before = files("runs")
    train_block(changed(digits, batch_size=4), 1, 1, "runs/other.json")
    after = files("runs")
    assert after["replicate-0.npz"] == before["replicate-0.npz"]
    assert after["replicate-1.npz"] != before["replicate-1.npz"]
    train_block(digits, 0, 1, "runs/block.json")
    again = files("runs")
    assert again["replicate-0.json"] == before["replicate-0.json"]
    for name in ("replicate-1.npz", "block.json"):
        assert again[name] == before[name]


def test_other_code_trains_anew(digits, monkeypatch):
    train_block(digits, 0, 0, "runs/block.json")
    old = records("runs")[0]
    monkeypatch.setattr(train, "training_digest", lambda: "other code")
    train_block(digits, 0, 0, "runs/block.json")
    new = records("runs")[0]
    assert new["key"] != old["key"]
    assert new["sources"] == "other code"
    assert new["curves"] == old["curves"]


def test_divergence_is_an_outcome(digits):
    wild = {"kind": "sgd", "learning_rate": 1e30}
    train_block(changed(digits, optimizer=wild), 0, 0, "runs/block.json")
    (record,) = records("runs")
    assert record["outcome"] == "diverged"
    assert 0 < record["steps"] < 20
    before = files("runs")
    train_block(changed(digits, optimizer=wild), 0, 0, "runs/block.json")
    assert files("runs") == before


def test_equal_runs_give_equal_blocks_and_curves(digits):
    """Alone or among others, whenever: only a replicate's record knows when it was trained."""
    train_block(digits, 0, 2, "one/block.json")
    train_block(digits, 2, 2, "two/block.json")
    train_block(digits, 0, 2, "two/block.json")
    one, two = files("one"), files("two")
    same = {"block.json", *(f"replicate-{number}.npz" for number in range(3))}
    assert {name: one[name] for name in same} == {name: two[name] for name in same}
    assert len({one[f"replicate-{number}.npz"] for number in range(3)}) == 3
