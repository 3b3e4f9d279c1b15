"""The files of a search: the rounds of trials, and the point that was chosen in the end."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chapter6.files import read_json
from chapter6.registry import StudyError
from chapter6.study.records import read_curves
from chapter6.study.resolve import merge, nested


@dataclass(frozen=True)
class Trial:
    """One point of a search: its number, round (from 1), place in the unit cube, settings and score."""

    number: int
    round: int
    point: Sequence[float]
    values: Mapping[str, float]
    score: float
    outcome: str
    steps: int


def read_trials(files: Sequence[str]) -> list[Trial]:
    """Return the trials of all rounds, in order; a file that is no round is an error that names it."""
    return [trial for file in files for trial in _trials(file)]


def _trials(file: str) -> list[Trial]:
    try:
        return [Trial(**trial) for trial in read_json(file)["trials"]]
    except (OSError, ValueError, LookupError, TypeError) as error:
        advice = f"make it again with snakemake --forcerun {file}"
        raise StudyError(f"{file}: not the record of a round ({error}); {advice}") from None


def read_trial_curves(files: Sequence[str]) -> dict[int, dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]]:
    """Return the curves of every trial of the given rounds, by number."""
    found: dict[int, dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]] = {}
    for file in files:
        for (number, name), curve in read_curves(curves_file(file)).items():
            split, metric = name.split("/", 1)
            found.setdefault(int(number), {})[split, metric] = curve
    return found


def curves_file(round_file: str) -> str:
    """Return the name of the curves beside a round's record."""
    return round_file.removesuffix(".json") + ".npz"


def tried(trials: Sequence[Trial], dimensions: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points (trials, dimensions) and scores."""
    points = np.array([trial.point for trial in trials], dtype=np.float64).reshape(len(trials), dimensions)
    return points, np.array([trial.score for trial in trials])


def best_of(trials: Sequence[Trial], stopped: Container[int] = ()) -> Trial:
    """Return the trial with the best score: of those not stopped early if there are any, and rather of the finished."""
    candidates = [trial for trial in trials if trial.number not in stopped] or trials
    finished = [trial for trial in candidates if trial.outcome == "finished"]
    return max(finished or candidates, key=lambda trial: trial.score)


def applied(run: Mapping[str, Any], values: Mapping[str, float]) -> dict[str, Any]:
    """Return the run with a point's values set."""
    changed = dict(run)
    for key, value in values.items():
        changed = merge(changed, nested(key, value))
    return changed
