"""Records of claims as judging leaves them."""

from chapter6.intervals import Verdict
from chapter6.quantities import Quantity
from chapter6.records import ClaimRecord, Counted, PartRecord, Side

PART = PartRecord(
    kind="level",
    quantity=Quantity("height"),
    subject=Side("variant", ("sgd",)),
    variants=("sgd",),
    verdict=Verdict.SUPPORTED,
    estimate=0.25,
    low=0.25,
    high=0.25,
    confidence=0.95,
    replicates=1,
    most=0.5,
)


def claim_record(claim: str, experiment: str, *parts: PartRecord) -> ClaimRecord:
    """A claim's record, of which the first part decides."""
    told = {name: getattr(parts[0], name) for name in ("verdict", "estimate", "low", "high", "replicates")}
    groups = (Counted(len(parts)),)
    return ClaimRecord(id=claim, experiment=experiment, leading=0, parts=parts, groups=groups, **told)
