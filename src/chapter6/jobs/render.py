"""Write the report: everything that stands under the results, gathered into one page."""

from __future__ import annotations

import json
import logging
import re
import subprocess
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from chapter6.analysis.claims import Claim
from chapter6.analysis.tables import flatten
from chapter6.files import read_json, write_text
from chapter6.jobs.common import add_study_argument, study_of
from chapter6.jobs.where import runs_in_mlflow
from chapter6.registry import StudyError
from chapter6.report import searches
from chapter6.report.colophon import Made, facts
from chapter6.report.numbers import number
from chapter6.report.page import render_page
from chapter6.report.prose import places_experiments, remarks
from chapter6.report.settings import VariantSettings, describe, levels
from chapter6.report.strings import Strings, strings
from chapter6.report.verdicts import claim_view
from chapter6.report.views import (
    ExperimentView,
    Fact,
    FigureView,
    PageView,
    SectionView,
    SettingsView,
    TuningView,
)
from chapter6.study.paths import replicate_files
from chapter6.study.plan import Experiment, Study, Variant
from chapter6.study.references import dereferenced, reference
from chapter6.study.resolve import OWN_KEYS

log = logging.getLogger(__name__)

SECTIONS_BEYOND = ("A",)  # after the chapter's own, before sections that nobody foresaw
NO_SECTIONS = ("introduction", "method", "remarks")  # prose that stands elsewhere

Record = Mapping[str, Any]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_study_argument(parser)
    parser.add_argument("--results", type=Path, help="folder of results (default: the study's)")
    parser.add_argument("--output", type=Path, help="the page (default: the study's)")
    parser.add_argument(
        "--text", default="reports/text/en", type=Path, help="folder of the prose, named by its language"
    )
    parser.add_argument("--incomplete", action="store_true", help="a job failed: say so, show what there is")


def run(args: Namespace) -> None:
    """Gather the results and write the page."""
    study = study_of(args)
    results, output = args.results or Path(study.paths.results), args.output or Path(study.paths.page)
    page = gather(study, results, args.text, args.incomplete)
    missing = [experiment.id for experiment in page.experiments if experiment.missing]
    if args.incomplete and output.exists() and not missing:
        log.info("%s is complete: what failed came after it", output)
        return
    write_text(output, render_page(page, args.text.name))
    log.info("wrote %s%s", output, f", without all of {', '.join(missing)}" if missing else "")


def gather(study: Study, results: Path, text: Path, is_incomplete: bool = False) -> PageView:
    """Return what the page shows of ``results``, its prose read from the folder ``text``."""
    words = strings(text.name)
    outputs = [_Outputs(study, experiment, results, is_incomplete) for experiment in study.experiments.values()]
    said = remarks(_text(text / "remarks.md"))
    views = {output.experiment.id: output.view(words, said) for output in outputs}
    return PageView(
        sections=tuple(
            SectionView(
                name,
                _text(text / f"{name}.md"),
                tuple(views[e.id] for e in study.experiments.values() if e.section == name),
            )
            for name in in_order(_sections(study, text))
        ),
        introduction=_text(text / "introduction.md"),
        method=_text(text / "method.md"),
        facts=_facts(study, outputs, words),
        commit=commit(),
        preset=study.config.preset,
        runs=runs_in_mlflow(study),
        selection=tuple(study.config.selected),
        is_preview=study.is_preview or any(claim.get("preview") for o in outputs for claim in o.claims),
        is_incomplete=is_incomplete,
    )


def _sections(study: Study, text: Path) -> set[str]:
    """Return the sections with experiments and, unless the study is a selection, those that need none."""
    sections = {experiment.section for experiment in study.experiments.values()}
    if study.config.selected:
        return sections
    own = {path.stem for path in text.glob("*.md")} - {*NO_SECTIONS, *sections}
    return sections | {name for name in own if not places_experiments(_text(text / f"{name}.md"))}


def in_order(sections: Iterable[str]) -> list[str]:
    """Sort sections as the chapter does: 6.1 to 6.10, what lies beyond it, then any other."""

    def place(section: str) -> tuple[Any, ...]:
        if re.fullmatch(r"\d+(\.\d+)*", section):
            return 0, [int(part) for part in section.split(".")], section
        return (1 if section in SECTIONS_BEYOND else 2), [], section

    return sorted(sections, key=place)


@dataclass(frozen=True)
class _Outputs:
    """What an experiment's jobs have left under ``results``.

    Runs and searches that are absent or belong to other settings make everything drawn from them stale: it is not
    shown. After a failed job (``is_incomplete``), neither is a file older than the runs.
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
            record = _read_json(self._place(self.study.paths.tuning(self.experiment.id, tuning.of.name)))
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
            return dereferenced(_with_references(json.loads(variant.canonical), self._reference))
        except StudyError:
            return None

    @property
    def claims(self) -> list[Record]:
        """Verdicts, in the order of the file."""
        return list(self._json(self.study.paths.claims(self.experiment.id)) or [])

    def view(self, words: Strings, said: Mapping[str, str]) -> ExperimentView:
        """Return the experiment as the page shows it."""
        spec, paths, unfinished = self.experiment.spec, self.study.paths, self.unfinished
        drawings = {} if unfinished else self._drawings()
        verdicts = {} if unfinished else {claim["id"]: claim for claim in self.claims}
        csv = "" if unfinished else self._read(paths.summary(spec.id)) or ""
        missing = [_unfinished(unfinished, self.experiment, words)] if unfinished else []
        if not unfinished:
            text = words["outputs"]
            missing += [text["missing_figure"].format(name=n) for n, svg in drawings.items() if not svg]
            missing += [text["missing_claims"]] * any(c.id not in verdicts for c in spec.claims)
            missing += [text["missing_table"]] * (not csv)
        return ExperimentView(
            id=spec.id,
            title=spec.title,
            question=spec.question,
            settings=self._settings(words),
            tuning=self._tuning(words),
            figures=tuple(
                FigureView(svg, self.experiment.figures[name].alt, self.experiment.figures[name].caption)
                for name, svg in drawings.items()
                if svg
            ),
            claims=tuple(
                claim_view(c.id, c.says, verdicts.get(c.id, {}), said.get(c.id, ""), _combine(c))
                for c in self.experiment.claims
            ),
            csv=csv,
            table=paths.table(spec.id) if csv else "",
            missing=tuple(missing),
            notes=tuple(self._notes(words)),
        )

    def _settings(self, words: Strings) -> SettingsView:
        variants = [self._variant_settings(variant, words) for variant in self.experiment.variants.values()]
        return describe(variants, list(levels(self.experiment.spec.sweep, OWN_KEYS)), words)

    def _variant_settings(self, variant: Variant, words: Strings) -> VariantSettings:
        run = self.run(variant) or _with_references(variant.run, lambda _: words["settings"]["untuned"])
        flat = flatten({key: value for key, value in run.items() if value is not None})
        own = (variant.label, variant.track, variant.replicates)
        if variant.search is None:
            return VariantSettings(*own, flat)
        flat |= searches.search_settings(variant.search, variant.rounds)
        return VariantSettings(*own, flat, searches.trainings(variant.search))

    def _tuning(self, words: Strings) -> TuningView | None:
        tuning = next(iter(self.experiment.tunings.values()), None)
        return searches.tuning_view(tuning.parameter, tuning.run, self.tuned, words) if tuning and self.tuned else None

    def _notes(self, words: Strings) -> Iterator[str]:
        """Yield what a reader must know: what diverged, and which optimum may lie outside of what was tried."""
        for kind, ended in (("outputs", self.records), ("search", self.trials)):
            diverged = sum(each["outcome"] == "diverged" for each in ended)
            if diverged:
                yield words[kind]["diverged"].format(count=number(diverged), total=number(len(ended)))
        if self.tuned:
            parameter = next(iter(self.experiment.tunings.values())).parameter
            yield from searches.tuning_notes(parameter, self.tuned, words)
        variants = self.experiment.variants
        chosen = {variants[name].label: found for name, found in self.chosen.items() if found and variants[name].rounds}
        yield from searches.edge_notes(chosen, words)

    def _drawings(self) -> dict[str, str | None]:
        paths, name = self.study.paths, self.experiment.id
        return {figure: self._read(paths.figure(name, figure)) for figure in self.experiment.figures}

    def _reference(self, place: str) -> dict[str, str]:
        file, _, key = place.partition("#")
        return reference(str(self._place(file)), key)

    def _place(self, path: str) -> Path:
        """Return where a file of the study stands: its name holds the preset's folder, we look in ours."""
        return self.results / Path(path).relative_to(self.study.paths.results)

    def _records(self, variant: Variant) -> Iterator[Record]:
        folder = self.study.paths.run_folder(self.experiment.id, variant.name)
        run = self.run(variant)
        for replicate in range(variant.replicates) if run else ():
            record = _read_json(self._place(replicate_files(folder, replicate)[1]))
            if record and record.get("run") == run:
                yield record

    def _chosen(self, variant: Variant) -> Iterator[Record]:
        assert variant.search is not None
        space = variant.search["space"]
        for replicate in range(variant.replicates):
            record = _read_json(self._place(self.study.paths.chosen(self.experiment.id, variant.name, replicate)))
            is_whole = [len(trials) for trials in self._rounds(variant, replicate)] == variant.rounds
            if record and is_whole and searches.lies_in(record["values"], space):
                yield record

    def _rounds(self, variant: Variant, replicate: int) -> Iterator[Sequence[Record]]:
        """Yield the trials of each round of a search; a replay has none of its own."""
        for position in range(1, len(variant.rounds) + 1):
            file = self.study.paths.search_round(self.experiment.id, variant.name, replicate, position)
            yield (_read_json(self._place(file)) or {"trials": ()})["trials"]

    def _read(self, path: str) -> str | None:
        place = self._place(path)
        if not place.is_file() or (self.is_incomplete and self._is_stale(place)):
            return None
        return place.read_text(encoding="utf-8")

    def _json(self, path: str) -> Any:
        text = self._read(path)
        return None if text is None else json.loads(text)

    def _is_stale(self, place: Path) -> bool:
        runs = self._place(self.study.paths.run_folder(self.experiment.id, "x")).parent
        found = self._place(self.study.paths.chosen(self.experiment.id, "x", 0)).parents[2]
        files = [*runs.glob("*/replicate-*.json"), *found.glob("*/search-*/*.json")]
        return place.stat().st_mtime < max((file.stat().st_mtime for file in files), default=0.0)


def _with_references(value: Any, changed: Callable[[str], Any]) -> Any:
    """Return ``value`` with every reference to a file replaced by what ``changed`` makes of it."""
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"from"}:
        return changed(value["from"])
    return {key: _with_references(item, changed) for key, item in value.items()}


def _combine(claim: Claim) -> Literal["all_of", "any_of", ""]:
    """Return how the claim's parts make its verdict, empty where they are counted."""
    is_counted = any(check.needs for check in claim.checks)
    return "" if is_counted or claim.combine == "share_of" else claim.combine


def _unfinished(variants: Sequence[Variant], experiment: Experiment, words: Strings) -> str:
    names = searches.some([variant.name for variant in variants])
    text = words["outputs"]["missing_searches" if experiment.spec.search else "missing_runs"]
    return str(text.format(count=len(variants), total=len(experiment.variants), names=names))


def _facts(study: Study, outputs: Sequence[_Outputs], words: Strings) -> tuple[tuple[str, tuple[Fact, ...]], ...]:
    config, text = study.config, words["colophon"]
    made = Made(
        records=[record for output in outputs for record in output.records],
        trials=sum(len(output.trials) for output in outputs),
        commit=commit(),
        mnist=_read_json(Path(config.data.directory) / "digest.json"),
    )
    asked = (
        (text["preset"], config.preset),
        (text["seed"], str(config.study_seed)),
        (text["replicates"], str(config.budget.replicates or config.replicates)),
    )
    return facts(made, asked, text)


def commit() -> str:
    """Return the commit the page was written from, ``-dirty`` with changes; nothing outside a clone."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _read_json(path: Path) -> Any:
    """Read a JSON file; None where there is none or only half of one."""
    try:
        return read_json(path)
    except (OSError, ValueError):
        return None
