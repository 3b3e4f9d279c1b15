"""``make bench-scale``: how planning, scheduling and tracking grow with the number of jobs."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bench.growth import SHAPES, Shape, exponent, plan, run
from bench.processes import ROOT, BenchError
from bench.tables import markdown, parts, write_between
from chapter6.files import write_json
from chapter6.jobs.replicates import environment

PLANNED = (100, 1000, 10_000)
RUN = (100, 1000)
LONGEST_PLAN = 60.0  # seconds, of the largest study
LINEAR = 1.15  # largest exponent between the two largest studies that is called linear
Row = Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables and write them; return the exit status."""
    args = _arguments(argv)
    try:
        if args.page:
            parts(args.page, "bench-scale")  # before the minutes are spent
        result = measure(args.plan, args.run, args.repeats, args.cores)
        text = scale_text(result)
        sys.stdout.write(text + "\n")
        write_json(args.output, result)
        if args.page:
            write_between(args.page, "bench-scale", text)
    except BenchError as error:
        sys.stderr.write(f"bench-scale: {error}\n")
        return 1
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--plan", type=int, nargs="+", default=PLANNED, metavar="JOBS", help="studies that are planned")
    parser.add_argument("--run", type=int, nargs="*", default=RUN, metavar="JOBS", help="studies that are run")
    parser.add_argument("--all", action="store_true", help="run the study of 10 000 jobs too: more than an hour")
    parser.add_argument("--repeats", type=int, default=3, help="plans of each study; the median counts")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--output", type=Path, default=ROOT / "results/bench-scale.json")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/performance.md", help="page with the markers")
    args = parser.parse_args(argv)
    if args.all:
        args.run = [*args.run, PLANNED[-1]]
    return args


def measure(planned: Sequence[int], ran: Sequence[int], repeats: int, cores: int) -> dict[str, Any]:
    """Return every measurement, the exponents of growth and the targets' verdicts."""
    plans = [_plan(shape, jobs, repeats) for shape in SHAPES for jobs in sorted(planned)]
    runs = [_run(SHAPES[0], jobs, cores) for jobs in sorted(ran)]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": environment() | {"snakemake": version("snakemake"), "mlflow": version("mlflow")},
        "settings": {"repeats": repeats, "cores": cores},
        "plans": plans,
        "runs": runs,
        "growth": [*_growth(plans, ("cpu", "loading", "memory")), *_growth(runs, ("cpu", "tracking", "memory"))],
        "targets": [_judge(row) for row in plans if row["jobs"] == max(PLANNED)],
    }


def _plan(shape: Shape, jobs: int, repeats: int) -> dict[str, Any]:
    _say(f"plan {jobs} jobs, {shape.name}")
    takes = [plan(shape.experiments(jobs)) for _ in range(repeats)]
    medians = {name: float(np.median([take[name] for take in takes])) for name in takes[0]}
    return {"what": "planning", "shape": shape.name, "jobs": jobs, **medians}


def _run(shape: Shape, jobs: int, cores: int) -> dict[str, Any]:
    _say(f"run {jobs} jobs, {shape.name}")
    return {"what": "running", "shape": shape.name, "jobs": jobs, **run(shape.experiments(jobs), cores)}


def _growth(rows: Sequence[Row], quantities: Sequence[str]) -> list[dict[str, Any]]:
    """Return the exponents of each shape's quantities: over all sizes, and between the two largest."""
    found = []
    for what, shape in dict.fromkeys((row["what"], row["shape"]) for row in rows):
        mine = [row for row in rows if row["shape"] == shape]
        sizes = [row["jobs"] for row in mine]
        for quantity in quantities if len(mine) > 1 else ():
            values = [row[quantity] for row in mine]
            last = exponent(sizes[-2:], values[-2:])
            found.append(
                {
                    "what": what,
                    "shape": shape,
                    "quantity": quantity,
                    "exponent": exponent(sizes, values),
                    "last_exponent": last,
                    "verdict": "at most linear" if last <= LINEAR else "faster than linear",
                }
            )
    return found


def _judge(row: Row) -> dict[str, Any]:
    verdict = "reached" if row["seconds"] <= LONGEST_PLAN else "missed"
    return {
        "shape": row["shape"],
        "jobs": row["jobs"],
        "limit": LONGEST_PLAN,
        **_only(row, "seconds"),
        "verdict": verdict,
    }


def _only(row: Row, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def scale_text(result: Row) -> str:
    """Return the page's part of ``make bench-scale``."""
    sections = [_introduction(result), _plans(result["plans"]), _runs(result["runs"]), _exponents(result["growth"])]
    return "\n\n".join([section for section in sections if section] + [_verdicts(result["targets"])]).rstrip()


def _introduction(result: Row) -> str:
    machine, settings = result["machine"], result["settings"]
    return (
        f"Measured on {result['date']} by `make bench-scale` ({machine['processor']}, Python {machine['python']},"
        f" Snakemake {machine['snakemake']}, MLflow {machine['mlflow']}) on studies whose runs are three steps on a"
        f" surface, one run a job. Planning is a dry run to its end, the median of {settings['repeats']}; the studies"
        f" that are run use {settings['cores']} cores. CPU time is that of Snakemake's own process."
    )


def _plans(rows: Sequence[Row]) -> str:
    header = [
        "training jobs",
        "study",
        "planning, s",
        "CPU, s",
        "of it reading the study, CPU s",
        "CPU a job, ms",
        "MiB",
    ]
    return markdown(
        header,
        [
            [
                str(row["jobs"]),
                row["shape"],
                f"{row['seconds']:.1f}",
                f"{row['cpu']:.1f}",
                f"{row['loading']:.2f}",
                f"{row['cpu'] / row['all_jobs'] * 1000:.1f}",
                f"{row['memory']:.0f}",
            ]
            for row in rows
        ],
    )


def _runs(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    header = ["training jobs", "all jobs", "whole study, s", "Snakemake's CPU a job, ms", "the job's own CPU, ms"]
    header += ["a training job, s", "tracking a run, ms", "MiB"]
    return markdown(
        header,
        [
            [
                str(row["jobs"]),
                str(row["all_jobs"]),
                f"{row['seconds']:.0f}",
                f"{row['cpu'] / row['all_jobs'] * 1000:.1f}",
                f"{row['jobs_cpu'] / row['all_jobs'] * 1000:.0f}",
                f"{row['training_job']:.2f}",
                f"{row['tracking'] / row['jobs'] * 1000:.0f}",
                f"{row['memory']:.0f}",
            ]
            for row in rows
        ],
    )


def _exponents(rows: Sequence[Row]) -> str:
    """Return how everything grows: an exponent of 1 is linear, and a constant share makes it smaller."""
    names = {
        "cpu": "Snakemake's CPU",
        "loading": "reading the study",
        "memory": "Snakemake's memory",
        "tracking": "tracking",
    }
    body = [
        [
            f"{row['what']}, {row['shape']}: {names[row['quantity']]}",
            f"{row['exponent']:.2f}",
            f"{row['last_exponent']:.2f}",
            row["verdict"],
        ]
        for row in rows
    ]
    return markdown(["growth", "exponent over all", "between the two largest", ""], body) if body else ""


def _verdicts(targets: Sequence[Row]) -> str:
    return "\n".join(
        f"- Planning {target['jobs']} jobs ({target['shape']}) in {target['limit']:.0f} s or less:"
        f" {target['seconds']:.0f} s, {target['verdict']}."
        for target in targets
    )


def _say(text: str) -> None:
    sys.stderr.write(f"bench-scale: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
