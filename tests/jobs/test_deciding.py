"""A chain of decisions made by the real jobs: what is decided, why, what takes it, and what verify makes of it."""

import json
from pathlib import Path

import pytest

from chapter6.files import write_json
from chapter6.jobs.common import conditions, folder_of, read_tables
from chapter6.registry import StudyError, plain
from chapter6.sharing import checks
from chapter6.study.loading import load_study

from .small import call, fetch_extract, train_job

RATE = "stages.main.optimizer.learning_rate"
CONFIG = {"replicates": 2, "data": {"directory": "data", "sizes": {"train": 1000, "test": 300}}}
CHAIN = {
    "id": "9.1-steps",
    "title": "Steps",
    "question": "?",
    "base": {
        "data": {"examples": 100, "validation": 0.2},
        "network": {"hidden": [8]},
        "steps": 20,
        "batch_size": 10,
        "optimizer": {"kind": "sgd", "learning_rate": 0.1},
        "record": [{"measure": {"kind": "batch_loss"}, "at": {}}, {"measure": {"kind": "evaluation"}, "at": "end"}],
    },
    "variants": {
        "tiny": {"optimizer": {"learning_rate": 1e-6}},
        "huge": {"optimizer": {"learning_rate": 1e6}},
        "good": {"optimizer": {"learning_rate": 0.2}},
        "next": {"optimizer": {"learning_rate": {"from": "rate#learning_rate", "times": 2}}},
        "small": {"optimizer": {"learning_rate": {"from": "rate#learning_rate", "times": 0.5}}},
        "last": {"optimizer": {"learning_rate": {"from": "finer#learning_rate"}}},
    },
    "decisions": {
        "rate": {"among": ["tiny", "huge", "good"], "by": {"metric": "loss", "split": "batch"}},
        "finer": {
            "among": ["next", "small"],
            "by": {"metric": "accuracy", "split": "test"},
            "rule": {"kind": "first", "at_least": 0.0},
            "each_replicate": True,
        },
    },
}


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fetch_extract()
    Path("config/experiments").mkdir(parents=True, exist_ok=True)
    Path("config/experiments/9.1-steps.yaml").write_text(json.dumps(CHAIN))
    Path("config/config.yaml").write_text(json.dumps(CONFIG))
    made = load_study()
    write_json(made.paths.settings, plain(made.config))
    return made


def decide(name):
    call("decide", "--experiment", "9.1-steps", "--decision", name)
    return json.loads(Path(f"results/decisions/9.1-steps/{name}.json").read_text())


def trained(study, *variants):
    for job in study.jobs["9.1-steps"].values():
        if {block.variant.name for block in job.blocks} <= set(variants):
            train_job(study, "9.1-steps", job)


def test_each_step_takes_what_the_one_before_it_chose(study):
    trained(study, "tiny", "huge", "good")
    rate = decide("rate")
    assert rate["choices"] == [{"replicate": None, "variant": "good", "reason": "best"}]
    assert rate["values"] == {RATE: 0.2}
    assert {name: len(scores) for name, scores in rate["scores"].items()} == {"tiny": 2, "huge": 2, "good": 2}
    assert min(score[0] for score in rate["scores"]["huge"]) > max(score[0] for score in rate["scores"]["tiny"])
    trained(study, "next", "small")
    finer = decide("finer")
    assert [choice["variant"] for choice in finer["choices"]] == ["next", "next"]
    assert finer["choices"][1] == {"replicate": 1, "variant": "next", "reason": "first that passes"}
    assert finer["values"] == {RATE: {"by_replicate": [0.4, 0.4]}}
    trained(study, "last")
    record = json.loads(Path("results/runs/9.1-steps/last/replicate-1.json").read_text())
    assert record["run"]["stages"][0]["optimizer"]["learning_rate"] == 0.4
    again = Path("results/decisions/9.1-steps/finer.json").read_bytes()
    assert decide("finer") == finer
    assert Path("results/decisions/9.1-steps/finer.json").read_bytes() == again
    call("tabulate", "--experiment", "9.1-steps")
    tables = read_tables(study, study.experiments["9.1-steps"])
    settings = tables["settings"]
    rows = settings[(settings["variant"] == "last") & (settings["parameter"] == RATE)]
    assert [json.loads(value) for value in rows["value"]] == [0.4]


def test_replicates_that_chose_otherwise_are_told_so_in_the_table(study):
    trained(study, "tiny", "huge", "good")
    decide("rate")
    trained(study, "next", "small")
    decided = decide("finer")
    write_json("results/decisions/9.1-steps/finer.json", decided | {"values": {RATE: {"by_replicate": [0.4, 0.1]}}})
    trained(study, "last")
    rates = [
        json.loads(Path(f"results/runs/9.1-steps/last/replicate-{number}.json").read_text())["run"]["stages"][0]
        for number in (0, 1)
    ]
    assert [stage["optimizer"]["learning_rate"] for stage in rates] == [0.4, 0.1]
    call("tabulate", "--experiment", "9.1-steps")
    settings = read_tables(study, study.experiments["9.1-steps"])["settings"]
    rows = settings[(settings["variant"] == "last") & (settings["parameter"] == RATE)]
    assert [json.loads(value) for value in rows["value"]] == ["by_replicate"]


@pytest.mark.usefixtures("study")
def test_what_cannot_be_decided_yet_says_what_to_do():
    with pytest.raises(StudyError, match=r"replicate-0\.json: .*snakemake --cores all --forcerun"):
        decide("rate")
    with pytest.raises(StudyError, match=r"unknown decision 'rte'; choose from \['finer', 'rate'\]"):
        decide("rte")


def test_verify_decides_again(study):
    trained(study, "tiny", "huge", "good")
    made = decide("rate")
    experiment, under = study.experiments["9.1-steps"], conditions(study)
    (decision, _) = experiment.decisions.values()
    assert list(checks._decisions(folder_of(study), under, experiment)) == []
    write_json(decision.file, made | {"choices": [made["choices"][0] | {"variant": "tiny"}]})
    (problem,) = checks._decisions(folder_of(study), under, experiment)
    assert problem == f"{decision.file}: it is not what the runs of its variants lead to"
