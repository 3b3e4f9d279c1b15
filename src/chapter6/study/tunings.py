"""What a tuning leaves: the chosen value, and what every candidate came to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isclose
from typing import TYPE_CHECKING

from chapter6.registry import build
from chapter6.study.results import UNREADABLE, Files, UnreadableError, told

if TYPE_CHECKING:
    from chapter6.study.plan import Tuning


@dataclass(frozen=True)
class Candidate:
    """A value that was tried, its final validation loss (None where there is none), and how its training ended."""

    value: float
    loss: float | None
    outcome: str


@dataclass(frozen=True)
class Tuned:
    """The choice among candidates in ascending order."""

    parameter: str
    value: float
    at_edge: bool
    candidates: tuple[Candidate, ...]

    @classmethod
    def of(cls, parameter: str, candidates: Sequence[Candidate]) -> Tuned:
        """Choose the candidate with the lowest validation loss."""
        best = min(candidates, key=lambda tried: inf if tried.loss is None else tried.loss).value
        return cls(parameter, best, best in (candidates[0].value, candidates[-1].value), tuple(candidates))


def read_tuned(files: Files, name: str, planned: Tuning) -> Tuned:
    """Return what a tuning came to; :class:`UnreadableError` where that cannot be read, or others were tried."""
    try:
        tuned = build(Tuned, json.loads(files[name]))
        tried, asked = [each.value for each in tuned.candidates], sorted(planned.candidates)
    except UNREADABLE as error:
        raise UnreadableError(name, told(error, "it")) from None
    is_asked = len(tried) == len(asked) and all(isclose(a, b, rel_tol=1e-4) for a, b in zip(tried, asked, strict=True))
    if not is_asked or tuned.parameter != planned.parameter:
        raise UnreadableError(name, "it is the choice among other candidates")
    return tuned
