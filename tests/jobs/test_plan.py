import json
import re
from pathlib import Path

import pytest

from chapter6.registry import StudyError
from chapter6.study.loading import load_study

from .small import call, train, write_study

TEXT = re.compile(
    r"(?P<experiments>\d+) experiments?, (?P<runs>\d+) runs.* (?P<jobs>\d+) training jobs.*?(?P<done>\d+) of them done"
    r".*About (?P<time>\d+ (?:seconds|minutes|hours)).* on (?P<cores>\d+) cores?.* (?P<disk>\d+) MB of disk",
    re.DOTALL,
)


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    """What the command says, as numbers; the study is in the current folder."""
    monkeypatch.chdir(tmp_path)

    def ask(*arguments):
        call("plan", *arguments)
        printed = capsys.readouterr().out
        found = TEXT.search(printed)
        assert found, printed
        return {name: text if name == "time" else int(text) for name, text in found.groupdict().items()}

    return ask


def test_it_counts_experiments_runs_and_jobs(plan):
    write_study()
    said = plan("--cores", "3")
    assert {name: said[name] for name in ("experiments", "runs", "jobs", "done", "cores")} == {
        "experiments": 2,
        "runs": 2 + 4,
        "jobs": 2,
        "done": 0,
        "cores": 3,
    }
    assert said["disk"] > 0
    write_study(runs_per_job=1)
    assert plan()["jobs"] == 4
    write_study(replicates_per_job=1, runs_per_job=1)
    assert plan()["jobs"] == 6


def test_what_is_done_is_not_counted_again(plan):
    write_study()
    bowl = Path("config/experiments/6.1-bowl.yaml")
    bowl.write_text(bowl.read_text().replace("steps: 30", "steps: 30000"))
    study = load_study()
    before = plan()
    train(study, "6.1-bowl")
    assert plan()["done"] == 1
    train(study, "6.2-noise")
    after = plan()
    assert after["done"] == after["jobs"] == before["jobs"]
    assert after["time"] == "0 seconds"
    assert before["time"] != "0 seconds"
    assert after["disk"] < before["disk"]


def test_a_preset_and_a_selection_make_a_smaller_plan(plan):
    write_study()
    assert plan("--preset", "quick")["runs"] == 4
    only = plan("--only", "6.2-noise")
    assert (only["experiments"], only["runs"], only["jobs"]) == (1, 4, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--preset", "slow"], "preset: unknown 'slow'; choose from"), (["--only", "6.9"], "unknown experiment '6.9'")],
)
def test_a_mistake_is_named(plan, arguments, message):
    write_study()
    with pytest.raises(StudyError, match=message):
        plan(*arguments)


def test_transformed_images_take_disk_once(plan):
    write_study()
    base = {"network": {"hidden": [10]}, "steps": 0}
    rates = {"a": {"optimizer": {"kind": "sgd", "learning_rate": 0.1}}, "b": {"optimizer": "momentum"}}

    def disk(**data):
        spec = {"id": "6.2-noise", "title": "T", "question": "Q?", "base": base | data, "variants": rates}
        Path("config/experiments/6.2-noise.yaml").write_text(json.dumps(spec))
        return plan()["disk"]

    assert disk(data={"transforms": ["mean_image"]}) - disk() == pytest.approx(70_000 * 784 * 4 / 1e6, abs=1)
