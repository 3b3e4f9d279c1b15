"""What a search leaves: the rounds of its trials, and the point that was chosen in the end."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chapter6.engine.run import Run, Schedule
from chapter6.registry import build
from chapter6.search.searches import Search
from chapter6.study.paths import curves_file
from chapter6.study.results import UNREADABLE, Arrays, Curves, Files, UnreadableError, checked_curves, curves_in, told

if TYPE_CHECKING:
    from chapter6.study.plan import PlannedSearch


@dataclass(frozen=True)
class Trial:
    """One point of a search: its number, round (from 1), place in the unit cube, settings and score."""

    number: int
    round: int
    point: tuple[float, ...]
    values: Mapping[str, float]
    score: float
    outcome: str
    steps: int


@dataclass(frozen=True)
class Round:
    """The record of a round: its number, the SHA-256 of its curves, and its trials."""

    round: int
    curves: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Chosen:
    """What a search came to; ``edges`` are the settings at an end of their range, ``stopped`` says when by trial."""

    trial: int
    values: Mapping[str, float]
    score: float
    edges: tuple[tuple[str, str], ...]
    stopped: Mapping[str, int]
    test: Mapping[str, float]

    def last_step(self, trial: Trial) -> int:
        """Return the update after which a trial was stopped, or its last."""
        return self.stopped.get(str(trial.number), trial.steps)


def read_round(files: Files, name: str) -> Round:
    """Return the record of a round; :class:`UnreadableError` where it is none."""
    try:
        return build(Round, json.loads(files[name]))
    except UNREADABLE as error:
        raise UnreadableError(name, f"not the record of a round ({told(error, 'it')})") from None


def read_rounds(files: Files, names: Sequence[str]) -> list[Trial]:
    """Return the trials of all rounds, in order."""
    return [trial for name in names for trial in read_round(files, name).trials]


def read_trial_curves(files: Files, names: Sequence[str]) -> dict[int, dict[tuple[str, str], Arrays]]:
    """Return the curves of every trial of the given rounds, by number."""
    found: dict[int, dict[tuple[str, str], Arrays]] = {}
    for name in names:
        stated = read_round(files, name).curves
        try:
            curves = curves_in(checked_curves(files, curves_file(name), stated))
        except UNREADABLE as error:
            raise UnreadableError(name, told(error, "its curves")) from None
        for (number, metric), curve in curves.items():
            found.setdefault(int(number), {})[_split(metric)] = curve
    return found


def _split(name: str) -> tuple[str, str]:
    split, metric = name.split("/", 1)
    return split, metric


def read_chosen(files: Files, planned: PlannedSearch) -> Chosen:
    """Return what a search chose; :class:`UnreadableError` where that cannot be read."""
    try:
        return build(Chosen, json.loads(files[planned.chosen]))
    except UNREADABLE as error:
        raise UnreadableError(planned.chosen, told(error, "it")) from None


def cut(curves: Curves, last: int) -> dict[tuple[str, str], Arrays]:
    """Return curves up to a step."""
    return {name: (steps[steps <= last], values[steps <= last]) for name, (steps, values) in curves.items()}


def tried(trials: Sequence[Trial], dimensions: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points (trials, dimensions) and scores."""
    points = np.array([trial.point for trial in trials], dtype=np.float64).reshape(len(trials), dimensions)
    return points, np.array([trial.score for trial in trials])


def best_of(trials: Sequence[Trial], stopped: Container[int] = ()) -> Trial:
    """Return the trial with the best score: of those not stopped early if there are any, and rather of the finished."""
    candidates = [trial for trial in trials if trial.number not in stopped] or trials
    finished = [trial for trial in candidates if trial.outcome == "finished"]
    return max(finished or candidates, key=lambda trial: trial.score)


def applied(run: Run, search: Search, values: Mapping[str, float]) -> Run:
    """Return the run with a point's values set, and as long as the search says."""
    trial = run.with_values(search.cube.settings(values))
    return _of_equal_images(trial, run) if search.equal == "images" else trial


def _of_equal_images(trial: Run, run: Run) -> Run:
    """Return a trial that is trained on as many images as the run, in batches of its own, and recorded to its end."""
    pairs = zip(trial.stages, run.stages, strict=True)
    stages = tuple(replace(own, steps=round(of.updates * of.batch_size / own.batch_size)) for own, of in pairs)
    end, old = sum(stage.updates for stage in stages), run.steps

    def moved(schedule: Schedule) -> Iterator[Schedule]:
        first, last = (None if step == old else step for step in (schedule.first, schedule.last))
        return replace(schedule, first=first, last=last).within(end)

    record = tuple(replace(each, at=tuple(chain.from_iterable(map(moved, each.at)))) for each in trial.record)
    return replace(trial, stages=stages, record=record)
