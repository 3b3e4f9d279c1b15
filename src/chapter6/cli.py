"""The command line: one subcommand a job, each imported only when it is called."""

from __future__ import annotations

import gc
import logging
import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from errno import EDQUOT, EIO, ENOSPC
from importlib import import_module

from chapter6.registry import StudyError

COMMANDS = {
    "list": "list experiments and variants",
    "run": "train one variant in the terminal, without touching the study",
    "plan": "say how many jobs, how long and how much disk",
    "locate": "say where the page is and how to open the MLflow UI",
    "export": "pack a finished study into one archive",
    "verify": "check an archive, or two and compare them",
    "fetch": "fetch MNIST, check it and store it as arrays",
    "train": "train replicates of one or several variants",
    "stream": "mirror a training job's runs into MLflow as they end",
    "tune": "choose one number of a run on validation data",
    "search": "train one round of a search",
    "choose": "choose a search's best point, retrain it and judge it on the test data",
    "tabulate": "gather an experiment's runs into tidy tables",
    "judge": "judge an experiment's claims",
    "collect": "gather the verdicts of all experiments",
    "draw": "draw an experiment's figures",
    "render": "write the report",
    "store": "create the MLflow store",
    "track": "mirror an experiment's runs into MLflow",
    "calibrate": "measure how often verdicts are false",
    "config-docs": "write the reference pages that are generated from the code",
}
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
NO_ROOM = (ENOSPC, EDQUOT, EIO)  # a full disk, a full quota, and NumPy's short writes (see files.py)


def process() -> int:
    """Run one command in a process of its own, which imports much, keeps what it imports, and soon ends.

    So unreachable cycles are looked for rarely and not at the end: a quarter of a short job's time.
    """
    gc.set_threshold(100_000, 50, 1000)
    status = main()
    gc.freeze()
    return status


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status. A user's mistake is one message and status 1."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = ArgumentParser(
        prog="chapter6",
        description="A study of 'Techniques related to learning'. Commands:\n\n"
        + "\n".join(f"  {name:<12} {text}" for name, text in COMMANDS.items()),
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="one of the above; -h tells more")
    command = parser.parse_args(arguments[:1]).command
    os.environ.update(dict.fromkeys(THREADS, "1"))  # before NumPy is imported: bits depend on it
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    job = import_module(f"chapter6.jobs.{command.replace('-', '_')}")
    job_parser = ArgumentParser(prog=f"chapter6 {command}", description=COMMANDS[command])
    job.add_arguments(job_parser)
    try:
        job.run(job_parser.parse_args(arguments[1:]))
    except StudyError as error:
        _say(f"chapter6 {command}: {error}")
        return 1
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        place = f"{error.filename}: " if error.filename else ""
        _say(f"chapter6 {command}: {place}{error.strerror}. Make room and start again: what is finished is kept.")
        return 1
    except KeyboardInterrupt:
        _say(f"chapter6 {command}: stopped")
        return 130
    return 0


def _say(message: str) -> None:
    """Print an error; to the standard output where the log that takes errors has no room either."""
    try:
        print(message, file=sys.stderr, flush=True)
    except OSError:
        print(message)
        sys.stderr = sys.stdout  # Python writes what the log has not taken once more at the end, and would fail by it
