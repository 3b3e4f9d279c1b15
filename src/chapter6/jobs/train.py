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
from chapter6.study.paths import replicate_files, weights_file
from chapter6.study.results import Place, RunRecord, identity, is_trained, write_curves
from chapter6.study.run_cache import RunCache
from chapter6.study.starts import Start, start_of, write_weights

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
        folder, seed, data = f"{self.folder}/{block.variant}", self.order.seed, self._data(run)
        keys = {}
        for replicate in range(block.first, block.last + 1):
            start = start_of(run, self.folder, replicate, seed)
            key = keys[replicate] = identity(run, seed, replicate, data, block.sources, _digest(start))
            place = Place(self.order.experiment, block.variant, replicate, seed)
            if is_trained(folder, place, key, block.keeps):
                log.info("%s: replicate %d is already trained", block.variant, replicate)
                continue
            record_file = replicate_files(folder, replicate)[1]
            if source := self.known.copy(key, record_file, vars(place), block.keeps):
                log.info("%s: replicate %d is that of %s", block.variant, replicate, source)
            else:
                self._train(key, place, run, block, start)
                self.known.add(key, record_file)
            self.finished(block.variant, replicate)
        return keys

    def _data(self, run: Run) -> str | None:
        """Return the digest of the data that a run reads."""
        return self.dataset.digest if self.dataset and run.needs_dataset else None

    def _train(self, key: str, place: Place, run: Run, block: Trained, start: Start | None) -> None:
        """Train one replicate and write its files, the record last."""
        folder, given = f"{self.folder}/{place.variant}", start.read() if start else None
        started, clock = datetime.now(UTC), time.perf_counter()
        outcome = execute(run, Streams(place.seed, place.replicate), self.dataset, start=given)
        seconds = time.perf_counter() - clock
        kept = write_weights(weights_file(folder, place.replicate), outcome.weights) if block.keeps else None
        curves_file, record_file = replicate_files(folder, place.replicate)
        record = RunRecord(
            key=key,
            **vars(place),
            run=run,
            outcome=outcome.status,
            steps=outcome.steps,
            curves=write_curves(curves_file, outcome.curves),
            data=self._data(run),
            sources=block.sources,
            started=started.isoformat(timespec="milliseconds"),
            seconds=round(seconds, 3),
            environment=environment(),
            weights=kept,
            started_from=_digest(start),
        )
        write_json(record_file, plain(record))
        done = (place.variant, place.replicate, outcome.status, outcome.steps, seconds)
        log.info("%s: replicate %d %s after %d updates, %.1f s", *done)


def _digest(start: Start | None) -> str | None:
    return start.digest if start else None


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
