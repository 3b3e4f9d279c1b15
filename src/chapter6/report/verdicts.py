"""Claims and their parts as views, from the records that judging leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from chapter6.report.views import ClaimView, PartView

Record = Mapping[str, Any]


def claim_view(
    name: str, says: str, verdict: Record, remark: str, combine: Literal["all_of", "any_of", ""] = "all_of"
) -> ClaimView:
    """Return a claim as the page shows it; ``verdict`` is empty where it was not judged."""
    if not verdict:
        return ClaimView(name, says, remark=remark)
    return ClaimView(
        id=name,
        statement=verdict["statement"],
        verdict=verdict["verdict"],
        sentence=verdict.get("sentence") or "",
        **{key: verdict.get(key) for key in ("estimate", "low", "high", "replicates")},
        parts=tuple(_part(part) for part in verdict["parts"]),
        remark=remark,
        combine=combine,
    )


def _part(part: Record) -> PartView:
    """Return one comparison; its words may be absent or null."""
    names = ("label", "verdict", "track", "metric", "correction", "outcome", "unit", "scale")
    label, verdict, track, metric, correction, outcome, unit, scale = (str(part.get(name) or "") for name in names)
    return PartView(
        label=label,
        verdict=verdict,
        track=track,
        variants=tuple(part.get("variants") or ()),
        metric=metric,
        unit=unit,
        scale=scale,
        margin=part.get("margin"),
        estimate=part.get("estimate"),
        low=part.get("low"),
        high=part.get("high"),
        confidence=part.get("confidence"),
        correction=correction,
        replicates=part.get("replicates"),
        outcome=outcome,
    )
