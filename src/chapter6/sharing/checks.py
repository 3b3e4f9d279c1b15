"""Whether the files of a study hold together: what can be made again is made again, and compared.

Tables are made again from the curves, verdicts from the tables, by the settings in the same archive. So whoever
changes a number has to change everything that follows from it, down to the curves, whatever the hashes say.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html.parser import HTMLParser
from typing import Any

import numpy as np

from chapter6.analysis.claims import judge_claim, over_study
from chapter6.analysis.tables import summary_table
from chapter6.records import ClaimRecord
from chapter6.registry import StudyError, build, plain
from chapter6.settings import shortened
from chapter6.sharing.archive import Facts
from chapter6.sharing.contents import CONFIG, DATA, facts, names_of, study_in
from chapter6.sharing.rederivation import (
    Problems,
    read_table,
    short,
    summary_problems,
    table_problems,
    verdict_problems,
)
from chapter6.study.code import training_digest
from chapter6.study.decisions import decide, read_decided
from chapter6.study.gathering import resolved, tables_for, tables_of
from chapter6.study.paths import curves_file
from chapter6.study.plan import Experiment, PlannedRun, PlannedSearch, Study
from chapter6.study.results import Conditions, Files, UnreadableError, read_run
from chapter6.study.searches import best_of, read_chosen, read_round, read_rounds, read_trial_curves
from chapter6.study.tunings import read_tuned, replayed

MOST_NAMED = 3  # of files or runs with one problem
CHECKS = {
    "settings": "the settings can be read",
    "complete": "everything is there that the settings ask for, and nothing else",
    "runs": "the runs were made with these settings, and have their own curves",
    "tables": "the tables follow from the runs",
    "verdicts": "the verdicts follow from the tables",
    "page": "the page shows these verdicts",
    "manifest": "the manifest tells what the files tell",
}


@dataclass(frozen=True)
class Examined:
    """A study as read back from its files, and what is wrong with it, by check that was made."""

    study: Study | None
    problems: Mapping[str, Sequence[str]]

    @property
    def listed(self) -> list[str]:
        """Every problem as one line."""
        return [f"{check}: {text}" for check, texts in self.problems.items() for text in texts]


def examine(files: Files, stated: Facts, is_own: bool = False) -> Examined:
    """Check the files of a study; ``stated`` are the facts that the manifest tells.

    Of one's ``is_own`` study the runs must have been trained by the code that stands here.
    """
    try:
        study = study_in(files, stated.preset)
    except Exception as error:  # a stranger's settings pass through many hands
        return Examined(None, {"settings": [_told(error)]})
    checks: dict[str, Callable[[], Problems]] = {
        "complete": partial(_complete, study, files),
        "runs": partial(_runs, study, files, is_own),
        "tables": partial(_tables, study, files),
        "verdicts": partial(_verdicts, study, files),
        "page": partial(_page, study, files),
        "manifest": partial(_manifest, study, files, stated),
    }
    return Examined(study, {"settings": []} | {name: list(_guarded(check)) for name, check in checks.items()})


def _guarded(check: Callable[[], Problems], place: str = "") -> Problems:
    """Yield what a check finds; what it cannot even read is a finding too."""
    try:
        yield from check()
    except Exception as error:  # a stranger's bytes can make any library fail in any way
        yield f"{place}: {_told(error)}" if place else _told(error)


def _named(name: str, check: Callable[[], Problems]) -> Problems:
    for problem in _guarded(check):
        yield f"{name}: {problem}"


def _told(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    return str(error) if isinstance(error, StudyError | ValueError) else f"{type(error).__name__}: {error}"


def _each(study: Study, check: Callable[[Experiment], Problems]) -> Problems:
    for experiment in study.experiments.values():
        yield from _guarded(partial(check, experiment), experiment.id)


def _complete(study: Study, files: Files) -> Problems:
    wanted = dict.fromkeys(names_of(study))
    missing: dict[str, list[str]] = defaultdict(list)
    for name in wanted:
        if name not in files:
            missing[_group(study, name)].append(name)
    for group, names in missing.items():
        yield f"{group}: missing: {shortened(names, MOST_NAMED)}"
    if strange := [name for name in files if name not in wanted and name not in (CONFIG, DATA)]:
        yield f"not part of the study: {shortened(strange, MOST_NAMED)}"


def _group(study: Study, name: str) -> str:
    parts = {part.removesuffix(".json").removesuffix(".yaml") for part in name.split("/")}
    owner = next(
        (e for e in study.experiments if e in parts or name.startswith(study.paths.table(e).removesuffix("parquet"))),
        "",
    )
    return owner or "the study"


def _runs(study: Study, files: Files, same_code: bool) -> Problems:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    data = json.loads(files[DATA])["digest"] if DATA in files else None
    under = Conditions(study.config.study_seed, data, training_digest if same_code else None)
    used: set[str | None] = {data}
    for experiment in study.experiments.values():
        for planned in experiment.runs():
            if all(name in files for name in planned.files):
                for problem in _guarded(partial(_run, files, planned, under, used)):
                    found[experiment.id, problem].append(f"{planned.variant.name} {planned.replicate}")
    for (name, problem), names in found.items():
        yield f"{name}: {problem}: {shortened(names, MOST_NAMED)}"
    if len(digests := used - {None}) > 1:
        told = shortened(sorted(str(digest)[:12] for digest in digests), MOST_NAMED)
        yield f"not all runs have the same data: digests {told}"
    yield from _each(study, partial(_tunings, study, files))
    yield from _each(study, partial(_decisions, files, under))
    yield from _each(study, partial(_searches, files))


def _run(files: Files, planned: PlannedRun, under: Conditions, used: set[str | None]) -> Problems:
    try:
        record, _ = read_run(files, planned, resolved(planned.variant, files, planned.replicate), under)
    except UnreadableError as error:
        yield str(error.problem).removeprefix(f"{error.file}: ")
        return
    used.add(record.data)
    used.discard(None)


def _tunings(study: Study, files: Files, experiment: Experiment) -> Problems:
    """Compare what was chosen with what the scores of all candidates lead to."""
    for of, planned in experiment.tunings.items():
        name = study.paths.tuning(experiment.id, of)
        if name in files:
            tuned = read_tuned(files, name, planned)
            if tuned != replayed(tuned, planned.procedure):
                yield f"{name}: its choices are not those that its scores lead to"


def _decisions(files: Files, under: Conditions, experiment: Experiment) -> Problems:
    """Compare what was decided with what the runs lead to."""
    for decision in experiment.decisions.values():
        if decision.file in files and read_decided(files, decision) != decide(files, experiment, decision, under):
            yield f"{decision.file}: it is not what the runs of its variants lead to"


def _searches(files: Files, experiment: Experiment) -> Problems:
    for planned in experiment.searches():
        if all(name in files for name in (*planned.sources, *map(curves_file, planned.sources), planned.chosen)):
            source = planned.search.replay.of if planned.search.replay else planned.variant.name
            check = partial(_search, files, planned, experiment.variants[source].rounds)
            yield from _named(f"{experiment.id}: {planned.variant.name} {planned.replicate}", check)


def _search(files: Files, planned: PlannedSearch, sizes: Sequence[int]) -> Problems:
    """Compare rounds with what was planned, scores with curves, and what was chosen with what was tried."""
    search, chosen = planned.search, read_chosen(files, planned)
    by_round = [len(read_round(files, name).trials) for name in planned.sources]
    if by_round != list(sizes):
        yield f"rounds of {by_round} trials, and {list(sizes)} were planned"
    trials, curves = read_rounds(files, planned.sources), read_trial_curves(files, planned.sources)
    sign = 1 if search.metric == "accuracy" else -1
    for trial in trials:
        if not search.cube.holds(trial.values):
            yield f"trial {trial.number} lies outside of the space of the settings"
        _, values = curves.get(trial.number, {}).get(("validation", search.metric), (np.empty(0), np.empty(0)))
        last = sign * values[-1:][np.isfinite(values[-1:])]
        if trial.outcome == "finished" and last.size and trial.score != float(last[0]):
            yield f"trial {trial.number} has a score that its curve does not have"
    best = best_of(trials, set(map(int, chosen.stopped)))
    if (best.number, best.values, best.score) != (chosen.trial, chosen.values, chosen.score):
        yield f"trial {chosen.trial} was chosen, and trial {best.number} is the best"


def _tables(study: Study, files: Files) -> Problems:
    def check(experiment: Experiment) -> Problems:
        again = tables_of(files, experiment, Conditions(study.config.study_seed, sources=None))
        for kind, expected in again.items():
            name = study.paths.table(experiment.id, kind)
            if name in files:
                yield from _named(name, partial(table_problems, files[name], expected))
        name = study.paths.summary(experiment.id)
        if name in files:
            yield from _named(name, partial(summary_problems, files[name], summary_table(again[""])))

    yield from _each(study, check)


def _verdicts(study: Study, files: Files) -> Problems:
    gathered: list[Any] = []

    def check(experiment: Experiment) -> Problems:
        told = json.loads(files[study.paths.claims(experiment.id)])
        gathered.extend(told)
        tables = tables_for(experiment, study.paths, lambda name: read_table(files[name]))
        judged = [plain(judge_claim(claim, experiment.id, tables, study.is_preview)) for claim in experiment.claims]
        if [claim["id"] for claim in told] != [claim["id"] for claim in judged]:
            yield f"{experiment.id}: has other claims than its settings"
            return
        for claim, again in zip(told, judged, strict=True):
            yield from verdict_problems(claim, json.loads(json.dumps(again)))

    yield from _each(study, check)
    try:
        together = plain(over_study(build(ClaimRecord, claim) for claim in gathered))
        if json.loads(files[study.paths.claims()]) != together:
            yield f"{study.paths.claims()}: does not hold the same verdicts as the files of the experiments"
    except KeyError:
        yield f"{study.paths.claims()} is missing"


def _page(study: Study, files: Files) -> Problems:
    shown = _Shown()
    shown.feed(files[study.paths.page].decode())
    stated = {claim["id"]: claim["verdict"] for claim in json.loads(files[study.paths.claims()])}
    for claim in sorted(stated.keys() | shown.verdicts.keys()):
        here, there = shown.verdicts.get(claim, "nothing"), stated.get(claim, "nothing")
        if here != there:
            yield f"{claim}: the page shows {here!r}, and {study.paths.claims()} says {there!r}"


class _Shown(HTMLParser):
    """The verdicts that a page shows, by claim."""

    def __init__(self) -> None:
        super().__init__()
        self.verdicts: dict[str, str] = {}
        self._verdict = ""
        self._is_id = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = (dict(attrs).get("class") or "").split()
        if tag == "section" and classes[:1] == ["claim"]:
            self._verdict = " ".join(classes[1:])
        self._is_id = tag == "span" and classes == ["claim-id"]

    def handle_data(self, data: str) -> None:
        if self._is_id:
            self.verdicts.setdefault(data.strip(), self._verdict)
            self._is_id = False


def _manifest(study: Study, files: Files, stated: Facts) -> Problems:
    told = facts(study, files)
    for key in Facts.__dataclass_fields__:
        if getattr(told, key) != getattr(stated, key):
            yield f"{key}: {short(getattr(stated, key))} is stated, and the files tell {short(getattr(told, key))}"
