"""Train one variant: a block of its replicates, one file of curves and one record each."""

from __future__ import annotations

import json
import logging
import platform
import time
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from chapter6.data.mnist import Dataset, load
from chapter6.engine.streams import Streams
from chapter6.files import write_json
from chapter6.study.assemble import execute, needs_mnist
from chapter6.study.paths import replicate_files
from chapter6.study.records import identity, is_trained, write_curves
from chapter6.study.references import dereferenced
from chapter6.study.sources import training_digest

log = logging.getLogger(__name__)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--run", required=True, type=json.loads, help="the run's specification as JSON")
    parser.add_argument("--first", required=True, type=int, help="first replicate of the block")
    parser.add_argument("--last", required=True, type=int, help="last replicate of the block")
    parser.add_argument("--seed", required=True, type=int, help="the study's seed")
    parser.add_argument("--data", required=True, type=Path, help="folder of the data set")
    parser.add_argument("--output", required=True, help="record of the block; replicates go beside it")


def run(args: Namespace) -> None:
    """Train what is not yet trained and write the block's record last.

    The block's record says what was trained and not when: equal runs give equal bytes.
    """
    args.run = dereferenced(args.run)
    dataset = load(args.data) if needs_mnist(args.run) else None
    folder = str(Path(args.output).parent)
    keys = {}
    for replicate in range(args.first, args.last + 1):
        data = dataset.digest if dataset else None
        keys[replicate] = identity(args.run, args.seed, replicate, data, training_digest())
        if is_trained(folder, replicate, keys[replicate]):
            log.info("replicate %d is already trained", replicate)
        else:
            _train(args, replicate, keys[replicate], dataset, folder)
    write_json(args.output, {"experiment": args.experiment, "variant": args.variant, "replicates": keys})


def _train(args: Namespace, replicate: int, key: str, dataset: Dataset | None, folder: str) -> None:
    """Train one replicate and write its two files, the record last."""
    curves_file, record_file = replicate_files(folder, replicate)
    started, clock = datetime.now(UTC), time.perf_counter()
    outcome = execute(args.run, Streams(args.seed, replicate), dataset)
    seconds = time.perf_counter() - clock
    record = {
        "key": key,
        "experiment": args.experiment,
        "variant": args.variant,
        "replicate": replicate,
        "seed": args.seed,
        "run": args.run,
        "outcome": outcome.status,
        "steps": outcome.steps,
        "curves": write_curves(curves_file, outcome.curves),
        "data": dataset.digest if dataset else None,
        "sources": training_digest(),
        "started": started.isoformat(timespec="milliseconds"),
        "seconds": round(seconds, 3),
        "environment": environment(),
    }
    write_json(record_file, record)
    log.info("replicate %d %s after %d updates, %.1f s", replicate, outcome.status, outcome.steps, seconds)


def environment() -> dict[str, str]:
    """Return the versions and the machine that decide the last bits of a result."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "machine": platform.machine(),
        "processor": _processor(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
