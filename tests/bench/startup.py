"""What a training job costs before it trains, and the memory it takes, seen from outside the job."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.candidates.engine import run_of
from bench.processes import BenchError
from bench.summaries import spread
from bench.work import TASKS, read_data
from chapter6.engine.measurements.losses import BatchLoss, Evaluation
from chapter6.engine.run import Record, Run, Schedule
from chapter6.study.code import training_digest
from chapter6.study.orders import Trained, TrainingOrder, write_order
from chapter6.study.taken import Taken

LONGEST_START = 0.3  # seconds
MOST_MEMORY = 150.0  # MiB
SAMPLING = 0.005  # seconds
MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)$")


def job(data: str, run: Run, folder: str) -> list[str]:
    """Return the command of a training job of one replicate."""
    block = Trained("bench", 0, 0, Taken(run), training_digest(run))
    order = write_order(f"{folder}/order.json", TrainingOrder("bench", 6, (block,)))
    options = {"--order": order, "--data": data, "--folder": folder, "--output": f"{folder}/job.json"}
    command = Path(sys.executable).with_name("chapter6")
    return [str(command), "train", *(word for option in options.items() for word in option)]


def start_up(data: str, times: int) -> dict[str, Any]:
    """Return seconds of jobs without and with one update, and from the process's start to the first update's end.

    That moment is taken from the job's own record, which says when the run was started and how long it took.
    """
    seconds: dict[str, list[float]] = {"no_update": [], "one_update": [], "to_first_update": []}
    runs = {"no_update": _run(data, 0), "one_update": _run(data, 1)}
    for number in range(times + 1):
        for name, run in runs.items():
            with TemporaryDirectory() as folder:
                began, clock = time.time(), time.perf_counter()
                _finish(job(data, run, folder))
                spent = time.perf_counter() - clock
                record = json.loads(Path(folder, "bench/replicate-0.json").read_text(encoding="utf-8"))
            updated = datetime.fromisoformat(record["started"]).timestamp() + record["seconds"] - began
            if number:  # the first of each warms the file cache
                seconds[name].append(spent)
                if name == "one_update":
                    seconds["to_first_update"].append(updated)
    return {name: spread(values) for name, values in seconds.items()}


def memory(data: str, steps: int) -> dict[str, Any]:
    """Return MiB at the moment of a job's largest memory beyond the mapped data, looked at every few milliseconds.

    The job trains ``steps`` updates with Adam and evaluates on all training and test images. What counts is the
    resident memory of all mappings (libraries included) less the resident pages of the data set's files.
    """
    record = [Record(BatchLoss(), (Schedule(),)), Record(Evaluation())]
    with TemporaryDirectory() as folder:
        process = subprocess.Popen(job(data, _run(data, steps, record), folder), stderr=subprocess.PIPE, text=True)
        largest = {"beyond": 0.0, "mapped": 0.0}
        while process.poll() is None:
            resident, mapped = _resident(process.pid, str(Path(data).resolve()))
            if resident - mapped > largest["beyond"]:
                largest = {"beyond": resident - mapped, "mapped": mapped}
            time.sleep(SAMPLING)
        _, errors = process.communicate()
    if process.returncode:
        raise BenchError(f"a training job failed: {errors[-1000:]}")
    return largest


def measure_jobs(data: str, times: int, steps: int) -> dict[str, Any]:
    """Return start-up and memory, with their targets' verdicts."""
    found: dict[str, Any] = {"start_up": start_up(data, times)}
    first = found["start_up"]["to_first_update"]["median"]
    found["start_up"] |= {"limit": LONGEST_START, "verdict": "reached" if first <= LONGEST_START else "missed"}
    if not Path("/proc/self/smaps").exists():
        return found | {"memory": {"verdict": "not measured", "reason": "this system has no /proc/PID/smaps"}}
    used = memory(data, steps)
    verdict = "reached" if used["beyond"] <= MOST_MEMORY else "missed"
    return found | {"memory": used | {"limit": MOST_MEMORY, "verdict": verdict}}


def _run(data: str, steps: int, record: Sequence[Record] | None = None) -> Run:
    return run_of(TASKS["adam"], steps, len(read_data(data).train_images), record=record)


def _finish(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"a training job failed: {done.stderr[-1000:]}")


def _resident(pid: int, data: str) -> tuple[float, float]:
    """Return MiB of a process: all resident memory, and what of it are pages of files in the folder ``data``."""
    resident = mapped = 0.0
    file = ""
    try:
        for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Rss:"):
                size = int(line.split()[1]) / 1024
                resident += size
                mapped += size if file.startswith(data + os.sep) else 0
            elif header := MAPPING.match(line):
                file = header[1]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0  # it ended between two looks
    return resident, mapped
