"""The toy Slurm for tests: why it cannot be used here, the study on it, and what goes wrong on a cluster."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from workflow.project import PATIENCE, Project

HERE = Path(__file__).parent
SITE = Path("/etc/slurm/slurm.conf")
DAEMONS = ("munged", "slurmctld", "slurmd")

T = TypeVar("T")


def plugin(profile: str, module: str) -> str | None:
    """Return the folder of an executor plugin ("" where the environment itself holds it), None if there is none."""
    folder = Path(sys.prefix, "executors", profile)
    if (folder / module).is_dir():
        return str(folder)
    return "" if importlib.util.find_spec(module) else None


SLURM = plugin("slurm", "snakemake_executor_plugin_slurm")
GENERIC = plugin("generic", "snakemake_executor_plugin_cluster_generic")


def obstacle() -> str | None:
    """Return why the toy Slurm cannot be started here, None if it can."""
    if os.geteuid() != 0:
        return "the toy Slurm needs root"
    if absent := [name for name in DAEMONS if shutil.which(name) is None]:
        return f"not installed: {', '.join(absent)} (tests/cluster/slurm-up names the packages)"
    if SITE.is_symlink() or SITE.exists():
        return f"a Slurm is configured here already: {SITE}"
    if SLURM is None or GENERIC is None:
        return "the executor plugins are not installed (make executors)"
    return None


@dataclass(frozen=True)
class SiteProject(Project):
    """A project whose Snakemake finds an executor plugin."""

    plugin: str

    @property
    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in super().environment.items() if not name.startswith("SLURM")}
        folders = [ours["PYTHONPATH"], self.plugin]
        return ours | {"PYTHONPATH": os.pathsep.join(filter(None, folders))}

    @contextmanager
    def study(self, *arguments: str) -> Iterator["Study"]:
        """Run Snakemake beside the caller."""
        log = self / "study.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                ["snakemake", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                yield Study(process, log)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGINT)  # cancels its jobs
                    process.wait(PATIENCE)


@dataclass(frozen=True)
class Study:
    """A Snakemake that runs."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def status(self, patience: float = PATIENCE) -> int:
        """Wait for its end."""
        return self.process.wait(patience)


@dataclass(frozen=True)
class Toy:
    """The toy cluster with its state in ``folder``."""

    folder: Path

    def up(self) -> str:
        """Start it, or the daemons of it that have died."""
        return self._script("slurm-up")

    def down(self) -> str:
        return self._script("slurm-down")

    def running(self, node: str | None = None) -> list[str]:
        """Return the ids of the jobs that run, on one node or on any."""
        where = [] if node is None else [f"--nodelist={node}"]
        return self.command("squeue", "--noheader", "--states=RUNNING", "--format=%A", *where).split()

    def node_of(self, job: str) -> str:
        return self.command("squeue", "--noheader", f"--jobs={job}", "--format=%N").strip()

    def is_idle(self) -> bool:
        """Whether both nodes wait for jobs and no job waits for a node."""
        states = self.command("sinfo", "--noheader", "--Node", "--format=%T").split()
        return states == ["idle", "idle"] and not self.command("squeue", "--noheader")

    def command(self, *words: str) -> str:
        environment = os.environ | {"SLURM_CONF": str(self.folder / "slurm.conf")}
        return subprocess.run(words, env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout

    def end(self, daemon: str, how: signal.Signals) -> None:
        """Send a daemon a signal and wait until it is gone."""
        pid = int((self.folder / f"{daemon}.pid").read_text())
        os.kill(pid, how)
        wait_for(lambda: not runs(pid), f"the end of {daemon}")

    def _script(self, name: str) -> str:
        words = [str(HERE / name), str(self.folder)]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stdout}")
        return done.stdout


def wait_for(condition: Callable[[], T], what: str, patience: float = 120) -> T:
    """Return the first true answer."""
    deadline = time.monotonic() + patience
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience} s for {what}")
        time.sleep(0.1)
    return answer


def runs(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def working_in(folder: Path) -> list[int]:
    """Return the processes whose working directory is the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve(strict=True) == folder.resolve() and runs(int(process.name)):
                found.append(int(process.name))
        except OSError:  # it has ended
            continue
    return found
