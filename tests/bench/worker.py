"""A candidate's process: one thread on one core, orders by line on standard input, answers on standard output.

``python -m bench.worker CANDIDATE DATA [CPU]``. The parent sets the variables that hold BLAS to one thread.
"""

import json
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from bench.candidates import CANDIDATES

WARM = 3  # updates before each block, so that its data are in the cache again
RETAKES = 2
UNDISTURBED = 0.97  # share of a block's time for which the process had its core


class Worker:
    """Keeps the sessions of one candidate."""

    def __init__(self, candidate: str, data: str) -> None:
        self._offer = import_module(f"bench.candidates.{CANDIDATES[candidate].module}").Candidate(data)
        self._sessions: dict[tuple[str, str], Any] = {}

    def answer(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one order: the method that it names, with its other entries as arguments."""
        arguments = dict(order)
        return getattr(self, arguments.pop("do"))(**arguments)

    def introduce(self) -> dict[str, Any]:
        """Return the versions of what computes."""
        return {"versions": self._offer.versions}

    def forms(self, task: str) -> dict[str, Any]:
        """Return the forms of a task."""
        return {"forms": list(self._offer.forms(task))}

    def begin(self, task: str, form: str, horizon: int, dropout: float | None, count: int) -> dict[str, Any]:
        """Start a session and return what it records of its first ``count`` updates."""
        session = self._sessions[task, form] = self._offer.session(task, form, horizon, dropout)
        return {"recorded": session.run(count)}

    def measure(self, task: str, form: str, count: int, retakes: int) -> dict[str, Any]:
        """Return seconds and CPU seconds of ``count`` updates; a block that others disturbed is taken again.

        Of several takes the least disturbed one counts, whatever its time.
        """
        session = self._sessions[task, form]
        takes = []
        for _ in range(1 + retakes):
            session.run(WARM)
            takes.append(session.timed(count))
            if takes[-1][1] >= UNDISTURBED * takes[-1][0]:
                break
        seconds, cpu = max(takes, key=lambda take: take[1] / take[0])
        return {"seconds": seconds, "cpu": cpu, "takes": len(takes)}


def most_updates(blocks: int, count: int) -> int:
    """Return the largest number of updates that ``blocks`` measurements of ``count`` take."""
    return blocks * (1 + RETAKES) * (WARM + count)


def main() -> None:
    """Answer orders until the input ends."""
    candidate, data, *cpu = sys.argv[1:]
    if cpu:
        os.sched_setaffinity(0, {int(cpu[0])})
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not stand between the answers
    worker = None
    for line in sys.stdin:
        try:
            worker = worker or Worker(candidate, data)
            answer = worker.answer(json.loads(line))
        except ModuleNotFoundError as error:
            answer = {"missing": str(error.name)}
        except Exception as error:
            text = str(error).strip() or type(error).__name__
            answer = {"failed": text.splitlines()[0][:300], "kind": type(error).__name__}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
