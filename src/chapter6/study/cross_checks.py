"""Whether claims and figures fit what will be recorded, checked before any job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from chapter6.analysis.checks_base import Check
from chapter6.analysis.convergence import LOSS
from chapter6.engine.run import Run
from chapter6.registry import StudyError
from chapter6.settings import has_key, is_number, key_among, shortened
from chapter6.study.plan import Experiment, Variant


@dataclass(frozen=True)
class _Known:
    """What there will be: variants by name, axes and settings by which they differ, splits and metrics recorded."""

    variants: Mapping[str, Variant]
    axes: set[str]
    recorded: set[tuple[str, str]]

    @classmethod
    def of(cls, variants: Mapping[str, Variant]) -> _Known:
        """Look it all up."""
        each = variants.values()
        return cls(variants, {a for v in each for a in _axes(v)}, {pair for v in each for pair in _recorded(v)})


def check_references(experiment: Experiment, others: Mapping[str, Experiment], place: str) -> None:
    """Refuse claims and figures that name variants, axes or metrics that will not exist."""
    own = _Known.of(experiment.variants)
    for user, part, beside, converges in _users(experiment):
        for name in beside:
            if name not in others or name == experiment.id:
                choices = shortened(sorted(set(others) - {experiment.id}))
                raise StudyError(f"{place}: {user}: experiments: no other experiment {name!r}; choose from {choices}")
        foreign = {f"{name}/{v.name}": v for name in beside for v in others[name].variants.values()}
        known = _Known.of({**own.variants, **foreign}) if foreign else own
        if isinstance(part, Check):
            timed = {pair for each in (experiment, *(others[name] for name in beside)) for pair in _timed(each)}
            known = replace(known, recorded=known.recorded | timed)
        _check_part(part, known, f"{place}: {user}")
        if converges:
            _check_converging(part, known, f"{place}: {user}")


def _check_part(part: Any, known: _Known, place: str) -> None:
    for pattern in sorted(part.variants_named()):
        if not any(fnmatchcase(name, pattern) for name in known.variants):
            raise StudyError(f"{place}: no variant {pattern!r}; choose from {shortened(list(known.variants))}")
    for axis in sorted(part.axes_named()):
        if not has_key(known.axes, axis):
            raise StudyError(f"{place}: no axis {axis!r}; choose from {shortened(sorted(known.axes))}")
        key_among(known.axes, axis, f"{place}: axis")
    for axis in sorted(getattr(part, "numeric_axes_named", set)()):
        levels = {level for variant in known.variants.values() for level in _levels(variant, axis)}
        if not all(is_number(level) for level in levels):
            found = ", ".join(sorted(map(str, levels)))
            raise StudyError(f"{place}: the levels of {axis!r} must be numbers, not {found}")
    for split, metric in sorted(part.metrics_named()):
        if not any(s == split and _matches(metric, m) for s, m in known.recorded):
            choices = shortened(sorted(f"{s} {m}" for s, m in known.recorded))
            raise StudyError(f"{place}: {split} {metric!r} is not recorded; choose from {choices}")


def _check_converging(check: Check, known: _Known, place: str) -> None:
    """Refuse variants of which it would not be known whether they have converged."""
    named = check.variants_named()
    for name, variant in known.variants.items():
        run = variant.run
        while run.starts_from and run.starts_from.run and not run.steps:
            run = run.starts_from.run
        if any(fnmatchcase(name, pattern) for pattern in named) and LOSS not in _recorded_by(run):
            raise StudyError(f"{place}: at_convergence: {name!r} records no loss of its batches: give it batch_loss")


def _users(experiment: Experiment) -> Iterator[tuple[str, Any, tuple[str, ...], bool]]:
    """Yield checks, figures, tables: how messages name them, experiments they may name, whether at convergence."""
    for spec in experiment.spec.claims:
        for check in spec.claim.checks:
            yield f"claim {spec.id}", check, spec.experiments, spec.at_convergence
    for name, figure in experiment.figures.items():
        yield f"figure {name}", figure, (), False
    for name, table in experiment.tables.items():
        yield f"table {name}", table, (), False


def _timed(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Yield split and metric of the times of an experiment."""
    for task in experiment.timing.spec.tasks if experiment.timing else ():
        yield "train", f"time_ratio/{task}"


def _recorded(variant: Variant) -> Iterator[tuple[str, str]]:
    """Yield split and metric of everything that a variant's runs record."""
    yield from _recorded_by(variant.run)
    if variant.search:  # the chosen point is retrained and judged on the test data
        yield from (("test", "loss"), ("test", "accuracy"))
        yield from (("batch", "updates"), ("train", "updates"), ("validation", "updates"), ("test", "updates"))


def _recorded_by(run: Run) -> Iterator[tuple[str, str]]:
    for record in run.record:
        for split in record.measure.splits_read:
            for metric in record.measure.metrics:
                yield split, metric


def _axes(variant: Variant) -> set[str]:
    """Return what the variants of an experiment can be told apart by: axes of the sweep and dotted settings."""
    return {
        *(level.axis for level in variant.levels),
        *variant.settings,
        *(variant.search.space if variant.search else ()),
    }


def _levels(variant: Variant, axis: str) -> Iterator[Any]:
    """Yield where the variant stands on an axis, if it does."""
    levels = {level.axis: level.value for level in variant.levels}
    if axis in levels:
        yield levels[axis]
    elif has_key(variant.settings, axis):
        yield variant.settings[key_among(variant.settings, axis)]


def _matches(wanted: str, recorded: str) -> bool:
    return fnmatchcase(wanted, recorded) or fnmatchcase(recorded, wanted)
