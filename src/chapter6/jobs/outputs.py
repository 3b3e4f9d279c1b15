"""What an experiment's jobs have left, and what of it belongs to the settings in force."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from chapter6.engine.run import Run
from chapter6.jobs.common import conditions
from chapter6.records import ClaimRecord
from chapter6.registry import StudyError, build
from chapter6.study.decisions import Decided, read_decided
from chapter6.study.gathering import resolved
from chapter6.study.plan import Decision, Experiment, PlannedSearch, Study, Tuning, Variant
from chapter6.study.results import Conditions, Folder, RunRecord, UnreadableError, read_record
from chapter6.study.searches import Chosen, Trial, read_chosen, read_round
from chapter6.study.tunings import Tuned, read_tuned

log = logging.getLogger(__name__)

Record = Mapping[str, Any]
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Outputs:
    """What an experiment's jobs have left under ``results``.

    Runs and searches that are absent or belong to other settings, another seed or other data make everything drawn from
    them stale: it is not shown. After a failed job (``is_incomplete``), neither is a file older than the runs, and runs
    of other code are as if absent.
    """

    study: Study
    experiment: Experiment
    results: Path
    is_incomplete: bool

    @cached_property
    def files(self) -> Folder:
        """What there is, by its name in the study: that holds the preset's folder, we look in ours."""
        root = f"{self.study.paths.results}/"
        return Folder({n: self.results / n.removeprefix(root) for n in self.study.files() if n.startswith(root)})

    @property
    def records(self) -> list[RunRecord]:
        """Records of the replicates that belong to the present settings."""
        return [record for runs in self.runs.values() for record in runs]

    @cached_property
    def runs(self) -> dict[str, list[RunRecord]]:
        """Records by variant; none for searches."""
        return {v.name: list(self._records(v)) for v in self.experiment.variants.values() if v.search is None}

    @cached_property
    def chosen(self) -> dict[str, list[Chosen]]:
        """What each finished search chose, by variant."""
        return {v.name: list(self._chosen(v)) for v in self.experiment.variants.values() if v.search}

    @cached_property
    def trials(self) -> list[Trial]:
        """Every trial of every search."""
        return [t for planned in self.experiment.searches() for trials in self._rounds(planned) for t in trials]

    @cached_property
    def tuned(self) -> list[tuple[Tuning, Tuned]]:
        """What tuning came to, of variants for which it is finished."""
        files = {self.study.paths.tuning(self.experiment.id, of): t for of, t in self.experiment.tunings.items()}
        found = [(tuning, _readable(read_tuned, self.files, file, tuning)) for file, tuning in files.items()]
        return [(tuning, tuned) for tuning, tuned in found if tuned]

    @cached_property
    def decided(self) -> list[tuple[Decision, Decided]]:
        """What decisions came to, those that are made."""
        found = [(each, _readable(read_decided, self.files, each)) for each in self.experiment.decisions.values()]
        return [(decision, decided) for decision, decided in found if decided]

    @property
    def unfinished(self) -> list[Variant]:
        """Variants of which a replicate is missing."""
        found = self.runs | self.chosen
        return [v for v in self.experiment.variants.values() if len(found[v.name]) < v.replicates]

    def run(self, variant: Variant, replicate: int = 0) -> Run | None:
        """Return the run of one of a variant's replicates with what it takes from files; None without these."""
        try:
            return resolved(variant, self.files, replicate)
        except StudyError:
            return None

    @property
    def claims(self) -> list[ClaimRecord]:
        """Verdicts, in the order of the file; after a failed job none where it cannot be read."""
        file = self.study.paths.claims(self.experiment.id)
        try:
            found = json.loads(self.text(file) or "[]")
            if not isinstance(found, list):
                raise ValueError("not a list of verdicts")
            return [build(ClaimRecord, claim) for claim in found]
        except (OSError, ValueError, StudyError) as error:
            if not self.is_incomplete:
                raise StudyError(f"{file}: cannot be read ({error})") from None
            log.warning("%s: cannot be read (%s), left out", file, error)
            return []

    def text(self, path: str) -> str | None:
        """Return the content of one of the study's files; None where there is none, or an older one than its runs."""
        place = self.results / Path(path).relative_to(self.study.paths.results)
        if not place.is_file() or (self.is_incomplete and place.stat().st_mtime < self._latest):
            return None
        return place.read_text(encoding="utf-8")

    @cached_property
    def _latest(self) -> float:
        """When the last run or search of the experiment was written."""
        runs = [name for planned in self.experiment.runs() for name in planned.files]
        searches = [name for planned in self.experiment.searches() for name in planned.files]
        times = [self.files.place(name).stat().st_mtime for name in (*runs, *searches) if name in self.files]
        return max(times, default=0.0)

    def _records(self, variant: Variant) -> Iterator[RunRecord]:
        for planned in self.experiment.runs_of(variant):
            run = self.run(variant, planned.replicate)
            if run and (record := _readable(read_record, self.files, planned, run, self._under)):
                yield record

    @cached_property
    def _under(self) -> Conditions:
        return conditions(self.study, is_strict=self.is_incomplete)

    def _chosen(self, variant: Variant) -> Iterator[Chosen]:
        for planned in self.experiment.searches_of(variant):
            chosen = _readable(read_chosen, self.files, planned)
            is_whole = [len(trials) for trials in self._rounds(planned)] == variant.rounds
            if chosen and is_whole and planned.search.cube.holds(chosen.values):
                yield chosen

    def _rounds(self, planned: PlannedSearch) -> Iterator[tuple[Trial, ...]]:
        """Yield the trials of each round of a search; a replay has none of its own."""
        for file in planned.rounds:
            found = _readable(read_round, self.files, file)
            yield found.trials if found else ()


def _readable(read: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T | None:
    """Return what is read; None where that is missing, damaged, or belongs to something else."""
    try:
        return read(*arguments, **named)
    except UnreadableError:
        return None
