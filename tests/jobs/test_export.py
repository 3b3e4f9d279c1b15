"""What an archive holds, and which studies are refused."""

import json
import os
import shutil
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest

from chapter6.files import read_json, write_json, write_text
from chapter6.registry import StudyError

from .finished import finish
from .small import call

RECORD = "results/runs/6.4-net/fast/replicate-1.json"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    finish(folder)
    return folder


@pytest.fixture
def project(finished, tmp_path, monkeypatch):
    """A copy of the finished study, as the current folder."""
    folder = tmp_path / "project"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    return folder


def manifest(path="study.zip"):
    with ZipFile(path) as archive:
        return json.loads(archive.read("manifest.json"))


def edit(path, old, new):
    text = Path(path).read_text()
    assert old in text
    write_text(path, text.replace(old, new))


@pytest.mark.usefixtures("project")
def test_everything_that_the_verdicts_rest_on_is_in_it(capsys):
    call("export")
    told = manifest()
    with ZipFile("study.zip") as archive:
        assert archive.namelist()[-1] == "manifest.json"
        assert set(archive.namelist()[:-1]) == set(told["files"])
        for name, entry in told["files"].items():
            content = archive.read(name)
            assert entry == {"size": len(content), "sha256": sha256(content).hexdigest()}
            if not name.startswith("config/experiments"):
                assert content == Path({"data/digest.json": "data/digest.json"}.get(name, name)).read_bytes()
    for name in (
        *("results/study.json", "config/config.yaml", "config/experiments/6.1-bowl.yaml", "data/digest.json"),
        *("results/claims.json", "results/claims/6.4-net.json", "reports/html/index.html"),
        *("results/tables/6.4-net.parquet", "results/tables/6.4-net.settings.parquet", "results/tables/6.4-net.csv"),
        *("results/figures/6.4-net/curves.svg", RECORD, RECORD.replace(".json", ".npz")),
        *("results/tuning/6.4-net/slow.json", "results/runs/6.4-net/slow-tuned/replicate-2.json"),
        *("results/search/6.5-searched/coarse/search-1/round-2.json",),
        *("results/search/6.5-searched/coarse/search-1/round-2.npz",),
        *("results/search/6.5-searched/halved/search-0/chosen.json",),
    ):
        assert name in told["files"], name
    assert not [name for name in told["files"] if "/trained/" in name or name.endswith(".npy")]
    assert told["digest"] in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_the_manifest_says_how_the_study_was_made():
    call("export")
    told = manifest()
    records = [read_json(path) for path in Path("results/runs").glob("*/*/replicate-*.json")]
    study, made = told["study"], told["made"]
    assert (told["format"], told["unfinished"]) == (1, [])
    assert (study["preset"], study["preview"], study["seed"]) == ("full", False, 6)
    assert study["experiments"] == ["6.1-bowl", "6.2-noise", "6.4-net", "6.5-searched"]
    assert (study["runs"], study["searches"]) == (len(records), 4) == (15, 4)
    assert sum(study["verdicts"].values()) == 6
    assert study["trained"][0].startswith(min(record["started"] for record in records)[:23])
    assert study["data"] == [read_json("data/digest.json")["digest"]]
    assert study["sources"] == sorted({record["sources"] for record in records})
    assert study["environments"] == [{**records[0]["environment"], "runs": 15}]
    assert {"python", "numpy", "scipy", "pandas", "snakemake", "mlflow"} <= set(made["versions"])
    assert all(made["versions"].values())
    rest = {key: value for key, value in told.items() if key != "digest"}
    assert told["digest"] == sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@pytest.mark.usefixtures("project")
def test_the_same_study_gives_the_same_bytes():
    call("export", "--output", "first.zip")
    for path in Path("results").rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    call("export", "--output", "second.zip")
    assert Path("first.zip").read_bytes() == Path("second.zip").read_bytes()


def test_a_preview_has_its_own_name(tmp_path, monkeypatch):
    finish(tmp_path, preset="quick")
    monkeypatch.chdir(tmp_path)
    call("export", "--preset", "quick")
    study = manifest("study-quick.zip")["study"]
    assert (study["preset"], study["preview"], study["runs"]) == ("quick", True, 7)
    with pytest.raises(StudyError, match=r"results/study\.json: there is none"):
        call("export")


def test_a_claim_over_two_experiments_is_judged_again_from_both_tables(tmp_path, monkeypatch):
    check = "{kind: level, metric: accuracy, split: test, variants: [6.4-net/fast], above: 0}"
    claim = f"claims:\n  - {{id: C31, says: It learns., experiments: [6.4-net], check: {check}}}\n"
    finish(tmp_path, {"6.5-searched": ("claims:\n", claim)})
    monkeypatch.chdir(tmp_path)
    call("export")
    assert manifest()["unfinished"] == []
    judged = next(each for each in read_json("results/claims/6.5-searched.json") if each["id"] == "C31")
    assert judged["verdict"] == "supported"
    table = pd.read_parquet("results/tables/6.4-net.parquet")
    table.assign(value=-table["value"]).to_parquet("results/tables/6.4-net.parquet", index=False)
    with pytest.raises(StudyError, match="C31: judged again from the tables"):
        call("export")


def remove(path):
    Path(path).unlink()


UNFINISHED = {
    "no verdicts": (lambda: remove("results/claims.json"), "results/claims.json"),
    "no page": (lambda: remove("reports/html/index.html"), "reports/html/index.html"),
    "a run that is missing": (lambda: remove(RECORD), "6.4-net: missing: " + RECORD),
    "curves that are missing": (lambda: remove(RECORD.replace(".json", ".npz")), "replicate-1.npz"),
    "a round that is missing": (
        lambda: remove("results/search/6.5-searched/coarse/search-1/round-2.json"),
        "6.5-searched: missing: results/search/6.5-searched/coarse/search-1/round-2.json",
    ),
    "a figure that is missing": (lambda: remove("results/figures/6.4-net/curves.svg"), "6.4-net/curves.svg"),
    "settings changed since": (
        lambda: edit("config/experiments/6.4-net.yaml", "learning_rate: 0.3}", "learning_rate: 0.2}"),
        "6.4-net: it is the record of other settings: fast 0, fast 1, fast 2",
    ),
    "replicates added since": (
        lambda: edit("config/experiments/6.4-net.yaml", "0.3}, replicates: 3", "0.3}, replicates: 4"),
        "results/runs/6.4-net/fast/replicate-3.npz",
    ),
    "a claim changed since": (
        lambda: edit("config/experiments/6.4-net.yaml", "lower: fast, than: slow}", "lower: slow, than: fast}"),
        "C20: judged again from the tables it is contradicted, and supported is stated",
    ),
    "a table older than its runs": (
        lambda: shutil.copy("results/tables/6.2-noise.runs.parquet", "results/tables/6.4-net.runs.parquet"),
        "tables: results/tables/6.4-net.runs.parquet",
    ),
    "a page older than the verdicts": (
        lambda: edit("reports/html/index.html", 'class="claim contradicted"', 'class="claim supported"'),
        "page: C01: the page shows 'supported'",
    ),
    "other data than the runs had": (
        lambda: edit("data/digest.json", read_json("data/digest.json")["digest"], "f" * 64),
        "6.4-net: it is the record of other data: ",
    ),
}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("harm", "named"), UNFINISHED.values(), ids=UNFINISHED)
def test_an_unfinished_study_is_refused_and_what_is_missing_named(harm, named):
    Path("study.zip").write_bytes(b"an older archive")
    harm()
    before = set(Path().iterdir())
    with pytest.raises(StudyError) as refused:
        call("export")
    assert named in str(refused.value)
    assert "--incomplete" in str(refused.value)
    assert Path("study.zip").read_bytes() == b"an older archive"
    assert set(Path().iterdir()) == before


@pytest.mark.usefixtures("project")
def test_an_unfinished_study_is_packed_on_request_and_says_so(capsys):
    remove(RECORD)
    remove("results/claims.json")
    call("export", "--incomplete")
    told = manifest()
    assert f"complete: 6.4-net: missing: {RECORD}" in told["unfinished"]
    assert "complete: the study: missing: results/claims.json" in told["unfinished"]
    assert told["study"]["runs"] == 14
    assert f"unfinished: {len(told['unfinished'])} problems are stated in it" in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_runs_of_other_code_are_told_from_runs_of_this_one(monkeypatch):
    monkeypatch.setattr("chapter6.sharing.checks.training_digest", lambda *_: "0" * 64)
    with pytest.raises(StudyError, match="it is the record of other code"):
        call("export")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("field", "found"), [("sources", "other code"), ("key", "another run")])
def test_a_record_whose_key_is_not_its_own_is_refused(field, found):
    record = read_json(RECORD)
    write_json(RECORD, record | {field: "0" * 64})
    with pytest.raises(StudyError, match=rf"6\.4-net: it is the record of {found}: fast 1"):
        call("export")


@pytest.mark.usefixtures("project")
def test_what_is_left_over_from_before_is_not_packed():
    shutil.copytree("results/runs/6.4-net/fast", "results/runs/6.4-net/faster")
    shutil.copy(RECORD, RECORD.replace("replicate-1", "replicate-7"))
    call("export")
    assert not [name for name in manifest()["files"] if "faster" in name or "replicate-7" in name]


@pytest.mark.usefixtures("project")
def test_passwords_in_addresses_stay_at_home():
    edit("results/study.json", '"uri": null', '"uri": "https://ann:sesame@host:5000/path"')
    edit("config/config.yaml", "{", '{"tracking": {"uri": "https://ann:sesame@host:5000/path"}, ')
    call("export")
    with ZipFile("study.zip") as archive:
        for name in ("results/study.json", "config/config.yaml"):
            content = archive.read(name)
            assert b"https://***@host:5000/path" in content
            assert b"sesame" not in content
