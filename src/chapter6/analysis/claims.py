"""From a claim and an experiment's tables to a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

import numpy as np
from numpy.random import Generator

from chapter6.analysis.checks_base import Check
from chapter6.analysis.checks_ratios import Reversal
from chapter6.analysis.comparisons import Comparison, Group, deciding, judge_family
from chapter6.analysis.convergence import unconverged
from chapter6.analysis.levels import Levels, all_hold, holm, joined, some_hold, stacked
from chapter6.analysis.resampling import Resampled
from chapter6.analysis.runs import Tables
from chapter6.analysis.samples import Drawn, Fresh
from chapter6.intervals import Verdict
from chapter6.records import ClaimRecord, Counted, Outcome, Source
from chapter6.registry import StudyError

RESAMPLES = 2000  # of the replicates, where t is in doubt
STUDIES = 1000  # fresh ones, drawn to tell how often the verdict is another


@dataclass(frozen=True)
class Claim:
    """A statement and the checks that judge it.

    ``all_of``: every check must hold (each by its own ``needs``). ``any_of`` and ``share_of``: all parts of
    all checks are one Holm family, of which one part, or ``at_least`` parts, must hold. ``at_convergence``: a part
    decides only where the training loss of all runs behind it has come to rest.
    """

    id: str
    says: str
    checks: tuple[Check, ...]
    combine: Literal["all_of", "any_of", "share_of"] = "all_of"
    at_least: int | None = None
    whose: Source = "source"
    margin_by: Source = "ours"
    at_convergence: bool = False

    def __post_init__(self) -> None:
        if not self.checks:
            raise StudyError(f"claim {self.id}: needs a check")
        if (self.combine == "share_of") != (self.at_least is not None):
            raise StudyError(f"claim {self.id}: at_least belongs to share_of, and share_of needs it")
        for check in self.checks:
            if self.combine != "all_of" and (isinstance(check, Reversal) or check.needs is not None):
                raise StudyError(f"claim {self.id}: {check.key} is a family of its own; put it in all_of")

    def asked(self, tables: Tables) -> list[list[Comparison]]:
        """What each check compares; with blanks, so that as many parts can hold as must."""
        asked = [check.asked(tables) for check in self.checks]
        if self.at_convergence:
            asked = [self._at_convergence(own, tables) for own in asked]
        missing = (self.at_least or 1) - sum(map(len, asked))
        return [asked[0] + [self.checks[0].blank()] * missing, *asked[1:]]

    def _at_convergence(self, asked: Sequence[Comparison], tables: Tables) -> list[Comparison]:
        """The comparisons, undecided where a variant behind them has not converged."""
        falling = set(unconverged(tables, {name for each in asked for name in each.variants}))
        found = []
        for each in asked:
            told = tuple(Outcome("not_converged", name) for name in each.variants if name in falling)
            settled = Verdict.UNDECIDED if told else each.settled
            found.append(replace(each, outcomes=(*each.outcomes, *told), settled=settled))
        return found

    def groups(self, asked: Sequence[Sequence[Comparison]]) -> list[Group]:
        """Parts that are counted together, each group with the number that must hold."""
        if self.combine != "all_of":
            return [Group(tuple(judge_family(list(chain.from_iterable(asked)))), self.at_least or 1)]
        checks = list(zip(self.checks, asked, strict=True))
        tests = sum(check.tests(own) for check, own in checks)
        return [Group(tuple(check.judge(own, tests)), check.needs) for check, own in checks]

    def levels(self, asked: Sequence[Sequence[Comparison]], drawn: Drawn | None = None) -> Levels:
        """Error levels of the claim's verdicts: of these replicates, resampled if in doubt, or of fresh studies."""
        if self.combine != "all_of":
            return some_hold(stacked([each.levels(drawn) for each in chain.from_iterable(asked)]), self.at_least or 1)
        return all_hold(joined([check.levels(own, drawn) for check, own in zip(self.checks, asked, strict=True)]))


def judge_claim(claim: Claim, experiment: str, tables: Tables, preview: bool = False) -> ClaimRecord:
    """The claim's record: the weakest part of a conjunction decides, the strongest of an any-of, the k-th of a share.

    Its verdict is the claim's.
    """
    asked = claim.asked(tables)
    groups = claim.groups(asked)
    parts = [part for group in groups for part in group.parts]
    leading = parts.index(deciding([group.leading for group in groups]))
    records = tuple(part.record() for part in parts)
    return ClaimRecord(
        id=claim.id,
        experiment=experiment,
        whose=claim.whose,
        margin_by=claim.margin_by,
        at_convergence=claim.at_convergence,
        **{name: getattr(records[leading], name) for name in ("verdict", "estimate", "low", "high", "replicates")},
        leading=leading,
        parts=records,
        groups=tuple(Counted(len(group.parts), group.needed) for group in groups),
        error_level=claim.levels(asked).of(records[leading].verdict),
        replication=replication(claim, asked, records[leading].verdict),
        fragile=is_fragile(claim, asked, records[leading].verdict),
        preview=preview,
    )


def replication(claim: Claim, asked: Sequence[Sequence[Comparison]], verdict: Verdict) -> float:
    """Chance that a fresh study of the same size gives another verdict, by the claim's own rule.

    It speaks of other seeds: of the same data, settings and tuned rates.
    """
    fresh = Fresh.draw(_stream(claim), STUDIES, _most(asked))
    return 1 - float(claim.levels(asked, fresh).gives(verdict).mean())


def disagreement(claim: Claim, tables: Tables, times: int) -> float:
    """Chance that two fresh studies of ``times`` the replicates differ in their verdicts, whatever these are."""
    asked, rng = claim.asked(tables), _stream(claim)
    one = Fresh.draw(rng, STUDIES, _most(asked), times)
    verdicts = [claim.levels(asked, drawn) for drawn in (one, one.again(rng))]
    agree = np.any([np.logical_and(*(levels.gives(each) for levels in verdicts)) for each in Verdict], axis=0)
    return 1 - float(agree.mean())


def is_fragile(claim: Claim, asked: Sequence[Sequence[Comparison]], verdict: Verdict) -> bool:
    """Whether bootstrap-t, where t is in doubt, comes to another verdict by the claim's own rule."""
    if not any(each.sample.in_doubt for each in chain.from_iterable(asked)):
        return False
    return not claim.levels(asked, Resampled.draw(_stream(claim), RESAMPLES, _most(asked))).gives(verdict)


def _stream(claim: Claim) -> Generator:
    return np.random.default_rng(list(claim.id.encode()))


def _most(asked: Sequence[Sequence[Comparison]]) -> int:
    return max(each.sample.values.size for each in chain.from_iterable(asked))


def over_study(records: Iterable[ClaimRecord]) -> list[ClaimRecord]:
    """The records of a study with what Holm's procedure over its decided headline verdicts makes of their levels."""
    records = sorted(records, key=lambda record: record.id)
    family = [record for record in records if record.is_headline and record.error_level is not None]
    adjusted = holm(np.array([record.error_level for record in family], dtype=float))
    levels = {record.id: float(level) for record, level in zip(family, adjusted, strict=True)}
    return [replace(record, study_level=levels.get(record.id)) for record in records]
