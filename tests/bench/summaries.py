"""Medians, quartiles, ratios of rounds, and which targets they reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

from bench.candidates import CANDIDATES, FRAMEWORKS
from bench.rounds import Entry, Measured
from bench.worker import UNDISTURBED

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Target:
    """``above`` over ``below``, in time: at most ``limit`` if the engine stands above, else at least."""

    task: str
    above: str
    below: str
    limit: float

    @property
    def is_upper(self) -> bool:
        """Whether less is better."""
        return self.above == "engine"

    def is_reached(self, ratio: float) -> bool:
        """Whether a ratio is good enough."""
        return ratio <= self.limit if self.is_upper else ratio >= self.limit


OVER_FLOOR = {"sgd": 1.17, "momentum": 1.20, "adam": 1.38, "batch-norm": 1.65, "dropout": 1.35}
# Of every framework the best form over the engine's time.
FASTER = {"sgd": 1.10, "momentum": 1.10, "adam": 1.03, "cnn-14": 1.40, "cnn-28": 1.00}
TARGETS = (
    *(Target(task, "engine", "floor", limit) for task, limit in OVER_FLOOR.items()),
    *(Target(task, peer, "engine", limit) for task, limit in FASTER.items() for peer in FRAMEWORKS),
)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median and quartiles."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return {"median": float(median), "low_quartile": float(low), "high_quartile": float(high)}


def interval_of_median(values: Sequence[float]) -> tuple[float, float]:
    """Return the order statistics between which the true median lies with at least CONFIDENCE, if there are enough.

    With fewer than six values no pair of them is that far apart: the extremes are returned.
    """
    ordered, n = sorted(values), len(values)
    rank, below = 0, 0.0
    while rank < n // 2:
        below += comb(n, rank) / 2**n  # probability that the median lies under the value number ``rank``
        if below > (1 - CONFIDENCE) / 2:
            break
        rank += 1
    rank = max(rank - 1, 0)
    return ordered[rank], ordered[n - 1 - rank]


def ratio(above: Sequence[float], below: Sequence[float]) -> dict[str, float]:
    """Return the median over rounds of the ratio within a round, and its interval."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    low, high = interval_of_median(ratios)
    return {"ratio": float(np.median(ratios)), "low": low, "high": high}


def fastest(measured: Measured, task: str, candidate: str) -> Entry | None:
    """Return the form of a candidate with the least median, if any was measured."""
    entries = [entry for entry in measured.micros if entry[:2] == (task, candidate)]
    return min(entries, key=lambda entry: np.median(measured.micros[entry]), default=None)


def reason(measured: Measured, task: str, candidate: str) -> str:
    """Return why a candidate has no figure for a task."""
    if candidate in measured.missing:
        return f"missing: {measured.missing[candidate]}"
    told = [text for entry, text in measured.refused.items() if entry[:2] == (task, candidate)]
    return told[0] if told else "not asked for"


def crowded(measured: Measured) -> float | None:
    """Return the share of its core that the engine had, if others had so much of it that wall times mislead."""
    shares = [share for entry, values in measured.cpu_shares.items() if entry[1] == "engine" for share in values]
    share = float(np.median(shares))
    return share if share < UNDISTURBED else None


def judge(target: Target, measured: Measured) -> dict[str, Any]:
    """Return whether a target is reached."""
    stated: dict[str, Any] = {"task": target.task, "above": target.above, "below": target.below, "limit": target.limit}
    above, below = (fastest(measured, target.task, name) for name in (target.above, target.below))
    if above is None or below is None:
        lacking = target.below if above else target.above
        return stated | {"verdict": "not measured", "reason": reason(measured, target.task, lacking)}
    found = ratio(measured.micros[above], measured.micros[below])
    stated |= {"above_form": above[2], "below_form": below[2]}
    return stated | found | {"verdict": "reached" if target.is_reached(found["ratio"]) else "missed"}


def figures(measured: Measured, restarts: int) -> list[dict[str, Any]]:
    """Return every entry's microseconds, and its ratio to the engine, in the order of tasks and candidates."""
    rows = []
    for entry, micros in sorted(measured.micros.items(), key=lambda item: list(CANDIDATES).index(item[0][1])):
        task, candidate, form = entry
        engine = fastest(measured, task, "engine")
        assert engine is not None, "the engine is always measured"
        rows.append(
            {
                "task": task,
                "candidate": candidate,
                "form": form,
                **spread(micros),
                "of_restarts": [float(np.median(part)) for part in np.array_split(micros, restarts)],
                "rounds": len(micros),
                "to_engine": ratio(micros, measured.micros[engine]),
                "from_engine": ratio(measured.micros[engine], micros),
                "cpu_share": float(np.median(measured.cpu_shares[entry])),
                "takes": measured.takes[entry],
                "deviation": measured.proofs.get(entry),
            }
        )
    return rows


def summary(measured: Measured, restarts: int) -> dict[str, Any]:
    """Return everything as plain data."""
    return {
        "figures": figures(measured, restarts),
        "targets": [judge(target, measured) for target in TARGETS],
        "missing": measured.missing,
        "refused": [
            {"task": task, "candidate": candidate, "form": form, "reason": text}
            for (task, candidate, form), text in measured.refused.items()
        ],
        "versions": measured.versions,
        "crowded": crowded(measured),
    }


def pick(rows: Sequence[Mapping[str, Any]], task: str, candidate: str) -> Mapping[str, Any] | None:
    """Return the row of the fastest form."""
    found = [row for row in rows if (row["task"], row["candidate"]) == (task, candidate)]
    return min(found, key=lambda row: row["median"], default=None)
