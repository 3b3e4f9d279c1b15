"""A study of one experiment of eight variants, trained by eight jobs that may run at once."""

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Run

from chapter6.study.loading import load_study
from chapter6.study.orders import training, write_order
from chapter6.study.plan import Study

VARIANTS, REPLICATES = 8, 4
EXPERIMENT = """\
id: eight
title: Eight jobs
question: Does all of it arrive?
base: {surface: bowl, steps: 150, record: [{measure: position, at: {}}]}
sweep: {optimizer.learning_rate: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]}
variants: {sgd: {optimizer: {kind: sgd}}}
"""
PATIENCE = 300  # seconds
# On a busy machine eight jobs need longer than they are given otherwise.
PROGRAM = """
from chapter6.cli import main
from chapter6.jobs import stream
stream.LINGER = 200
raise SystemExit(main())
"""


@dataclass(frozen=True)
class Lab:
    """The study in a folder, mirrored to a server under names of its own, or to a file."""

    folder: Path
    server: str | None = None

    def __post_init__(self) -> None:
        """Write the study."""
        (self.folder / "config/experiments").mkdir(parents=True)
        (self.folder / "config/experiments/eight.yaml").write_text(EXPERIMENT, encoding="utf-8")
        tracking = {"uri": self.server, "prefix": f"{self.folder.name[:39]}-", "live": bool(self.server)}
        settings = {"replicates": REPLICATES, "runs_per_job": REPLICATES, "tracking": tracking}
        (self.folder / "study.json").write_text(json.dumps(settings), encoding="utf-8")

    @cached_property
    def study(self) -> Study:
        return load_study(json.loads((self.folder / "study.json").read_text()), self.folder)

    @property
    def name(self) -> str:
        """The experiment in MLflow."""
        return self.study.mirrored_as("eight")

    @property
    def client(self) -> MlflowClient:
        """What is in MLflow, seen past the mirror."""
        return MlflowClient(self.server or f"sqlite:///{self.folder}/mlflow.db")

    def runs(self) -> dict[str, list[Run]]:
        """The experiment's runs that are not deleted, by slot."""
        found, runs = self.client.get_experiment_by_name(self.name), defaultdict(list)
        for run in self.client.search_runs([found.experiment_id], max_results=5000) if found else ():
            runs[run.data.tags["chapter6.slot"]].append(run)
        return dict(runs)

    def finished(self) -> Counter[str]:
        """How many finished runs each slot has, where it has any."""
        return +Counter({s: sum(run.info.status == "FINISHED" for run in runs) for s, runs in self.runs().items()})

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command of the study."""
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *command],
            cwd=self.folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def trainings(self, *, live: bool) -> list[subprocess.Popen[str]]:
        """Start all training jobs at once."""
        environment = {"CHAPTER6_LIVE": "study.json"} if live else {}
        paths, jobs = self.study.paths, []
        for name, job in self.study.jobs["eight"].items():
            order = paths.order("train", f"eight/{name}")
            write_order(str(self.folder / order), training(self.study, "eight", job))
            place = ("--folder", paths.runs("eight"), "--output", paths.trained("eight", name))
            jobs.append(self.start("train", "--order", order, "--data", "data", *place, **environment))
        return jobs

    def train(self, *, live: bool) -> list[str]:
        """Run all training jobs at once; return what they said."""
        return [ended(job) for job in self.trainings(live=live)]

    def store(self) -> subprocess.Popen[str]:
        """Start the creation of what the store lacks."""
        uri = self.study.tracking_uri
        return self.start("store", "--uri", uri, "--experiment", self.name, "--output", "store.json")

    def create(self) -> None:
        """Create it."""
        ended(self.store())

    def track(self) -> subprocess.Popen[str]:
        """Start the mirroring of all that is trained."""
        return self.start("track", "--study", "study.json", "--experiment", "eight")

    @property
    def replicates(self) -> set[str]:
        """The slots of what is planned."""
        variants = self.study.experiments["eight"].variants
        return {f"replicate/{name}/{number}" for name in variants for number in range(REPLICATES)}

    @property
    def slots(self) -> set[str]:
        """The slots of all runs that a finished ``track`` leaves."""
        variants = self.study.experiments["eight"].variants
        return self.replicates | {f"variant/{name}" for name in variants} | {"summary"}


def ended(process: subprocess.Popen[str], status: int | None = 0) -> str:
    """Wait for a command to end well; return what it said."""
    said, _ = process.communicate(timeout=PATIENCE)
    assert status is None or process.returncode == status, said
    return said


def differing_points(lab: Lab) -> tuple[int, list[str]]:
    """Compare every point of every curve in results/ with MLflow's; return how many there are, and what differs."""
    runs, points, different = lab.runs(), 0, []
    for file in sorted((lab.folder / "results/runs/eight").glob("*/replicate-*.npz")):
        slot = f"replicate/{file.parent.name}/{file.stem.removeprefix('replicate-')}"
        with np.load(file) as arrays:
            for name in (name.removeprefix("step:") for name in arrays.files if name.startswith("step:")):
                here = dict(zip(arrays[f"step:{name}"].tolist(), arrays[f"value:{name}"].tolist(), strict=True))
                history = lab.client.get_metric_history(runs[slot][0].info.run_id, name) if slot in runs else []
                points += len(here)
                if here != {point.step: point.value for point in history} or len(history) != len(here):
                    different.append(f"{slot} {name}: {len(here)} points here, {len(history)} there")
    return points, different
