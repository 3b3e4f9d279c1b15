"""Choose the best point of a search, retrain it with fresh seeds and judge it on the test data."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chapter6.data.mnist import load
from chapter6.engine.streams import Streams
from chapter6.files import write_json
from chapter6.jobs.search import WORST, add_search_arguments
from chapter6.registry import StudyError
from chapter6.search.stopping import StoppingRule
from chapter6.study.assemble import execute, needs_mnist
from chapter6.study.searches import Trial, applied, best_of, read_trial_curves, read_trials

EDGE = 0.1  # of a dimension's range: a best point this near to an end may have missed the optimum

log = logging.getLogger(__name__)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_search_arguments(parser)
    parser.add_argument("--rounds", nargs="+", required=True, help="records of all rounds, in order")


def run(args: Namespace) -> None:
    """Write the chosen point, its test results and where each trial was stopped."""
    trials = read_trials(args.rounds)
    stopped = _stopped(args, trials)
    best = best_of(trials, stopped)
    edges = _edges(args.search["space"], best)
    for edge in edges:
        log.warning("the best %s lies at the %s end of its range: the optimum may lie outside", *edge)
    write_json(
        args.output,
        {
            "trial": best.number,
            "values": best.values,
            "score": best.score,
            "edges": edges,
            "stopped": {str(number): step for number, step in stopped.items()},
            "test": _retrained(args, best),
        },
    )


def _retrained(args: Namespace, best: Trial) -> dict[str, float]:
    """Return mean test loss and accuracy over fresh initial weights and batches, the split staying the same."""
    dataset = load(args.data) if needs_mnist(args.run) else None
    streams = Streams(args.seed, args.replicate)
    measure = {
        "measure": {"kind": "evaluation", "splits": ["test"]},
        "steps": [[args.run["steps"], 1, args.run["steps"]]],
    }
    final = {**applied(args.run, best.values), "record": [measure]}
    results: dict[str, list[float]] = {"loss": [], "accuracy": []}
    for number in range(args.search["retrains"]):
        outcome = execute(final, streams.within(f"retrain-{number}"), dataset, data_streams=streams)
        for metric, values in results.items():
            curve = outcome.curves.get(("test", metric))
            last = float(curve.values[-1]) if curve else np.nan
            values.append(last if np.isfinite(last) else abs(WORST[metric]))
    return {metric: float(np.mean(values)) for metric, values in results.items()}


def _stopped(args: Namespace, trials: Sequence[Trial]) -> dict[int, int]:
    """Return the update at which a replayed rule stops each trial that it stops."""
    if not args.search["replay"]:
        return {}
    curves = read_trial_curves(args.rounds)
    metric, nothing = args.search["metric"], (np.empty(0), np.empty(0))  # of a trial that diverged at once
    looked = [curves.get(trial.number, {}).get(("validation", metric), nothing) for trial in trials]
    steps = max((steps for steps, _ in looked), key=len)
    if not len(steps):
        return {}
    scores = np.array([_padded(curve, len(steps), metric) for curve in looked])
    looks = StoppingRule.build(args.search["replay"]["rule"]).looks(scores)
    return {trial.number: int(steps[look - 1]) for trial, look in zip(trials, looks, strict=True) if look < len(steps)}


def _padded(curve: tuple[np.ndarray, np.ndarray], length: int, metric: str) -> np.ndarray:
    """Return the scores of a trial at every look; after it diverged, the worst."""
    values = curve[1] if metric == "accuracy" else -curve[1]
    padded = np.full(length, WORST[metric])
    padded[: len(values)] = np.nan_to_num(values, nan=WORST[metric])
    return padded


def _edges(space: Mapping[str, Any], best: Trial) -> list[tuple[str, str]]:
    """Return the settings whose best value lies at an end of the range, and which end."""
    if len(space) != len(best.point):
        raise StudyError("the search's space is not the one that its rounds were drawn from")
    ends = [(name, position) for name, position in zip(space, best.point, strict=True)]
    return [(n, "lower" if p < EDGE else "upper") for n, p in ends if not EDGE <= p <= 1 - EDGE]
