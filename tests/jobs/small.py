"""A study of two small experiments without MNIST, in the current folder, and its jobs called as commands are."""

import json
import re
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from chapter6.data.sets import MNIST
from chapter6.engine.run import Run
from chapter6.registry import plain
from chapter6.study.code import training_digest
from chapter6.study.loading import load_study
from chapter6.study.orders import Trained, TrainingOrder, training, write_order
from chapter6.study.plan import Study, TrainingJob
from chapter6.study.taken import Taken

EXTRACT = Path(__file__).parents[1] / "extract"
CONFIG = {"replicates": 2, "presets": {"full": {}, "quick": {"replicates": 1, "max_steps": 5}}}
BOWL = """\
id: 6.1-bowl
title: A bowl
question: Which rule swings less?
base: {surface: bowl, steps: 30, record: [{measure: position, at: {}}]}
variants:
  sgd: {label: SGD, optimizer: {kind: sgd, learning_rate: 0.95}, replicates: 1}
  adam: {label: Adam, optimizer: {kind: adam, learning_rate: 0.3}, replicates: 1}
claims:
  - id: C02
    says: SGD swings more.
    check: {kind: ordering, exact: true, metric: y, split: train, summary: sign_changes, higher: sgd, than: adam}
  - id: C01
    says: Adam swings more.
    check: {kind: ordering, exact: true, metric: y, split: train, summary: sign_changes, higher: adam, than: sgd}
"""
NOISE = """\
id: 6.2-noise
title: Noise
question: What is kept?
base:
  data: {kind: noise, examples: 50, inputs: 6}
  network: {hidden: [5, 5], outputs: 3, activation: relu}
  loss: linear
  optimizer: {kind: sgd, learning_rate: 0.1}
  steps: 0
  record: [{measure: activations, at: end}]
variants:
  he: {network: {initializer: he}}
  small: {network: {initializer: {kind: normal, std: 0.01}}}
claims:
  - id: C00
    says: Small weights let activations shrink.
    check:
      {kind: layer_ratio, metric: activation_std, layer: layer-2, reference: layer-1, variants: [small], below: 0.5}
"""


def write_study(**config: object) -> Study:
    """Write configuration and experiments into the current folder; return the study."""
    folder = Path("config/experiments")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"6.1-bowl": BOWL, "6.2-noise": NOISE}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    Path("config/config.yaml").write_text(json.dumps(CONFIG | config), encoding="utf-8")
    return load_study()


def fetch_extract() -> None:
    """Put the extract of MNIST into the folder data, as arrays."""
    stated = re.findall(r"^\| `(.*)-idx\d-ubyte\.gz` .*`([0-9a-f]{64})`", (EXTRACT / "README.md").read_text(), re.M)
    checksums = {name.replace("t10k", "test"): value for name, value in stated}
    wanted = json.dumps(plain(replace(MNIST, checksums=checksums)))
    call("fetch", "--directory", "data", "--mirror", str(EXTRACT), "--cache", "", "--set", wanted)


def call(command: str, *arguments: str) -> None:
    """Run a command on its arguments; a mistake comes out as the exception."""
    job = import_module(f"chapter6.jobs.{command.replace('-', '_')}")
    parser = ArgumentParser()
    job.add_arguments(parser)
    job.run(parser.parse_args(arguments))


def told(order: Any, output: str) -> tuple[str, ...]:
    """Write a job's order and return the arguments that all jobs with an order take."""
    return ("--order", write_order(f"orders/{output}", order), "--data", "data", "--output", output)


def train(study: Study, experiment: str) -> None:
    """Train everything of an experiment."""
    for job in study.jobs[experiment].values():
        train_job(study, experiment, job)


def train_job(study: Study, experiment: str, job: TrainingJob) -> None:
    """Train what one job of a study trains."""
    order = training(study, experiment, job)
    write_order(study.paths.order("train", f"{experiment}/{job.name}"), order)
    train_order(order, study.paths.runs(experiment), study.paths.trained(experiment, job.name))


def train_block(run: Run, first: int, last: int, folder: str, sources: str | None = None) -> None:
    """Train replicates of one run, the only variant of an experiment in ``folder``."""
    train_blocks({"v": run}, first, last, folder, sources)


def train_blocks(runs: Mapping[str, Run], first: int, last: int, folder: str, sources: str | None = None) -> None:
    """Train the same replicates of several runs by one job, as variants of an experiment in ``folder``."""
    train_order(order_of(runs, first, last, sources=sources), folder, f"{folder}/job.json")


def order_of(
    runs: Mapping[str, Run], first: int, last: int, experiment: str = "e", sources: str | None = None
) -> TrainingOrder:
    """Return the order of a job for these runs by variant; ``sources`` is the digest of the code in force if None."""
    blocks = (Trained(v, first, last, Taken(run), sources or training_digest(run)) for v, run in runs.items())
    return TrainingOrder(experiment, 6, tuple(blocks))


def train_order(order: TrainingOrder, folder: str, output: str, *arguments: str) -> None:
    """Train what an order says."""
    call("train", *told(order, output), "--folder", folder, *arguments)
