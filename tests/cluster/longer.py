"""A study whose jobs last seconds, so that something can happen to them."""

from pathlib import Path

from workflow.project import Project, new_project

HILLS = """\
id: 6.3-hills
title: Longer trainings
question: Which rule learns faster?
base:
  network: {hidden: [50, 50], activation: relu, initializer: he}
  steps: 8000
  batch_size: 64
  record: [{measure: batch_loss, at: {}}, {measure: {kind: evaluation, splits: [test]}, at: {every: 1000}}]
variants:
  sgd: {optimizer: {kind: sgd, learning_rate: 0.01}}
  adam: {optimizer: {kind: adam, learning_rate: 0.001}}
tuning: {of: [sgd], factors: [0.3, 1, 3], steps: 1500, validation: 0.2}
figures:
  - {kind: curves, metric: loss, split: batch, caption: Loss of the mini-batches.}
claims:
  - id: T21
    says: Adam learns faster.
    check: {kind: ordering, metric: loss, split: batch, summary: mean, lower: adam, than: sgd}
"""
TABLE = "results/tables/6.3-hills.parquet"


def longer_project(folder: Path) -> Project:
    """Write the project, in which nothing has been run: a tuning, and three trainings, one of which waits for it."""
    project = new_project(folder)
    for file in (project / "config/small").glob("*.yaml"):
        file.unlink()
    (project / "config/small/6.3-hills.yaml").write_text(HILLS, encoding="utf-8")
    return project
