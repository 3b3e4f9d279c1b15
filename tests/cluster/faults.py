"""Disturb a study on the toy Slurm at random moments, and compare what comes out with an undisturbed local run.

    PYTHONPATH=tests python -m cluster.faults --times 5 [--fault NAME ...]

Each time a fresh copy of a small study (a tuning and trainings of seconds) is started through profiles/slurm, and at a
random moment, as soon as a job runs, one thing goes wrong. Nobody helps Snakemake: it should end with status 0 by
itself. If it still waits after ``--patience`` seconds, it is stopped (Ctrl-C) and started again, as a person would.
Either way, once nothing of the study runs any more, tables, runs and tuning must have the bits of the undisturbed run,
with no lock, mark or temporary file left. The cluster is mended afterwards where its administrator would have to.
Results are appended to ``faults.jsonl`` in the folder, one line a fault.
"""

import argparse
import json
import random
import re
import shutil
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from subprocess import TimeoutExpired
from tempfile import mkdtemp

from faults.states import leftovers

from .comparison import differences
from .longer import TABLE, longer_project
from .study import running, say
from .toy_slurm import SLURM, SiteProject, Study, Toy, obstacle, wait_for, working_in

WORDS = (TABLE, "--config", "runs_per_job=2")
ON_SLURM = ("--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "4")
PATIENCE = 3600  # seconds, on a busy machine; a dead node is noticed after 30, its jobs begin again after another 30
LONGEST_OUTAGE = 20.0  # seconds without the controller, or before a dead slurmd is started again


@dataclass
class Fault:
    """Something that went wrong and what came of it."""

    number: int
    fault: str
    moment: float  # seconds after the start
    job: str  # the rule of the job that was hit or ran meanwhile
    seconds: float = 0  # the whole study
    submitted: int = 0  # jobs
    failed: int = 0  # of them, as Snakemake saw it
    waited: bool = False  # for a person
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Kind:
    """A command, or a signal to a daemon that may soon be started again; ``{job}`` and ``{node}`` are filled in."""

    command: str = ""
    daemon: str = ""
    how: signal.Signals = signal.SIGKILL
    restarted: bool = True

    def happen(self, toy: Toy, job: str, node: str, chance: random.Random) -> None:
        """Let it happen to a job that runs, its node, or the controller."""
        if self.command:
            toy.command(*self.command.format(job=job, node=node).split())
            return
        toy.end(self.daemon.format(node=node), self.how)
        if self.restarted:
            time.sleep(LONGEST_OUTAGE * chance.random())
            toy.up()


FAULTS = {
    "job cancelled": Kind("scancel {job}"),
    "node drained": Kind("scontrol update nodename={node} state=drain reason=test"),
    "node down": Kind("scontrol update nodename={node} state=down reason=test"),
    "slurmd killed": Kind(daemon="slurmd.{node}", restarted=False),
    "slurmd killed, restarted": Kind(daemon="slurmd.{node}"),
    "slurmctld restarted": Kind(daemon="slurmctld", how=signal.SIGTERM),
    "slurmctld killed, restarted": Kind(daemon="slurmctld"),
}


def fresh_project(folder: Path) -> SiteProject:
    """Write the study, in which nothing has been run."""
    assert SLURM is not None
    return SiteProject(longer_project(folder).folder, SLURM)


def disturb(
    number: int, fault: str, toy: Toy, folder: Path, wanted: Path, length: float, seed: int, patience: float
) -> Fault:
    """Run the study with one fault; its folder is removed if nothing is lost."""
    chance = random.Random(f"{seed}/{number}/{fault}")
    share = chance.random()
    tried = None
    while tried is None:
        shutil.rmtree(folder, ignore_errors=True)
        tried = _disturbed(Fault(number, fault, share * length, ""), toy, fresh_project(folder), chance, patience)
        share /= 2  # if it was None, the study was faster than the first
    _mend(toy, folder)
    project = SiteProject(folder, "")
    if tried.waited:
        (project / "results/claims.json").unlink(missing_ok=True)  # gathered when Snakemake was stopped
        done = project.snakemake(*WORDS)
        tried.problems += [f"started again: {done.output[-500:]}"] if done.status else []
    tried.problems += differences(wanted, project / "results")
    tried.problems += [f"left behind: {name}" for name in leftovers(project)]
    if not tried.problems:
        shutil.rmtree(folder)
    return tried


def _disturbed(fault: Fault, toy: Toy, project: SiteProject, chance: random.Random, patience: float) -> Fault | None:
    """Run the study to its end; None if it ended before there was something to hit."""
    clock = time.monotonic()
    with project.study(*ON_SLURM, *WORDS) as study:
        while time.monotonic() - clock < fault.moment or not (jobs := toy.running()):
            if study.process.poll() is not None:
                return None
            time.sleep(0.1)
        job = chance.choice(jobs)
        node = toy.node_of(job)
        if not node:  # it has just ended
            return None
        fault.moment = round(time.monotonic() - clock, 1)
        FAULTS[fault.fault].happen(toy, job, node, chance)
        try:
            status = study.status(patience)
        except TimeoutExpired:
            status, fault.waited = 0, True
        fault.seconds = round(time.monotonic() - clock, 1)
        _read(fault, study, job)
        if status != 0:
            fault.problems.append(f"Snakemake: status {status}, see {study.log}")
    return fault


def _read(fault: Fault, study: Study, job: str) -> None:
    """Take from Snakemake's output what it saw."""
    submitted = dict(re.findall(r"with SLURM jobid (\d+) \(log: .*?/slurm_logs/(?:rule|group)_(\w+)/", study.output))
    fault.job = submitted.get(job, "")
    fault.submitted = len(submitted)
    fault.failed = len(re.findall(r"SLURM-job '\d+' failed|sbatch failed", study.output))


def _mend(toy: Toy, folder: Path) -> None:
    """Do what an administrator does, and wait for the end of all jobs: those of a killed slurmd live on."""
    toy.up()
    if bad := toy.command("sinfo", "--noheader", "--Node", "--states=drain,down", "--format=%N").split():
        toy.command("scontrol", "update", f"nodename={','.join(bad)}", "state=resume")
    wait_for(lambda: toy.is_idle() and not working_in(folder), "the end of all jobs", PATIENCE)


def table(faults: list[Fault]) -> str:
    """Counts by kind of fault."""
    rows = [f"{'fault':<28} tried  by itself  waited  lost  jobs failed  seconds"]
    for name in FAULTS:
        if own := [fault for fault in faults if fault.fault == name]:
            lost, failed = sum(bool(fault.problems) for fault in own), sum(fault.failed for fault in own)
            waited = sum(fault.waited for fault in own)
            times = f"{min(fault.seconds for fault in own):.0f} to {max(fault.seconds for fault in own):.0f}"
            rows.append(f"{name:<28} {len(own):5}  {len(own) - waited:9}  {waited:6}  {lost:4}  {failed:11}  {times}")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5, metavar="N", help="of each fault")
    parser.add_argument("--fault", nargs="*", choices=FAULTS, default=list(FAULTS), metavar="NAME")
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--patience", type=float, default=PATIENCE, metavar="SECONDS", help="for one study")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    args = parser.parse_args()
    if why := obstacle():
        sys.exit(f"no toy Slurm here: {why}")
    folder = args.folder or Path(mkdtemp(prefix="faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "undisturbed", ignore_errors=True)
    undisturbed = fresh_project(folder / "undisturbed")
    done = undisturbed.snakemake(*WORDS)
    assert done.status == 0, done.output
    faults = []
    with running(toy := Toy(folder / "slurm")):
        length = _length(folder / "length", undisturbed / "results")
        for number in range(args.times):
            for name in args.fault:
                place = folder / f"{number}-{name.replace(' ', '-').replace(',', '')}"
                faults.append(
                    disturb(number, name, toy, place, undisturbed / "results", length, args.seed, args.patience)
                )
                with (folder / "faults.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(faults[-1])) + "\n")
                say(json.dumps(asdict(faults[-1])))
    say(f"{table(faults)}\nSee {folder}")
    return int(any(fault.problems for fault in faults))


def _length(folder: Path, wanted: Path) -> float:
    """Seconds of the study on Slurm without a fault."""
    shutil.rmtree(folder, ignore_errors=True)
    project = fresh_project(folder)
    clock = time.monotonic()
    with project.study(*ON_SLURM, *WORDS) as study:
        assert study.status(PATIENCE) == 0, study.output
    seconds = time.monotonic() - clock
    assert not differences(wanted, project / "results")
    say(f"without a fault: {seconds:.0f} s")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
