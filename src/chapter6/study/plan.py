"""From configuration to the runs of the study: what every job gets to see."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from chapter6.analysis.checks import Check
from chapter6.analysis.claims import Claim
from chapter6.analysis.tables import flatten
from chapter6.engine.measurements import Measurement
from chapter6.figures.recipes import Figure
from chapter6.registry import StudyError
from chapter6.study.paths import Paths
from chapter6.study.resolve import OWN_KEYS, Draft, MergeError, drafts
from chapter6.study.schema import parse
from chapter6.study.spec import ExperimentSpec, RunSpec, StudyConfig, load_config, load_experiment, read_yaml


@dataclass(frozen=True)
class Variant:
    """One variant, resolved: ``run`` is its complete specification as plain JSON data."""

    name: str
    label: str
    track: str
    axes: Mapping[str, Any]
    replicates: int
    run: Mapping[str, Any]

    @property
    def canonical(self) -> str:
        """The run as canonical JSON: equal text means an equal run."""
        return json.dumps(self.run, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Block:
    """Replicates ``first`` to ``last`` of a variant: what one job trains."""

    variant: Variant
    first: int
    last: int


@dataclass(frozen=True)
class Experiment:
    """An experiment with its variants resolved and its claims and figures built."""

    spec: ExperimentSpec
    variants: Mapping[str, Variant]
    claims: Sequence[Claim]
    figures: Mapping[str, Figure]

    @property
    def id(self) -> str:
        """The id that leads everywhere."""
        return self.spec.id

    @property
    def section(self) -> str:
        """Section of the page."""
        return self.spec.section or self.id.split("-")[0]

    def blocks(self, size: int) -> Iterator[Block]:
        """Yield the jobs of the experiment, ``size`` replicates each; blocks start at multiples of it."""
        for variant in self.variants.values():
            for first in range(0, variant.replicates, size):
                yield Block(variant, first, min(first + size, variant.replicates) - 1)


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
        """Where runs are mirrored to."""
        return self.config.tracking.uri or f"sqlite:///{self.paths.database}"

    def blocks(self, experiment: str) -> Iterator[Block]:
        """Yield the training jobs of one experiment."""
        return self.experiments[experiment].blocks(self.config.replicates_per_job)


def load_study(raw: Mapping[str, Any] | None = None, root: Path | None = None) -> Study:
    """Load and validate the whole study; ``raw`` is the configuration (read from its file if None)."""
    root = root or Path()
    config = load_config(read_yaml(root / "config/config.yaml") if raw is None else raw)
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
    chosen = config.selected or list(specs)
    return Study(config, {n: plan_experiment(specs[n], config, str(places[n])) for n in specs if n in chosen})


def plan_experiment(spec: ExperimentSpec, config: StudyConfig, place: str) -> Experiment:
    """Resolve an experiment; ``place`` is the file that messages name."""
    try:
        variants = {draft.name: resolve(draft, spec, config, place) for draft in list(drafts(spec))}
    except MergeError as error:
        raise StudyError(f"{place}: {error}") from None
    claims = [
        Claim(
            id=claim.id,
            says=claim.says,
            checks=tuple(Check.build(check.model_dump()) for check in claim.checks),
            combine=claim.combine,
        )
        for claim in spec.claims
    ]
    figures: dict[str, Figure] = {}
    for model in spec.figures:
        figure = Figure.build(model.model_dump())
        number = sum(name.rstrip("0123456789-") == figure.key for name in figures)
        figures[f"{figure.key}-{number + 1}" if number else figure.key] = figure
    experiment = Experiment(spec, variants, claims, figures)
    _check_references(experiment, place)
    return experiment


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
        run=_within_budget(run, config, f"{place}: variant {draft.name!r}"),
    )


def _within_budget(run: RunSpec, config: StudyConfig, place: str) -> dict[str, Any]:
    """Return the run as plain data, capped by the preset, its schedules resolved to numbers."""
    budget, available = config.budget, config.data.sizes["train"]
    steps = min(run.steps, budget.max_steps or run.steps)
    examples = run.data.examples
    if run.data.source == "mnist":
        if examples is not None and examples > available:
            raise StudyError(f"{place}: data.examples: there are {available} training images, not {examples}")
        examples = min(examples or available, budget.max_examples or available)
    elif examples is None:
        raise StudyError(f"{place}: data.examples: noise needs a number of examples")
    if run.sampling == "epochs" and run.batch_size > examples:
        raise StudyError(f"{place}: batch_size: {run.batch_size} is more than the {examples} examples")
    plain = run.model_dump(mode="json")
    plain["steps"] = steps
    plain["data"]["examples"] = examples
    plain["record"] = [
        {"measure": record.measure.model_dump(mode="json"), "steps": record.steps(steps)} for record in run.record
    ]
    return plain


def _check_references(experiment: Experiment, place: str) -> None:
    """Refuse claims and figures that name variants or metrics that will not exist."""
    recorded = {
        (split, metric)
        for variant in experiment.variants.values()
        for record in variant.run["record"]
        for split, metric in _metrics_of(Measurement.build(record["measure"]))
    }
    users: list[tuple[str, Any]] = [
        *((f"claim {claim.id}", check) for claim in experiment.claims for check in claim.checks),
        *((f"figure {name}", figure) for name, figure in experiment.figures.items()),
    ]
    for user, part in users:
        axes = {name for variant in experiment.variants.values() for name in _axes_of(variant)}
        for axis in sorted(part.axes_named() - axes):
            raise StudyError(f"{place}: {user}: no axis {axis!r}; choose from {_shortened(sorted(axes))}")
        for pattern in sorted(part.variants_named()):
            if not any(fnmatchcase(name, pattern) for name in experiment.variants):
                choices = _shortened(list(experiment.variants))
                raise StudyError(f"{place}: {user}: no variant {pattern!r}; choose from {choices}")
        for split, metric in sorted(part.metrics_named()):
            if not any(s == split and _matches(metric, m) for s, m in recorded):
                choices = _shortened(sorted(f"{s} {m}" for s, m in recorded))
                raise StudyError(f"{place}: {user}: {split} {metric!r} is not recorded; choose from {choices}")


def _axes_of(variant: Variant) -> set[str]:
    """Return what the variants of an experiment can be told apart by: axes of the sweep and dotted settings."""
    return {*variant.axes, *flatten(variant.run)}


def _metrics_of(measurement: Measurement) -> Iterator[tuple[str, str]]:
    for split in measurement.splits_read:
        for metric in measurement.metrics:
            yield split, metric


def _matches(wanted: str, recorded: str) -> bool:
    return fnmatchcase(wanted, recorded) or fnmatchcase(recorded, wanted)


def _shortened(names: list[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
