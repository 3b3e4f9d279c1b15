"""Whether claims and figures fit what their experiment will record, checked before any job."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from chapter6.analysis.tables import flatten
from chapter6.engine.measurements import Measurement
from chapter6.registry import StudyError
from chapter6.study.resolve import is_number

if TYPE_CHECKING:
    from chapter6.study.plan import Experiment, Variant


def check_references(experiment: Experiment, place: str) -> None:
    """Refuse claims and figures that name variants, axes or metrics that will not exist."""
    recorded = {pair for variant in experiment.variants.values() for pair in _recorded(variant)}
    axes = {name for variant in experiment.variants.values() for name in _axes(variant)}
    for user, part in _users(experiment):
        for pattern in sorted(part.variants_named()):
            if not any(fnmatchcase(name, pattern) for name in experiment.variants):
                choices = shortened(list(experiment.variants))
                raise StudyError(f"{place}: {user}: no variant {pattern!r}; choose from {choices}")
        for axis in sorted(part.axes_named() - axes):
            raise StudyError(f"{place}: {user}: no axis {axis!r}; choose from {shortened(sorted(axes))}")
        for axis in sorted(getattr(part, "numeric_axes_named", set)()):
            levels = {level for variant in experiment.variants.values() for level in _levels(variant, axis)}
            if not all(is_number(level) for level in levels):
                found = ", ".join(sorted(map(str, levels)))
                raise StudyError(f"{place}: {user}: the levels of {axis!r} must be numbers, not {found}")
        for split, metric in sorted(part.metrics_named()):
            if not any(s == split and _matches(metric, m) for s, m in recorded):
                choices = shortened(sorted(f"{s} {m}" for s, m in recorded))
                raise StudyError(f"{place}: {user}: {split} {metric!r} is not recorded; choose from {choices}")


def shortened(names: list[str], most: int = 12) -> str:
    """Return the names as a list for a message, the first few if there are many."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _users(experiment: Experiment) -> Iterator[tuple[str, Any]]:
    """Yield every check and figure with the name that messages give it."""
    for claim in experiment.claims:
        for check in claim.checks:
            yield f"claim {claim.id}", check
    for name, figure in experiment.figures.items():
        yield f"figure {name}", figure


def _recorded(variant: Variant) -> Iterator[tuple[str, str]]:
    """Yield split and metric of everything that a variant's runs record."""
    for record in variant.run["record"]:
        measurement = Measurement.build(record["measure"])
        for split in measurement.splits_read:
            for metric in measurement.metrics:
                yield split, metric
    if variant.search:  # the chosen point is retrained and judged on the test data
        yield from (("test", "loss"), ("test", "accuracy"))
        yield from (("batch", "updates"), ("train", "updates"), ("validation", "updates"), ("test", "updates"))


def _axes(variant: Variant) -> set[str]:
    """Return what the variants of an experiment can be told apart by: axes of the sweep and dotted settings."""
    return {*variant.axes, *flatten(variant.run), *(variant.search["space"] if variant.search else ())}


def _levels(variant: Variant, axis: str) -> Iterator[Any]:
    """Yield where the variant stands on an axis, if it does."""
    for levels in (variant.axes, flatten(variant.run)):
        if axis in levels:
            yield levels[axis]
            return


def _matches(wanted: str, recorded: str) -> bool:
    return fnmatchcase(wanted, recorded) or fnmatchcase(recorded, wanted)
