"""The chapter's quick study on another data set, by the configuration alone: the 8 x 8 digits of scikit-learn."""

import gzip
import json
import shutil
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_digits

from chapter6.data import idx

from .project import ROOT, Project

pytestmark = pytest.mark.workflow
CHOSEN = {"6.1-mnist", "6.2-activations", "6.4-overfit", "6.5-random"}
SIZES = {"train": 1500, "test": 297}


def write_digits(folder):
    """Write the digits as four IDX files; return their names and SHA-256 by part."""
    folder.mkdir()
    found = load_digits()
    images, labels = (found.images * 15.9375).astype(np.uint8), found.target.astype(np.uint8)
    files, checksums = {}, {}
    for split, rows in {"train": slice(SIZES["train"]), "test": slice(SIZES["train"], None)}.items():
        for kind, array in {"images": images, "labels": labels}.items():
            content, part = idx.build(array[rows]), f"{split}-{kind}"
            files[part], checksums[part] = f"digits-{part}", sha256(content).hexdigest()
            (folder / f"{files[part]}.gz").write_bytes(gzip.compress(content))
    return {"files": files, "checksums": checksums}


@pytest.fixture
def digits(tmp_path):
    """The study of the repository with a configuration that names another data set."""
    project = Project(tmp_path / "project")
    for name in ("workflow", "profiles", "reports/text", "src/chapter6", "config"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("*.pyc.*"))
    shutil.copy2(ROOT / "Snakefile", project.folder)
    config = yaml.safe_load((project / "config/config.yaml").read_text())
    described = write_digits(tmp_path / "idx") | {"shape": [8, 8], "classes": 10, "sizes": SIZES}
    own = {"name": "digits", "directory": "data/digits", "mirrors": [str(tmp_path / "idx")], "cache": ""}
    changed = config | {"data": own | described, "only": sorted(CHOSEN), "preset": "quick"}
    (project / "config/config.yaml").write_text(json.dumps(changed))
    return project


def test_the_quick_study_runs_on_another_data_set(digits):
    done = digits.snakemake("--config", "tracking={enabled: false}")
    assert done.status == 0, done.output
    for name in CHOSEN:
        table = pd.read_parquet(digits / f"results-quick/tables/{name}.parquet")
        assert set(table["replicate"]) == {0, 1}
    assert len(json.loads((digits / "results-quick/claims.json").read_text())) > len(CHOSEN)
    record = next((digits / "results-quick/runs/6.1-mnist/adam").glob("*.json"))
    run = json.loads(record.read_text())["run"]
    assert run["data"]["source"] == {"shape": [1, 8, 8], "classes": 10}
    assert run["data"]["examples"] == SIZES["train"]
    losses = pd.read_parquet(digits / "results-quick/tables/6.1-mnist.parquet").query("split == 'batch'")
    by_step = losses.groupby("step")["value"].mean()
    assert by_step[by_step.index > 40].mean() < by_step[by_step.index < 5].mean() / 2


def test_an_experiment_that_needs_more_images_than_there_are_says_so(digits):
    done = digits.snakemake("-n", "--config", "only=6.4-size")
    assert done.status == 1
    assert "6.4-size.yaml: variant" in done.output
    assert "data.examples: there are 1500 training images, not " in done.output
    assert "Traceback" not in done.output
