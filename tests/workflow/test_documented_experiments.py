"""The experiments of ``docs/experiments.md`` run as they stand."""

import json
import re

import pytest

from .project import ROOT, Project, new_project

pytestmark = pytest.mark.workflow
BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/experiments.md").read_text(encoding="utf-8"), re.DOTALL)
IDS = [re.match(r"id: (\S+)\n", block)[1] for block in BLOCKS]


@pytest.fixture
def documented(tmp_path) -> Project:
    """A study of the documented experiments alone."""
    project = new_project(tmp_path / "project")
    for file in (project / "config/small").iterdir():
        file.unlink()
    for name, block in zip(IDS, BLOCKS, strict=True):
        (project / f"config/small/{name}.yaml").write_text(block, encoding="utf-8")
    return project


def test_each_is_short():
    assert len(BLOCKS) == 8
    assert all(block.count("\n") < 20 for block in BLOCKS)


def test_they_run(documented):
    done = documented.snakemake("--config", "preset=quick", "tracking={enabled: false}")
    assert done.status == 0, done.output
    judged = json.loads((documented / "results-quick/claims.json").read_text(encoding="utf-8"))
    assert sorted(claim["experiment"] for claim in judged) == sorted(IDS)
    for name in IDS[:-1]:
        assert list((documented / f"results-quick/figures/{name}").glob("*.svg"))
    record = json.loads((documented / "results-quick/runs/9.7-transfer/frozen/replicate-0.json").read_text())
    assert record["run"]["starts_from"]["run"]["data"]["classes"] == [0, 1, 2, 3, 4]
    chosen = json.loads((documented / "results-quick/decisions/9.8-recipe/finer.json").read_text(encoding="utf-8"))
    last = json.loads((documented / "results-quick/runs/9.8-recipe/last/replicate-0.json").read_text(encoding="utf-8"))
    (rate,) = chosen["values"]["stages.main.optimizer.learning_rate"]["by_replicate"]
    assert last["run"]["stages"][0]["optimizer"]["learning_rate"] == rate
