"""Choose the best point of a search, retrain it with fresh seeds and judge it on the test data."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from chapter6.engine.measurements.losses import Evaluation
from chapter6.engine.run import Record, Schedule
from chapter6.files import write_json
from chapter6.jobs.search import AskedSearch, add_search_arguments, advising, asked_search, files_of
from chapter6.metrics import diverged_score
from chapter6.registry import StudyError, plain
from chapter6.search.searches import Search
from chapter6.study.searches import Chosen, Trial, applied, best_of, read_rounds, read_trial_curves

EDGE = 0.1  # of a dimension's range: a best point this near to an end may have missed the optimum

log = logging.getLogger(__name__)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_search_arguments(parser)
    parser.add_argument("--rounds", nargs="+", required=True, help="records of all rounds, in order")


def run(args: Namespace) -> None:
    """Write the chosen point, its test results and where each trial was stopped."""
    asked = asked_search(args)
    search = asked.order.search
    with advising():
        trials = read_rounds(files_of(args.rounds), args.rounds)
        stopped = _stopped(asked, args.rounds, trials)
    best = best_of(trials, stopped)
    edges = _edges(search, best)
    for edge in edges:
        log.warning("the best %s lies at the %s end of its range: the optimum may lie outside", *edge)
    told = {str(number): step for number, step in stopped.items()}
    test = _retrained(asked, best)
    write_json(args.output, plain(Chosen(best.number, best.values, best.score, edges, told, test)))


def _retrained(asked: AskedSearch, best: Trial) -> dict[str, float]:
    """Return mean test loss and accuracy over fresh initial weights and batches, the split staying the same."""
    run = applied(asked.run, asked.order.search, best.values)
    look = Record(Evaluation(splits=("test",)), (Schedule(run.steps, 1, run.steps),))
    final = replace(run, record=(look,))
    results: dict[str, list[float]] = {"loss": [], "accuracy": []}
    for number in range(asked.order.search.retrains):
        outcome = asked.outcome(final, f"retrain-{number}")
        for metric, values in results.items():
            curve = outcome.curves.get(("test", metric))
            last = float(np.asarray(curve.values[-1])) if curve else np.nan
            values.append(last if np.isfinite(last) else abs(diverged_score(metric, asked.classes)))
    return {metric: float(np.mean(values)) for metric, values in results.items()}


def _stopped(asked: AskedSearch, rounds: Sequence[str], trials: Sequence[Trial]) -> dict[int, int]:
    """Return the update at which a replayed rule stops each trial that it stops."""
    search = asked.order.search
    if not search.replay:
        return {}
    curves = read_trial_curves(files_of(rounds), rounds)
    nothing = (np.empty(0), np.empty(0))  # of a trial that diverged at once
    looked = [curves.get(trial.number, {}).get(("validation", search.metric), nothing) for trial in trials]
    steps = max((steps for steps, _ in looked), key=len)
    if not len(steps):
        return {}
    worst = diverged_score(search.metric, asked.classes)
    scores = np.array([_padded(curve, len(steps), search.metric, worst) for curve in looked])
    looks = search.replay.rule.looks(scores)
    return {trial.number: int(steps[look - 1]) for trial, look in zip(trials, looks, strict=True) if look < len(steps)}


def _padded(curve: tuple[np.ndarray, np.ndarray], length: int, metric: str, worst: float) -> np.ndarray:
    """Return the scores of a trial at every look; after it diverged, the worst."""
    values = curve[1] if metric == "accuracy" else -curve[1]
    padded = np.full(length, worst)
    padded[: len(values)] = np.nan_to_num(values, nan=worst)
    return padded


def _edges(search: Search, best: Trial) -> tuple[tuple[str, str], ...]:
    """Return the settings whose best value lies at an end of the range, and which end."""
    if search.size != len(best.point):
        raise StudyError("the search's space is not the one that its rounds were drawn from")
    ends = zip(search.space, best.point, strict=True)
    return tuple((n, "lower" if p < EDGE else "upper") for n, p in ends if not EDGE <= p <= 1 - EDGE)
