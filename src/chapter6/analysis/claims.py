"""From a claim and an experiment's tables to a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chapter6.analysis.checks_base import Check
from chapter6.analysis.checks_settings import Reversal
from chapter6.analysis.comparisons import Group, deciding, judge_family
from chapter6.analysis.runs import Tables
from chapter6.records import ClaimRecord, Counted, Source
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
    whose: Source = "source"
    margin_by: Source = "ours"

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


def judge_claim(claim: Claim, experiment: str, tables: Tables, preview: bool = False) -> ClaimRecord:
    """The claim's record: the weakest part of a conjunction decides, the strongest of an any-of, the k-th of a share.

    Its verdict is the claim's.
    """
    groups = claim.groups(tables)
    parts = [part for group in groups for part in group.parts]
    leading = parts.index(deciding([group.leading for group in groups]))
    records = tuple(part.record() for part in parts)
    return ClaimRecord(
        id=claim.id,
        experiment=experiment,
        whose=claim.whose,
        margin_by=claim.margin_by,
        **{name: getattr(records[leading], name) for name in ("verdict", "estimate", "low", "high", "replicates")},
        leading=leading,
        parts=records,
        groups=tuple(Counted(len(group.parts), group.needed) for group in groups),
        preview=preview,
    )
