"""The study as a value: what is run under which name, and every job and file that comes of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from hashlib import sha256
from pathlib import Path
from typing import Any

from chapter6.analysis.claims import Claim
from chapter6.analysis.tables import Described, Level
from chapter6.engine.run import Run
from chapter6.figures.base import Figure
from chapter6.figures.printed import Table
from chapter6.registry import StudyError, canonical, plain
from chapter6.search.searches import Search
from chapter6.settings import flatten
from chapter6.study.paths import TABLES, Paths, curves_file, replicate_files
from chapter6.study.spec import DecisionSpec, ExperimentSpec, PresetSpec, StudyConfig, TimingSpec
from chapter6.study.taken import Taken
from chapter6.study.tunings import PhaseName, Procedure


@dataclass(frozen=True)
class Variant:
    """One variant: its run, with what this takes from files; in an experiment that searches also the search."""

    name: str
    label: str
    track: str
    replicates: int
    taken: Taken
    search: Search | None = None
    listed: Level | None = None
    levels: tuple[Level, ...] = ()
    of: str = ""  # the variant that a tuned one was made of

    @property
    def run(self) -> Run:
        """The run, before values from files."""
        return self.taken.run

    @property
    def rounds(self) -> list[int]:
        """Number of trials of each round of a search; none for a replay."""
        return self.search.rounds if self.search else []

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every setting of run and search under its dotted key, before values from files."""
        return {**self.run.settings, **self.searched}

    @property
    def searched(self) -> dict[str, Any]:
        """The settings of the search."""
        return flatten({"search": plain(self.search)}) if self.search else {}

    def described(self, settings: Mapping[str, Any]) -> Described:
        """Return the variant as tables describe it, ``settings`` being those of the run that was trained."""
        settings = {**settings, **self.searched}
        return Described(self.name, self.label, self.track, settings, self.listed, self.levels, self.of)


@dataclass(frozen=True)
class Tuning:
    """The choices that are made for a variant, by which ``procedure``, and the variants that take them, by quantity.

    ``trained`` is what each phase trains, before values from files.
    """

    of: Variant
    tuned: Mapping[str, Variant]
    procedure: Procedure
    trained: Mapping[PhaseName, Taken]

    @property
    def taken(self) -> Taken:
        """A training at the judged budget."""
        return self.trained.get("fine", self.trained["coarse"])

    @property
    def runs(self) -> list[tuple[Run, int]]:
        """What is trained at least, each so many times."""
        phases = self.procedure.phases
        return [(taken.run, phases[name].points * phases[name].seeds) for name, taken in self.trained.items()]


@dataclass(frozen=True)
class Decision:
    """A choice among variants, and the file that it stands in."""

    name: str
    spec: DecisionSpec
    among: tuple[Variant, ...]
    file: str

    @cached_property
    def differing(self) -> list[str]:
        """The settings in which the variants differ, or which they take from files: what may be taken of the choice."""
        own = [{**variant.run.settings, **variant.taken.takes} for variant in self.among]
        taken = {key for variant in self.among for key in variant.taken.takes}
        keys = dict.fromkeys(key for settings in own for key in settings)
        return [key for key in keys if key in taken or any(each.get(key) != own[0].get(key) for each in own)]


@dataclass(frozen=True)
class Timing:
    """Variants that are timed in turn with the one ``beside`` them."""

    spec: TimingSpec
    of: tuple[Variant, ...]
    beside: Variant

    @property
    def variants(self) -> tuple[Variant, ...]:
        """All of them."""
        return (self.beside, *self.of)

    @property
    def key(self) -> str:
        """A digest of what is timed and how; not of the code, which makes the times what they are."""
        return sha256(canonical([self.spec, {each.name: each.taken for each in self.variants}]).encode()).hexdigest()


@dataclass(frozen=True)
class PlannedRun:
    """One replicate of a variant that is trained by itself, and its two files."""

    experiment: str
    variant: Variant
    replicate: int
    folder: str

    @property
    def files(self) -> tuple[str, str]:
        """Curves and record."""
        return replicate_files(self.folder, self.replicate)

    @property
    def start(self) -> str:
        """Record of the replicate that it starts from; nothing where it starts from none."""
        start = self.variant.run.starts_from
        return replicate_files(f"{Path(self.folder).parent}/{start.variant}", self.replicate)[1] if start else ""


@dataclass(frozen=True)
class PlannedSearch:
    """One whole search, and its files: ``rounds`` are its own, ``sources`` those that its choice is made from."""

    experiment: str
    variant: Variant
    replicate: int
    rounds: tuple[str, ...]
    sources: tuple[str, ...]
    chosen: str

    @property
    def replicates(self) -> Sequence[int]:
        """The one."""
        return (self.replicate,)

    @property
    def search(self) -> Search:
        """What is searched, and how."""
        assert self.variant.search is not None, "a variant that searches"
        return self.variant.search

    @property
    def files(self) -> Iterator[str]:
        """Every file that it leaves."""
        for file in self.rounds:
            yield from (file, curves_file(file))
        yield self.chosen


@dataclass(frozen=True)
class Block:
    """Replicates ``first`` to ``last`` of a variant."""

    variant: Variant
    first: int
    last: int

    @property
    def replicates(self) -> range:
        """The replicates."""
        return range(self.first, self.last + 1)


@dataclass(frozen=True)
class TrainingJob:
    """Blocks of one experiment that one job trains, the first of which gives it its name."""

    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        """Unique within the experiment."""
        return f"{self.blocks[0].variant.name}-{self.blocks[0].first}"

    @property
    def runs(self) -> list[Run]:
        """The run of each block."""
        return [block.variant.run for block in self.blocks]

    def trains(self, variant: str, replicate: int) -> bool:
        """Whether a replicate is one of the job's."""
        return any(b.variant.name == variant and replicate in b.replicates for b in self.blocks)


@dataclass(frozen=True)
class Experiment:
    """An experiment with its variants resolved; ``names`` are the other experiments of its claims."""

    spec: ExperimentSpec
    variants: Mapping[str, Variant]
    figures: Mapping[str, Figure]
    tables: Mapping[str, Table]
    tunings: Mapping[str, Tuning]
    paths: Paths
    timing: Timing | None = None
    decisions: Mapping[str, Decision] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id that leads everywhere."""
        return self.spec.id

    @property
    def section(self) -> str:
        """Section of the page."""
        return self.spec.section or self.id.split("-")[0]

    @cached_property
    def claims(self) -> Sequence[Claim]:
        """What is claimed of it."""
        return [claim.claim for claim in self.spec.claims]

    @property
    def beside(self) -> list[str]:
        """Other experiments whose tables its claims read."""
        return list(dict.fromkeys(name for claim in self.spec.claims for name in claim.experiments))

    @cached_property
    def started_from(self) -> frozenset[str]:
        """The variants that others start from, whose final weights are kept."""
        starts = (variant.run.starts_from for variant in self.variants.values())
        return frozenset(start.variant for start in starts if start)

    @cached_property
    def levels(self) -> Mapping[str, int]:
        """How many variants go before each, one after another: it starts from one, or takes what is decided by some.

        StudyError where this goes in a circle.
        """
        made_by = {decision.file: [each.name for each in decision.among] for decision in self.decisions.values()}
        before = {}
        for name, variant in self.variants.items():
            start = variant.run.starts_from
            before[name] = {other for file in variant.taken.files for other in made_by.get(file, ())}
            before[name] |= {start.variant} if start else set()
        levels: dict[str, int] = {}
        try:
            for name in TopologicalSorter(before).static_order():
                levels[name] = max((levels[other] + 1 for other in before[name]), default=0)
        except CycleError as error:
            raise StudyError(f"decisions: goes in a circle: {' -> '.join(error.args[1][::-1])}") from None
        return levels

    def runs(self) -> Iterator[PlannedRun]:
        """Yield every replicate that is trained as one, that is, not inside of a search."""
        for variant in self.variants.values():
            yield from self.runs_of(variant)

    def runs_of(self, variant: Variant) -> Iterator[PlannedRun]:
        """Yield the replicates of one variant; none where it searches."""
        for replicate in range(0 if variant.search else variant.replicates):
            yield self.run(variant, replicate)

    def run(self, variant: Variant, replicate: int) -> PlannedRun:
        """Return one replicate of a variant."""
        return PlannedRun(self.id, variant, replicate, self.paths.run_folder(self.id, variant.name))

    def searches(self) -> Iterator[PlannedSearch]:
        """Yield every search."""
        for variant in self.variants.values():
            yield from self.searches_of(variant)

    def searches_of(self, variant: Variant) -> Iterator[PlannedSearch]:
        """Yield the searches of one variant; none where it does not search."""
        for replicate in range(variant.replicates if variant.search else 0):
            yield self.search(variant.name, replicate)

    def search(self, name: str, replicate: int) -> PlannedSearch:
        """Return one search of a variant."""
        variant = self.variants[name]
        replay = variant.search.replay if variant.search else None
        own = self._rounds(variant, replicate)
        sources = self._rounds(self.variants[replay.of], replicate) if replay else own
        return PlannedSearch(self.id, variant, replicate, own, sources, self.paths.chosen(self.id, name, replicate))

    def _rounds(self, variant: Variant, replicate: int) -> tuple[str, ...]:
        numbers = range(1, len(variant.rounds) + 1)
        return tuple(self.paths.search_round(self.id, variant.name, replicate, number) for number in numbers)

    def jobs(self, replicates: int, runs: int) -> Iterator[TrainingJob]:
        """Yield the training jobs: blocks of so many ``replicates``, in order, up to so many ``runs`` a job.

        Blocks start at multiples of ``replicates``, so that more replicates leave those that are there alone. No job
        trains both a run and what starts from it or takes what is decided by it.
        """
        level = self.levels
        waiting: list[Block] = []
        room = runs
        for block in self._blocks(replicates):
            if waiting and (len(block.replicates) > room or level[block.variant.name] > level[waiting[0].variant.name]):
                yield TrainingJob(tuple(waiting))
                waiting, room = [], runs
            waiting.append(block)
            room -= len(block.replicates)
        if waiting:
            yield TrainingJob(tuple(waiting))

    def _blocks(self, size: int) -> Iterator[Block]:
        for variant in sorted(self.variants.values(), key=lambda variant: self.levels[variant.name]):
            for first in range(0, 0 if variant.search else variant.replicates, size):
                yield Block(variant, first, min(first + size, variant.replicates) - 1)


@dataclass(frozen=True)
class Study:
    """Everything that is to be run; ``broken`` are experiments with a mistake, by id, where others go on."""

    config: StudyConfig
    experiments: Mapping[str, Experiment]
    broken: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> Paths:
        """Names of files under the preset in force."""
        return Paths(self.config.preset)

    @property
    def is_preview(self) -> bool:
        """Whether verdicts come from reduced budgets."""
        return self.config.budget != PresetSpec()

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
            told = (
                ""
                if self.config.tracking.uri
                else " (from MLFLOW_TRACKING_URI)" * ("MLFLOW_TRACKING_URI" in os.environ)
            )
            raise StudyError(
                "config/config.yaml: tracking.live: many jobs at once need a tracking server (docs/tracking.md), "
                f"not {self.tracking_uri}{told}: set tracking.uri or MLFLOW_TRACKING_URI to http(s)://HOST:PORT"
            )
        return live

    def labels(self, experiment: Experiment) -> dict[str, str]:
        """Return the names for readers of the variants that an experiment's claims may name."""
        own = {name: variant.label for name, variant in experiment.variants.items()}
        for other in experiment.beside:
            own |= {f"{other}/{name}": variant.label for name, variant in self.experiments[other].variants.items()}
        return own

    def mirrored_as(self, experiment: str) -> str:
        """Return what an experiment is called in MLflow, where presets and studies may share a server."""
        return f"{self.config.tracking.prefix}{experiment}{self.paths.suffix}"

    @cached_property
    def jobs(self) -> Mapping[str, Mapping[str, TrainingJob]]:
        """The training jobs by experiment and name."""
        sizes = (self.config.replicates_per_job, self.config.runs_per_job)
        return {
            name: {job.name: job for job in experiment.jobs(*sizes)} for name, experiment in self.experiments.items()
        }

    def files(self) -> Iterator[str]:
        """Yield the name of every file that jobs leave for a finished study, but for the files of Snakemake."""
        paths = self.paths
        yield from (paths.settings, paths.claims(), paths.page)
        for experiment in self.experiments.values():
            for run in experiment.runs():
                yield from run.files
            for search in experiment.searches():
                yield from search.files
            yield from (paths.claims(experiment.id), paths.summary(experiment.id))
            yield from (paths.table(experiment.id, kind) for kind in TABLES)
            yield from (paths.figure(experiment.id, figure) for figure in experiment.figures)
            yield from (paths.printed(experiment.id, table) for table in experiment.tables)
            yield from (paths.tuning(experiment.id, of) for of in experiment.tunings)
            yield from (decision.file for decision in experiment.decisions.values())
            if experiment.timing:
                yield paths.times(experiment.id)

    def jobs_before(self, name: str, parts: Iterable[Block | PlannedSearch]) -> list[str]:
        """Return the records of the jobs that train what these parts of an experiment start from."""
        experiment = self.experiments[name]
        sources = (
            experiment.run(experiment.variants[start.variant], replicate)
            for part in parts
            if (start := part.variant.run.starts_from)
            for replicate in part.replicates
        )
        return sorted({self.job_of(source) for source in sources})

    def jobs_deciding(self, name: str, decision: str) -> list[str]:
        """Return the records of the jobs that train what a decision is made by."""
        experiment = self.experiments[name]
        among = experiment.decisions[decision].among
        return sorted({self.job_of(run) for variant in among for run in experiment.runs_of(variant)})

    def job_of(self, run: PlannedRun) -> str:
        """Return the record of the job that trains a run."""
        jobs = self.jobs[run.experiment].values()
        job = next(job for job in jobs if job.trains(run.variant.name, run.replicate))
        return self.paths.trained(run.experiment, job.name)
