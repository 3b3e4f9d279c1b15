"""The small study enlarged, so that there is something to interrupt: longer trainings, a tuning, searches in rounds."""

from collections.abc import Mapping
from pathlib import Path

from .project import Project, new_project

HILLS = """\
id: 6.3-hills
title: Longer trainings
question: Which rule learns faster?
base:
  network: {hidden: [50, 50], activation: relu, initializer: he}
  steps: 500
  batch_size: 64
  record: [{measure: batch_loss, at: {}}, {measure: {kind: evaluation, splits: [test]}, at: {every: 100}}]
variants:
  sgd: {optimizer: {kind: sgd, learning_rate: 0.01}}
  adam: {optimizer: {kind: adam, learning_rate: 0.001}}
tuning: {of: [sgd], coarse: {steps: 50}, steps: 200, validation: 0.2}
figures:
  - {kind: curves, metric: loss, split: batch, caption: Loss of the mini-batches.}
claims:
  - id: T11
    says: Adam learns faster.
    check: {kind: ordering, metric: loss, split: batch, summary: mean, lower: adam, than: sgd}
"""
SEARCHED = """\
id: 6.5-searched
title: Searches in rounds
question: Where is the best rate?
replicates: 1
base:
  data: {examples: 500, validation: 0.2}
  network: {hidden: [50, 50]}
  optimizer: {kind: sgd, learning_rate: 0.1}
  steps: 100
  batch_size: 50
  record: [{measure: {kind: evaluation, splits: [validation]}, at: {every: 50}}]
search: {space: {optimizer.learning_rate: {low: 0.001, high: 1}}, trials: 6, retrains: 1}
variants:
  coarse: {strategy: {kind: narrowing, stages: 3, keep: 2}}
  halved: {replay: {of: coarse, rule: halving}}
figures:
  - {kind: best_so_far, metric: accuracy, split: validation, variants: [coarse], caption: Best so far.}
claims:
  - id: T12
    says: Stopping early costs nothing.
    check: {kind: ordering, metric: accuracy, split: test, higher: halved, than: coarse, margin: -0.05}
"""
EXPERIMENTS = {"6.3-hills": HILLS, "6.5-searched": SEARCHED}


def larger_project(folder: Path, experiments: Mapping[str, str] = EXPERIMENTS) -> Project:
    """Write the enlarged project, in which nothing has been run."""
    project = new_project(folder)
    for file in (project / "config/small").glob("*.yaml"):
        file.unlink()
    for name, text in experiments.items():
        (project / f"config/small/{name}.yaml").write_text(text, encoding="utf-8")
    return project
