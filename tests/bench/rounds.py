"""Measuring in rounds: in each, every candidate does a block of every task, in a shuffled order."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bench.candidates import CANDIDATES
from bench.processes import BenchError, Process, side_by_side
from bench.work import TASKS, Task
from bench.worker import RETAKES, most_updates

PROOF = 20  # updates that must agree with the engine's
TOLERANCE = 1e-4  # of a loss, relative
HITS = 1e-3  # of an accuracy, absolute: rounding may decide a tie among ten thousand images
DROPOUT_TOLERANCE = 0.03  # of the mean loss under dropout: other masks move it by half a per cent, 0.45 for 0.5 by 4.5
DISCARDED = 2  # rounds at the beginning

Entry = tuple[str, str, str]  # task, candidate, form
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is measured: ``rounds`` in each of ``restarts`` sets of processes, ``updates`` a block."""

    candidates: Sequence[str]
    tasks: Sequence[str]
    rounds: int
    restarts: int
    updates: int
    data: str
    cpu: int | None
    clock: str = "wall"  # or "cpu", the process's own time, which is the same while it has its core to itself
    seed: int = 0

    def block(self, task: str, candidate: str) -> int:
        """Return the number of updates, or evaluations, of one block."""
        if TASKS[task].evaluates:
            return 1 if CANDIDATES[candidate].slow else min(2, self.updates)
        return max(1, self.updates // 3) if CANDIDATES[candidate].slow else self.updates


@dataclass
class Measured:
    """Microseconds an update of every round, in the same order for all; and what could not be measured, and why."""

    micros: dict[Entry, list[float]] = field(default_factory=dict)
    cpu_shares: dict[Entry, list[float]] = field(default_factory=dict)  # CPU time over wall time
    takes: dict[Entry, int] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)  # by candidate
    refused: dict[Entry, str] = field(default_factory=dict)
    proofs: dict[Entry, float] = field(default_factory=dict)  # largest deviation from the engine's losses
    versions: dict[str, str] = field(default_factory=dict)


def measure(plan: Plan, say: Say) -> Measured:
    """Prove that all compute the same, then measure."""
    measured = Measured()
    shuffle = Random(plan.seed).shuffle
    for restart in range(plan.restarts):
        with side_by_side(plan.candidates, plan.data, plan.cpu) as processes:
            say(f"start {restart + 1} of {plan.restarts}: prepare and compare")
            entries = _prepare(plan, processes, measured)
            if measured.micros and set(entries) != set(measured.micros):
                raise BenchError(f"not the same can be measured after a restart: {set(entries) ^ set(measured.micros)}")
            say(f"start {restart + 1} of {plan.restarts}: {plan.rounds} rounds of {len(entries)} blocks")
            for number in range(DISCARDED + plan.rounds):
                _round(plan, processes, entries, shuffle, measured if number >= DISCARDED else None)
    return measured


def _round(
    plan: Plan,
    processes: Mapping[str, Process],
    entries: Sequence[Entry],
    shuffle: Callable[[list[Any]], None],
    measured: Measured | None,
) -> None:
    """Measure a block of every entry, task by task, so that what is compared lies close in time."""
    tasks = list(plan.tasks)
    shuffle(tasks)
    for task in tasks:
        due = [entry for entry in entries if entry[0] == task]
        shuffle(due)
        for entry in due:
            _, candidate, form = entry
            count = plan.block(task, candidate)
            retakes = RETAKES if plan.clock == "wall" else 0
            answer = processes[candidate].demand("measure", task=task, form=form, count=count, retakes=retakes)
            if measured:
                spent = answer["seconds"] if plan.clock == "wall" else answer["cpu"]
                measured.micros.setdefault(entry, []).append(spent / count * 1e6)
                measured.cpu_shares.setdefault(entry, []).append(answer["cpu"] / answer["seconds"])
                measured.takes[entry] = measured.takes.get(entry, 0) + answer["takes"]


def _prepare(plan: Plan, processes: Mapping[str, Process], measured: Measured) -> list[Entry]:
    """Start every session that can be had and compare its first updates with the engine's."""
    for candidate, process in processes.items():
        answer = process.ask("introduce")
        if "missing" in answer:
            measured.missing[candidate] = f"{answer['missing']} is not installed"
        elif "failed" in answer:
            raise BenchError(f"{candidate}: {answer['failed']}")
        else:
            measured.versions |= answer["versions"]
    present = {name: process for name, process in processes.items() if name not in measured.missing}
    return [entry for task in plan.tasks for entry in _begin(plan, TASKS[task], present, measured)]


def _begin(plan: Plan, task: Task, processes: Mapping[str, Process], measured: Measured) -> list[Entry]:
    """Return the entries of one task that stand ready."""
    horizon = PROOF + most_updates(DISCARDED + plan.rounds, max(plan.updates, 2))
    counts = {"horizon": horizon, "count": 1 if task.evaluates else PROOF}
    ratios = [None] if task.dropout is None else [0.0, task.dropout]  # without masks first: all must agree exactly
    ready: list[Entry] = []
    for ratio in ratios:
        expected: list[float] | None = None
        ready = []
        for candidate in sorted(processes, key=lambda name: name != "engine"):  # the engine first
            for form in _forms(task, candidate, processes[candidate], measured):
                entry = (task.key, candidate, form)
                answer = processes[candidate].ask("begin", task=task.key, form=form, dropout=ratio, **counts)
                if "failed" in answer:
                    _refuse(entry, answer, measured)
                    continue
                ready.append(entry)
                if candidate == "engine":
                    expected = answer["recorded"]
                elif expected and answer["recorded"]:
                    _prove(task, entry, answer["recorded"], expected, ratio, measured)
    return ready


def _forms(task: Task, candidate: str, process: Process, measured: Measured) -> Sequence[str]:
    answer = process.ask("forms", task=task.key)
    if "failed" in answer:
        _refuse((task.key, candidate, ""), answer, measured)
        return ()
    forms: Sequence[str] = answer["forms"]
    return forms


def _refuse(entry: Entry, answer: Mapping[str, str], measured: Measured) -> None:
    """Note why something is not measured; the project's own code has no excuse."""
    if not CANDIDATES[entry[1]].needs and answer["kind"] != "RefusedError":
        raise BenchError(f"{' '.join(entry)}: {answer['failed']}")
    measured.refused[entry] = answer["failed"]


def _prove(
    task: Task,
    entry: Entry,
    recorded: Sequence[float],
    expected: Sequence[float],
    ratio: float | None,
    measured: Measured,
) -> None:
    if ratio:
        compare_means(entry, recorded, expected)
    else:
        deviation = compare(task, entry, recorded, expected)
        measured.proofs[entry] = max(deviation, measured.proofs.get(entry, 0.0))


def compare(task: Task, entry: Entry, recorded: Sequence[float], expected: Sequence[float]) -> float:
    """Return the largest deviation of the losses, relative; raise :class:`BenchError` if it is too large."""
    if len(recorded) != len(expected):
        raise BenchError(f"{' '.join(entry)}: {len(recorded)} numbers recorded, and by the engine {len(expected)}")
    pairs = list(zip(recorded, expected, strict=True))
    losses, accuracies = (pairs[::2], pairs[1::2]) if task.evaluates else (pairs, [])
    deviations = [abs(value / wanted - 1) for value, wanted in losses]
    agree = all(deviation <= TOLERANCE for deviation in deviations)  # a NaN does not
    if not (agree and all(abs(value - wanted) <= HITS for value, wanted in accuracies)):
        raise BenchError(
            f"{' '.join(entry)}: does not compute what the engine computes: {_shown(recorded)} instead of"
            f" {_shown(expected)}"
        )
    return max(deviations)


def compare_means(entry: Entry, recorded: Sequence[float], expected: Sequence[float]) -> None:
    """Compare mean losses, as :func:`compare` does single ones: under dropout each draws its own masks."""
    mean, wanted = sum(recorded) / len(recorded), sum(expected) / len(expected)
    if not abs(mean / wanted - 1) <= DROPOUT_TOLERANCE:
        raise BenchError(
            f"{' '.join(entry)}: does not compute what the engine computes: a mean loss of {mean:.4g} under dropout"
            f" instead of {wanted:.4g}"
        )


def _shown(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:.6g}" for number in numbers[:5])


def last_cpu() -> int | None:
    """Return the core that measurements are held to, where the system can hold a process to one."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
