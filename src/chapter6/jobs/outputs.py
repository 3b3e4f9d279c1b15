"""What an experiment's jobs have left, and what of it belongs to the settings in force."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from chapter6.analysis.tables import flatten
from chapter6.files import read_json
from chapter6.registry import StudyError
from chapter6.report import searches
from chapter6.study.assemble import needs_mnist
from chapter6.study.paths import replicate_files
from chapter6.study.plan import Experiment, Study, Variant
from chapter6.study.records import identity
from chapter6.study.references import dereferenced, reference, with_references
from chapter6.study.sources import training_digest

log = logging.getLogger(__name__)

Record = Mapping[str, Any]


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

    @property
    def records(self) -> list[Record]:
        """Records of the replicates that belong to the present settings."""
        return [record for runs in self.runs.values() for record in runs]

    @cached_property
    def runs(self) -> dict[str, list[Record]]:
        """Records by variant; none for searches."""
        variants = [variant for variant in self.experiment.variants.values() if variant.search is None]
        return {variant.name: list(self._records(variant)) for variant in variants}

    @cached_property
    def chosen(self) -> dict[str, list[Record]]:
        """What each finished search chose, by variant."""
        variants = [variant for variant in self.experiment.variants.values() if variant.search]
        return {variant.name: list(self._chosen(variant)) for variant in variants}

    @cached_property
    def trials(self) -> list[Record]:
        """Every trial of every search."""
        return [
            trial
            for variant in self.experiment.variants.values()
            for replicate in range(variant.replicates)
            for trials in self._rounds(variant, replicate)
            for trial in trials
        ]

    @cached_property
    def tuned(self) -> list[searches.Tuned]:
        """What tuning came to, of variants for which it is finished."""
        found = []
        for tuning in self.experiment.tunings.values():
            own = float(flatten(tuning.of.run)[tuning.parameter])
            factors = sorted(candidate / own for candidate in tuning.candidates)
            record = json_or_none(self._place(self.study.paths.tuning(self.experiment.id, tuning.of.name)))
            found.append(searches.Tuned(tuning.of.label, own, factors, record or {}))
        return [tuned for tuned in found if tuned.fits]

    @property
    def unfinished(self) -> list[Variant]:
        """Variants of which a replicate is missing."""
        found = self.runs | self.chosen
        return [v for v in self.experiment.variants.values() if len(found[v.name]) < v.replicates]

    def run(self, variant: Variant) -> Any:
        """Return the variant's run with what it takes from files, as its records have it; None without these."""
        try:
            return dereferenced(with_references(json.loads(variant.canonical), self._reference))
        except StudyError:
            return None

    @property
    def claims(self) -> list[Record]:
        """Verdicts, in the order of the file; after a failed job none where it cannot be read."""
        file = self.study.paths.claims(self.experiment.id)
        try:
            found = json.loads(self.text(file) or "[]")
            if not isinstance(found, list) or not all(isinstance(claim, dict) and "id" in claim for claim in found):
                raise ValueError("not a list of verdicts")
        except (OSError, ValueError) as error:
            if not self.is_incomplete:
                raise StudyError(f"{file}: cannot be read ({error})") from None
            log.warning("%s: cannot be read (%s), left out", file, error)
            return []
        return found

    def text(self, path: str) -> str | None:
        """Return the content of one of the study's files; None where there is none, or an older one than its runs."""
        place = self._place(path)
        if not place.is_file() or (self.is_incomplete and self._is_stale(place)):
            return None
        return place.read_text(encoding="utf-8")

    def _reference(self, file: str, key: str) -> dict[str, str]:
        return reference(str(self._place(file)), key)

    def _place(self, path: str) -> Path:
        """Return where a file of the study stands: its name holds the preset's folder, we look in ours."""
        return self.results / Path(path).relative_to(self.study.paths.results)

    def _records(self, variant: Variant) -> Iterator[Record]:
        folder = self.study.paths.run_folder(self.experiment.id, variant.name)
        run = self.run(variant)
        for replicate in range(variant.replicates) if run else ():
            record = json_or_none(self._place(replicate_files(folder, replicate)[1]))
            if record and record.get("run") == run and record.get("key") == self._key(record, replicate):
                yield record

    def _key(self, record: Record, replicate: int) -> str:
        """Return the key that the record of a replicate has if it is a current one."""
        sources = training_digest() if self.is_incomplete else record.get("sources", "")
        data = (self._data or record.get("data")) if needs_mnist(record["run"]) else None
        return identity(record["run"], self.study.config.study_seed, replicate, data, sources)

    @cached_property
    def _data(self) -> str | None:
        """The digest of the data set, where it is at hand."""
        found = json_or_none(Path(self.study.config.data.directory) / "digest.json")
        return found.get("digest") if found else None

    def _chosen(self, variant: Variant) -> Iterator[Record]:
        assert variant.search is not None
        space = variant.search["space"]
        for replicate in range(variant.replicates):
            record = json_or_none(self._place(self.study.paths.chosen(self.experiment.id, variant.name, replicate)))
            is_whole = [len(trials) for trials in self._rounds(variant, replicate)] == variant.rounds
            if record and is_whole and searches.lies_in(record["values"], space):
                yield record

    def _rounds(self, variant: Variant, replicate: int) -> Iterator[Sequence[Record]]:
        """Yield the trials of each round of a search; a replay has none of its own."""
        for position in range(1, len(variant.rounds) + 1):
            file = self.study.paths.search_round(self.experiment.id, variant.name, replicate, position)
            yield (json_or_none(self._place(file)) or {"trials": ()})["trials"]

    def _is_stale(self, place: Path) -> bool:
        runs = self._place(self.study.paths.run_folder(self.experiment.id, "x")).parent
        found = self._place(self.study.paths.chosen(self.experiment.id, "x", 0)).parents[2]
        files = [*runs.glob("*/replicate-*.json"), *found.glob("*/search-*/*.json")]
        return place.stat().st_mtime < max((file.stat().st_mtime for file in files), default=0.0)


def json_or_none(path: Path) -> Any:
    """Read a JSON file; None where there is none or only half of one."""
    try:
        return read_json(path)
    except (OSError, ValueError):
        return None
