"""Tuned tracks: which variants are tuned, how, and the variants that take what was chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from chapter6.engine.data import Images
from chapter6.engine.measurements.losses import Evaluation
from chapter6.engine.run import Record, Run, Schedule
from chapter6.registry import StudyError
from chapter6.settings import shortened
from chapter6.study.limits import checked, number_of, within_budget
from chapter6.study.plan import Tuning, Variant
from chapter6.study.scores import HELD_OUT, Judged
from chapter6.study.spec import StudyConfig, TuningSpec
from chapter6.study.starts import started
from chapter6.study.taken import Taken
from chapter6.study.tunings import EXTENSIONS, Knob, Phase, PhaseName, Procedure

VALIDATION = Evaluation(splits=("validation",))
END = Schedule(first=None)


def tuned_names(spec: TuningSpec, names: Sequence[str]) -> list[str]:
    """Return the variants that are tuned; StudyError where a pattern matches none."""
    for pattern in spec.of:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise StudyError(f"tuning.of: no variant {pattern!r}; choose from {shortened(names)}")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in spec.of)]


def tuning_of(spec: TuningSpec, variant: Variant, run: Run, config: StudyConfig, file: str) -> Tuning:
    """Return how a variant is tuned, and the variants that are judged; ``run`` is its run before any budget."""
    chosen = _watched(run, spec)
    rate = _knob(chosen, spec.parameter, variant.taken, [each for each in (spec.coarse, spec.fine) if each])
    strength = _knob(chosen, spec.strength.parameter, variant.taken, [spec.strength]) if spec.strength else None
    if strength and strength.key == rate.key:
        raise StudyError(f"strength.parameter: {strength.key!r} is tuned already, as parameter")
    phases: dict[PhaseName, Phase | None] = {"coarse": spec.coarse, "fine": spec.fine, "strength": spec.strength}
    most = config.budget.replicates
    settled = {
        name: Phase(each.spacing, min(each.seeds, most or each.seeds), each.steps, each.points, each.adds)
        for name, each in phases.items()
        if each
    }
    takes = variant.taken.takes
    trained = {
        name: Taken(within_budget(chosen, config, min(each.steps or spec.steps, spec.steps)), takes)
        for name, each in settled.items()
    }
    procedure = Procedure(rate, strength, spec.by, settled, 2 / (run.data.outputs or 1) if run.data else 1.0)
    taken = Taken(within_budget(run, config, spec.steps), takes)
    replicates = spec.replicates or variant.replicates
    judged = replace(variant, taken=taken, replicates=min(replicates, most or replicates))
    tuned = {name: _tuned(judged, name, procedure, file) for name in spec.by}
    return Tuning(variant, tuned, procedure, trained)


def _tuned(variant: Variant, name: str, procedure: Procedure, file: str) -> Variant:
    """Return the variant that takes what was chosen by one quantity."""
    taken = variant.taken
    own = {procedure.rate.key: f"{file}#choices.{name}.value"}
    if procedure.strength:
        own[procedure.strength.key] = f"{file}#choices.{name}.strength"
    return replace(
        variant,
        name=f"{variant.name}-{name}",
        label=f"{variant.label}, {name.replace('-', ' ')}",
        track=name,
        taken=Taken(taken.run, {**taken.takes, **own}),
        of=variant.name,
    )


def linked_tuning(tuning: Tuning, variants: Mapping[str, Variant], place: str) -> Tuning:
    """Return a tuning whose runs and variants have what they start from."""
    of = variants[tuning.of.name]
    tuned = {name: variants[each.name] for name, each in tuning.tuned.items()}
    trained = tuning.trained
    if of.taken.start:
        here = f"{place}: tuning of {of.name!r}"
        trained = {name: started(taken, of.taken.start, here) for name, taken in trained.items()}
    return replace(tuning, of=of, tuned=tuned, trained=trained)


def _knob(run: Run, parameter: str, taken: Taken, phases: Sequence[Phase]) -> Knob:
    """Return the setting with the room that it has: the grids that are tried first must lie within."""
    key = number_of(run, parameter, "parameter")
    own = run.settings[key]
    if isinstance(own, int):
        raise StudyError(f"parameter: {parameter!r} is a whole number, and tuning makes fractions")
    if own <= 0:
        raise StudyError(f"parameter: {parameter!r} is {own:g}, around which there are no decades: give it a value")
    if key in taken.takes:
        raise StudyError(f"parameter: {parameter!r} is taken from {taken.takes[key]!r}, and cannot be tuned as well")
    ends = [sum(phase.spacing * (phase.points // 2) for phase in phases) * side for side in (-1, 1)]
    room = sum(phase.spacing * EXTENSIONS * phase.adds for phase in phases)
    first = Knob(key, own, *ends)
    for end in ends:
        checked(run, {key: first.at(end)}, "phases")
    lowest, highest = (_reach(run, first, end, end + side * room) for end, side in zip(ends, (-1, 1), strict=True))
    return Knob(key, own, lowest, highest)


def _reach(run: Run, knob: Knob, near: float, far: float) -> float:
    """Return how far from ``near`` towards ``far``, in decades, the setting may lie."""
    try:
        checked(run, {knob.key: knob.at(far)}, "")
    except StudyError:
        middle = (near + far) / 2
        return _reach(run, knob, near, middle) if abs(far - near) > 0.1 else near
    return far


def _watched(run: Run, spec: TuningSpec) -> Run:
    """Return the run with what its choices are read off, and nothing of the test data."""
    if not isinstance(run.data, Images):
        raise StudyError("validation: only images can be held out, and the run has none")
    data = run.data if run.data.holds_out else replace(run.data, validation=spec.validation)
    own = [record for judged in spec.by.values() for record in _records(run, judged)]
    schedules = [END, *(at for record in own if record.measure == VALIDATION for at in record.at)]
    others = (record for record in own if record.measure != VALIDATION)
    return replace(run, data=data, record=(Record(VALIDATION, tuple(dict.fromkeys(schedules))), *dict.fromkeys(others)))


def _records(run: Run, judged: Judged) -> Iterator[Record]:
    """Yield when a quantity is recorded in the run; on validation data where it is one of held-out data."""
    split, metric = judged.source
    is_held_out = split in HELD_OUT
    if is_held_out and metric not in VALIDATION.metrics:
        raise StudyError(f"by: validation data give {' or '.join(VALIDATION.metrics)}, not {metric!r}")
    if is_held_out and judged.summary == "last" and judged.level is None:
        return
    splits = HELD_OUT if is_held_out else (split,)
    found = [r for r in run.record if metric in r.measure.metrics and set(splits) & set(r.measure.splits_read)]
    if not found:
        known = sorted({f"{s} {m}" for r in run.record for s in r.measure.splits_read for m in r.measure.metrics})
        raise StudyError(f"by: {split} {metric!r} is not recorded; choose from {shortened(known)}")
    for record in found:
        measure = record.measure
        if is_held_out:
            measure = VALIDATION
        elif isinstance(measure, Evaluation):
            measure = Evaluation(splits=tuple(each for each in measure.splits if each == split))
        yield replace(record, measure=measure)
