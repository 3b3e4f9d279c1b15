"""Synthetic studies of any number of jobs, and what planning, running and tracking them takes."""

import csv
import json
import re
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml

from bench.processes import BenchError
from workflow.project import Project, new_project

USAGE = Path(__file__).with_name("usage.py")
LOAD = """
import time
from chapter6.study.loading import load_study
clock = time.process_time()
load_study().jobs
print(time.process_time() - clock)
"""


@dataclass(frozen=True)
class Shape:
    """How a study of ``jobs`` training jobs is divided: experiments of at most ``width`` variants."""

    name: str
    width: int

    def experiments(self, jobs: int) -> list[int]:
        """Return the number of variants of each experiment."""
        full, rest = divmod(jobs, self.width)
        return [self.width] * full + ([rest] if rest else [])


SHAPES = (Shape("experiments of 100 variants", 100), Shape("one experiment", 10**9))


def new_study(folder: Path, variants: Sequence[int], steps: int) -> Project:
    """Write a project whose experiments are sweeps over learning rates: so many ``variants``, one run and one job each.

    A run is a point that moves ``steps`` times over a bowl.
    """
    project = new_project(folder)
    shutil.rmtree(project / "config/small")
    (project / "config/scale").mkdir()
    settings = {
        "replicates": 1,
        "runs_per_job": 1,
        "experiments": "config/scale",
        "presets": {"full": {}},
    }
    (project / "config/config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    for number, count in enumerate(variants, start=1):
        experiment = {
            "id": f"9.{number}-scale",
            "title": "Many rates",
            "question": "How does the study grow?",
            "base": {
                "surface": "bowl",
                "steps": steps,
                "optimizer": "sgd",
                "record": [{"measure": "position", "at": {}}],
            },
            "sweep": {"optimizer.learning_rate": [round(0.5 * (n + 1) / count, 9) for n in range(count)]},
        }
        (project / f"config/scale/{experiment['id']}.yaml").write_text(yaml.safe_dump(experiment), encoding="utf-8")
    return project


def plan(variants: Sequence[int]) -> dict[str, float]:
    """Return what a dry run takes, until all jobs are known, and the CPU seconds of reading the study as part of it."""
    with TemporaryDirectory() as folder:
        project = new_study(Path(folder, "project"), variants, steps=3)
        loading = float(_run(project, sys.executable, "-c", LOAD).splitlines()[-1])
        taken, output = _snakemake(project, "--dry-run", "--quiet", "rules")
    counted = re.search(r"^total\s+(\d+)$", output, re.MULTILINE)
    if not counted:
        raise BenchError(f"the dry run names no total:\n{output[-1000:]}")
    return {**taken, "loading": loading, "all_jobs": int(counted[1])}


def run(variants: Sequence[int], cores: int) -> dict[str, float]:
    """Return what running the whole study takes, and the seconds of its tracking jobs."""
    with TemporaryDirectory() as folder:
        project = new_study(Path(folder, "project"), variants, steps=3)
        taken, output = _snakemake(project, "--cores", str(cores), "--quiet", "rules")
        trained = len(list((project / "results/runs").glob("*/*/replicate-0.json")))
        if trained != sum(variants):
            raise BenchError(f"{trained} runs were trained instead of {sum(variants)}:\n{output[-1000:]}")
        benchmarks = list((project / "results/benchmarks").rglob("*.tsv"))
        tracking = sum(_seconds(file) for file in benchmarks if file.parent.name == "track")
        job = np.median([_seconds(file) for file in benchmarks if "train" in file.parts])
    return {**taken, "tracking": tracking, "all_jobs": len(benchmarks), "training_job": float(job)}


def _snakemake(project: Project, *arguments: str) -> tuple[dict[str, float], str]:
    """Return what Snakemake took itself, and its output."""
    usage, clock = project / "usage.json", time.perf_counter()
    output = _run(project, sys.executable, "-P", str(USAGE), str(usage), *arguments)
    seconds = time.perf_counter() - clock
    return {"seconds": seconds, **json.loads(usage.read_text(encoding="utf-8"))}, output


def _run(project: Project, *command: str) -> str:
    """Run a command in the project, however long it takes."""
    done = project.run(*command, patience=None)
    if done.status:
        raise BenchError(f"{' '.join(command[:6])} failed:\n{done.output[-3000:]}")
    return done.output


def _seconds(file: Path) -> float:
    """Return the seconds that Snakemake's benchmark of a job states."""
    with file.open(encoding="utf-8") as lines:
        return float(next(csv.DictReader(lines, delimiter="\t"))["s"])


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return the slope of the line through the logarithms: 1 is linear growth, a constant share lowers it."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
