import re
from pathlib import Path

import numpy as np
import pytest

from chapter6.registry import StudyError
from chapter6.study.results import read_curves

from .small import call, train, write_study


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_study()


def numbers(printed):
    """The printed values by split and metric."""
    found = re.findall(r"^(\w+ \S+) +(\S+)$", printed, re.MULTILINE)
    return {name: float(value) for name, value in found}


@pytest.mark.usefixtures("study")
def test_it_prints_a_result_and_writes_nothing(capsys):
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    call("run", "6.1-bowl", "adam", "--set", "optimizer.learning_rate=0.003")
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before
    printed = capsys.readouterr()
    assert printed.out.startswith("finished after 30 updates\n")
    assert "update     30 of 30" in printed.err
    changed = numbers(printed.out)

    call("run", "6.1-bowl", "adam")
    unchanged = numbers(capsys.readouterr().out)
    assert changed["train x"] == pytest.approx(-7 + 30 * 0.003, rel=1e-3)  # Adam moves by its rate
    assert unchanged.keys() == changed.keys()
    assert unchanged != changed


def test_it_is_the_run_of_the_study(study, capsys):
    train(study, "6.2-noise")
    call("run", "6.2-noise", "he", "--replicate", "1")
    printed = numbers(capsys.readouterr().out)
    trained = read_curves("results/runs/6.2-noise/he/replicate-1.npz")
    scalars = {f"{split} {metric}": values[-1] for (split, metric), (_, values) in trained.items() if values.ndim == 1}
    assert printed.keys() == scalars.keys()
    assert np.allclose([printed[name] for name in scalars], list(scalars.values()), rtol=1e-5)


@pytest.mark.usefixtures("study")
def test_settings_are_laid_over_the_variant(capsys):
    call("run", "6.1-bowl", "adam", "--set", "steps=3", "--set", "optimizer={kind: momentum, momentum: 0.5}")
    assert capsys.readouterr().out.startswith("finished after 3 updates\n")


BAD = {
    "wrong key": (["6.1-bowl", "adam", "--set", "optimizer.rate=1"], ["--set", "optimizer.rate", "learning_rate"]),
    "wrong value": (
        ["6.1-bowl", "adam", "--set", "optimizer.learning_rate=-1"],
        ["--set", "optimizer.learning_rate", "greater than 0", "-1"],
    ),
    "no value": (["6.1-bowl", "adam", "--set", "steps"], ["--set steps", "KEY=VALUE"]),
    "unknown variant": (["6.1-bowl", "adm"], ["6.1-bowl", "'adm'", "sgd, adam"]),
    "unknown experiment": (["6.1-bwl", "adam"], ["'6.1-bwl'", "6.1-bowl", "6.2-noise"]),
    "no data": (
        [
            "6.2-noise",
            "he",
            "--set",
            "data={kind: images}",
            "--set",
            "network.outputs=10",
            "--set",
            "loss=softmax_cross_entropy",
        ],
        ["data/mnist", "--forcerun mnist"],
    ),
}


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_is_named(mistake):
    arguments, wanted = BAD[mistake]
    with pytest.raises(StudyError) as refused:
        call("run", *arguments)
    for text in wanted:
        assert text in str(refused.value)


@pytest.mark.parametrize("value", ["[1", "{a: b", "'"])
@pytest.mark.usefixtures("study")
def test_a_value_that_is_no_yaml_is_refused(value):
    with pytest.raises(StudyError, match="--set"):
        call("run", "6.1-bowl", "adam", "--set", f"optimizer.learning_rate={value}")
