"""Fault 4 tried for real and counted: python -m server.trials [TRIALS], from the folder tests."""

import os
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory

from .lab import Lab, differing_points, ended
from .tracking_server import Server, obstacle, running

Fault = Callable[[Server], None]


def stop_server(server: Server) -> None:
    """An orderly stop and start."""
    server.down("mlflow")
    server.up()


def kill_server(server: Server) -> None:
    """SIGKILL in the middle of whatever it does, and some seconds without it."""
    server.kill()
    time.sleep(3)
    server.up()


def restart_database(server: Server) -> None:
    """PostgreSQL ends the server's connections, stops and starts."""
    server.down("postgres")
    server.up()


def crash_database(server: Server) -> None:
    """PostgreSQL killed with all its processes; it recovers from its log."""
    server.crash_database()
    time.sleep(1)
    server.up()


FAULTS: Mapping[str, Fault] = {
    "server stopped": stop_server,
    "server killed": kill_server,
    "PostgreSQL restarted": restart_database,
    "PostgreSQL killed": crash_database,
}


@dataclass(frozen=True)
class Outcome:
    """What a fault did: outputs of commands that failed, runs left to send, and in the end what is lost or double."""

    failed: list[str]
    left: int
    lost: set[str]
    doubled: dict[str, int]
    different: list[str]


def interrupted(
    lab: Lab, start: Callable[[], list[Popen[str]]], fault: Callable[[], None], after: int, pause: float = 0
) -> Outcome:
    """Start commands that mirror, let the fault happen after some runs, then `track` what is left."""
    commands = start()
    while lab.finished().total() < after and any(command.poll() is None for command in commands):
        time.sleep(0.05)
    time.sleep(pause)
    fault()
    said = [ended(command, None) for command in commands]
    failed = [text for text, command in zip(said, commands, strict=True) if command.returncode]
    return completed(lab, failed)


def completed(lab: Lab, failed: list[str]) -> Outcome:
    """Send what is left, and compare all with the plan and the results."""
    left = len(lab.replicates - set(lab.finished()))
    lab.create()
    ended(lab.track())
    return Outcome(
        failed=failed,
        left=left,
        lost=lab.slots - set(lab.finished()),
        doubled={slot: len(found) for slot, found in lab.runs().items() if len(found) > 1},
        different=differing_points(lab)[1],
    )


def locked(lab: Lab, seconds: float) -> None:
    """Another process holds the SQLite file."""
    with closing(sqlite3.connect(lab.folder / "mlflow.db", isolation_level=None, timeout=60)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)


def halved(lab: Lab, share: float) -> Outcome:
    """The SQLite file ends too early: the message says what to do, and it is done."""
    ended(lab.track())
    file = lab.folder / "mlflow.db"
    os.truncate(file, int(file.stat().st_size * share))
    failed = []
    for command in (lab.store(), lab.track()):
        failed.append(ended(command, 1))
        assert "delete mlflow.db and rebuild it with `snakemake track`" in failed[-1], failed[-1]
    file.unlink()
    lab.create()
    return completed(lab, failed)


def on_server(server: Server, fault: Fault, live: bool, folder: Path, moments: random.Random) -> Outcome:
    """A fault at a random moment, while eight jobs or one `track` send."""
    lab = Lab(folder, server.uri)
    if not live:
        lab.train(live=False)
        lab.create()
    start = (lambda: lab.trainings(live=True)) if live else (lambda: [lab.track()])
    return interrupted(lab, start, lambda: fault(server), moments.randrange(32), moments.random())


def on_file(how: str, folder: Path, moments: random.Random) -> Outcome:
    """A lock of 30 seconds, a killed `track`, or a file cut at a random place."""
    lab = Lab(folder)
    lab.train(live=False)
    lab.create()
    if how == "cut":
        return halved(lab, moments.random())
    commands = [lab.track()]
    fault = commands[0].kill if how == "killed" else lambda: locked(lab, 30)
    return interrupted(lab, lambda: commands, fault, moments.randrange(32), moments.random())


def counted(name: str, trials: int, trial: Callable[[Path, random.Random], Outcome]) -> None:
    """Write what became of so many trials."""
    moments, outcomes = random.Random(name), []
    for _ in range(trials):
        with TemporaryDirectory() as folder:
            outcomes.append(trial(Path(folder), moments))
    failed = sum(len(outcome.failed) for outcome in outcomes)
    left = sum(outcome.left for outcome in outcomes)
    lost = sum(len(outcome.lost) + len(outcome.different) for outcome in outcomes)
    doubled = sum(len(outcome.doubled) for outcome in outcomes)
    counts = f"tried {trials}, commands failed {failed}, left to the next track {left}, lost {lost}, doubled {doubled}"
    sys.stdout.write(f"{name}: {counts}\n")
    sys.stdout.flush()


def main(trials: int) -> None:
    """Try everything so many times; a lock of 30 seconds three times."""
    counted("SQLite locked for 30 s", min(trials, 3), partial(on_file, "locked"))
    counted("track killed, SQLite", trials, partial(on_file, "killed"))
    counted("half a database file", trials, partial(on_file, "cut"))
    if why_not := obstacle():
        sys.exit(why_not)
    with running() as server:
        for name, fault in FAULTS.items():
            counted(f"{name}, track", trials, partial(on_server, server, fault, False))
            counted(f"{name}, live jobs", trials, partial(on_server, server, fault, True))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
