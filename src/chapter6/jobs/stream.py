"""Mirror the runs of a training job as they end, in a process beside the job (``tracking.live``).

Nothing that happens to this process, to the server or on the way there reaches the job, which at its end waits for at
most ``LINGER`` seconds. What was not mirrored by then is mirrored by the next ``snakemake track``.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Thread

from chapter6.registry import StudyError

LIVE = "CHAPTER6_LIVE"  # in the environment of jobs that mirror their runs: the file of the configuration in force
LINGER = 10  # seconds that a job waits at its end
PATIENCE = 5.0  # seconds that a server is waited for while the job goes on
PROGRAM = "from chapter6.cli import process; raise SystemExit(process())"

log = logging.getLogger(__name__)


@contextmanager
def streaming(experiment: str) -> Iterator[Callable[[str, int], None]]:
    """Yield a function that is told each finished run (variant, replicate); outside live mode it does nothing."""
    process = _start(experiment, os.environ[LIVE]) if LIVE in os.environ else None

    def finished(variant: str, replicate: int) -> None:
        if process and process.stdin:
            with suppress(OSError):  # it is gone
                process.stdin.write(f"{variant} {replicate}\n".encode())

    try:
        yield finished
    finally:
        if process:
            _end(process)


def _start(experiment: str, settings: str) -> subprocess.Popen[bytes] | None:
    told = ("--study", settings, "--experiment", experiment, "--linger", str(LINGER))
    try:
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, "stream", *told], stdin=subprocess.PIPE, bufsize=0)
    except OSError as error:
        log.warning("%s: its runs are mirrored by the next `snakemake track`", error)
        return None
    if process.stdin:
        os.set_blocking(process.stdin.fileno(), False)  # what does not fit into the pipe is dropped
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let the process finish what it has, which is its own affair to do in time."""
    if process.stdin:
        process.stdin.close()
    try:
        status = process.wait(LINGER + 1)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    if status:
        log.warning("what was not mirrored is mirrored by the next `snakemake track` (status %d)", status)


def add_arguments(parser: ArgumentParser) -> None:
    from chapter6.jobs.common import add_experiment_arguments

    add_experiment_arguments(parser)
    parser.add_argument("--linger", type=int, default=LINGER, help="seconds left after the last run")


def run(args: Namespace) -> None:
    """Mirror each run that a line of the standard input names, "VARIANT REPLICATE"."""
    lines: SimpleQueue[str] = SimpleQueue()
    Thread(target=_read, args=(lines, args.linger), daemon=True).start()
    if line := lines.get():  # a job that trains nothing does not wait for the imports
        _mirror(args, line, lines)


def _mirror(args: Namespace, line: str, lines: SimpleQueue[str]) -> None:
    from chapter6.jobs.common import experiment_of, study_of
    from chapter6.jobs.track import Gathering
    from chapter6.tracking import stores
    from chapter6.tracking.mirror import mirror

    study = study_of(args)
    experiment = experiment_of(study, args.experiment)
    gathering, uri, name = Gathering(study, experiment), study.tracking_uri, study.mirrored_as(experiment.id)
    stores.PATIENCE = PATIENCE
    is_created, missing = False, 0
    while line:
        variant, replicate = line.split()
        try:
            if not is_created:
                stores.create_store(uri, [name])
                is_created = True
            mirror(uri, name, [gathering.finished(variant, int(replicate))])
        except StudyError as error:
            missing += 1
            stores.PATIENCE = 0.0  # who was away once is not waited for again, only asked with each run
            log.warning("%s replicate %s: %s", variant, replicate, error)
        line = lines.get()
    if missing:
        raise StudyError(f"{missing} runs were not mirrored")


def _read(lines: SimpleQueue[str], linger: int) -> None:
    """Pass lines on; after the last, the job has ended and the process has ``linger`` seconds left."""
    for line in sys.stdin:
        lines.put(line)
    signal.alarm(linger)
    lines.put("")
