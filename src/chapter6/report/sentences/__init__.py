"""Sentences about verdicts, made from records, one module a language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from chapter6.quantities import Quantity, Target
from chapter6.records import ClaimRecord, PartRecord
from chapter6.report.sentences.english import English


class Teller(Protocol):
    """Tells records in a language; ``labels`` are the variants' names for readers."""

    def __init__(self, labels: Mapping[str, str]) -> None: ...

    def verdict(self, claim: ClaimRecord) -> str:
        """Return one sentence: how many parts hold, what the deciding one measured, what was claimed."""

    def quantity(self, of: Quantity | Target) -> str:
        """Return what is measured of a run, or how soon it reaches something."""

    def label(self, part: PartRecord) -> str:
        """Return what a part compares."""

    def outcome(self, part: PartRecord) -> str:
        """Return how the runs behind a part ended, where a reader must know it."""


TELLERS: dict[str, type[Teller]] = {"en": English}


def teller(language: str, labels: Mapping[str, str]) -> Teller:
    """Return who tells verdicts in a language."""
    return TELLERS[language](labels)
