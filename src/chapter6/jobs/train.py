"""Train replicates of one or several variants: one file of curves and one record each."""

from __future__ import annotations

import json
import logging
import platform
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from chapter6.data.mnist import Dataset, load
from chapter6.engine.streams import Streams
from chapter6.files import write_json
from chapter6.jobs.stream import streaming
from chapter6.study.assemble import execute, needs_mnist
from chapter6.study.known import Known
from chapter6.study.paths import replicate_files
from chapter6.study.records import identity, is_trained, write_curves
from chapter6.study.references import dereferenced
from chapter6.study.sources import training_digest

log = logging.getLogger(__name__)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--experiment", required=True)
    parser.add_argument(
        "--runs", required=True, type=json.loads, help="JSON list of blocks: variant, first and last replicate, run"
    )
    parser.add_argument("--seed", required=True, type=int, help="the study's seed")
    parser.add_argument("--data", required=True, type=Path, help="folder of the data set")
    parser.add_argument("--folder", required=True, help="folder of the experiment's runs, one folder a variant")
    parser.add_argument("--known", help="index of what was trained, under whatever name (default: none)")
    parser.add_argument("--output", required=True, help="record of what was trained")


def run(args: Namespace) -> None:
    """Train what is not yet trained and write the job's record last.

    That record says what was trained and not when: equal runs give equal bytes.
    """
    dataset = load(args.data) if any(needs_mnist(block["run"]) for block in args.runs) else None
    with streaming(args.experiment) as finished:
        trained = {block["variant"]: _train_block(args, block, dataset, finished) for block in args.runs}
        write_json(args.output, {"experiment": args.experiment, "trained": trained})


def _train_block(
    args: Namespace, block: Mapping[str, Any], dataset: Dataset | None, finished: Callable[[str, int], None]
) -> dict[int, str]:
    """Train replicates of one variant where they are not yet trained; return the keys of all."""
    run = dereferenced(block["run"])
    dataset = dataset if needs_mnist(run) else None
    folder = f"{args.folder}/{block['variant']}"
    keys, known = {}, Known(args.known)
    for replicate in range(block["first"], block["last"] + 1):
        keys[replicate] = identity(run, args.seed, replicate, dataset.digest if dataset else None, training_digest())
        if is_trained(folder, replicate, keys[replicate]):
            log.info("%s: replicate %d is already trained", block["variant"], replicate)
            continue
        place = {"experiment": args.experiment, "variant": block["variant"], "replicate": replicate, "seed": args.seed}
        record_file = replicate_files(folder, replicate)[1]
        if source := known.copy(keys[replicate], record_file, place):
            log.info("%s: replicate %d is that of %s", block["variant"], replicate, source)
        else:
            _train({"key": keys[replicate], **place, "run": run}, dataset, folder)
            known.add(keys[replicate], record_file)
        finished(block["variant"], replicate)
    return keys


def _train(plan: Mapping[str, Any], dataset: Dataset | None, folder: str) -> None:
    """Train one replicate and write its two files, the record last, which begins with the ``plan``."""
    curves_file, record_file = replicate_files(folder, plan["replicate"])
    started, clock = datetime.now(UTC), time.perf_counter()
    outcome = execute(plan["run"], Streams(plan["seed"], plan["replicate"]), dataset)
    seconds = time.perf_counter() - clock
    record = {
        **plan,
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
    done = (plan["variant"], plan["replicate"], outcome.status, outcome.steps, seconds)
    log.info("%s: replicate %d %s after %d updates, %.1f s", *done)


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
