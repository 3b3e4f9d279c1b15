"""The candidates' processes, side by side, as the parent sees them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from bench.candidates import CANDIDATES

ROOT = Path(__file__).parents[2]
PEERS_PYTHON = ROOT / ".venv-peers/bin/python"
ONE_THREAD = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
}


class BenchError(Exception):
    """The bench cannot go on; the message says why."""


class Process:
    """One candidate at work."""

    def __init__(self, candidate: str, data: str, cpu: int | None, python: str) -> None:
        self.candidate = candidate
        path = os.pathsep.join([str(ROOT / "tests"), str(ROOT / "src")])
        self._errors = TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  # stop() closes it
        self._process = subprocess.Popen(
            [python, "-m", "bench.worker", candidate, data, *([str(cpu)] if cpu is not None else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | ONE_THREAD | {"PYTHONPATH": path},
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Return the answer to an order, which may be ``missing`` or ``failed``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._errors.seek(0)
            raise BenchError(f"{self.candidate}: the process ended:\n{self._errors.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def demand(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Return the answer to an order that must succeed."""
        answer = self.ask(do, **arguments)
        if problem := answer.get("failed") or answer.get("missing"):
            raise BenchError(f"{self.candidate}: {do} {arguments}: {problem}")
        return answer

    def stop(self) -> None:
        """End the process and wait for it."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


def python_of(candidate: str) -> str:
    """Return the interpreter: frameworks have an environment of their own, where ``make bench-peers`` made one."""
    return str(PEERS_PYTHON) if CANDIDATES[candidate].needs and PEERS_PYTHON.exists() else sys.executable


@contextmanager
def side_by_side(candidates: Iterable[str], data: str, cpu: int | None) -> Iterator[Mapping[str, Process]]:
    """Yield a process for each candidate; all end together."""
    with ExitStack() as stack:
        processes = {}
        for candidate in candidates:
            processes[candidate] = Process(candidate, data, cpu, python_of(candidate))
            stack.callback(processes[candidate].stop)
        yield processes
