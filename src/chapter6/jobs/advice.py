"""Where more replicates would pay: how often two studies differ in a verdict now and with more, and what more cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chapter6.analysis.claims import disagreement
from chapter6.files import read_json
from chapter6.jobs.common import read_tables
from chapter6.jobs.estimates import Machine
from chapter6.records import ClaimRecord
from chapter6.registry import StudyError, build
from chapter6.study.plan import Experiment, Study, Variant

WORTH = 0.05  # chance of another verdict from which more replicates are thought of
TIMES = (1, 2, 4)  # as many replicates


@dataclass(frozen=True)
class Advice:
    """A claim's verdict, how often two studies of so many times the replicates differ in it, and a doubling's cost."""

    record: ClaimRecord
    differ: tuple[float, ...]
    seconds: float

    @property
    def gain(self) -> float:
        """By how much a doubling lowers the chance that two studies differ, a second of training."""
        return (self.differ[0] - self.differ[1]) / max(self.seconds, 1e-9)


def advice(study: Study, machine: Machine) -> list[Advice]:
    """Return the claims of a finished study that a fresh one may judge otherwise, what pays most first.

    What has not converged, or is exact, gains nothing by replicates and is not among them.
    """
    found = [each for name in study.experiments for each in _of(study, study.experiments[name], machine)]
    return sorted(found, key=lambda each: each.gain, reverse=True)


def table(found: list[Advice]) -> str:
    """Print it, a line a claim."""
    heads = ("claim", "experiment", "verdict", "n", "two studies differ", "with twice", "four times", "seconds")
    lines = [heads, *map(_cells, found)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join("  ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in lines)


def _cells(one: Advice) -> tuple[str, ...]:
    record = one.record
    shares = (f"{100 * share:.0f} %" for share in one.differ)
    return (record.id, record.experiment, record.verdict, str(record.replicates), *shares, f"{one.seconds:.0f}")


def _of(study: Study, experiment: Experiment, machine: Machine) -> Iterator[Advice]:
    file = Path(study.paths.claims(experiment.id))
    if not file.exists():
        raise StudyError(f"{file}: there is none yet: advice is taken from a finished study, which `make study` makes")
    records = {record.id: record for record in (build(ClaimRecord, claim) for claim in read_json(file))}
    doubtful = [c for c in experiment.claims if c.id in records and (records[c.id].replication or 0) >= WORTH]
    tables = read_tables(study, experiment) if doubtful else {}
    for claim in doubtful:
        differ = tuple(disagreement(claim, tables, times) for times in TIMES)
        if differ[0] > 0:
            record = records[claim.id]
            yield Advice(record, differ, _seconds(study, experiment, record, machine))


def _seconds(study: Study, experiment: Experiment, record: ClaimRecord, machine: Machine) -> float:
    """About how long as many replicates as there are train again, of all variants behind a claim."""
    variants = dict(experiment.variants)
    for other in experiment.beside:
        variants |= {f"{other}/{name}": variant for name, variant in study.experiments[other].variants.items()}
    behind = {name for part in record.parts for name in part.variants} & variants.keys()
    return sum(variants[name].replicates * _replicate(variants[name], machine) for name in sorted(behind))


def _replicate(variant: Variant, machine: Machine) -> float:
    trained = sum(variant.rounds) + variant.search.retrains if variant.search else 1
    return trained * machine.run(variant.run)
