"""Metrics."""

from math import log


def diverged_score(metric: str) -> float:
    """Return what a trial that diverged scores, higher being better."""
    return 0.1 if metric == "accuracy" else -log(10)
