"""Convergence: whether the training loss of runs has come to rest, so that longer runs would say the same."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from chapter6.analysis.runs import Tables, read_curves
from chapter6.analysis.variant_data import VariantData
from chapter6.intervals import Array
from chapter6.metrics import Split
from chapter6.quantities import Curve

LOSS: tuple[Split, str] = ("batch", "loss")  # of the training pass, which a run records without a second one
SHARE, AMOUNT = 0.02, 0.005  # a loss at rest falls by less than this share, or amount, from a fifth to the next


def unconverged(tables: Tables, variants: Iterable[str]) -> list[str]:
    """The variants whose training loss still falls in the last two fifths of their runs, or is not recorded there.

    The loss is the mean over replicates of those that did not diverge; where all did, nothing falls any more. What
    makes no update has converged where that did which it starts from.
    """
    split, metric = LOSS
    data = VariantData(tables)
    trained = {name: _trained(data, name) for name in variants}
    fifths: dict[str, list[Array]] = {name: [] for name in trained.values()}
    for run, curve in read_curves(tables, metric, split, fifths).items():
        fifths[run.variant].append(_last_fifths(curve))
    return [name for name, source in trained.items() if not _at_rest(fifths[source])]


def _trained(data: VariantData, name: str) -> str:
    """The variant that made the weights of one: itself or, where it makes no update, what it starts from."""
    start = data.level(name, "starts_from.variant")
    if start is None or data.level(name, "steps"):
        return name
    return _trained(data, name[: name.rfind("/") + 1] + start)  # of another experiment: that one's


def _last_fifths(curve: Curve) -> Array:
    """Mean losses of the next-to-last and the last fifth of a run; those of step s belong to update s + 1."""
    done = (curve.steps + 1) / (curve.steps[-1] + 1)
    parts = (curve.readings[(done > low) & (done <= low + 0.2)] for low in (0.6, 0.8))
    return np.array([part.mean() if part.size else np.nan for part in parts])


def _at_rest(fifths: list[Array]) -> bool:
    if not fifths:
        return False
    finite = [pair for pair in fifths if not np.isinf(pair).any()]
    if not finite:
        return True
    before, after = np.mean(finite, axis=0)
    return bool(before - after < max(SHARE * before, AMOUNT))
