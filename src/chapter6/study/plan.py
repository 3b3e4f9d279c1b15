"""From configuration to the runs of the study: what every job gets to see."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from chapter6.analysis.checks import Check
from chapter6.analysis.claims import Claim
from chapter6.analysis.tables import flatten
from chapter6.figures.recipes import Figure
from chapter6.registry import StudyError
from chapter6.search.strategies import Strategy
from chapter6.study.fitting import check_references, shortened
from chapter6.study.paths import IDENTIFIER, Paths
from chapter6.study.references import reference
from chapter6.study.resolve import OWN_KEYS, Draft, MergeError, drafts, is_number, merge, nested
from chapter6.study.schema import parse
from chapter6.study.spec import (
    ClaimSpec,
    ExperimentSpec,
    RunSpec,
    StudyConfig,
    TuningSpec,
    WaySpec,
    load_config,
    load_experiment,
    read_config,
)

T = TypeVar("T")
LONGEST_NAME = 120  # of a variant; with job and temporary name around it, file systems take 255
LONGEST_COMMAND = 120_000  # characters; one argument may have 128 KiB, quotes and the other arguments included


@dataclass(frozen=True)
class Variant:
    """One variant, resolved: ``run`` is its complete specification as plain JSON data.

    In an experiment that searches, ``search`` holds space, trials and the strategy or the replay of a stopping rule.
    """

    name: str
    label: str
    track: str
    axes: Mapping[str, Any]
    replicates: int
    run: Mapping[str, Any]
    search: Mapping[str, Any] | None = None

    @property
    def canonical(self) -> str:
        """The run as canonical JSON: equal text means an equal run."""
        return canonical(self.run)

    @property
    def rounds(self) -> list[int]:
        """Number of trials of each round of a search; none for a replay."""
        if self.search is None or not self.search["strategy"]:
            return []
        return Strategy.build(self.search["strategy"]).rounds(self.search["trials"])


@dataclass(frozen=True)
class Tuning:
    """The choice of one number for a variant, and the variant that takes it."""

    of: Variant
    tuned: Variant
    parameter: str
    candidates: Sequence[float]
    run: Mapping[str, Any]


@dataclass(frozen=True)
class Block:
    """Replicates ``first`` to ``last`` of a variant."""

    variant: Variant
    first: int
    last: int

    @property
    def size(self) -> int:
        """Number of runs."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Batch:
    """Blocks of one experiment that one job trains, the first of which gives it its name."""

    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        """Unique within the experiment."""
        return f"{self.blocks[0].variant.name}-{self.blocks[0].first}"

    @property
    def canonical(self) -> str:
        """What the job is told, as canonical JSON."""
        return canonical(
            [{"variant": b.variant.name, "first": b.first, "last": b.last, "run": b.variant.run} for b in self.blocks]
        )


@dataclass(frozen=True)
class Experiment:
    """An experiment with its variants resolved and its claims and figures built."""

    spec: ExperimentSpec
    variants: Mapping[str, Variant]
    claims: Sequence[Claim]
    figures: Mapping[str, Figure]
    tunings: Mapping[str, Tuning]

    @property
    def id(self) -> str:
        """The id that leads everywhere."""
        return self.spec.id

    @property
    def section(self) -> str:
        """Section of the page."""
        return self.spec.section or self.id.split("-")[0]

    def blocks(self, size: int) -> Iterator[Block]:
        """Yield all replicates to be trained, ``size`` at a time; blocks start at multiples of it."""
        for variant in self.variants.values() if self.spec.search is None else ():
            for first in range(0, variant.replicates, size):
                yield Block(variant, first, min(first + size, variant.replicates) - 1)

    def batches(self, replicates: int, runs: int) -> Iterator[Batch]:
        """Yield the training jobs: blocks of so many ``replicates``, in order, up to so many ``runs`` a job."""
        waiting: list[Block] = []
        room = runs
        for block in self.blocks(replicates):
            if waiting and block.size > room:
                yield Batch(tuple(waiting))
                waiting, room = [], runs
            waiting.append(block)
            room -= block.size
        if waiting:
            yield Batch(tuple(waiting))


@dataclass(frozen=True)
class Study:
    """Everything that is to be run."""

    config: StudyConfig
    experiments: Mapping[str, Experiment]

    @cached_property
    def paths(self) -> Paths:
        """Names of files under the preset in force."""
        return Paths(self.config.preset)

    @property
    def is_preview(self) -> bool:
        """Whether verdicts come from reduced budgets."""
        return self.config.preset != "full"

    @property
    def tracking_uri(self) -> str:
        """Where runs are mirrored to: as configured, else as the environment says, else an SQLite file."""
        configured = self.config.tracking.uri or os.environ.get("MLFLOW_TRACKING_URI")
        return configured or f"sqlite:///{self.paths.database}"

    @property
    def is_live(self) -> bool:
        """Whether training jobs mirror their runs; that this is asked for without a server is an error."""
        live = self.config.tracking.enabled and self.config.tracking.live
        if live and not self.tracking_uri.startswith(("http://", "https://")):
            raise StudyError(
                "config/config.yaml: tracking.live: many jobs at once need a tracking server (docs/tracking.md), "
                f"not {self.tracking_uri}: set tracking.uri or MLFLOW_TRACKING_URI to http(s)://HOST:PORT"
            )
        return live

    def mirrored_as(self, experiment: str) -> str:
        """Return what an experiment is called in MLflow, where presets and studies may share a server."""
        return f"{self.config.tracking.prefix}{experiment}{self.paths.suffix}"

    @cached_property
    def batches(self) -> Mapping[str, Mapping[str, Batch]]:
        """The training jobs by experiment and name."""
        sizes = (self.config.replicates_per_job, self.config.runs_per_job)
        return {
            name: {batch.name: batch for batch in experiment.batches(*sizes)}
            for name, experiment in self.experiments.items()
        }


def load_study(raw: Mapping[str, Any] | None = None, root: Path | None = None) -> Study:
    """Load and validate the whole study; ``raw`` is the configuration (read from its file if None)."""
    root = root or Path()
    config = load_config(read_config(root / "config/config.yaml") if raw is None else raw)
    folder = root / config.experiments
    specs: dict[str, ExperimentSpec] = {}
    places: dict[str, Path] = {}
    for path in sorted(folder.glob("*.yaml")):
        spec = load_experiment(path)
        if spec.id in specs:
            raise StudyError(f"{path}: id: {spec.id!r} is already the id of {places[spec.id]}")
        specs[spec.id], places[spec.id] = spec, path
    if not specs:
        raise StudyError(f"config/config.yaml: experiments: no *.yaml in {folder}")
    for name in config.selected:
        if name not in specs:
            raise StudyError(f"only: unknown experiment {name!r}; choose from {sorted(specs)}")
    _check_claim_ids(specs, places)
    chosen = config.selected or list(specs)
    study = Study(config, {n: plan_experiment(specs[n], config, str(places[n])) for n in specs if n in chosen})
    _check_batches(study)
    return study


def _check_batches(study: Study) -> None:
    """Refuse jobs whose command no shell would take."""
    for name, batches in study.batches.items():
        for batch in batches.values():
            if len(batch.blocks) > 1 and len(batch.canonical) > LONGEST_COMMAND:
                raise StudyError(
                    f"config/config.yaml: runs_per_job: {study.config.runs_per_job} makes a command of"
                    f" {len(batch.canonical)} characters in {name}, and Linux takes {LONGEST_COMMAND}: choose less"
                )


def _check_claim_ids(specs: Mapping[str, ExperimentSpec], places: Mapping[str, Path]) -> None:
    seen: dict[str, str] = {}
    for name, spec in specs.items():
        for claim in spec.claims:
            if claim.id in seen:
                raise StudyError(f"{places[name]}: claims: {claim.id!r} is already a claim of {places[seen[claim.id]]}")
            seen[claim.id] = name


def plan_experiment(spec: ExperimentSpec, config: StudyConfig, place: str) -> Experiment:
    """Resolve an experiment; ``place`` is the file that messages name."""
    try:
        listed = list(drafts(spec))
    except MergeError as error:
        raise StudyError(f"{place}: {error}") from None
    names = [draft.name for draft in listed]
    if not names or len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1}) or "none at all"
        raise StudyError(f"{place}: sweep: there must be variants, each with a name of its own, not {twice}")
    for name in names:  # of files: those that are put together of levels were not checked when they were read
        if not re.fullmatch(IDENTIFIER, name) or len(name) > LONGEST_NAME:
            allowed = f"letters, digits and . + _ - (first a letter or digit, at most {LONGEST_NAME})"
            raise StudyError(f"{place}: sweep: {name!r} is no name of a variant: {allowed}")
    written = dict(zip(names, listed, strict=True))
    variants = {name: resolve(draft, spec, config, place) for name, draft in written.items()}
    tunings = _tunings(spec, config, written, place)
    if taken := sorted({tuning.tuned.name for tuning in tunings.values()} & variants.keys()):
        raise StudyError(f"{place}: tuning: {taken[0]!r} is already a variant, and would be the tuned one's name")
    variants |= {tuning.tuned.name: tuning.tuned for tuning in tunings.values()}
    _check_replays(variants, place)
    claims = [_claim(claim, f"{place}: claim {claim.id}") for claim in spec.claims]
    figures: dict[str, Figure] = {}
    for model in spec.figures:
        number = sum(figure.key == model.kind for figure in figures.values())
        name = f"{model.kind}-{number + 1}" if number else model.kind
        figures[name] = _placed(f"{place}: figure {name}", Figure.build, model.model_dump())
    experiment = Experiment(spec, variants, claims, figures, tunings)
    check_references(experiment, place)
    return experiment


def _claim(claim: ClaimSpec, place: str) -> Claim:
    checks = tuple(_placed(place, Check.build, check.model_dump()) for check in claim.checks)
    return _placed(place, Claim, claim.id, claim.says, checks, claim.combine, claim.at_least)


def _placed(place: str, build: Callable[..., T], *arguments: Any) -> T:
    """Build something; what is refused is told with its place."""
    try:
        return build(*arguments)
    except StudyError as error:
        raise StudyError(f"{place}: {error}") from None


def resolve(draft: Draft, spec: ExperimentSpec, config: StudyConfig, place: str) -> Variant:
    """Validate a variant; ``place`` is the file that messages name."""
    settings = {key: value for key, value in draft.settings.items() if key not in OWN_KEYS}
    own = {key: draft.settings[key] for key in OWN_KEYS if key in draft.settings}
    run = parse(RunSpec, settings, f"{place}: variant {draft.name!r}")
    budget = config.budget
    replicates = own.get("replicates", spec.replicates or config.replicates)
    if isinstance(replicates, bool) or not isinstance(replicates, int) or replicates < 1:
        raise StudyError(f"{place}: variant {draft.name!r}: replicates: must be 1 or more, not {replicates!r}")
    return Variant(
        name=draft.name,
        label=str(draft.label),
        track=str(own.get("track", "book")),
        axes=draft.axes,
        replicates=min(replicates, budget.replicates or replicates),
        run=within_budget(run, config, f"{place}: variant {draft.name!r}"),
        search=_search(own, spec, config, run, f"{place}: variant {draft.name!r}"),
    )


def canonical(plain: Any) -> str:
    """Return JSON in which equal data are equal texts."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def _search(
    own: Mapping[str, Any], spec: ExperimentSpec, config: StudyConfig, run: RunSpec, place: str
) -> dict[str, Any] | None:
    """Return what a variant of a searching experiment searches, and how."""
    if spec.search is None:
        if "strategy" in own or "replay" in own:
            raise StudyError(f"{place}: a strategy or replay needs the experiment's search, which is missing")
        return None
    if not any("validation" in record.splits_read for record in run.record):
        raise StudyError(f"{place}: a search needs validation data to score: record an evaluation of them")
    numbers = {key: value for key, value in flatten(run.model_dump(mode="json")).items() if is_number(value)}
    for name in spec.search.space:
        if name not in numbers:
            raise StudyError(f"{place}: search.space: {name!r} is no number of the run; choose from {sorted(numbers)}")
        if isinstance(numbers[name], int):
            raise StudyError(f"{place}: search.space: {name!r} is a whole number, and searches draw fractions")
        for end in (spec.search.space[name].low, spec.search.space[name].high):
            parse(RunSpec, merge(run.model_dump(mode="json"), nested(name, end)), f"{place}: search.space")
    way = parse(WaySpec, {key: own[key] for key in ("strategy", "replay") if key in own}, place)
    if way.strategy:  # what cannot propose points is refused here and not by the first job
        strategy, size = Strategy.build(way.strategy.model_dump()), len(spec.search.space)
        nothing = (np.empty((0, size)), np.empty(0), np.random.default_rng(0))
        _placed(place, strategy.propose, 1, size, *nothing)
    return (
        spec.search.model_dump(mode="json")
        | way.model_dump(mode="json")
        | {"trials": min(spec.search.trials, config.budget.max_trials or spec.search.trials)}
    )


def _check_replays(variants: Mapping[str, Variant], place: str) -> None:
    choices = [name for name, variant in variants.items() if variant.rounds]
    for variant in variants.values():
        replay = variant.search and variant.search["replay"]
        if replay and replay["of"] not in choices:
            raise StudyError(
                f"{place}: variant {variant.name!r}: replay.of: no {replay['of']!r}; choose from {choices}"
            )


def _tunings(spec: ExperimentSpec, config: StudyConfig, written: Mapping[str, Draft], place: str) -> dict[str, Tuning]:
    """Return the tuning of every variant that ``spec.tuning`` names."""
    if spec.tuning is None:
        return {}
    tunings = {}
    for pattern in spec.tuning.of:
        matching = [name for name in written if fnmatchcase(name, pattern)]
        if not matching:
            raise StudyError(f"{place}: tuning.of: no variant {pattern!r}; choose from {shortened(list(written))}")
        for name in matching:
            tunings[name] = _tuning(spec.tuning, spec, config, written[name], f"{place}: tuning of {name!r}")
    return tunings


def _tuning(tuning: TuningSpec, spec: ExperimentSpec, config: StudyConfig, draft: Draft, place: str) -> Tuning:
    """Return how a variant is tuned, and the variant that is judged, both trained for the same number of updates."""
    steps = min(int(draft.settings.get("steps", tuning.steps)), tuning.steps)
    variant = resolve(replace(draft, settings={**draft.settings, "steps": steps}), spec, config, place)
    own: Any = flatten(variant.run).get(tuning.parameter)
    if not is_number(own):
        raise StudyError(f"{place}: parameter: {tuning.parameter!r} is no number of the run, but {own!r}")
    if isinstance(own, int):
        raise StudyError(f"{place}: parameter: {tuning.parameter!r} is a whole number, and factors make fractions")
    measure = {"kind": "evaluation", "splits": ["validation"]}
    change = {"steps": steps, "data": {"validation": tuning.validation}, "record": [{"measure": measure}]}
    settings = {key: value for key, value in draft.settings.items() if key not in OWN_KEYS}
    candidates = [own * factor for factor in tuning.factors]
    for candidate in candidates:
        parse(RunSpec, merge(merge(settings, change), nested(tuning.parameter, candidate)), f"{place}: factors")
    run = within_budget(parse(RunSpec, merge(settings, change), place), config, place)
    file = Paths(config.preset).tuning(spec.id, variant.name)
    tuned = replace(
        variant,
        name=f"{variant.name}-tuned",
        label=f"{variant.label}, tuned",
        track="tuned",
        run=merge(variant.run, nested(tuning.parameter, reference(file, "value"))),
    )
    return Tuning(variant, tuned, tuning.parameter, candidates, run)


def within_budget(run: RunSpec, config: StudyConfig, place: str) -> dict[str, Any]:
    """Return the run as plain data, capped by the preset, its schedules resolved to numbers."""
    budget, available = config.budget, config.data.sizes.train
    steps = min(run.steps, budget.max_steps or run.steps)
    examples = run.data.examples
    if run.data.source == "mnist":
        if examples is not None and examples > available:
            raise StudyError(f"{place}: data.examples: there are {available} training images, not {examples}")
        examples = min(examples or available, budget.max_examples or available)
    elif examples is None:
        raise StudyError(f"{place}: data.examples: noise needs a number of examples")
    held_out = round(run.data.validation * examples)
    if run.data.validation and not 0 < held_out < examples:
        raise StudyError(f"{place}: data.validation: {run.data.validation:g} of {examples} examples are {held_out}")
    trained_on = examples - held_out
    if run.sampling == "epochs" and run.batch_size > trained_on:
        raise StudyError(f"{place}: batch_size: {run.batch_size} is more than the {trained_on} training examples")
    plain = run.model_dump(mode="json")
    plain["steps"] = steps
    plain["data"]["examples"] = examples
    plain["record"] = [
        {"measure": record.measure.model_dump(mode="json"), "steps": record.steps(steps)} for record in run.record
    ]
    return plain
