"""From a claim and an experiment's tables to a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from chapter6.analysis.checks_base import Check
from chapter6.analysis.checks_settings import Reversal
from chapter6.analysis.comparisons import Group, deciding, judge_family
from chapter6.analysis.runs import Tables
from chapter6.analysis.sentences import sentence
from chapter6.registry import StudyError


@dataclass(frozen=True)
class Claim:
    """A statement and the checks that judge it.

    ``all_of``: every check must hold (each by its own ``needs``). ``any_of`` and ``share_of``: all parts of
    all checks are one Holm family, of which one part, or ``at_least`` parts, must hold.
    """

    id: str
    says: str
    checks: tuple[Check, ...]
    combine: Literal["all_of", "any_of", "share_of"] = "all_of"
    at_least: int | None = None

    def __post_init__(self) -> None:
        if not self.checks:
            raise StudyError(f"claim {self.id}: needs a check")
        if (self.combine == "share_of") != (self.at_least is not None):
            raise StudyError(f"claim {self.id}: at_least belongs to share_of, and share_of needs it")
        for check in self.checks:
            if self.combine != "all_of" and (isinstance(check, Reversal) or check.needs is not None):
                raise StudyError(f"claim {self.id}: {check.key} is a family of its own; put it in all_of")

    def groups(self, tables: Tables) -> list[Group]:
        """Parts that are counted together, each group with the number that must hold."""
        if self.combine == "all_of":
            return [Group(tuple(check.evaluate(tables)), check.needs) for check in self.checks]
        asked = [comparison for check in self.checks for comparison in check.asked(tables)]
        needed = self.at_least or 1
        blanks = [self.checks[0].blank()] * (needed - len(asked))
        return [Group(tuple(judge_family(asked + blanks)), needed)]


def judge_claim(claim: Claim, experiment: str, tables: Tables, preview: bool = False) -> dict[str, Any]:
    """Return the claim's result as plain JSON data.

    The numbers on top are those of the part that decides: the weakest of a conjunction, the strongest of an
    any-of, the k-th strongest where k must hold. Its verdict is the claim's.
    """
    groups = claim.groups(tables)
    leading = deciding([group.leading for group in groups])
    record = leading.record()
    return {
        "id": claim.id,
        "experiment": experiment,
        "statement": claim.says,
        "verdict": record["verdict"],
        **{name: record[name] for name in ("estimate", "low", "high", "replicates")},
        "parts": [part.record() for group in groups for part in group.parts],
        "sentence": sentence(groups, leading),
        "preview": preview,
    }
