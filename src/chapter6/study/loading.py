"""From the files that authors write to the study: read, resolved and checked before any job."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from chapter6.engine.run import Run
from chapter6.records import headline_of
from chapter6.registry import Family, StudyError
from chapter6.search.searches import Search
from chapter6.settings import shortened
from chapter6.study import bounds
from chapter6.study.cross_checks import check_references
from chapter6.study.decisions import bound, check_decisions, decisions_of, named
from chapter6.study.drafts import Draft, drafts
from chapter6.study.limits import dimension_of, within_budget
from chapter6.study.paths import IDENTIFIER, Paths
from chapter6.study.plan import Experiment, Study, Tuning, Variant
from chapter6.study.reading import check_identifiers, experiment_files
from chapter6.study.resolution import resolve
from chapter6.study.schema import parse
from chapter6.study.spec import (
    ExperimentSpec,
    OwnSpec,
    StudyConfig,
    load_config,
    load_experiment,
    read_config,
)
from chapter6.study.starts import linked
from chapter6.study.taken import Taken
from chapter6.study.timings import timing_of
from chapter6.study.tracks import linked_tuning, tuned_names, tuning_of

Kind = TypeVar("Kind", bound=Family)

LONGEST_NAME = 120  # of a variant; with job and temporary name around it, file systems take 255


def load_study(
    raw: Mapping[str, Any] | None = None, root: Path | None = None, lenient: bool = False, only: str = ""
) -> Study:
    """Load and validate the study; ``raw`` is the configuration (read from its file if None).

    A ``lenient`` study leaves out experiments with a mistake, and says in ``broken`` what it is. With ``only``, nothing
    but the file of this experiment is read, and of those that its claims name: a job that is told of it needs no more.
    """
    root = root or Path()
    config = load_config(read_config(root / "config/config.yaml") if raw is None else raw)
    if only and (root / config.experiments / f"{only}.yaml").is_file():
        study = plan_study(replace(config, only=(only,)), _specs_for(only, root / config.experiments))
        return replace(study, config=config)
    specs, broken = _read_specs(root / config.experiments, lenient)
    _check_headlines(specs, broken, lenient)
    for name in config.selected:
        if name not in (known := {spec.id for spec in specs.values()}) and name not in broken:
            raise StudyError(f"only: unknown experiment {name!r}; choose from {sorted(known)}")
    return plan_study(config, specs, broken, lenient)


def plan_study(
    config: StudyConfig,
    specs: Mapping[str, ExperimentSpec],
    broken: dict[str, str] | None = None,
    lenient: bool = False,
) -> Study:
    """Resolve the selected experiments, and those that their claims name; ``specs`` are by file."""
    found = {} if broken is None else broken
    _check_claim_ids(specs)
    planned: dict[str, Experiment] = {}
    for place, spec in specs.items():
        if spec.id in _selected(config, specs.values()):
            with _noting(spec.id, found, lenient):
                planned[spec.id] = plan_experiment(spec, config, place)
    for place, spec in specs.items():
        if spec.id in planned:
            with _noting(spec.id, found, lenient):
                check_references(planned[spec.id], planned, place)
                check_decisions(planned[spec.id], planned, place)
    study = Study(config, {name: each for name, each in planned.items() if name not in found}, found)
    if not config.allow_large:
        bounds.check_size(study)
    return study


@contextmanager
def _noting(name: str, broken: dict[str, str], lenient: bool) -> Iterator[None]:
    """Note a mistake where others are to go on."""
    try:
        yield
    except StudyError as error:
        if not lenient:
            raise
        broken[name] = str(error)


def _selected(config: StudyConfig, specs: Collection[ExperimentSpec]) -> set[str]:
    chosen = set(config.selected or (spec.id for spec in specs))
    size = 0
    while size < len(chosen):
        size = len(chosen)
        chosen |= {name for spec in specs if spec.id in chosen for name in _named(spec)}
    return chosen


def _named(spec: ExperimentSpec) -> set[str]:
    """Return the other experiments that an experiment's claims name, or of whose decisions it takes something."""
    return {name for claim in spec.claims for name in claim.experiments} | named(spec)


def _specs_for(name: str, folder: Path) -> dict[str, ExperimentSpec]:
    """Return an experiment and those that it names, directly or not, by file."""
    found: dict[str, ExperimentSpec] = {}
    waiting = [name]
    while waiting:
        path = folder / f"{waiting.pop()}.yaml"
        if str(path) not in found:
            spec = found[str(path)] = load_experiment(path)
            waiting += [other for other in sorted(_named(spec)) if (folder / f"{other}.yaml").is_file()]
    return found


def _read_specs(folder: Path, lenient: bool) -> tuple[dict[str, ExperimentSpec], dict[str, str]]:
    """Return the experiments of a folder by file, and the mistakes of those that have one."""
    specs: dict[str, ExperimentSpec] = {}
    broken: dict[str, str] = {}
    files = experiment_files(folder)
    if not files:
        raise StudyError(f"config/config.yaml: experiments: no *.yaml in {folder}")
    for path in files:
        with _noting(path.stem, broken, lenient):
            specs[str(path)] = load_experiment(path)
    check_identifiers({place: spec.id for place, spec in specs.items()})
    return specs, broken


def _check_claim_ids(specs: Mapping[str, ExperimentSpec]) -> None:
    seen: dict[str, str] = {}
    for place, spec in specs.items():
        for claim in spec.claims:
            if claim.id in seen:
                raise StudyError(f"{place}: claims: {claim.id!r} is already a claim of {seen[claim.id]}")
            seen[claim.id] = spec.id


def _check_headlines(specs: Mapping[str, ExperimentSpec], broken: dict[str, str], lenient: bool) -> None:
    """Refuse a reading of a claim that is none; where experiments are broken, their claims are not known."""
    known = {claim.id for spec in specs.values() for claim in spec.claims}
    for place, spec in specs.items() if not broken else ():
        with _noting(spec.id, broken, lenient):
            for name in (claim.id for claim in spec.claims if headline_of(claim.id) not in known):
                reading = f"{name!r} is a reading of {headline_of(name)!r}, which is no claim of the study"
                choices = shortened(sorted({headline_of(each) for each in known} & known))
                raise StudyError(f"{place}: claims: {reading}; choose from {choices}")


def plan_experiment(spec: ExperimentSpec, config: StudyConfig, place: str) -> Experiment:
    """Resolve an experiment; ``place`` is the file that messages name."""
    if not config.allow_large:
        bounds.check_count(spec, place)
    paths = Paths(config.preset)
    written = _drafts(spec, place)
    sources = {source for draft in written.values() if (source := draft.source)}
    variants = {
        name: resolve_variant(draft, spec, config, place, is_source=name in sources) for name, draft in written.items()
    }
    tunings = _tunings(spec, config, written, place)
    tuned = {variant.name: variant for tuning in tunings.values() for variant in tuning.tuned.values()}
    if taken := sorted(tuned.keys() & variants.keys()):
        raise StudyError(f"{place}: tuning: {taken[0]!r} is already a variant, and would be the tuned one's name")
    variants = linked(variants | tuned, place)
    tunings = {name: linked_tuning(tuning, variants, place) for name, tuning in tunings.items()}
    _check_replays(variants, place)
    with _placed(place):
        timing = timing_of(spec.timing, variants) if spec.timing else None
        decisions = decisions_of(spec, variants, paths)
    return Experiment(
        spec, variants, _numbered(spec.figures), _numbered(spec.tables), tunings, paths, timing, decisions
    )


def _numbered(shown: Sequence[Kind]) -> dict[str, Kind]:
    """Name figures, or tables, by their kinds, from the second of a kind on with its number."""
    named: dict[str, Kind] = {}
    for each in shown:
        number = sum(other.key == each.key for other in named.values())
        named[f"{each.key}-{number + 1}" if number else each.key] = each
    return named


def _drafts(spec: ExperimentSpec, place: str) -> dict[str, Draft]:
    with _placed(place):
        listed = list(drafts(spec))
    names = [draft.name for draft in listed]
    if not names or len(set(names)) < len(names):
        twice = [name for name, count in Counter(names).items() if count > 1] or "none at all"
        raise StudyError(f"{place}: sweep: there must be variants, each with a name of its own, not {twice}")
    for name in names:  # of files: those that are put together of levels were not checked when they were read
        if not re.fullmatch(IDENTIFIER, name) or len(name) > LONGEST_NAME:
            allowed = f"letters, digits and . + _ - (first a letter or digit, at most {LONGEST_NAME})"
            raise StudyError(f"{place}: sweep: {name!r} is no name of a variant: {allowed}")
    return dict(zip(names, listed, strict=True))


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """Tell whatever is refused with its place."""
    try:
        yield
    except StudyError as error:
        raise StudyError(f"{place}: {error}") from None


def resolve_variant(
    draft: Draft, spec: ExperimentSpec, config: StudyConfig, place: str, is_source: bool = False
) -> Variant:
    """Validate a variant; ``place`` is the file that messages name.

    One that is the source of others need not search where these do.
    """
    place, own = f"{place}: variant {draft.name!r}", parse(OwnSpec, draft.own, f"{place}: variant {draft.name!r}")
    replicates = own.replicates or spec.replicates or config.replicates
    taken = bound(resolve(draft.of_run, place, config.data.images), spec.id, Paths(config.preset))
    with _placed(place):
        is_trained = is_source and not own.strategy and not own.replay
        search = None if is_trained else _search(own, spec, config, taken.run)
        run = within_budget(taken.run, config)
    return Variant(
        name=draft.name,
        label=draft.label,
        track=own.track,
        replicates=min(replicates, config.budget.replicates or replicates),
        taken=Taken(run, taken.takes),
        search=search,
        listed=draft.listed,
        levels=draft.levels,
    )


def _search(own: OwnSpec, spec: ExperimentSpec, config: StudyConfig, run: Run) -> Search | None:
    """Return what a variant of a searching experiment searches, and how."""
    if spec.search is None:
        if own.strategy or own.replay:
            raise StudyError("a strategy or replay needs the experiment's search, which is missing")
        return None
    if not any("validation" in record.measure.splits_read for record in run.record):
        raise StudyError("a search needs validation data to score: record an evaluation of them")
    space = dict(dimension_of(run, name, each, "search.space") for name, each in spec.search.space.items())
    taken = Counter(key for name, dimension in space.items() for key in dimension.sets or (name,))
    if twice := [key for key, count in taken.items() if count > 1]:
        raise StudyError(f"search.space: two dimensions set {shortened(twice)}")
    trials = min(spec.search.trials, config.budget.max_trials or spec.search.trials)
    told = {name: getattr(spec.search, name) for name in ("metric", "retrains", "equal")}
    return Search(own.strategy, own.replay, space=space, trials=trials, **told)


def _check_replays(variants: Mapping[str, Variant], place: str) -> None:
    choices = [name for name, variant in variants.items() if variant.rounds]
    for variant in variants.values():
        replay = variant.search and variant.search.replay
        if replay and replay.of not in choices:
            raise StudyError(f"{place}: variant {variant.name!r}: replay.of: no {replay.of!r}; choose from {choices}")


def _tunings(spec: ExperimentSpec, config: StudyConfig, written: Mapping[str, Draft], place: str) -> dict[str, Tuning]:
    """Return the tuning of every variant that ``spec.tuning`` names."""
    if spec.tuning is None:
        return {}
    with _placed(place):
        names = tuned_names(spec.tuning, list(written))
    tunings = {}
    for name in names:
        here = f"{place}: tuning of {name!r}"
        run = resolve(written[name].of_run, here, config.data.images).run
        variant = resolve_variant(written[name], spec, config, here)
        with _placed(here):
            file = Paths(config.preset).tuning(spec.id, name)
            tunings[name] = tuning_of(spec.tuning, variant, run, config, file)
    return tunings
