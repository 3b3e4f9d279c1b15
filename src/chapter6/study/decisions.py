"""Decisions: which variants they are made among, who takes what of them, and what the job that makes one leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from typing import Any

from chapter6.quantities import Curve
from chapter6.registry import StudyError, build
from chapter6.settings import has_key, shortened
from chapter6.study.gathering import resolved
from chapter6.study.paths import Paths
from chapter6.study.plan import Decision, Experiment, Variant
from chapter6.study.results import (
    UNREADABLE,
    Conditions,
    Curves,
    Files,
    RunRecord,
    UnreadableError,
    read_run,
    told,
)
from chapter6.study.scores import Judged, Reason, Score
from chapter6.study.spec import ExperimentSpec
from chapter6.study.taken import EACH, TIMES, Taken

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Chosen:
    """Which variant was chosen and why; ``replicate`` is the one that chose, None: all together."""

    replicate: int | None
    variant: str
    reason: Reason


@dataclass(frozen=True)
class Decided:
    """The choices, the settings that may be taken of them, and the scores of all, one a replicate."""

    choices: tuple[Chosen, ...]
    values: Settings
    scores: Mapping[str, tuple[Score, ...]]


def decisions_of(spec: ExperimentSpec, variants: Mapping[str, Variant], paths: Paths) -> dict[str, Decision]:
    """Return the decisions of an experiment; StudyError where one is made by what will not exist."""
    found = {}
    for name, each in spec.decisions.items():
        for pattern in each.among:
            if not any(fnmatchcase(variant, pattern) for variant in variants):
                raise StudyError(f"decisions.{name}.among: no variant {pattern!r}; choose from {shortened(variants)}")
        among = tuple(v for v in variants.values() if any(fnmatchcase(v.name, pattern) for pattern in each.among))
        for variant in among:
            _check_recorded(variant, each.by, f"decisions.{name}")
        found[name] = Decision(name, each, among, paths.decision(spec.id, name))
    return found


def _check_recorded(variant: Variant, by: Judged, place: str) -> None:
    if variant.search:
        raise StudyError(f"{place}.among: {variant.name!r} searches, and has no runs of its own to be judged by")
    measures = [record.measure for record in variant.run.record]
    known = {(split, metric) for measure in measures for split in measure.splits_read for metric in measure.metrics}
    if by.source not in known:
        choices = shortened(sorted(f"{split} {metric}" for split, metric in known))
        split, metric = by.source
        raise StudyError(f"{place}.by: {split} {metric!r} is not recorded by {variant.name!r}; choose from {choices}")


def bound(taken: Taken, experiment: str, paths: Paths) -> Taken:
    """Return a run that takes from the files of decisions what its author takes from decisions."""

    def file_of(reference: str) -> str:
        source, _, name = reference.partition("#")
        if source.endswith(".json"):
            return reference
        where, _, decision = source.rpartition("/")
        return f"{paths.decision(where or experiment, decision)}#values.{name}"

    return Taken(taken.run, {key: file_of(reference) for key, reference in taken.takes.items()})


def named(spec: ExperimentSpec) -> set[str]:
    """Return the other experiments of whose decisions an experiment takes something."""
    return {where for where in _sources([spec.base, spec.variants, spec.sweep]) if where not in ("", spec.id)}


def _sources(part: Any) -> Iterator[str]:
    """Yield the experiment before each decision that settings name, empty where that is their own."""
    if isinstance(part, Mapping) and "from" in part:
        source = str(part["from"]).partition("#")[0]
        if not source.endswith(".json"):
            yield source.rpartition("/")[0]
    for each in part.values() if isinstance(part, Mapping) else part if isinstance(part, list | tuple) else ():
        yield from _sources(each)


def check_decisions(experiment: Experiment, others: Mapping[str, Experiment], place: str) -> None:
    """Refuse what is taken of a decision that there is not or that does not have it, and circles."""
    known = {decision.file: decision for each in others.values() for decision in each.decisions.values()}
    try:
        for variant in experiment.variants.values():
            for reference in variant.taken.takes.values():
                if reference.startswith(experiment.paths.decisions):
                    _check_taken(variant, reference, known)
        experiment.levels  # noqa: B018 (a circle is refused here)
        _check_order(others)
        for variant in _sharing(experiment):
            for file in sorted(variant.taken.files & known.keys()):
                if known[file].spec.each_replicate:
                    raise StudyError(
                        f"variant {variant.name!r}: from: {known[file].name!r} is decided by each replicate,"
                        " and what is tuned, timed or decided by all takes one value"
                    )
    except StudyError as error:
        raise StudyError(f"{place}: {error}") from None


def _sharing(experiment: Experiment) -> Iterator[Variant]:
    """Yield the variants of which something is asked that does not go by replicates."""
    yield from (tuning.of for tuning in experiment.tunings.values())
    yield from experiment.timing.variants if experiment.timing else ()
    for decision in experiment.decisions.values():
        yield from () if decision.spec.each_replicate else decision.among


def _check_taken(variant: Variant, reference: str, known: Mapping[str, Decision]) -> None:
    file, _, key = reference.partition("#values.")
    place, key = f"variant {variant.name!r}: from", key.partition(TIMES)[0]
    if file not in known:
        wanted, *names = ("/".join(each.removesuffix(".json").split("/")[-2:]) for each in (file, *sorted(known)))
        raise StudyError(f"{place}: no decision {wanted!r}; choose from {shortened(names) or 'none'}")
    decision = known[file]
    if not has_key(decision.differing, key):
        choices = shortened(decision.differing) or "none"
        raise StudyError(f"{place}: the choices of {decision.name!r} do not differ in {key!r}; choose from {choices}")
    fewest = min(each.replicates for each in decision.among)
    if decision.spec.each_replicate and fewest < variant.replicates:
        counts = f"{variant.replicates} replicates, and {decision.name!r} is decided by {fewest}"
        raise StudyError(f"{place}: each replicate takes its own: there are {counts}")


def _check_order(experiments: Mapping[str, Experiment]) -> None:
    """Refuse experiments that take of each other's decisions."""
    before = {name: named(experiment.spec) & experiments.keys() for name, experiment in experiments.items()}
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        raise StudyError(f"decisions: experiments go in a circle: {' -> '.join(error.args[1][::-1])}") from None


def decide(files: Files, experiment: Experiment, decision: Decision, under: Conditions) -> Decided:
    """Return what the runs of a decision's variants lead to; :class:`UnreadableError` where one cannot be read."""
    by, is_own = decision.spec.by, decision.spec.each_replicate
    settings: dict[str, list[Settings]] = {}
    scores: dict[str, tuple[Score, ...]] = {}
    for variant in decision.among:
        planned = list(experiment.runs_of(variant))
        runs = [resolved(variant, files, each.replicate) for each in planned]
        settings[variant.name] = [run.settings for run in runs]
        read = (read_run(files, each, run, under) for each, run in zip(planned, runs, strict=True))
        scores[variant.name] = tuple(_score(by, *run) for run in read)
    numbers = list(range(min(map(len, scores.values()))))
    choices = [_chosen(decision, scores, each) for each in ([[n] for n in numbers] if is_own else [numbers])]
    taken = [settings[choice.variant][choice.replicate or 0] for choice in choices]
    values = {key: [own.get(key) for own in taken] for key in decision.differing}
    return Decided(tuple(choices), {key: {EACH: own} if is_own else own[0] for key, own in values.items()}, scores)


def _chosen(decision: Decision, scores: Mapping[str, Sequence[Score]], replicates: Sequence[int]) -> Chosen:
    """Return the choice that some replicates make."""
    by, used = decision.spec.by, [[own[number] for number in replicates] for own in scores.values()]
    place, reason = decision.spec.rule.pick([by.middle(own) for own in used], [by.rank(own) for own in used])
    return Chosen(replicates[0] if decision.spec.each_replicate else None, decision.among[place].name, reason)


def _score(by: Judged, record: RunRecord, curves: Curves) -> Score:
    curve = curves.get(by.source)
    return by.score(Curve(*curve), record.steps) if curve and record.outcome == "finished" else None


def read_decided(files: Files, decision: Decision) -> Decided:
    """Return what was decided; :class:`UnreadableError` where that cannot be read."""
    try:
        return build(Decided, json.loads(files[decision.file]))
    except UNREADABLE as error:
        raise UnreadableError(decision.file, told(error, "it")) from None
