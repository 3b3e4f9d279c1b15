"""The job that takes times, the table that is made of them, and what the plan says of it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from chapter6.files import write_json
from chapter6.registry import StudyError
from chapter6.study import orders
from chapter6.study.loading import load_study

from .small import call, told, train, write_study

TIMING = "timing: {of: [sgd], beside: adam, updates: 3, rounds: 4}\n"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study that times one of its two experiments, in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_study()
    with Path("config/experiments/6.1-bowl.yaml").open("a", encoding="utf-8") as file:
        file.write(TIMING)
    return load_study()


def take_times(study):
    order = orders.timing(study, "6.1-bowl", study.experiments["6.1-bowl"].timing)
    orders.write_order(study.paths.order("clock", "6.1-bowl"), order)
    call("clock", *told(order, study.paths.times("6.1-bowl")))
    return json.loads(Path(study.paths.times("6.1-bowl")).read_text(encoding="utf-8"))


def test_every_round_is_written_with_the_machine(study):
    times = take_times(study)
    assert [(each["variant"], each["task"], each["round"]) for each in times["rounds"]] == [
        ("sgd", "update", number) for number in range(4)
    ]
    assert all(each["seconds"] > 0 < each["beside"] for each in times["rounds"])
    assert times["environment"].keys() >= {"numpy", "processor"}
    assert (times["experiment"], times["beside"]) == ("6.1-bowl", "adam")


def test_times_come_to_a_table_of_their_own_and_to_no_other(study):
    train(study, "6.1-bowl")
    times = take_times(study)
    call("tabulate", "--experiment", "6.1-bowl")
    table = pd.read_parquet("results/tables/6.1-bowl.times.parquet")
    assert list(table.columns) == [
        "experiment",
        "variant",
        "beside",
        "task",
        "round",
        "seconds",
        "beside_seconds",
        "ratio",
    ]
    assert table["seconds"].tolist() == [each["seconds"] for each in times["rounds"]]
    assert table["ratio"].tolist() == [each["seconds"] / each["beside"] for each in times["rounds"]]
    before = Path("results/tables/6.1-bowl.parquet").read_bytes()
    take_times(study)
    call("tabulate", "--experiment", "6.1-bowl")
    assert Path("results/tables/6.1-bowl.parquet").read_bytes() == before
    call("judge", "--experiment", "6.1-bowl")


CLAIM = """\
  - id: C40
    says: SGD takes twice as long as Adam.
    check: {kind: level, metric: time_ratio/update, variants: sgd, above: 2}
"""


@pytest.mark.parametrize(("slower", "verdict"), [(2.5, "supported"), (1.5, "contradicted")])
def test_a_claim_is_judged_by_the_ratios_of_the_pairs(study, slower, verdict):
    file = Path("config/experiments/6.1-bowl.yaml")
    file.write_text(file.read_text("utf-8").replace(TIMING, CLAIM + TIMING), encoding="utf-8")
    train(study, "6.1-bowl")
    times = take_times(study)
    for number, each in enumerate(times["rounds"]):
        each["seconds"] = each["beside"] * slower * (1 + number / 1000)
    write_json(study.paths.times("6.1-bowl"), times)
    call("tabulate", "--experiment", "6.1-bowl")
    call("judge", "--experiment", "6.1-bowl")
    claims = json.loads(Path("results/claims/6.1-bowl.json").read_text(encoding="utf-8"))
    found = next(claim for claim in claims if claim["id"] == "C40")
    assert (found["verdict"], found["replicates"]) == (verdict, 4)
    assert found["estimate"] == pytest.approx(slower, rel=0.01)
    assert found["low"] < found["estimate"] < found["high"]


def test_a_table_without_the_times_that_are_planned_is_refused(study):
    train(study, "6.1-bowl")
    with pytest.raises(StudyError, match=r"results/times/6\.1-bowl\.json: .*--forcerun results/times/6\.1-bowl\.json"):
        call("tabulate", "--experiment", "6.1-bowl")


def test_an_experiment_without_times_has_an_empty_table(study):
    train(study, "6.2-noise")
    call("tabulate", "--experiment", "6.2-noise")
    assert pd.read_parquet("results/tables/6.2-noise.times.parquet").empty


def test_the_log_tells_medians_and_ratios(study, caplog):
    caplog.set_level("INFO")
    take_times(study)
    assert "sgd, update: " in caplog.text
    assert " beside adam" in caplog.text


def test_the_plan_tells_of_what_is_still_to_be_timed(study, capsys):
    call("plan")
    assert "Times are taken in 6.1-bowl: about " in capsys.readouterr().out
    take_times(study)
    call("plan")
    assert "Times are taken" not in capsys.readouterr().out


@pytest.mark.usefixtures("study")
def test_a_run_that_diverges_is_named():
    file = Path("config/experiments/6.1-bowl.yaml")
    file.write_text(file.read_text("utf-8").replace("learning_rate: 0.95", "learning_rate: 1e200"), encoding="utf-8")
    with pytest.raises(StudyError, match=r"6\.1-bowl: 'sgd' beside 'adam' diverges after 1 updates"):
        take_times(load_study())
