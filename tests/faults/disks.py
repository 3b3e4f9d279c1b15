"""Let the disk of a study be full at many moments, make room, start it again, and compare as ``kills`` does.

    PYTHONPATH=tests python -m faults.disks

The whole project, Snakemake's own folder and the logs included, lies on a tmpfs of a few MB, of which all but so many
KiB are taken: with few the data do not fit, with more the runs, the tables, MLflow's database or the page. Mounting
needs root. Results are appended to ``disks.jsonl`` in the folder, one line a trial.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from faults.kills import LONG, asks_to_unlock, undisturbed
from faults.states import differences, leftovers
from workflow import project as projects
from workflow.project import Project, new_project

SIZE = 32  # MiB
ROOMS = (0, 64, 512, 1024, 1100, 1400, 1700, 2000, 2500, 3000)
FULL = re.compile(r"^.*(?:No space left on device|disk is full|is the disk full|disk I/O error).*$", re.MULTILINE)


@dataclass
class Trial:
    """What came of a disk with so many KiB left."""

    room: int
    status: int = 0
    starts: int = 0
    unlocked: int = 0
    said: list[str] = field(default_factory=list)  # what the first run said of the full disk
    problems: list[str] = field(default_factory=list)


@contextmanager
def mounted(*arguments: str) -> Iterator[None]:
    """Mount with these arguments, the last of which is the place; :class:`CalledProcessError` if it may not be done."""
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", arguments[-1]], check=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Make ``folder`` a disk of a few MB of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    with mounted("-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(folder)):
        yield folder


def obstacle() -> str | None:
    """Why no small disk can be made here, None if it can."""
    folder = Path(mkdtemp(prefix="mount-"))
    try:
        with small_disk(folder):
            return None
    except FileNotFoundError:
        return "there is no mount command"
    except subprocess.CalledProcessError as error:
        return f"a tmpfs cannot be mounted ({error.stderr.decode().strip()})"
    finally:
        folder.rmdir()


@contextmanager
def full(disk: Path, room: int = 0) -> Iterator[None]:
    """Take all space of ``disk`` but ``room`` KiB."""
    ballast = disk / "ballast"
    space = os.statvfs(disk)
    taken = space.f_bavail * space.f_frsize - room * 1024
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(taken, 1))
    try:
        yield
    finally:
        ballast.unlink()


def main() -> int:
    """Try every room; the status is 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, nargs="+", default=ROOMS, metavar="KIB", help="space that is left")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    args = parser.parse_args()
    projects.PATIENCE = LONG
    folder = args.folder or Path(mkdtemp(prefix="disks-"))
    folder.mkdir(parents=True, exist_ok=True)
    wanted = undisturbed(folder, new_project)
    trials = []
    for room in args.rooms:
        with ExitStack() as stack:
            disk = stack.enter_context(small_disk(folder / "disk"))
            trials.append(_trial(wanted.fresh.copy(disk / "project"), disk, room, wanted.state))
            if trials[-1].problems:
                shutil.copytree(disk / "project", folder / f"lost-{room}", dirs_exist_ok=True)
        line = json.dumps(asdict(trials[-1]))
        with (folder / "disks.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    failed, lost = (
        sum(bool(x) for x in found) for found in zip(*((t.status, t.problems) for t in trials), strict=True)
    )
    sys.stdout.write(f"tried {len(trials)}, of which {failed} had a full disk; lost {lost}\nSee {folder}\n")
    return int(lost > 0)


def _trial(project: Project, disk: Path, room: int, wanted: dict[str, str]) -> Trial:
    trial = Trial(room)
    with full(disk, room):
        done = project.snakemake()
        trial.status = done.status
        trial.said = [line.strip() for line in FULL.findall(done.output)]
    if done.status and not trial.said:
        trial.problems += [f"nothing said of the disk: {line}" for line in done.output.splitlines()[-20:]]
    while done.status and trial.starts < 3:
        done = project.snakemake()
        trial.starts += 1
        if asks_to_unlock(done):
            trial.unlocked += 1
            assert project.snakemake("--unlock").status == 0
    trial.problems += [f"status {done.status}: {line}" for line in done.output.splitlines()[-20:] if done.status]
    trial.problems += [f"other than undisturbed: {name}" for name in differences(project, wanted)]
    trial.problems += [f"left behind: {name}" for name in leftovers(project)]
    return trial


if __name__ == "__main__":
    sys.exit(main())
