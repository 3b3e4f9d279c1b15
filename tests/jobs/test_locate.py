"""The last lines of `make study`: where the page is, how the verdicts are spread, how to see the runs."""

import json
from pathlib import Path

import pytest

from chapter6.jobs.locate import runs_in_mlflow

from .small import call, write_study


def said(capsys, *arguments):
    call("locate", *arguments)
    return capsys.readouterr().out


def write_page(study):
    for name, text in ((study.paths.page, "<html>"), (study.paths.claims(), json.dumps(VERDICTS))):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


VERDICTS = [
    {"id": "C01", "verdict": "supported"},
    {"id": "C02", "verdict": "undecided"},
    {"id": "C02-end", "verdict": "contradicted"},
    {"id": "C03", "verdict": "supported"},
]


def test_before_there_is_a_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_study()
    assert said(capsys) == "\nThere is no report yet.\n"


def test_page_verdicts_and_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    study = write_study()
    write_page(study)
    lines = said(capsys).splitlines()
    assert f"The report: {(tmp_path / 'reports/html/index.html').resolve().as_uri()}" in lines
    assert "Claims: 2 supported, 0 contradicted, 1 undecided" in lines
    assert "Further readings of them: 0 supported, 1 contradicted, 0 undecided" in lines
    assert any(line.startswith("The runs: make ui, then http://127.0.0.1:5000/") for line in lines)
    assert said(capsys, "--preset", "quick") == "\nThere is no report yet.\n"


def test_a_preview_and_a_server_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    study = write_study(preset="quick")
    write_page(study)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    words = said(capsys)
    assert "(a preview at reduced budgets)" in words
    assert "make ui DB=mlflow-quick.db" in words
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5001")
    assert said(capsys).splitlines()[-1] == "The runs: http://127.0.0.1:5001"


@pytest.mark.parametrize(
    ("preset", "uri", "address", "command"),
    [
        ("full", None, "http://127.0.0.1:5000", "make ui"),
        ("quick", None, "http://127.0.0.1:5000", "make ui DB=mlflow-quick.db"),
        ("full", "sqlite:////srv/runs.db", "http://127.0.0.1:5000", "make ui DB=/srv/runs.db"),
        ("full", "https://me:s@cre/t?@lab.example:5001/mlflow/?token=secret", "https://lab.example:5001/mlflow", ""),
    ],
)
def test_the_page_leads_to_where_the_runs_are_and_tells_no_password(
    tmp_path, monkeypatch, preset, uri, address, command
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    study = write_study(preset=preset, tracking={"uri": uri, "prefix": "ours."})
    runs = runs_in_mlflow(study)
    assert (runs.address, runs.command) == (address, command)
    assert runs.names["6.1-bowl"] == {"full": "ours.6.1-bowl", "quick": "ours.6.1-bowl-quick"}[preset]
    call("render")
    page = Path(study.paths.page).read_text(encoding="utf-8")
    assert f'href="{address}/#/experiments?experimentSearchFilter={runs.names["6.1-bowl"]}"' in page
    assert f"<code>{command}</code> has started it" in page or not command
    assert "cre/t" not in page


@pytest.mark.parametrize("tracking", [{"enabled": False}, {"uri": "postgresql://me:secret@lab.example/runs"}])
def test_without_a_place_to_look_at_the_page_names_none(tmp_path, monkeypatch, capsys, tracking):
    monkeypatch.chdir(tmp_path)
    study = write_study(tracking=tracking)
    call("render")
    assert "experimentSearchFilter" not in Path(study.paths.page).read_text(encoding="utf-8")
    last = said(capsys).splitlines()[-1]
    assert last == "The runs: postgresql://lab.example/runs" if "uri" in tracking else "The runs" not in last
