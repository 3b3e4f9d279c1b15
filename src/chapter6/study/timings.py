"""Times of variants: which are to be timed, and what the job that does it leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from chapter6.engine.timing import Task
from chapter6.registry import StudyError, build
from chapter6.settings import shortened
from chapter6.study.plan import Timing, Variant
from chapter6.study.results import UNREADABLE, Files, UnreadableError, told

if TYPE_CHECKING:
    from chapter6.study.spec import TimingSpec


@dataclass(frozen=True)
class Timed:
    """A round: seconds of the variant, and of the one beside it."""

    variant: str
    task: Task
    round: int
    seconds: float
    beside: float


@dataclass(frozen=True)
class Times:
    """All rounds of an experiment, and the machine that they were taken on."""

    key: str
    experiment: str
    beside: str
    started: str
    environment: Mapping[str, str]
    rounds: tuple[Timed, ...]


def timing_of(spec: TimingSpec, variants: Mapping[str, Variant]) -> Timing:
    """Return what ``spec`` names among the ``variants``; StudyError where there is no such one, or nothing to time."""
    if spec.beside not in variants:
        raise StudyError(f"timing.beside: no variant {spec.beside!r}; choose from {shortened(list(variants))}")
    for pattern in spec.of:
        if not any(fnmatchcase(name, pattern) for name in variants):
            raise StudyError(f"timing.of: no variant {pattern!r}; choose from {shortened(list(variants))}")
    others = [variant for name, variant in variants.items() if name != spec.beside]
    chosen = tuple(each for each in others if any(fnmatchcase(each.name, pattern) for pattern in spec.of))
    if not chosen:
        raise StudyError(f"timing.of: there is no variant to be timed beside {spec.beside!r} but itself")
    timing = Timing(spec, chosen, variants[spec.beside])
    for variant in timing.variants:
        _check(variant, spec)
    return timing


def _check(variant: Variant, spec: TimingSpec) -> None:
    if variant.search:
        raise StudyError(f"timing: variant {variant.name!r} is a search, and single runs are timed")
    if "update" in spec.tasks and not variant.run.steps:
        raise StudyError(f"timing: variant {variant.name!r} has no updates to be timed: its steps are 0")
    if "evaluation" in spec.tasks and not variant.run.needs_dataset:
        raise StudyError(f"timing: variant {variant.name!r} has no test data to be evaluated")


def read_times(files: Files, name: str, planned: Timing) -> Times:
    """Return the times of an experiment; :class:`UnreadableError` where they cannot be read, or are those of others."""
    try:
        times = build(Times, json.loads(files[name]))
    except UNREADABLE as error:
        raise UnreadableError(name, told(error, "it")) from None
    if times.key != planned.key:
        raise UnreadableError(name, "it holds the times of other settings")
    return times
