"""What jobs are told, each in a file of its own that a job's output must not be older than.

An order holds everything that its job's output depends on, digests of code included, and is written only where it
differs from what stands there. So a changed setting, claim or line of code makes its jobs due again, whatever became of
Snakemake's own records, and nothing else does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from chapter6.engine.timing import Task
from chapter6.files import read_json, write_json
from chapter6.registry import StudyError, build, plain
from chapter6.search.searches import Search
from chapter6.study.code import search_digest, source_digest, training_digest, tuning_digest
from chapter6.study.taken import Taken
from chapter6.study.tunings import PhaseName, Procedure

if TYPE_CHECKING:
    from chapter6.study.plan import PlannedSearch, Study, Timing, TrainingJob, Tuning

T = TypeVar("T")


@dataclass(frozen=True)
class Trained:
    """Replicates ``first`` to ``last`` of a variant; ``sources`` is the digest of the code that its run uses.

    One that ``keeps`` its final weights has others start from them.
    """

    variant: str
    first: int
    last: int
    taken: Taken
    sources: str
    keeps: bool = False


@dataclass(frozen=True)
class TrainingOrder:
    """What is to be trained, and by which code."""

    experiment: str
    seed: int
    blocks: tuple[Trained, ...]


@dataclass(frozen=True)
class TuningOrder:
    """Which numbers of a run are to be chosen and how, and what each phase trains.

    ``sources`` is the digest of the code that trains, ``rules`` of that which chooses.
    """

    experiment: str
    variant: str
    seed: int
    procedure: Procedure
    trained: Mapping[PhaseName, Taken]
    sources: str
    rules: str


@dataclass(frozen=True)
class TimingOrder:
    """Which variants are to be timed in turn with the one ``beside`` them, and how; ``key`` is the timing's."""

    key: str
    experiment: str
    seed: int
    beside: str
    variants: Mapping[str, Taken]
    tasks: tuple[Task, ...]
    updates: int
    rounds: int
    sources: str


@dataclass(frozen=True)
class SearchOrder:
    """Which search is meant: all its rounds, and the choice at its end, have the same order.

    ``runs`` is the folder of the runs of its experiment, from which its trials may start.
    """

    seed: int
    replicate: int
    taken: Taken
    search: Search
    sources: str
    runs: str = ""


def training(study: Study, experiment: str, job: TrainingJob) -> TrainingOrder:
    """Return the order of a training job."""
    kept = study.experiments[experiment].started_from
    blocks = tuple(
        Trained(v.name, block.first, block.last, v.taken, training_digest(v.run), v.name in kept)
        for block in job.blocks
        for v in (block.variant,)
    )
    return TrainingOrder(experiment, study.config.study_seed, blocks)


def tuning(study: Study, experiment: str, chosen: Tuning) -> TuningOrder:
    """Return the order of a tuning."""
    seed, sources = study.config.study_seed, training_digest(*(taken.run for taken in chosen.trained.values()))
    return TuningOrder(experiment, chosen.of.name, seed, chosen.procedure, chosen.trained, sources, tuning_digest())


def timing(study: Study, experiment: str, planned: Timing) -> TimingOrder:
    """Return the order of the job that times an experiment's variants."""
    spec, variants = planned.spec, {each.name: each.taken for each in planned.variants}
    digests = training_digest(*(each.run for each in planned.variants)) + source_digest("engine/timing.py")
    seed = study.config.study_seed
    how = (spec.tasks, spec.updates, spec.rounds)
    return TimingOrder(planned.key, experiment, seed, spec.beside, variants, *how, digests)


def searching(study: Study, planned: PlannedSearch) -> SearchOrder:
    """Return the order of the jobs of a search."""
    taken, seed, search = planned.variant.taken, study.config.study_seed, planned.search
    runs = study.paths.runs(planned.experiment) if taken.start else ""
    return SearchOrder(seed, planned.replicate, taken, search, search_digest(taken.run, search), runs)


def write_order(path: str, order: Any) -> str:
    """Write an order, a tree of dataclasses or plain data, where it is not what stands there; return its path."""
    if not _stands(path, order):
        write_json(path, plain(order))
    return path


def is_current(output: str, path: str, order: Any) -> bool:
    """Whether a job's output was made by this order, as far as its files tell."""
    place = Path(output)
    return place.exists() and _stands(path, order) and place.stat().st_mtime >= Path(path).stat().st_mtime


def _stands(path: str, order: Any) -> bool:
    try:
        return bool(read_json(path) == json.loads(json.dumps(plain(order))))
    except (OSError, ValueError):
        return False


def read_order(cls: type[T], path: Path) -> T:
    """Read an order."""
    try:
        order: Mapping[str, Any] = read_json(path)
        return build(cls, order)
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read ({error}); snakemake writes it when it starts") from None
