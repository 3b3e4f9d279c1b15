"""Write the report: everything that stands under the results, gathered into one page."""

from __future__ import annotations

import logging
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chapter6.analysis.claims import Claim, over_study
from chapter6.files import write_text
from chapter6.jobs.common import add_study_argument, commit, json_or_none, study_of
from chapter6.jobs.locate import runs_in_mlflow
from chapter6.jobs.outputs import Outputs
from chapter6.records import ClaimRecord
from chapter6.registry import plain
from chapter6.report import searches
from chapter6.report.colophon import Made, facts
from chapter6.report.numbers import number
from chapter6.report.page import render_page
from chapter6.report.prose import places_experiments, remarks
from chapter6.report.sentences import Teller, teller
from chapter6.report.settings import VariantSettings, describe, levels
from chapter6.report.strings import Strings, strings
from chapter6.report.views import (
    ChoicesView,
    ClaimView,
    ExperimentView,
    Fact,
    FigureView,
    PageView,
    PrintedView,
    SectionView,
    SettingsView,
)
from chapter6.settings import flatten
from chapter6.study.decisions import Decided
from chapter6.study.drafts import OWN_KEYS
from chapter6.study.plan import Decision, Experiment, Study, Variant
from chapter6.study.resolution import short_key, written

log = logging.getLogger(__name__)

SECTIONS_BEYOND = ("A",)  # after the chapter's own, before sections that nobody foresaw
NO_SECTIONS = ("introduction", "method", "remarks")  # prose that stands elsewhere


def add_arguments(parser: ArgumentParser) -> None:
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
    judged = over_study(claim for output in outputs if not output.unfinished for claim in output.claims)
    verdicts = {record.id: record for record in judged}
    views = {output.experiment.id: output.view(text.name, said, verdicts) for output in outputs}
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
        is_preview=study.is_preview or any(record.preview for record in judged),
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


class _Outputs(Outputs):
    """What an experiment's jobs have left, as the page shows it."""

    def view(self, language: str, said: Mapping[str, str], verdicts: Mapping[str, ClaimRecord]) -> ExperimentView:
        """Return the experiment as the page shows it."""
        words, told = strings(language), teller(language, self.study.labels(self.experiment))
        spec, paths, unfinished = self.experiment.spec, self.study.paths, self.unfinished
        drawings = {} if unfinished else {n: self.text(paths.figure(spec.id, n)) for n in self.experiment.figures}
        printed = {} if unfinished else {n: self.text(paths.printed(spec.id, n)) for n in self.experiment.tables}
        csv = "" if unfinished else self.text(paths.summary(spec.id)) or ""
        missing = [_unfinished(unfinished, self.experiment, words)] if unfinished else []
        if not unfinished:
            text = words["outputs"]
            missing += [text["missing_figure"].format(name=n) for n, svg in drawings.items() if not svg]
            missing += [text["missing_printed"].format(name=n) for n, table in printed.items() if not table]
            missing += [text["missing_claims"]] * any(c.id not in verdicts for c in spec.claims)
            missing += [text["missing_table"]] * (not csv)
        return ExperimentView(
            id=spec.id,
            title=spec.title,
            question=spec.question,
            settings=self._settings(words),
            choices=tuple(self._choices(words, told)),
            figures=tuple(
                FigureView(svg, figure.alt, figure.caption)
                for name, figure in self.experiment.figures.items()
                if (svg := drawings.get(name))
            ),
            printed=tuple(
                PrintedView(table.title, text, table.caption, f"{spec.id}-{name}.csv")
                for name, table in self.experiment.tables.items()
                if (text := printed.get(name))
            ),
            claims=tuple(
                _claim(claim, verdicts.get(claim.id), said.get(claim.id, ""), told) for claim in self.experiment.claims
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
        run = self.run(variant)
        flat = flatten({key: value for key, value in written(run or variant.run).items() if value is not None})
        flat |= {} if run else {short_key(key): words["settings"]["untuned"] for key in variant.taken.takes}
        own = (variant.label, variant.track, variant.replicates)
        if variant.search is None:
            return VariantSettings(*own, flat)
        space = {short_key(key): plain(dimension) for key, dimension in variant.search.space.items()}
        flat |= space | searches.search_settings(plain(variant.search), variant.rounds)
        return VariantSettings(*own, flat, variant.search.trainings)

    @property
    def _tuned(self) -> list[searches.Tuned]:
        """What was chosen, each variant once for each quantity."""
        return [
            searches.Tuned(tuning.of.label, tuning.procedure.rate.own, track, plain(tuned))
            for tuning, tuned in self.tuned
            for track in tuned.choices
        ]

    def _choices(self, words: Strings, told: Teller) -> Iterator[ChoicesView]:
        if self.tuned:
            tuning = self.tuned[0][0]
            phases = [
                searches.Phase(name, phase.spacing, tuning.trained[name].run.steps, phase.seeds)
                for name, phase in tuning.procedure.phases.items()
            ]
            yield searches.tuning_view(short_key(tuning.procedure.rate.key), phases, self._tuned, words)
        if self.decided:
            yield searches.decisions_view([_decided(*each, told) for each in self.decided], words)

    def _notes(self, words: Strings) -> Iterator[str]:
        """Yield what a reader must know: what diverged, and which optimum may lie outside of what was tried."""
        for kind, ended in (("outputs", self.records), ("search", self.trials)):
            diverged = sum(each.outcome == "diverged" for each in ended)
            if diverged:
                yield words[kind]["diverged"].format(count=number(diverged), total=number(len(ended)))
        if self.tuned:
            key = short_key(self.tuned[0][0].procedure.rate.key)
            yield from searches.tuning_notes(key, self._tuned, words)
        variants = self.experiment.variants
        chosen = {
            variants[name].label: [each.edges for each in found]
            for name, found in self.chosen.items()
            if found and variants[name].rounds
        }
        yield from searches.edge_notes(chosen, words)


def _decided(decision: Decision, decided: Decided, told: Teller) -> searches.DecidedOf:
    by, labels = told.quantity(decision.spec.by.quantity), {variant.name: variant.label for variant in decision.among}
    return searches.DecidedOf(decision.name, by, plain(decision.spec.rule), labels, plain(decided))


def _claim(claim: Claim, record: ClaimRecord | None, remark: str, told: Teller) -> ClaimView:
    is_counted = any(check.needs for check in claim.checks)
    combine = "" if is_counted or claim.combine == "share_of" else claim.combine
    view = ClaimView(claim.id, claim.says, remark=remark, combine=combine, whose=claim.whose)
    return view.judged(record, told) if record else view


def _unfinished(variants: Sequence[Variant], experiment: Experiment, words: Strings) -> str:
    names = searches.some([variant.name for variant in variants])
    text = words["outputs"]["missing_searches" if experiment.spec.search else "missing_runs"]
    return str(text.format(count=len(variants), total=len(experiment.variants), names=names))


def _facts(study: Study, outputs: Sequence[_Outputs], words: Strings) -> tuple[tuple[str, tuple[Fact, ...]], ...]:
    config, text = study.config, words["colophon"]
    made = Made(
        records=[vars(record) for output in outputs for record in output.records],
        trials=sum(len(output.trials) for output in outputs),
        commit=commit(),
        dataset=json_or_none(Path(config.data.directory) / "digest.json"),
    )
    asked = (
        (text["preset"], config.preset),
        (text["seed"], str(config.study_seed)),
        (text["replicates"], str(config.budget.replicates or config.replicates)),
    )
    return facts(made, asked, text)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
