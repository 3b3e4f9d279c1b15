"""Say which verdicts a fresh study changed, and how many changes were to be expected."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from chapter6.files import read_json
from chapter6.jobs.common import overridden_study
from chapter6.records import ClaimRecord
from chapter6.registry import StudyError, build
from chapter6.study.paths import Paths
from chapter6.study.plan import Study
from chapter6.terminal import say

RANGE = (0.025, 0.975)  # 95 %


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--preset", required=True, help="the fresh study: seed-N")
    parser.add_argument("--only", help="ids of experiments, separated by commas")
    parser.set_defaults(allow_large=True)


def run(args: Namespace) -> None:
    """Print every claim that changed with both verdicts and its chance of that, and how many headlines did."""
    fresh = overridden_study(args)
    before = _verdicts(Paths(), fresh, "make study")
    after = _verdicts(fresh.paths, fresh, f"make replicate SEED={fresh.config.study_seed}")
    pairs = [(before[name], after[name]) for name in before if name in after]
    for one, other in pairs:
        if one.verdict != other.verdict:
            say(f"{one.id}: {one.verdict}, now {other.verdict}; the chance of another verdict was {_share(one)}\n")
    headlines = [(one, other) for one, other in pairs if one.is_headline]
    changed = sum(one.verdict != other.verdict for one, other in headlines)
    few, many = expected_changes([one.replication or 0.0 for one, _ in headlines])
    say(f"{changed} of {len(headlines)} headline verdicts changed; {few} to {many} were to be expected (95 %).\n")


def expected_changes(chances: Sequence[float]) -> tuple[int, int]:
    """Return between what numbers of verdicts change with 95 %, each by a chance of its own (Poisson binomial)."""
    from scipy.stats import poisson_binom

    few, many = poisson_binom.ppf(RANGE, list(chances)) if chances else (0, 0)
    return int(few), int(many)


def _verdicts(paths: Paths, study: Study, way: str) -> dict[str, ClaimRecord]:
    """Return the verdicts of a finished study by id, those of the experiments that are compared."""
    file = Path(paths.claims())
    if not file.exists():
        raise StudyError(f"{file}: there is none yet: `{way}` makes it")
    found = (build(ClaimRecord, claim) for claim in read_json(file))
    return {claim.id: claim for claim in found if claim.experiment in study.experiments}


def _share(claim: ClaimRecord) -> str:
    return "not known" if claim.replication is None else f"{100 * claim.replication:.0f} %"
