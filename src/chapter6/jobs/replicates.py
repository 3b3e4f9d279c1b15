"""Train replicates, each once: one file of curves and one record each."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from chapter6.engine.execution import execute
from chapter6.engine.parameters import Weights
from chapter6.engine.run import Run
from chapter6.engine.streams import Streams
from chapter6.files import write_json
from chapter6.jobs.datasets import Dataset
from chapter6.registry import plain
from chapter6.study.paths import replicate_files, weights_file
from chapter6.study.results import Place, RunRecord, identity, is_trained, write_curves
from chapter6.study.run_cache import RunCache
from chapter6.study.starts import Start, write_weights

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trainer:
    """What all replicates of a job have in common."""

    dataset: Dataset | None
    known: RunCache

    def train(
        self,
        folder: str,
        place: Place,
        run: Run,
        sources: str,
        start: Start | None = None,
        given: Callable[[], Weights | None] = lambda: None,
        keeps: bool = False,
    ) -> tuple[str, bool]:
        """Leave both files of a replicate in ``folder``; return its key, and whether it was not there before.

        It is copied where it is known under another name. It begins at ``start`` or, where that is no file of the
        study, at what is ``given``.
        """
        data = self.dataset.digest if self.dataset and run.needs_dataset else None
        key = identity(run, place.seed, place.replicate, data, sources, start.digest if start else None)
        if is_trained(folder, place, key, keeps):
            log.info("%s: replicate %d is already trained", place.variant, place.replicate)
            return key, False
        record_file = replicate_files(folder, place.replicate)[1]
        if source := self.known.copy(key, record_file, vars(place), keeps):
            log.info("%s: replicate %d is that of %s", place.variant, place.replicate, source)
            return key, True
        started, clock = datetime.now(UTC), time.perf_counter()
        weights = start.read() if start else given()
        outcome = execute(run, Streams(place.seed, place.replicate), self.dataset, start=weights)
        seconds = time.perf_counter() - clock
        kept = write_weights(weights_file(folder, place.replicate), outcome.weights) if keeps else None
        record = RunRecord(
            key=key,
            **vars(place),
            run=run,
            outcome=outcome.status,
            steps=outcome.steps,
            curves=write_curves(replicate_files(folder, place.replicate)[0], outcome.curves),
            data=data,
            sources=sources,
            started=started.isoformat(timespec="milliseconds"),
            seconds=round(seconds, 3),
            environment=environment(),
            weights=kept,
            started_from=start.digest if start else None,
        )
        write_json(record_file, plain(record))
        self.known.add(key, record_file)
        done = (place.variant, place.replicate, outcome.status, outcome.steps, seconds)
        log.info("%s: replicate %d %s after %d updates, %.1f s", *done)
        return key, True


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
