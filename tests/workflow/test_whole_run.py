"""What one run of the whole study leaves behind."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from .project import EXPERIMENTS, PLANNED, RUNS_IN_MLFLOW

pytestmark = pytest.mark.workflow
COLUMNS = ["experiment", "variant", "replicate", "step", "split", "metric", "value"]
PART_KEYS = {
    *("track", "variants", "quantity", "margin", "estimate", "low", "high", "confidence", "correction"),
    *("replicates", "verdict"),
}


def test_it_ends_well(finished):
    output = (finished / "output.txt").read_text(encoding="utf-8")
    assert (finished / "status.txt").read_text() == "0", output
    assert "Traceback" not in output
    assert "(100%) done" in output


def test_every_replicate_of_every_variant_stands_in_the_tables(finished):
    for experiment, variants in PLANNED.items():
        table = pd.read_parquet(finished / f"results/tables/{experiment}.parquet")
        assert list(table.columns) == COLUMNS
        assert set(table["experiment"]) == {experiment}
        assert table.groupby("variant")["replicate"].agg(set).to_dict() == {
            variant: set(range(replicates)) for variant, replicates in variants.items()
        }
        assert np.isfinite(table["value"]).all()
        settings = pd.read_parquet(finished / f"results/tables/{experiment}.settings.parquet")
        assert set(settings["variant"]) == set(variants)
    histograms = pd.read_parquet(finished / "results/tables/6.2-noise.histograms.parquet")
    shares = histograms.groupby(["variant", "replicate", "metric"])["share"].sum()
    assert len(shares) == 2 * 2 * 3
    assert shares.between(0.9, 1 + 1e-9).all()  # a few activations of ReLU lie beyond the drawn range


def test_a_step_is_a_number_of_completed_updates(finished):
    table = pd.read_parquet(finished / "results/tables/6.1-net.parquet")
    one = table[(table["variant"] == "fast") & (table["replicate"] == 1)]
    assert one.loc[one["split"] == "batch", "step"].tolist() == list(range(60))
    of_test = one[(one["split"] == "test") & (one["metric"] == "accuracy")]
    assert of_test["step"].tolist() == [0, 20, 40, 60]


def test_verdicts_have_the_agreed_form(finished):
    claims = json.loads((finished / "results/claims.json").read_text(encoding="utf-8"))
    assert [(claim["id"], claim["experiment"]) for claim in claims] == [
        *(("T01", "6.1-net"), ("T02", "6.1-bowl"), ("T03", "6.2-noise"))
    ]
    for claim in claims:
        assert claim["whose"] == "source"
        assert claim["verdict"] in {"supported", "contradicted", "undecided"}
        assert claim["parts"]
        for part in claim["parts"]:
            assert part.keys() >= PART_KEYS
        leading = {name: claim[name] for name in ("estimate", "low", "high", "replicates", "verdict")}
        assert any(leading.items() <= part.items() for part in claim["parts"])
        own = json.loads((finished / f"results/claims/{claim['experiment']}.json").read_text(encoding="utf-8"))
        assert own == [claim | {"study_level": None}]  # that is known when all have been gathered
    verdicts = {claim["id"]: claim["verdict"] for claim in claims}
    assert verdicts["T02"] == "supported"  # exact: one path, nothing random


def test_the_page_shows_every_experiment_with_figure_and_verdict(finished):
    page = ElementTree.parse(finished / "reports/html/index.html")
    anchors = {element.get("id") for element in page.iter() if element.get("id")}
    assert anchors >= {*EXPERIMENTS, "T01", "T02", "T03"}
    text = " ".join("".join(page.getroot().itertext()).split())
    for shown in ("Which learning rate learns faster?", "SGD swings more.", "Activations by layer."):
        assert shown in text
    assert "Incomplete" not in text
    names = [path.name for path in (finished / "results/figures").glob("*/*.svg")]
    assert sorted(names) == ["curves.svg", "histograms.svg", "paths.svg"]
    drawn = [element for element in page.iter() if element.tag.endswith("}svg")]
    assert len(drawn) >= len(names)


def test_every_planned_run_is_mirrored(finished):
    client = MlflowClient(f"sqlite:///{finished / 'mlflow.db'}")
    for name, expected in RUNS_IN_MLFLOW.items():
        experiment = client.get_experiment_by_name(name)
        runs = client.search_runs([experiment.experiment_id])
        assert {run.info.status for run in runs} == {"FINISHED"}
        assert len(runs) == expected
        of_replicates = [run.data.tags for run in runs if "replicate" in run.data.tags]
        assert sorted((tags["variant"], int(tags["replicate"])) for tags in of_replicates) == sorted(
            (variant, number) for variant, count in PLANNED[name].items() for number in range(count)
        )
        stamp = json.loads((finished / f"results/tracking/{name}.json").read_text(encoding="utf-8"))
        assert stamp["runs"] == expected


def test_every_job_leaves_a_log_and_a_benchmark(finished):
    logs, benchmarks = (
        {file.relative_to(finished / folder).with_suffix("").as_posix() for file in (finished / folder).rglob(pattern)}
        for folder, pattern in (("logs", "*.log"), ("results/benchmarks", "*.tsv"))
    )
    assert logs == benchmarks
    for name in ("mnist", "train/6.1-net/fast-0", "judge/6.1-bowl", "draw/6.2-noise", "page", "collect"):
        assert name in logs


def test_jobs_by_hand_give_the_same_bits(project):
    """The line that Snakemake prints can be run alone."""
    lines = re.findall(r"^Shell command: (chapter6 train .*)$", (project / "output.txt").read_text(), re.MULTILINE)
    assert len(lines) == sum(map(len, PLANNED.values()))
    curves = project.curves()
    line = next(line for line in lines if "/fast-0.json" in line)
    for file in (project / "results/runs/6.1-net/fast").iterdir():
        file.unlink()
    done = project.run("bash", "-c", line)
    assert done.status == 0, done.output
    assert project.curves() == curves
