"""Write the report: everything that stands under the results, gathered into one page."""

from __future__ import annotations

import json
import logging
import re
import subprocess
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from chapter6.analysis.tables import flatten
from chapter6.files import read_json, write_text
from chapter6.jobs.common import add_study_argument, study_of
from chapter6.report.numbers import duration, exact, number
from chapter6.report.page import render_page
from chapter6.report.prose import remarks
from chapter6.report.settings import Level, VariantSettings, describe
from chapter6.report.strings import Strings, strings
from chapter6.report.views import (
    ClaimView,
    ExperimentView,
    Fact,
    FigureView,
    PageView,
    PartView,
    SectionView,
    SettingsView,
)
from chapter6.study.paths import replicate_files
from chapter6.study.plan import Experiment, Study, Variant
from chapter6.study.resolve import OWN_KEYS

log = logging.getLogger(__name__)

LIBRARIES = ("scipy", "pandas", "statsmodels", "matplotlib", "seaborn", "snakemake", "mlflow")
SECTIONS_BEYOND = ("A",)  # after the chapter's own, before sections that nobody foresaw
MOST_NAMES = 4

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
    write_text(output, render_page(page, args.text.name))
    missing = [experiment.id for experiment in page.experiments if experiment.missing]
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
            for name in in_order({experiment.section for experiment in study.experiments.values()})
        ),
        introduction=_text(text / "introduction.md"),
        method=_text(text / "method.md"),
        facts=_facts(study, [record for output in outputs for record in output.records], words),
        commit=commit(),
        selection=tuple(study.config.selected),
        is_preview=study.is_preview or any(claim.get("preview") for o in outputs for claim in o.claims),
        is_incomplete=is_incomplete,
    )


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

    Runs that are absent or belong to other settings make everything drawn from them stale: it is not shown.
    After a failed job (``is_incomplete``), neither is a file older than the runs.
    """

    study: Study
    experiment: Experiment
    results: Path
    is_incomplete: bool

    @property
    def records(self) -> list[Record]:
        """Records of the replicates that belong to the present settings."""
        return [record for runs in self.runs.values() for record in runs]

    @property
    def runs(self) -> dict[str, list[Record]]:
        """Records by variant."""
        return {variant.name: list(self._records(variant)) for variant in self.experiment.variants.values()}

    @property
    def unfinished(self) -> list[Variant]:
        """Variants of which a replicate is missing."""
        runs = self.runs
        return [v for v in self.experiment.variants.values() if len(runs[v.name]) < v.replicates]

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
        missing = [_unfinished(unfinished, len(self.experiment.variants), words)] if unfinished else []
        if not unfinished:
            text = words["outputs"]
            missing += [text["missing_figure"].format(name=n) for n, svg in drawings.items() if not svg]
            missing += [text["missing_claims"]] * any(c.id not in verdicts for c in spec.claims)
            missing += [text["missing_table"]] * (not csv)
        return ExperimentView(
            id=spec.id,
            title=spec.title,
            question=spec.question,
            settings=_settings(self.experiment, words),
            figures=tuple(
                FigureView(svg, self.experiment.figures[name].alt, self.experiment.figures[name].caption)
                for name, svg in drawings.items()
                if svg
            ),
            claims=tuple(_claim(c.id, c.says, verdicts.get(c.id, {}), said.get(c.id, "")) for c in spec.claims),
            csv=csv,
            table=paths.table(spec.id) if csv else "",
            missing=tuple(missing),
            notes=_notes(self.records, words),
        )

    def _drawings(self) -> dict[str, str | None]:
        paths, name = self.study.paths, self.experiment.id
        return {figure: self._read(paths.figure(name, figure)) for figure in self.experiment.figures}

    def _place(self, path: str) -> Path:
        """Return where a file of the study stands: its name holds the preset's folder, we look in ours."""
        return self.results / Path(path).relative_to(self.study.paths.results)

    def _records(self, variant: Variant) -> Iterator[Record]:
        folder = self.study.paths.run_folder(self.experiment.id, variant.name)
        plain = json.loads(variant.canonical)
        for replicate in range(variant.replicates):
            record = _read_json(self._place(replicate_files(folder, replicate)[1]))
            if record and record.get("run") == plain:
                yield record

    def _read(self, path: str) -> str | None:
        place = self._place(path)
        if not place.is_file() or (self.is_incomplete and self._is_stale(place)):
            return None
        return place.read_text(encoding="utf-8")

    def _json(self, path: str) -> Any:
        text = self._read(path)
        return None if text is None else json.loads(text)

    def _is_stale(self, place: Path) -> bool:
        folder = self._place(self.study.paths.run_folder(self.experiment.id, "x")).parent
        newest = max((file.stat().st_mtime for file in folder.glob("*/replicate-*.json")), default=0.0)
        return place.stat().st_mtime < newest


def _claim(name: str, says: str, verdict: Record, remark: str) -> ClaimView:
    """Return a claim as the page shows it; ``verdict`` is empty where it was not judged."""
    if not verdict:
        return ClaimView(name, says, remark=remark)
    return ClaimView(
        id=name,
        statement=verdict["statement"],
        verdict=verdict["verdict"],
        sentence=verdict.get("sentence") or "",
        **{key: verdict.get(key) for key in ("estimate", "low", "high", "replicates")},
        parts=tuple(_part(part) for part in verdict["parts"]),
        remark=remark,
    )


def _part(part: Record) -> PartView:
    """Return one comparison; its words may be absent or null."""
    names = ("label", "verdict", "track", "metric", "correction", "outcome", "unit", "scale")
    label, verdict, track, metric, correction, outcome, unit, scale = (str(part.get(name) or "") for name in names)
    return PartView(
        label=label,
        verdict=verdict,
        track=track,
        variants=tuple(part.get("variants") or ()),
        metric=metric,
        unit=unit,
        scale=scale,
        margin=part.get("margin"),
        estimate=part.get("estimate"),
        low=part.get("low"),
        high=part.get("high"),
        confidence=part.get("confidence"),
        correction=correction,
        replicates=part.get("replicates"),
        outcome=outcome,
    )


def _settings(experiment: Experiment, words: Strings) -> SettingsView:
    variants = [
        VariantSettings(v.label, v.track, v.replicates, flatten({k: x for k, x in v.run.items() if x is not None}))
        for v in experiment.variants.values()
    ]
    return describe(variants, list(_levels(experiment)), words)


def _levels(experiment: Experiment) -> Iterator[Level]:
    """Yield every level of the sweep, what it sets as its author wrote it."""
    for axis, levels in experiment.spec.sweep.items():
        if isinstance(levels, Mapping):
            for name, sets in levels.items():
                label = sets.get("label", name if isinstance(name, str) else exact(name))
                run = {key: value for key, value in sets.items() if key not in OWN_KEYS}
                yield Level(axis, str(label), _flat_levels(run))
        else:
            for value in levels:
                is_number = isinstance(value, int | float)
                yield Level(axis, exact(value) if is_number else str(value), {axis: value})


def _flat_levels(sets: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten as :func:`flatten` does, but keep ``{times: f}`` whole."""
    flat: dict[str, Any] = {}
    for key, value in sets.items():
        if isinstance(value, Mapping) and set(value) != {"times"}:
            if "kind" in value:
                flat[f"{prefix}{key}"] = value["kind"]
            rest = {name: item for name, item in value.items() if name != "kind"}
            flat |= _flat_levels(rest, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _unfinished(variants: Sequence[Variant], total: int, words: Strings) -> str:
    names = ", ".join(variant.name for variant in variants[:MOST_NAMES])
    names += ", ..." if len(variants) > MOST_NAMES else ""
    text = words["outputs"]["missing_runs"]
    return str(text.format(count=len(variants), total=total, names=names))


def _notes(records: Sequence[Record], words: Strings) -> tuple[str, ...]:
    diverged = sum(record["outcome"] == "diverged" for record in records)
    text = words["outputs"]["diverged"]
    return (str(text.format(count=number(diverged), total=number(len(records)))),) if diverged else ()


def _facts(study: Study, records: Sequence[Record], words: Strings) -> tuple[tuple[str, tuple[Fact, ...]], ...]:
    text = words["colophon"]
    groups = {
        text["study"]: _study_facts(study, records, text),
        text["data"]: _data_facts(study, records, text),
        text["machine"]: _machine_facts(records, text),
        text["software"]: _software_facts(records),
    }
    return tuple((title, tuple(facts)) for title, facts in groups.items() if facts)


def _study_facts(study: Study, records: Sequence[Record], text: Strings) -> list[Fact]:
    facts = [
        (text["preset"], study.config.preset),
        (text["seed"], str(study.config.study_seed)),
        (text["replicates"], str(study.config.budget.replicates or study.config.replicates)),
        (text["runs"], number(len(records))),
    ]
    if records:
        days = sorted({record["started"][:10] for record in records})
        facts.append((text["training"], duration(sum(record["seconds"] for record in records))))
        facts.append((text["trained"], days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"))
    facts.append((text["written"], datetime.now(UTC).date().isoformat()))
    return [*facts, (text["commit"], commit())] if commit() else facts


def _data_facts(study: Study, records: Sequence[Record], text: Strings) -> list[Fact]:
    stored = _read_json(Path(study.config.data.directory) / "digest.json")
    used = sorted({record["data"] for record in records if record.get("data")})
    facts = [(text["mnist"], digest) for digest in used]
    if stored and stored["digest"] in used:
        facts += [(f"{name}, SHA-256", file["sha256"]) for name, file in stored["files"].items()]
    return facts


def _machine_facts(records: Sequence[Record], text: Strings) -> list[Fact]:
    places = sorted({(r["environment"]["processor"], r["environment"]["machine"]) for r in records})
    return [fact for cpu, machine in places for fact in ((text["processor"], cpu), (text["architecture"], machine))]


def _software_facts(records: Sequence[Record]) -> list[Fact]:
    used = {name: sorted({r["environment"][name] for r in records}) for name in ("python", "numpy", "blas")}
    facts = [(name, ", ".join(versions)) for name, versions in used.items() if versions]
    return [("chapter6", version("chapter6")), *facts, *((name, version(name)) for name in LIBRARIES)]


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
