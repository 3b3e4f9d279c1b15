"""A small study run to its end by the real jobs: trainings, a tuning, searches, tables, figures, verdicts, page."""

from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path

from chapter6.files import write_json, write_text
from chapter6.registry import plain
from chapter6.study import orders
from chapter6.study.loading import load_study
from chapter6.study.plan import Study

from .small import call, fetch_extract, told, train, write_study

DATA = {"directory": "data", "sizes": {"train": 1000, "test": 300}}
NET = """\
id: 6.4-net
title: A net
question: Does a faster rate learn faster?
base:
  data: {examples: 100}
  network: {hidden: [8], activation: relu, initializer: he}
  steps: 20
  batch_size: 20
  record: [{measure: batch_loss, at: {}}, {measure: {kind: evaluation, splits: [test]}, at: {every: 10}}]
variants:
  slow: {optimizer: {kind: sgd, learning_rate: 0.001}, replicates: 3}
  fast: {optimizer: {kind: sgd, learning_rate: 0.3}, replicates: 3}
tuning: {of: [slow], coarse: {steps: 5}, steps: 10, validation: 0.2}
figures: [{kind: curves, metric: loss, split: batch, caption: Loss.}]
claims:
  - id: C20
    says: The faster rate learns faster.
    check: {kind: ordering, metric: loss, split: batch, summary: mean, lower: fast, than: slow}
  - id: C21
    says: Any rate learns.
    any_of:
      - {kind: ordering, metric: loss, split: batch, summary: mean, lower: fast, than: slow, margin: 0.1}
      - {kind: ordering, metric: loss, split: batch, summary: mean, lower: slow, than: fast, margin: 0.1}
"""
SEARCHED = """\
id: 6.5-searched
title: A search
question: Where is the best rate?
replicates: 2
base:
  data: {examples: 60, validation: 0.5}
  network: {hidden: [5]}
  optimizer: {kind: sgd, learning_rate: 0.1}
  steps: 10
  batch_size: 10
  record: [{measure: {kind: evaluation, splits: [validation]}, at: {every: 2}}]
search: {space: {optimizer.learning_rate: {low: 0.001, high: 1}}, trials: 4, retrains: 1}
variants:
  coarse: {strategy: {kind: narrowing, stages: 2, keep: 2}}
  halved: {replay: {of: coarse, rule: halving}}
claims:
  - id: C30
    says: Stopping early costs nothing.
    check: {kind: ordering, metric: accuracy, split: test, higher: halved, than: coarse, margin: -0.05}
"""
EXPERIMENTS = {"6.4-net": NET, "6.5-searched": SEARCHED}


def finish(folder: Path, changes: Mapping[str, tuple[str, str]] | None = None, **config: object) -> Study:
    """Run the study in ``folder``; ``changes`` replace text in the YAML of an experiment, by its file's name."""
    folder.mkdir(parents=True, exist_ok=True)
    with chdir(folder):
        write_study(data=DATA, **config)
        for name, text in EXPERIMENTS.items():
            write_text(f"config/experiments/{name}.yaml", text)
        for name, (old, new) in (changes or {}).items():
            path = Path(f"config/experiments/{name}.yaml")
            assert old in path.read_text(), f"{name} has no {old!r}"
            write_text(path, path.read_text().replace(old, new))
        study = load_study()
        write_json(study.paths.settings, plain(study.config))
        if not Path("data/digest.json").exists():
            fetch_extract()
        for name in study.experiments:
            _run(study, name)
        call("collect")
        call("render", "--study", study.paths.settings)
        return study


def _run(study: Study, name: str) -> None:
    experiment, paths = study.experiments[name], study.paths
    for of, tuning in experiment.tunings.items():
        call("tune", *told(orders.tuning(study, name, tuning), paths.tuning(name, of)))
    train(study, name)
    for planned in experiment.searches():
        order = orders.searching(study, planned)
        for number, file in enumerate(planned.rounds):
            call("search", *told(order, file), "--before", *planned.rounds[:number])
        call("choose", *told(order, planned.chosen), "--rounds", *planned.sources)
    for job in ("tabulate", "judge", "draw"):
        call(job, "--experiment", name)
