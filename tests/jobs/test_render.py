"""The page gathered from a small study's files."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path

import pytest

from chapter6.files import write_json, write_text
from chapter6.jobs import render
from chapter6.study.paths import replicate_files
from chapter6.study.plan import Study, load_study

PATHS = """
id: 6.1-paths
title: Paths
question: How?
replicates: 1
base:
  surface: bowl
  steps: 3
  record: [{measure: position, at: {}}]
variants:
  sgd: {label: SGD, optimizer: sgd}
  adam: {label: Adam, optimizer: adam}
figures: [{kind: paths, caption: Three updates.}]
claims:
  - {id: C01, says: It <moves>, check: {kind: level, metric: height, split: train, variants: [sgd], below: 1}}
"""
OTHER = PATHS.replace("6.1-paths", "Z-new").replace("C01", "C99")
VERDICT = {
    "verdict": "supported",
    "estimate": 0.25,
    "low": 0.25,
    "high": 0.25,
    "replicates": 1,
    "sentence": "It moved.",
    "preview": False,
    "parts": [{"label": "final height: SGD", "verdict": "supported", "variants": ["sgd"], "low": None}],
}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><text>drawn</text></svg>'


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    write_text("config/experiments/paths.yaml", PATHS)
    write_text("config/experiments/other.yaml", OTHER)
    write_json("results/study.json", {})
    write_text("reports/text/en/6.1.md", "# 6.1 Prose\n\n::: experiment 6.1-paths\nRead *this*.\n:::\n")
    write_text("reports/text/en/remarks.md", "Not shown.\n\n## C01\n\nA remark.\n")
    return load_study({})


def finish(study: Study, name: str) -> None:
    """Write what the jobs of an experiment leave behind."""
    experiment, paths = study.experiments[name], study.paths
    for variant in experiment.variants.values():
        record = {
            "run": dict(variant.run),
            "outcome": "diverged" if variant.name == "adam" else "finished",
            "started": "2025-01-02T03:04:05+00:00",
            "seconds": 1.5,
            "data": None,
            "environment": {"python": "3.11", "numpy": "2", "blas": "b", "machine": "m", "processor": "A <cpu>"},
        }
        write_json(replicate_files(paths.run_folder(name, variant.name), 0)[1], record)
    write_json(
        paths.claims(name),
        [{"id": claim.id, "experiment": name, "statement": claim.says, **VERDICT} for claim in experiment.claims],
    )
    write_text(paths.figure(name, "paths"), SVG)
    write_text(paths.summary(name), "variant,mean\nsgd,0.25\n")


def page(*arguments: str) -> str:
    parser = ArgumentParser()
    render.add_arguments(parser)
    render.run(parser.parse_args(["--study", "results/study.json", *arguments]))
    return Path("reports/html/index.html").read_text(encoding="utf-8")


def test_everything_that_exists_is_on_the_page(study):
    finish(study, "6.1-paths")
    finish(study, "Z-new")
    html = page()
    for shown in (
        "6.1 Prose",
        "Read <em>this</em>",
        "It &lt;moves&gt;",
        "It moved.",
        "A remark.",
        "Three updates.",
        ">drawn</text>",
        "A &lt;cpu&gt;",
        "results/tables/6.1-paths.parquet",
        "Runs that diverged: 1 of 2",
        'id="Z-new"',
        "2025-01-02",
    ):
        assert shown in html, shown
    assert "Not shown." not in html
    assert 'class="banner' not in html
    assert str(Path.cwd()) not in html


@pytest.mark.usefixtures("study")
def test_nothing_but_the_study_is_a_page_that_says_so():
    html = page()
    assert "6.1-paths</a>: runs of 2 of 2 variants (sgd, adam)" in html
    assert html.count("Not judged") >= 2


def test_a_failed_experiment_costs_itself_only(study):
    finish(study, "6.1-paths")
    html = page("--incomplete")
    assert "Z-new</a>:" in html
    assert "6.1-paths</a>:" not in html
    assert "It moved." in html


def test_runs_of_other_settings_are_not_shown(study):
    finish(study, "6.1-paths")
    record = replicate_files(study.paths.run_folder("6.1-paths", "sgd"), 0)[1]
    old = json.loads(Path(record).read_text())
    write_json(record, old | {"run": old["run"] | {"steps": 99}})
    html = page()
    assert "6.1-paths</a>: runs of 1 of 2 variants (sgd)" in html
    assert "It moved." not in html
    assert ">drawn</text>" not in html


def test_after_a_failure_files_older_than_the_runs_are_not_shown(study):
    finish(study, "6.1-paths")
    os.utime(study.paths.claims("6.1-paths"), (1, 1))
    assert "It moved." in page()
    html = page("--incomplete")
    assert "It moved." not in html
    assert "6.1-paths</a>: verdicts" in html


def test_each_missing_output_is_named(study):
    finish(study, "6.1-paths")
    Path(study.paths.figure("6.1-paths", "paths")).unlink()
    Path(study.paths.summary("6.1-paths")).unlink()
    assert "6.1-paths</a>: figure paths, table" in page()


def test_results_and_output_may_stand_elsewhere(study):
    finish(study, "6.1-paths")
    Path("results").rename("copy")
    write_json("results/study.json", {"only": "6.1-paths"})
    page("--results", "copy", "--output", "reports/html/index.html")
    html = Path("reports/html/index.html").read_text(encoding="utf-8")
    assert "It moved." in html
    assert "A selection." in html


def test_sections_follow_the_chapter():
    assert render.in_order({"Z", "A", "6.10", "6.2", "6.1"}) == ["6.1", "6.2", "6.10", "A", "Z"]
