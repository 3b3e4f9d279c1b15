"""Say how many jobs the study has, about how long they take and how much disk they need."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from chapter6.engine.measurements import BatchLoss, Evaluation, Measurement
from chapter6.jobs.common import add_overrides, overridden_study
from chapter6.study.plan import Block, Study

OVERHEAD_SECONDS = 90.0  # tables, verdicts, figures, tracking and the page of the whole study, one core
JOB_SECONDS = 0.5  # start-up of a training job
BYTES_A_NUMBER = 16  # a step and a value, in the curves
COPIES = 3  # curves stand in results/, again in MLflow's artifacts, and once more in the tables


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_overrides(parser)
    parser.add_argument("--cores", type=int, default=1)


def run(args: Namespace) -> None:
    """Print the plan."""
    study = overridden_study(args)
    blocks = {name: list(study.blocks(name)) for name in study.experiments}
    due = [b for name in blocks for b in blocks[name] if not _is_done(study, name, b)]
    total = sum(map(len, blocks.values()))
    runs = sum(v.replicates for e in study.experiments.values() for v in e.variants.values())
    rate = _multiplications_per_second()
    seconds = sum(_seconds(block, rate) for block in due) / args.cores
    seconds += OVERHEAD_SECONDS * len(due) / max(total, 1) / min(args.cores, 2)
    disk = sum(_numbers(block) for block in due) * BYTES_A_NUMBER * COPIES
    sys.stdout.write(
        f"{len(study.experiments)} experiments, {runs} runs in {total} training jobs, {total - len(due)} of them done"
        f" already.\nAbout {_duration(seconds)} on {args.cores} cores, about {disk / 1e6 + 60:.0f} MB of disk"
        f" (and 55 MB for MNIST).\n"
    )


def _is_done(study: Study, experiment: str, block: Block) -> bool:
    return Path(study.paths.block(experiment, block.variant.name, block.first, block.last)).exists()


def _seconds(block: Block, rate: float) -> float:
    """Estimate a training job from the multiplications of its matrix products."""
    run = block.variant.run
    if run["network"] is None:
        return JOB_SECONDS
    weights = sum(a * b for a, b in pairwise(_widths(run)))
    layers = len(run["network"]["hidden"]) + 1
    forward = weights * run["batch_size"] / rate
    update = 3 * forward + 60e-6 * layers + 100e-6 + 2e-9 * weights
    readings = 0.0
    for record in run["record"]:
        times = sum(max(0, 1 + (last - first) // every) for first, every, last in record["steps"])
        readings += times * _reading_seconds(record["measure"], run, forward, weights / rate)
    replicates = block.last - block.first + 1
    return JOB_SECONDS + replicates * float(run["steps"] * update + readings)


def _reading_seconds(measure: Mapping[str, Any], run: Mapping[str, Any], batch: float, example: float) -> float:
    measurement = Measurement.build(measure)
    if isinstance(measurement, BatchLoss):
        return batch if measurement.after_update else 0.0
    if isinstance(measurement, Evaluation):
        examples = sum(10_000 if split == "test" else run["data"]["examples"] for split in measurement.splits)
        return float(examples * (example + 1e-6))
    return 0.02


def _widths(run: Mapping[str, Any]) -> list[int]:
    network = run["network"]
    return [run["data"]["inputs"], *network["hidden"], *([network["outputs"]] if network["outputs"] else [])]


def _numbers(block: Block) -> int:
    """Estimate how many numbers the block's curves hold."""
    points = 0
    for record in block.variant.run["record"]:
        times = sum(max(0, 1 + (last - first) // every) for first, every, last in record["steps"])
        points += times * len(Measurement.build(record["measure"]).metrics)
    return points * (block.last - block.first + 1)


def _multiplications_per_second() -> float:
    """Time this machine on the product that the study spends most of its time in."""
    x, w = np.ones((128, 784), np.float32), np.ones((784, 100), np.float32)
    out = np.empty((128, 100), np.float32)
    best = float("inf")
    for _ in range(50):
        start = time.perf_counter()
        np.matmul(x, w, out=out)
        best = min(best, time.perf_counter() - start)
    return 128 * 784 * 100 / best


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"
