import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chapter6.engine.training import Curve
from chapter6.files import write_json
from chapter6.registry import StudyError
from chapter6.study.results import read_curves, write_curves

from .finished import finish
from .small import call, train, write_study

COLUMNS = ["experiment", "variant", "replicate", "step", "split", "metric", "value"]


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_study()


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searched")
    finish(folder)
    return folder


def tabulate(experiment):
    call("tabulate", "--experiment", experiment)
    return {
        path.name.removeprefix(f"{experiment}.").removesuffix("parquet").removesuffix("."): pd.read_parquet(path)
        for path in Path("results/tables").glob(f"{experiment}*.parquet")
    }


@pytest.mark.parametrize("experiment", ["6.1-bowl", "6.2-noise"])
def test_the_table_holds_the_numbers_of_the_runs(study, experiment):
    train(study, experiment)
    table = tabulate(experiment)[""]
    assert list(table.columns) == COLUMNS
    count = 0
    for variant in study.experiments[experiment].variants.values():
        for replicate in range(variant.replicates):
            curves = read_curves(f"results/runs/{experiment}/{variant.name}/replicate-{replicate}.npz")
            own = table[(table["variant"] == variant.name) & (table["replicate"] == replicate)]
            for (split, metric), (steps, values) in curves.items():
                if values.ndim == 1:
                    rows = own[(own["split"] == split) & (own["metric"] == metric)]
                    assert rows["step"].tolist() == steps.tolist()
                    assert rows["value"].tolist() == values.tolist()
                    count += len(rows)
    assert count == len(table) > 0
    assert set(table["experiment"]) == {experiment}


def test_beside_it_stand_settings_runs_histograms_and_a_summary(study):
    train(study, "6.2-noise")
    tables = tabulate("6.2-noise")
    settings = tables["settings"].set_index(["variant", "parameter"])["value"]
    assert json.loads(settings["small", "network.dense-1.initializer.std"]) == 0.01
    assert [json.loads(settings["he", f"network.dense-{layer}.units"]) for layer in (1, 2, 3)] == [5, 5, 3]
    runs = tables["runs"]
    assert runs[["variant", "replicate", "outcome"]].to_numpy().tolist() == [
        [variant, replicate, "finished"] for variant in ("he", "small") for replicate in (0, 1)
    ]
    histogram = tables["histograms"].query("variant == 'small' and replicate == 1 and metric == 'histogram/layer-1'")
    (shares,) = read_curves("results/runs/6.2-noise/small/replicate-1.npz")["train", "histogram/layer-1"][1]
    assert histogram["share"].tolist() == shares.tolist()
    assert histogram["left"].tolist()[1:] == histogram["right"].tolist()[:-1]
    summary = pd.read_csv("results/tables/6.2-noise.csv")
    row = summary.query("variant == 'he' and metric == 'activation_std/layer-1'").iloc[0]
    values = tables[""].query("variant == 'he' and metric == 'activation_std/layer-1'")["value"]
    assert row["mean"] == pytest.approx(values.mean(), rel=1e-5)
    assert row["low"] < row["mean"] < row["high"]
    assert row["replicates"] == 2


def test_what_is_not_finite_is_left_out_and_the_outcome_says_why(study):
    train(study, "6.1-bowl")
    folder = Path("results/runs/6.1-bowl/sgd")
    curve = Curve([0, 1, 2, 3], [1.0, np.inf, np.nan, 4.0])
    record = json.loads((folder / "replicate-0.json").read_text())
    digest = write_curves(folder / "replicate-0.npz", {("train", "y"): curve})
    write_json(folder / "replicate-0.json", record | {"curves": digest, "outcome": "diverged", "steps": 3})
    tables = tabulate("6.1-bowl")
    rows = tables[""].query("variant == 'sgd'")
    assert rows[["step", "value"]].to_numpy().tolist() == [[0, 1.0], [3, 4.0]]
    assert tables["runs"].set_index("variant")["outcome"].to_dict() == {"sgd": "diverged", "adam": "finished"}


@pytest.mark.parametrize("name", ["replicate-1.npz", "replicate-1.json"])
@pytest.mark.parametrize("harm", ["missing", "truncated"])
def test_a_missing_or_damaged_replicate_says_what_to_do(study, name, harm):
    train(study, "6.2-noise")
    path = Path("results/runs/6.2-noise/small") / name
    content = path.read_bytes()
    path.unlink()
    if harm == "truncated":
        path.write_bytes(content[: len(content) // 2])
    (job,) = [study.paths.trained("6.2-noise", name) for name in study.jobs["6.2-noise"]]
    wrong = r"cannot be read \(|not the curves that its record describes"
    with pytest.raises(StudyError, match=rf"^results/runs/6\.2-noise/small/replicate-1\.json: .*({wrong})") as raised:
        tabulate("6.2-noise")
    assert f"`snakemake --cores all --forcerun {job}` makes of its runs those" in str(raised.value)
    assert not Path("results/tables/6.2-noise.parquet").exists()


def test_what_to_do_is_said_for_the_preset_and_the_selection_in_force(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_study(preset="quick", only="6.2-noise")
    with pytest.raises(StudyError, match=r"/he-0\.json --config preset=quick only=6\.2-noise` makes"):
        tabulate("6.2-noise")


@pytest.mark.parametrize("name", ["round-2.npz", "round-2.json", "chosen.json"])
@pytest.mark.parametrize("harm", ["missing", "truncated", "other"])
def test_a_missing_or_damaged_file_of_a_search_says_what_to_do(searched, tmp_path, monkeypatch, name, harm):
    shutil.copytree(searched, tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study")
    path = Path("results/search/6.5-searched/coarse/search-1") / name
    content = path.read_bytes()
    path.unlink()
    if harm != "missing":
        path.write_bytes(content[: len(content) // 2] if harm == "truncated" else b"[]")
    wrong = r"cannot be read \(|not the curves that its record describes|expected keys and values, not \[\]"
    with pytest.raises(StudyError, match=rf"^{path.with_suffix('.json')}: .*({wrong}).*--forcerun") as raised:
        tabulate("6.5-searched")
    assert f"`snakemake --cores all --forcerun {path.with_suffix('.json')}` makes it" in str(raised.value)


def test_a_damaged_tuned_value_says_what_to_do(searched, tmp_path, monkeypatch):
    shutil.copytree(searched, tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study")
    Path("results/tuning/6.4-net/slow.json").write_text("{", encoding="utf-8")
    with pytest.raises(StudyError, match=r"^results/tuning/6\.4-net/slow\.json: .*--forcerun \S*/slow\.json` makes it"):
        tabulate("6.4-net")


@pytest.mark.usefixtures("study")
def test_an_unknown_experiment():
    with pytest.raises(StudyError, match=r"'6\.9'; choose from \['6\.1-bowl', '6\.2-noise'\]"):
        tabulate("6.9")
