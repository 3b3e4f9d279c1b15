"""Runs that start from others, as their jobs leave them: weights beside runs, checked by digest."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from chapter6.engine.execution import execute
from chapter6.engine.streams import Streams
from chapter6.jobs.common import read_tables
from chapter6.jobs.datasets import load
from chapter6.registry import StudyError
from chapter6.study.loading import load_study
from chapter6.study.orders import searching, training, tuning, write_order
from chapter6.study.results import Folder, UnreadableError, read_run
from chapter6.study.starts import start_of

from .small import call, fetch_extract, told, train

CONFIG = {"replicates": 2, "data": {"directory": "data", "sizes": {"train": 1000, "test": 300}}}
BASE = {
    "data": {"examples": 100, "validation": 0.2},
    "network": {"hidden": [8, 5], "batch_normalization": {}},
    "steps": 12,
    "batch_size": 10,
    "optimizer": {"kind": "sgd", "learning_rate": 0.1},
    "record": [{"measure": {"kind": "evaluation", "splits": ["train", "validation"]}, "at": {"every": 4}}],
}
VARIANTS = {
    "first": {},
    "next": {"starts_from": {"variant": "first", "fresh": ["output"]}, "frozen": ["layer-1"]},
    "alone": {"optimizer": {"learning_rate": 0.2}},
}
RUNS = "results/runs/9.1-chain"


def study_of(variants=VARIANTS, config=CONFIG, **changes):
    experiment = {"id": "9.1-chain", "title": "A chain", "question": "?", "base": BASE, "variants": variants} | changes
    Path("config/experiments").mkdir(parents=True, exist_ok=True)
    Path("config/experiments/9.1-chain.yaml").write_text(json.dumps(experiment))
    Path("config/config.yaml").write_text(json.dumps(config))
    return load_study()


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fetch_extract()
    made = study_of()
    train(made, "9.1-chain")
    return made


def contents():
    return {path.relative_to(RUNS).as_posix(): path.read_bytes() for path in Path(RUNS).glob("*/*")}


def record(name):
    return json.loads(Path(RUNS, name).read_text())


@pytest.mark.usefixtures("study")
def test_weights_are_kept_where_somebody_starts_from_them_and_told_by_digest():
    assert {name for name in contents() if "weights" in name} == {"first/weights-0.npz", "first/weights-1.npz"}
    for replicate in range(2):
        digest = sha256(contents()[f"first/weights-{replicate}.npz"]).hexdigest()
        first, after = record(f"first/replicate-{replicate}.json"), record(f"next/replicate-{replicate}.json")
        assert (first["weights"], first["started_from"]) == (digest, None)
        assert (after["weights"], after["started_from"]) == (None, digest)


def test_each_replicate_starts_from_its_own(study):
    run = study.experiments["9.1-chain"].variants["next"].run
    for replicate in range(2):
        outcome = execute(run, Streams(6, replicate), load(Path("data")))  # trains what it starts from itself
        with np.load(f"{RUNS}/next/replicate-{replicate}.npz") as arrays:
            expected = outcome.curves["train", "loss"].values
            np.testing.assert_array_equal(arrays["value:train/loss"], expected)


def test_the_records_are_read_as_those_of_the_plan(study):
    from chapter6.jobs.common import conditions

    experiment, under = study.experiments["9.1-chain"], conditions(study)
    for planned in experiment.runs():
        names = (*planned.files, *([planned.start] if planned.start else []))
        read_run(Folder({name: Path(name) for name in names}), planned, planned.variant.run, under)
    planned = experiment.run(experiment.variants["next"], 1)
    changed = record("first/replicate-1.json") | {"weights": "0" * 64}
    Path(RUNS, "first/replicate-1.json").write_text(json.dumps(changed))
    files = Folder({name: Path(name) for name in (*planned.files, planned.start)})
    with pytest.raises(UnreadableError, match="it is the record of a run that started from other weights"):
        read_run(files, planned, planned.variant.run, under)


@pytest.mark.usefixtures("study")
def test_a_changed_start_trains_what_starts_from_it_and_nothing_else():
    before = {name: record(name)["started"] for name in contents() if name.endswith(".json")}
    changed = study_of(VARIANTS | {"first": {"optimizer": {"learning_rate": 0.3}}})
    train(changed, "9.1-chain")
    after = {name: record(name)["started"] for name in before}
    assert {name.split("/")[0] for name in before if before[name] != after[name]} == {"first", "next"}
    before = contents()
    train(changed, "9.1-chain")
    assert contents() == before


@pytest.mark.usefixtures("study")
def test_what_somebody_comes_to_start_from_is_trained_again_for_its_weights():
    curves = contents()["alone/replicate-0.npz"]
    train(study_of(VARIANTS | {"last": {"starts_from": "alone"}}), "9.1-chain")
    assert contents()["alone/replicate-0.npz"] == curves
    assert record("last/replicate-0.json")["started_from"] == record("alone/replicate-0.json")["weights"]


def lose(name):
    Path(RUNS, name).unlink()


def damage(name):
    Path(RUNS, name).write_bytes(Path(RUNS, name).read_bytes()[:-9] + b"otherwise")


def foreign(name):
    Path(RUNS, name).write_text(json.dumps(record(name) | {"run": record("alone/replicate-0.json")["run"]}))


@pytest.mark.parametrize(
    ("spoil", "name", "told_of"),
    [
        (lose, "first/weights-0.npz", "weights-0.npz: cannot be started from .*No such file"),
        (damage, "first/weights-0.npz", "weights-0.npz: cannot be started from .not the weights that its record"),
        (lose, "first/replicate-0.json", "replicate-0.json: cannot be started from .*No such file"),
        (
            foreign,
            "first/replicate-0.json",
            "replicate-0.json: cannot be started from .it is the record of another run",
        ),
    ],
)
def test_a_start_that_is_not_whole_is_refused_with_what_makes_it_again(study, spoil, name, told_of):
    spoil(name)
    lose("next/replicate-0.json")
    jobs = study.jobs["9.1-chain"]
    order = training(study, "9.1-chain", jobs["next-0"])
    with pytest.raises(StudyError, match=told_of):
        call("train", *told(order, "results/next.json"), "--folder", RUNS)


def test_lost_weights_are_made_again_bit_for_bit(study):
    before = contents()
    lose("first/weights-1.npz")
    train(study, "9.1-chain")
    assert contents()["first/weights-1.npz"] == before["first/weights-1.npz"]
    assert contents()["next/replicate-1.npz"] == before["next/replicate-1.npz"]


@pytest.mark.usefixtures("study")
def test_known_weights_are_copied_with_their_run():
    """The same run under another name: its curves and weights are not trained twice."""
    twice = study_of({"first": {}, "same": {}, "next": {"starts_from": "first"}, "last": {"starts_from": "same"}})
    jobs = list(twice.jobs["9.1-chain"].values())
    for job in jobs:
        order = training(twice, "9.1-chain", job)
        call("train", *told(order, f"other/{job.name}.json"), "--folder", "other", "--known", "known")
    started = [json.loads(Path(f"other/{name}/replicate-0.json").read_text())["started"] for name in ("first", "same")]
    assert started[0] == started[1]
    assert Path("other/first/weights-0.npz").read_bytes() == Path("other/same/weights-0.npz").read_bytes()
    assert not Path("other/last/weights-0.npz").exists()


@pytest.mark.usefixtures("study")
def test_ensembles_start_from_ensembles():
    both = {name: settings | {"members": 2} for name, settings in VARIANTS.items()}
    train(study_of(both), "9.1-chain")
    with np.load(f"{RUNS}/first/weights-0.npz") as arrays:
        assert {name.split("/")[0] for name in arrays} == {"member-0", "member-1"}
    assert record("next/replicate-0.json")["outcome"] == "finished"


@pytest.mark.usefixtures("study")
def test_a_tuning_trains_what_it_starts_from_on_its_own_seeds():
    tuned = study_of(tuning={"of": ["next"], "steps": 6, "coarse": {"steps": 3}})
    order = tuning(tuned, "9.1-chain", tuned.experiments["9.1-chain"].tunings["next"])
    call("tune", *told(order, "tuned.json"))
    assert len(json.loads(Path("tuned.json").read_text())["candidates"]) >= 6


@pytest.mark.usefixtures("study")
def test_a_search_starts_each_trial_from_the_weights_of_its_replicate():
    variants = {"first": {}, "searched": {"strategy": "grid", "starts_from": "first", "replicates": 1}}
    space = {"optimizer.learning_rate": {"low": 0.01, "high": 1}}
    searched = study_of(variants, search={"space": space, "trials": 2, "retrains": 1})
    train(searched, "9.1-chain")
    (planned,) = searched.experiments["9.1-chain"].searches()
    order = searching(searched, planned)
    write_order("order.json", order)
    call("search", *told(order, "round-1.json"))
    with np.load("round-1.npz") as arrays:
        losses = [arrays[f"value:{trial}/train/loss"][0] for trial in range(2)]
    ended = np.load(f"{RUNS}/first/replicate-0.npz")["value:train/loss"][-1]
    assert losses == [ended, ended]
    call("choose", *told(order, "chosen.json"), "--rounds", "round-1.json")
    assert start_of(planned.variant.run, RUNS, 0, 6).digest == record("first/replicate-0.json")["weights"]


@pytest.mark.usefixtures("study")
def test_one_run_in_the_terminal_trains_what_it_starts_from(capsys):
    call("run", "9.1-chain", "next", "--replicate", "1")
    with np.load(f"{RUNS}/next/replicate-1.npz") as arrays:
        assert f"train loss                       {arrays['value:train/loss'][-1]:.6g}" in capsys.readouterr().out


@pytest.mark.usefixtures("study")
def test_tables_say_among_how_many_classes_a_run_and_what_it_started_from_choose():
    variants = VARIANTS | {
        "next": {"starts_from": {"variant": "first", "fresh": ["output"]}, "data": {"classes": [7, 3]}}
    }
    study = study_of(variants)
    train(study, "9.1-chain")
    call("tabulate", "--experiment", "9.1-chain")
    runs = read_tables(study, study.experiments["9.1-chain"])["runs"]
    found = runs.groupby("variant")[["classes", "earlier_classes"]].first().to_dict("index")
    assert found["next"] == {"classes": 2, "earlier_classes": 10}
    assert (found["first"]["classes"], np.isnan(found["first"]["earlier_classes"])) == (10, True)
