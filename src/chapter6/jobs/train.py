"""Train replicates of one or several variants: one file of curves and one record each."""

from __future__ import annotations

import logging
import platform
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from chapter6.engine.execution import execute
from chapter6.engine.run import Run
from chapter6.engine.streams import Streams
from chapter6.files import write_json
from chapter6.jobs.datasets import Dataset, load
from chapter6.jobs.stream import streaming
from chapter6.registry import plain
from chapter6.study.orders import Trained, TrainingOrder, read_order
from chapter6.study.paths import replicate_files
from chapter6.study.results import Place, RunRecord, identity, is_trained, write_curves
from chapter6.study.run_cache import RunCache

log = logging.getLogger(__name__)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--order", required=True, type=Path, help="what is to be trained, as JSON")
    parser.add_argument("--data", required=True, type=Path, help="folder of the data set")
    parser.add_argument("--folder", required=True, help="folder of the experiment's runs, one folder a variant")
    parser.add_argument("--known", help="index of what was trained, under whatever name (default: none)")
    parser.add_argument("--output", required=True, help="record of what was trained")


def run(args: Namespace) -> None:
    """Train what is not yet trained and write the job's record last.

    That record says what was trained and not when: equal runs give equal bytes.
    """
    order = read_order(TrainingOrder, args.order)
    dataset = load(args.data) if any(block.taken.run.needs_dataset for block in order.blocks) else None
    with streaming(order.experiment) as finished:
        job = _Job(order, dataset, args.folder, RunCache(args.known), finished)
        trained = {block.variant: job.train_block(block) for block in order.blocks}
        write_json(args.output, {"experiment": order.experiment, "trained": trained})


@dataclass(frozen=True)
class _Job:
    """What all blocks of a job have in common."""

    order: TrainingOrder
    dataset: Dataset | None
    folder: str
    known: RunCache
    finished: Callable[[str, int], None]

    def train_block(self, block: Trained) -> dict[int, str]:
        """Train replicates of one variant where they are not yet trained; return the keys of all."""
        run = block.taken.resolved()
        dataset = self.dataset if run.needs_dataset else None
        data, sources, folder = (
            dataset.digest if dataset else None,
            block.sources,
            f"{self.folder}/{block.variant}",
        )
        keys = {}
        for replicate in range(block.first, block.last + 1):
            key = keys[replicate] = identity(run, self.order.seed, replicate, data, sources)
            place = Place(self.order.experiment, block.variant, replicate, self.order.seed)
            if is_trained(folder, place, key):
                log.info("%s: replicate %d is already trained", block.variant, replicate)
                continue
            record_file = replicate_files(folder, replicate)[1]
            if source := self.known.copy(key, record_file, vars(place)):
                log.info("%s: replicate %d is that of %s", block.variant, replicate, source)
            else:
                _train(key, place, run, sources, dataset, folder)
                self.known.add(key, record_file)
            self.finished(block.variant, replicate)
        return keys


def _train(key: str, place: Place, run: Run, sources: str, dataset: Dataset | None, folder: str) -> None:
    """Train one replicate and write its two files, the record last."""
    curves_file, record_file = replicate_files(folder, place.replicate)
    started, clock = datetime.now(UTC), time.perf_counter()
    outcome = execute(run, Streams(place.seed, place.replicate), dataset)
    seconds = time.perf_counter() - clock
    record = RunRecord(
        key=key,
        **vars(place),
        run=run,
        outcome=outcome.status,
        steps=outcome.steps,
        curves=write_curves(curves_file, outcome.curves),
        data=dataset.digest if dataset else None,
        sources=sources,
        started=started.isoformat(timespec="milliseconds"),
        seconds=round(seconds, 3),
        environment=environment(),
    )
    write_json(record_file, plain(record))
    done = (place.variant, place.replicate, outcome.status, outcome.steps, seconds)
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
