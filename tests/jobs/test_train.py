import json
import shutil
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from chapter6.data.storage import load
from chapter6.engine.execution import execute
from chapter6.engine.streams import Streams
from chapter6.registry import plain
from chapter6.study.code import training_digest
from chapter6.study.resolution import resolve
from chapter6.study.results import read_curves

from .small import fetch_extract, order_of, train_block, train_blocks, train_order, write_study

FIELDS = {
    *("key", "experiment", "variant", "replicate", "seed", "run", "outcome", "steps", "curves", "data", "sources"),
    *("started", "seconds", "environment", "weights", "started_from"),
}


SETTINGS = {
    "data": {"examples": 1000},
    "network": {"hidden": [5, 5], "activation": "relu", "initializer": "he"},
    "optimizer": {"kind": "sgd", "learning_rate": 0.1},
    "steps": 20,
    "batch_size": 8,
    "record": [{"measure": "batch_loss", "at": {}}],
}


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """A run of a few updates on the extract of MNIST, which is in the current folder."""
    monkeypatch.chdir(tmp_path)
    fetch_extract()
    return resolve(SETTINGS, "digits").run.within(1000)


def files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def records(folder):
    return [json.loads(path.read_text()) for path in sorted(Path(folder).glob("replicate-*.json"))]


def test_a_record_says_all_that_the_numbers_depend_on(digits):
    before = datetime.now().astimezone()
    train_block(digits, 0, 1, "runs")
    assert set(files("runs/v")) == {f"replicate-{number}.{kind}" for number in (0, 1) for kind in ("npz", "json")}
    for number, record in enumerate(records("runs/v")):
        assert record.keys() == FIELDS
        expected = {
            "experiment": "e",
            "variant": "v",
            "replicate": number,
            "seed": 6,
            "run": plain(digits),
            "outcome": "finished",
            "steps": 20,
            "data": json.loads(Path("data/digest.json").read_text())["digest"],
            "sources": training_digest(digits),
            "curves": sha256(Path(f"runs/v/replicate-{number}.npz").read_bytes()).hexdigest(),
        }
        assert {name: record[name] for name in expected} == expected
        assert before.timestamp() - 1 < datetime.fromisoformat(record["started"]).timestamp()
        assert record["seconds"] >= 0
        assert set(record["environment"]) == {"python", "numpy", "blas", "machine", "processor"}
        assert record["environment"]["numpy"] == np.__version__
    job = json.loads(Path("runs/job.json").read_text())
    keys = {str(record["replicate"]): record["key"] for record in records("runs/v")}
    assert job == {"experiment": "e", "trained": {"v": keys}}
    assert len(set(keys.values())) == 2


def test_the_curves_are_those_of_the_engine(digits):
    train_block(digits, 3, 3, "runs")
    outcome = execute(digits, Streams(6, 3), load(Path("data")))
    written = read_curves("runs/v/replicate-3.npz")
    assert written.keys() == outcome.curves.keys() == {("batch", "loss")}
    for name, (steps, values) in written.items():
        assert steps.tolist() == outcome.curves[name].steps
        assert values.tolist() == outcome.curves[name].values


def test_what_is_trained_is_not_trained_again(digits):
    train_block(digits, 0, 2, "runs")
    before = files("runs/v")
    train_block(digits, 0, 2, "runs")
    assert files("runs/v") == before
    train_block(digits, 1, 3, "runs")
    after = files("runs/v")
    assert before.items() < after.items()
    assert after.keys() - before.keys() == {"replicate-3.npz", "replicate-3.json"}


@pytest.mark.parametrize("name", ["replicate-1.npz", "replicate-1.json"])
def test_a_damaged_file_costs_its_own_replicate(digits, name):
    train_block(digits, 0, 2, "runs")
    before = files("runs/v")
    path = Path("runs/v") / name
    path.write_bytes(path.read_bytes()[:-30])
    train_block(digits, 0, 2, "runs")
    after = files("runs/v")
    assert {key for key in before if before[key] != after[key]} <= {"replicate-1.json"}  # it was started later
    assert json.loads(after["replicate-1.json"])["curves"] == sha256(after["replicate-1.npz"]).hexdigest()


def test_other_settings_are_trained_anew_and_the_first_ones_come_back(digits):
    train_block(digits, 0, 1, "runs")
    before = files("runs/v")
    train_block(digits.changed("batch_size", 4), 1, 1, "runs")
    after = files("runs/v")
    assert after["replicate-0.npz"] == before["replicate-0.npz"]
    assert after["replicate-1.npz"] != before["replicate-1.npz"]
    train_block(digits, 0, 1, "runs")
    again = files("runs/v")
    assert again["replicate-0.json"] == before["replicate-0.json"]
    assert again["replicate-1.npz"] == before["replicate-1.npz"]


def test_other_code_trains_anew(digits):
    train_block(digits, 0, 0, "runs")
    old = records("runs/v")[0]
    train_block(digits, 0, 0, "runs", sources="other code")
    new = records("runs/v")[0]
    assert new["key"] != old["key"]
    assert new["sources"] == "other code"
    assert new["curves"] == old["curves"]


def test_divergence_is_an_outcome(digits):
    wild = digits.changed("optimizer.learning_rate", 1e30)
    train_block(wild, 0, 0, "runs")
    (record,) = records("runs/v")
    assert record["outcome"] == "diverged"
    assert 0 < record["steps"] < 20
    before = files("runs/v")
    train_block(wild, 0, 0, "runs")
    assert files("runs/v") == before


def test_equal_runs_give_equal_records_and_curves(digits):
    """Alone or among others, whenever: only a replicate's record knows when it was trained."""
    train_block(digits, 0, 2, "one")
    train_block(digits, 2, 2, "two")
    train_block(digits, 0, 2, "two")
    assert Path("one/job.json").read_bytes() == Path("two/job.json").read_bytes()
    one, two = files("one/v"), files("two/v")
    same = {f"replicate-{number}.npz" for number in range(3)}
    assert {name: one[name] for name in same} == {name: two[name] for name in same}
    assert len({one[f"replicate-{number}.npz"] for number in range(3)}) == 3


def test_several_variants_in_one_job_are_what_they_are_alone(digits):
    """A variant on MNIST beside one of noise: the grain of the jobs changes no number."""
    noise = write_study().experiments["6.2-noise"].variants["small"].run
    train_blocks({"v": digits, "w": noise}, 0, 1, "both")
    train_block(digits, 0, 1, "alone")
    curves = [f"replicate-{number}.npz" for number in range(2)]
    assert [files("both/v")[name] for name in curves] == [files("alone/v")[name] for name in curves]
    assert [record["data"] is None for record in records("both/v") + records("both/w")] == [False, False, True, True]
    assert json.loads(Path("both/job.json").read_text())["trained"].keys() == {"v", "w"}


def test_an_equal_run_is_trained_once_and_stands_under_both_names(digits, caplog):
    """Of another experiment, or of the same; a run that differs in anything is trained."""
    caplog.set_level("INFO")
    slower = digits.changed("batch_size", 4)
    for name, variant, last, run in (("one", "v", 1, digits), ("two", "w", 2, digits), ("three", "x", 0, slower)):
        order = order_of({variant: run}, 0, last, experiment=name)
        train_order(order, f"runs/{name}", f"{name}.json", "--known", "known")
    assert [line for line in caplog.messages if " is that of " in line] == [
        f"w: replicate {number} is that of runs/one/v/replicate-{number}.json" for number in (0, 1)
    ]
    for number in (0, 1):
        first, second = (Path(f"runs/{place}/replicate-{number}.npz") for place in ("one/v", "two/w"))
        assert first.read_bytes() == second.read_bytes()
        one, two = (json.loads(file.with_suffix(".json").read_text()) for file in (first, second))
        assert {name for name in one if one[name] != two[name]} == {"experiment", "variant"}
        assert list(one) == list(two)
    (record,) = records("runs/three/x")
    assert record["run"]["stages"][0]["batch_size"] == 4
    assert len(records("runs/two/w")) == 3


DECLARED = {
    "transforms": {"transforms": ["mean_image", {"kind": "whitening", "epsilon": 0.1, "components": 20}]},
    "augmentations": {"augmentations": ["elastic", "shift", "mixup"], "copies": 2, "transforms": ["standardize"]},
    "views": {"views": {"shift": 1}, "transforms": ["block_means"]},
    "labels": {"classes": [3, 5, 8], "per_class": 20, "wrong_labels": 0.4, "input_noise": 0.3},
}


@pytest.mark.usefixtures("digits")
@pytest.mark.parametrize("name", DECLARED)
def test_what_is_declared_of_data_is_done_and_equal_bits_come_of_it_again(name):
    """In a folder where transformed images are stored already, and in one where they are not."""
    splits = ["train", "test", *(["noisy"] if name == "labels" else [])]
    data = {"examples": 60, **DECLARED[name]} if name != "labels" else DECLARED[name]
    settings = {**SETTINGS, "data": data, "steps": 5, "record": [{"measure": {"kind": "evaluation", "splits": splits}}]}
    run = resolve(settings, name).run.within(1000)
    folders = ("first", "mapped", "anew")
    for folder in folders:
        if folder == "anew":
            shutil.rmtree("data/made", ignore_errors=True)
        train_block(run, 0, 1, folder)
    first, *others = ({n: c for n, c in files(f"{folder}/v").items() if n.endswith(".npz")} for folder in folders)
    assert first == others[0] == others[1]
    assert first["replicate-0.npz"] != first["replicate-1.npz"]
    with np.load("first/v/replicate-0.npz") as curves:
        assert {f"value:{split}/accuracy" for split in splits} <= set(curves.files)
    assert Path("data/made").exists() == (name in ("transforms", "views"))
