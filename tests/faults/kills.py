"""Kill a study at random moments, start it again, and compare what comes out with an undisturbed run.

    PYTHONPATH=tests python -m faults.kills --times 50

Each time a fresh copy of a small study is started and SIGKILL is sent to one of its jobs, to Snakemake alone (its jobs
live on) or to all processes at once. Then it is started again as a user would, with ``--unlock`` where the message asks
for it. Nothing may be lost: the study ends with status 0, every file has the bytes of the undisturbed run, every run
stands in MLflow once, and nothing temporary is left. One time in five that is the whole study, else what is computed
for one experiment, up to its verdicts. Results are appended to ``kills.jsonl`` in the folder, one line a kill; a second
call with the same folder goes on with the same undisturbed run.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp

from faults.states import differences, leftovers, state
from workflow import project as projects
from workflow.larger import larger_project
from workflow.project import Done, Project

COMPUTED = r"data/|results/(runs|trained|tuning|search|tables|claims)/"
EXPERIMENTS = ("6.3-hills", "6.5-searched")
VICTIMS = ("job", "snakemake", "all")
LONG = 3600  # seconds for one command: a script may run beside others
MOST_STARTS = 3  # that a killed study may take to finish


@dataclass(frozen=True)
class Undisturbed:
    """A project in which nothing has been run, the seconds it takes, and what it comes to."""

    fresh: Project
    seconds: float
    state: dict[str, str]
    targets: tuple[str, ...] = ()  # what is asked for, all if empty
    compared: str = ""  # pattern of the names that are compared


@dataclass
class Kill:
    """One kill and what came of it."""

    number: int
    victim: str
    moment: float  # seconds after the start
    running: list[str]  # commands that were running
    first: int | None = None  # exit status of the killed run where Snakemake lived on
    starts: int = 0
    unlocked: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def survived(self) -> bool:
        return not self.problems


def undisturbed(folder: Path, write: Callable[[Path], Project] = larger_project) -> Undisturbed:
    """Run a study once without a fault, or take the run that stands in the folder."""
    fresh, finished, notes = Project(folder / "fresh"), folder / "undisturbed", folder / "undisturbed.json"
    if not notes.exists():
        for leftover in (fresh.folder, finished):
            shutil.rmtree(leftover, ignore_errors=True)
        write(fresh.folder)
        project = fresh.copy(finished)
        clock = time.monotonic()
        done = project.snakemake()
        assert done.status == 0, done.output
        assert not leftovers(project), leftovers(project)
        notes.write_text(json.dumps({"seconds": time.monotonic() - clock, "state": state(project)}), encoding="utf-8")
    known = json.loads(notes.read_text(encoding="utf-8"))
    return Undisturbed(fresh, known["seconds"], known["state"])


def kill(number: int, wanted: Undisturbed, folder: Path, seed: int, victim: str = "") -> Kill:
    """Kill a fresh study once and start it again; the folder is removed if nothing is lost."""
    chance = random.Random(f"{seed}/{number}")
    victim = victim or chance.choice(VICTIMS)
    share = chance.random()
    killed = None
    while killed is None:
        shutil.rmtree(folder, ignore_errors=True)
        project = wanted.fresh.copy(folder)
        killed, processes = _killed(project, wanted.targets, number, victim, share * wanted.seconds)
        share /= 2  # if it was None, the study was faster than the undisturbed one
    _started_again(project, wanted.targets, killed)
    _wait_for(processes)
    unlike = differences(project, wanted.state, wanted.compared)
    killed.problems += [f"other than undisturbed: {name}" for name in unlike]
    killed.problems += [f"left behind: {name}" for name in leftovers(project)]
    if killed.survived:
        shutil.rmtree(folder)
    return killed


def _to_verdicts(wanted: Undisturbed, experiment: str) -> Undisturbed:
    """What it comes to if only the verdicts of one experiment are asked for."""
    target = f"results/claims/{experiment}.json"
    return replace(wanted, seconds=wanted.seconds / 3, targets=(target,), compared=COMPUTED + re.escape(experiment))


def _killed(
    project: Project, targets: Sequence[str], number: int, victim: str, moment: float
) -> tuple[Kill | None, list[int]]:
    """Start the study and kill at the moment, or as soon as there is a victim; None if it ends before.

    Returns the study's processes, too: what Snakemake started lives on when only Snakemake is killed.
    """
    with (project / "output.txt").open("w") as output:
        study = subprocess.Popen(
            ["snakemake", "--cores", "2", *targets],
            cwd=project.folder,
            env=project.environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    clock = time.monotonic()
    jobs: dict[int, str] = {}
    while (time.monotonic() - clock) < moment or (victim == "job" and not jobs):
        if study.poll() is not None:
            return None, []
        time.sleep(0.01)
        jobs = _jobs(study.pid)
    processes = [study.pid, *_descendants(study.pid)]
    killed = Kill(number, victim, round(time.monotonic() - clock, 2), sorted(jobs.values()))
    if victim == "all":
        os.killpg(study.pid, signal.SIGKILL)
    else:
        _send_kill(study.pid if victim == "snakemake" else random.Random(number).choice(sorted(jobs)))
    status = study.wait(projects.PATIENCE)
    killed.first = status if victim == "job" else None
    return killed, processes


def _started_again(project: Project, targets: Sequence[str], killed: Kill) -> None:
    """Start the study until it ends well, unlocking where the message asks for it."""
    done = Done(killed.first, "") if killed.first is not None else None
    while (done is None or done.status != 0) and killed.starts < MOST_STARTS:
        done = project.snakemake(*targets)
        killed.starts += 1
        if asks_to_unlock(done):
            killed.unlocked += 1
            assert project.snakemake("--unlock").status == 0
    if done.status != 0:
        killed.problems += [f"status {done.status}: {line}" for line in done.output.splitlines()[-20:]]


def asks_to_unlock(done: Done) -> bool:
    """Whether Snakemake found a lock and said how to remove it."""
    return "cannot be locked" in done.output and "--unlock" in done.output


def _wait_for(processes: list[int]) -> None:
    patience = time.monotonic() + projects.PATIENCE
    while any(map(_is_alive, processes)) and time.monotonic() < patience:
        time.sleep(0.05)


def _send_kill(process: int) -> None:
    with suppress(ProcessLookupError):  # it ended in this very moment
        os.kill(process, signal.SIGKILL)


def _jobs(ancestor: int) -> dict[int, str]:
    """The study's own commands among the descendants: process and name of the command."""
    found = {}
    for process in _descendants(ancestor):
        words = _read(process, "cmdline").split("\0")
        place = next((n for n, word in enumerate(words[:3]) if word.endswith("/chapter6")), None)
        if place is not None and len(words) > place + 1:
            found[process] = words[place + 1]
    return found


def _descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for process in _processes():
        fields = _read(process, "stat").rpartition(")")[2].split()
        if fields:
            children.setdefault(int(fields[1]), []).append(process)
    found = list(children.get(ancestor, ()))
    for process in found:
        found += children.get(process, ())
    return found


def _processes() -> Iterator[int]:
    return (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())


def _is_alive(process: int) -> bool:
    state_of = _read(process, "stat").rpartition(")")[2].split()
    return bool(state_of) and state_of[0] != "Z"


def _read(process: int, name: str) -> str:
    try:
        return Path(f"/proc/{process}/{name}").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it is gone
        return ""


def _table(kills: list[Kill]) -> str:
    rows = ["victim     tried  survived  lost  unlocked"]
    for victim in VICTIMS:
        own = [kill for kill in kills if kill.victim == victim]
        survived, unlocked = sum(kill.survived for kill in own), sum(kill.unlocked for kill in own)
        rows.append(f"{victim:<10} {len(own):5}  {survived:8}  {len(own) - survived:4}  {unlocked:8}")
    running = Counter(command for kill in kills for command in kill.running or ["no job"])
    return "\n".join([*rows, "running: " + ", ".join(f"{name} {count}" for name, count in running.most_common())])


def main() -> int:
    """Kill so many times; the status is 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first kill")
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument(
        "--whole", type=int, default=5, metavar="N", help="figures, page and MLflow, too, every Nth time"
    )
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    args = parser.parse_args()
    projects.PATIENCE = LONG
    folder = args.folder or Path(mkdtemp(prefix="kills-"))
    folder.mkdir(parents=True, exist_ok=True)
    wanted = undisturbed(folder)
    kills = []
    for number in range(args.first, args.first + args.times):
        study = wanted if number % args.whole == 0 else _to_verdicts(wanted, EXPERIMENTS[number % len(EXPERIMENTS)])
        kills.append(kill(number, study, folder / f"killed-{number}", args.seed))
        line = json.dumps(asdict(kills[-1]))
        with (folder / "kills.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    sys.stdout.write(_table(kills) + f"\nSee {folder}\n")
    return int(not all(kill.survived for kill in kills))


if __name__ == "__main__":
    sys.exit(main())
