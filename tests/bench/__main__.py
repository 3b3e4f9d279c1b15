"""``make bench``: the engine beside its floor, the frameworks and the textbook, in one run."""

import platform
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.candidates import CANDIDATES
from bench.processes import ROOT, BenchError
from bench.rounds import Plan, last_cpu, measure
from bench.startup import measure_jobs
from bench.summaries import summary
from bench.tables import bench_text, parts, write_between
from bench.work import TASKS
from chapter6.files import write_json
from chapter6.jobs.replicates import environment
from chapter6.registry import StudyError

JOBS = "jobs"
SETTINGS = ("candidates", "tasks", "rounds", "restarts", "updates", "clock")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table and write it; return the exit status."""
    args = _arguments(argv)
    try:
        candidates = _chosen(args.only, [*CANDIDATES, JOBS], "--only")
        tasks = _chosen(args.tasks, list(TASKS), "--tasks")
        is_whole = not args.only and not args.tasks
        page = args.page or (ROOT / "docs/performance.md" if is_whole else None)
        if page:
            parts(page, "bench")  # before minutes are spent
        result = _measure(args, candidates, tasks)
        text = bench_text(result)
        sys.stdout.write(text + "\n")
        if output := args.output or (ROOT / "results/bench.json" if is_whole else None):
            write_json(output, result)
        if page:
            write_between(page, "bench", text)
    except (BenchError, StudyError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="rounds of each set of processes")
    parser.add_argument("--restarts", type=int, default=3, help="sets of processes: memory lies elsewhere in each")
    parser.add_argument("--updates", type=int, default=30, help="updates a block")
    parser.add_argument("--only", default="", help=f"of {', '.join([*CANDIDATES, JOBS])}; with it no file is written")
    parser.add_argument("--tasks", default="", help=f"of {', '.join(TASKS)}; with it no file is written")
    parser.add_argument("--data", default=str(ROOT / "data/mnist"), help="folder of MNIST")
    parser.add_argument("--cpu", type=int, default=last_cpu(), help="the core that all share; -1 for none")
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu on a machine that others use at the same time"
    )
    parser.add_argument("--output", type=Path, help="JSON file (results/bench.json of a whole run)")
    parser.add_argument("--page", type=Path, help="page with the markers (docs/performance.md of a whole run)")
    return parser.parse_args(argv)


def _chosen(names: str, choices: Sequence[str], option: str) -> list[str]:
    """Return what an option names, in the order of the choices; all if it names nothing."""
    wanted = names.replace(",", " ").split() or choices
    for name in wanted:
        if name not in choices:
            raise BenchError(f"{option}: unknown {name!r}; choose from {list(choices)}")
    return [name for name in choices if name in wanted]


def _measure(args: Namespace, chosen: Sequence[str], tasks: Sequence[str]) -> dict[str, Any]:
    candidates = [name for name in CANDIDATES if name in chosen or name == "engine"]  # it is what all are compared with
    for option in ("rounds", "restarts", "updates"):
        if getattr(args, option) < 1:
            raise BenchError(f"--{option}: must be 1 or more, not {getattr(args, option)}")
    cpu = None if args.cpu is not None and args.cpu < 0 else args.cpu
    plan = Plan(candidates, tasks, args.rounds, args.restarts, args.updates, args.data, cpu, args.clock)
    began = datetime.now(UTC)
    result = {
        "date": began.date().isoformat(),
        "machine": environment() | {"system": platform.platform()},
        "settings": {name: getattr(plan, name) for name in SETTINGS},
        **summary(measure(plan, _say), args.restarts),
    }
    if JOBS in chosen:
        _say("start-up and memory of a training job")
        result["jobs"] = measure_jobs(args.data, times=args.rounds, steps=10 * args.updates)
    result["seconds"] = round((datetime.now(UTC) - began).total_seconds())
    return result


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
