"""The command line: one subcommand a job, each imported only when it is called."""

from __future__ import annotations

import gc
import logging
import os
import sys
import traceback
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from errno import EDQUOT, EIO, ENOSPC
from importlib import import_module

from chapter6.registry import StudyError
from chapter6.terminal import LogLines, ReaderGoneError, shown

COMMANDS = {
    "list": "list experiments and variants",
    "run": "train one variant in the terminal, without touching the study",
    "plan": "say how many jobs, how long and how much disk",
    "locate": "say where the page is and how to open the MLflow UI",
    "export": "pack a finished study into one archive",
    "replicated": "say which verdicts a fresh study (--preset seed-N) changed",
    "verify": "check an archive, or two and compare them",
    "fetch": "fetch the data set, check it and store it as arrays",
    "train": "train replicates of one or several variants",
    "stream": "mirror a training job's runs into MLflow as they end",
    "tune": "choose one number of a run on validation data",
    "decide": "choose one of several variants by what their runs came to",
    "clock": "time an experiment's variants beside another",
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
READER_GONE = 128 + 13  # as shells tell of who ended by a closed pipe
STOPPED = 130
DEBUG = "--debug"
AGAIN = f"To see where: run again with {DEBUG}."


def process() -> int:
    """Run one command in a process of its own, which imports much, keeps what it imports, and soon ends.

    So unreachable cycles are looked for rarely and not at the end: a quarter of a short job's time.
    """
    gc.set_threshold(100_000, 50, 1000)
    status = main()
    gc.freeze()
    return status


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status. Whatever stops it is one message, with a traceback to debug it."""
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = [argument for argument in given if argument != DEBUG]
    command = _command(arguments[:1])
    os.environ.update(dict.fromkeys(THREADS, "1"))  # before NumPy is imported: bits depend on it
    _log_to_the_terminal()
    try:
        job = import_module(f"chapter6.jobs.{command.replace('-', '_')}")
        job_parser = ArgumentParser(prog=f"chapter6 {command}", description=COMMANDS[command])
        _declare_debug(job_parser)
        job.add_arguments(job_parser)
        job.run(job_parser.parse_args(arguments[1:]))
    except (Exception, KeyboardInterrupt) as error:
        if len(arguments) < len(given) or os.environ.get("CHAPTER6_DEBUG") == "1":
            traceback.print_exc()
        if isinstance(error, ReaderGoneError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python writes at the end
            return READER_GONE
        _say(f"chapter6 {command}: {_explained(error)}")
        return STOPPED if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _command(arguments: list[str]) -> str:
    parser = ArgumentParser(
        prog="chapter6",
        description="A study of 'Techniques related to learning'. Commands:\n\n"
        + "\n".join(f"  {name:<12} {text}" for name, text in COMMANDS.items()),
        formatter_class=RawDescriptionHelpFormatter,
    )
    _declare_debug(parser)
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="one of the above; -h tells more")
    command: str = parser.parse_args(arguments).command
    return command


def _declare_debug(parser: ArgumentParser) -> None:
    """Let the help tell of the option, which stands before or after the command and is taken out beforehand."""
    parser.add_argument(DEBUG, action="store_true", help="show where an error comes from (also: CHAPTER6_DEBUG=1)")


def _log_to_the_terminal() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogLines("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _explained(error: BaseException) -> str:
    """Return what stopped a command and what can be done about it."""
    match error:
        case StudyError():
            return str(error)
        case KeyboardInterrupt():
            return "stopped"
        case OSError():
            place = f"{error.filename}: " if error.filename else ""
            advice = ". Make room and start again: what is finished is kept." * (error.errno in NO_ROOM)
            return f"{place}{error.strerror or error}{advice}"
        case MemoryError():
            return (
                "not enough memory: make hidden layers, batch_size, data.examples or runs_per_job smaller, "
                f"or run fewer jobs at once (--cores). {AGAIN}"
            )
        case RecursionError():
            return f"what it read is nested too deeply. {AGAIN}"
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"{' '.join(told.split())}. This was not foreseen. {AGAIN}"


def _say(message: str) -> None:
    """Print an error; to the standard output where the log that takes errors has no room either."""
    try:
        print(shown(message, sys.stderr.encoding), file=sys.stderr, flush=True)
    except OSError:
        print(shown(message, sys.stdout.encoding))
        sys.stderr = sys.stdout  # Python writes what the log has not taken once more at the end, and would fail by it
