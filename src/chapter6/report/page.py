"""The page: views and prose in, one self-contained HTML document out."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from csv import reader
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib.resources import files
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from chapter6.report import numbers, pictures, prose
from chapter6.report.prose import Link
from chapter6.report.strings import Strings, strings
from chapter6.report.views import VERDICTS, ClaimView, ExperimentView, PageView, PartView, TableView

MLFLOW = "/#/experiments?experimentSearchFilter="  # of MLflow's UI
MOST_ROWS = 40  # of final values shown in the page; the rest is in the file
MOST_PRINTED = 12  # rows of a claim's comparisons that are also printed


@dataclass(frozen=True)
class Placed:
    """A stretch of text, an experiment with its reading guide, or a list of claims."""

    html: Markup
    experiment: ExperimentView | None = None
    claims: tuple[ClaimView, ...] = ()


@dataclass(frozen=True)
class Part:
    """A part of the page ready for its template: a section, the introduction, the method."""

    anchor: str
    title: str
    blocks: tuple[Placed, ...]
    links: tuple[Link, ...] = ()


class Anchors:
    """Hands out ids that stand once in the page: experiments and claims first, then everything else."""

    def __init__(self, page: PageView) -> None:
        self._taken: set[str] = set()
        self._experiments = {experiment.id: self.take(experiment.id) for experiment in page.experiments}
        claims = [claim for experiment in page.experiments for claim in experiment.claims]
        self._claims = {id(claim): self.take(claim.id) for claim in claims}
        self._by_id: dict[str, ClaimView] = {}
        for claim in claims:
            self._by_id.setdefault(claim.id, claim)  # of two with one id the first
        self._homes = {id(claim): experiment for experiment in page.experiments for claim in experiment.claims}

    def take(self, wanted: str) -> str:
        """Return ``wanted``, or the next free name like it."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}-{number}"
        self._taken.add(name)
        return name

    def experiment(self, experiment: ExperimentView) -> str:
        """Return the anchor of an experiment."""
        return self._experiments[experiment.id]

    def claim(self, claim: ClaimView) -> str:
        """Return the anchor of a claim."""
        return self._claims[id(claim)]

    def claims(self, names: Sequence[str]) -> tuple[ClaimView, ...]:
        """Return the claims of these names that are on the page, without readings of one that is among them."""
        found = [self._by_id[name] for name in names if name in self._by_id]
        return tuple(claim for claim in found if self.leads(claim) or claim.headline not in names)

    def home(self, claim: ClaimView) -> ExperimentView:
        """Return the experiment that judges a claim."""
        return self._homes[id(claim)]

    def leads(self, claim: ClaimView) -> bool:
        """Whether a claim is shown by itself: a headline, or a reading of one that is not on the page."""
        return claim.id == claim.headline or claim.headline not in self._by_id

    def shown_elsewhere(self, experiment: ExperimentView) -> tuple[ClaimView, ...]:
        """Return the readings that an experiment judges of claims that others judge."""
        others = (claim for claim in experiment.claims if not self.leads(claim))
        return tuple(claim for claim in others if self.home(self._by_id[claim.headline]) is not experiment)

    def readings(self, claim: ClaimView) -> tuple[ClaimView, ...]:
        """Return the further readings of a headline, whichever experiment judges them."""
        return tuple(each for each in self._by_id.values() if each.headline == claim.id != each.id)


def render_page(page: PageView, language: str = "en") -> str:
    """Return the page as HTML (well-formed XML at the same time)."""
    words, anchors = strings(language), Anchors(page)
    style = (files(__package__) / "static/page.css").read_text(encoding="utf-8")
    opening = _part("introduction", page.introduction, words["introduction"], (), anchors)
    overview, colophon = anchors.take("claims"), anchors.take("colophon")
    sections = [
        _part(f"section-{s.id}", s.prose, words["section"].get(s.id, s.id), s.experiments, anchors)
        for s in page.sections
    ]
    method = _part("method", page.method, words["method"], (), anchors)
    sections = [*([opening] if opening.blocks else []), *sections, *([method] if method.blocks else [])]
    contents = [
        Link(overview, words["overview"]["title"]),
        *(Link(part.anchor, part.title, part.links) for part in sections),
        Link(colophon, words["colophon"]["title"]),
    ]
    return (
        _environment(words, anchors)
        .get_template("page.html.j2")
        .render(
            page=page,
            style=Markup(style),
            style_hash=b64encode(sha256(style.encode()).digest()).decode(),
            contents=contents,
            sections=sections,
            overview_anchor=overview,
            colophon_anchor=colophon,
            by_verdict=_by_verdict(sections, anchors),
            incomplete=[experiment for experiment in page.experiments if experiment.missing],
        )
    )


def _part(anchor: str, markdown: str, title: str, experiments: Sequence[ExperimentView], anchors: Anchors) -> Part:
    """Put text and experiments in order; experiments that no text places follow at the end."""
    anchor = anchors.take(anchor)
    text = prose.read(markdown, anchor, anchors.take)
    blocks: list[Placed] = []
    links: list[Link] = []
    waiting = {experiment.id: experiment for experiment in experiments}
    for block in [*text.blocks, *(prose.Block("", experiment=name) for name in waiting)]:
        experiment = waiting.pop(block.experiment, None)
        if block.experiment and experiment is None:
            continue  # not part of this study, or placed before
        claims = anchors.claims(block.claims)
        if block.claims and not claims:
            continue
        blocks.append(Placed(Markup(block.html), experiment, claims))
        links += block.headings
        if experiment:
            links.append(Link(anchors.experiment(experiment), experiment.title, is_experiment=True))
    return Part(anchor, text.title or title, tuple(blocks), tuple(links))


def _by_verdict(sections: Sequence[Part], anchors: Anchors) -> dict[str, list[ClaimView]]:
    """Sort headlines under their verdicts, in the order of the page; ``not_judged`` only where there are such."""
    experiments = [block.experiment for section in sections for block in section.blocks if block.experiment]
    sorted_claims: dict[str, list[ClaimView]] = {verdict: [] for verdict in VERDICTS}
    for claim in (claim for experiment in experiments for claim in experiment.claims if anchors.leads(claim)):
        sorted_claims.setdefault(claim.verdict or "not_judged", []).append(claim)
    return sorted_claims


def final_values(csv: str) -> TableView | None:
    """Return the summary table for readers, its numbers rounded; None where it is too long to be read."""
    return table_of(csv) if 1 < len(csv.splitlines()) <= MOST_ROWS + 1 else None


def table_of(csv: str) -> TableView:
    """Return a table for readers, its numbers rounded."""
    rows = list(reader(csv.splitlines()))
    return TableView(tuple(rows[0]), tuple(tuple(_rounded(cell) for cell in row) for row in rows[1:]))


def _rounded(cell: str) -> str:
    try:
        return numbers.exact(float(f"{float(cell):.4g}"))
    except ValueError:
        return cell or numbers.NOTHING


def _environment(words: Strings, anchors: Anchors) -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        t=words,
        anchor_of=anchors.experiment,
        claim_anchor=anchors.claim,
        home_of=anchors.home,
        leads=anchors.leads,
        shown_elsewhere=anchors.shown_elsewhere,
        readings_of=anchors.readings,
        drawing=lambda svg, alt: Markup(pictures.inlined(svg, anchors.take("drawing") + ".", alt)),
        interval=numbers.interval,
        measured=partial(_measured, words["unit"]),
        final_values=final_values,
        table_of=table_of,
        mlflow=lambda runs, experiment: runs.address + MLFLOW + quote(runs.names[experiment], safe=""),
        download=lambda text: "data:text/csv;charset=utf-8;base64," + b64encode(text.encode()).decode(),
        most_printed=MOST_PRINTED,
    )
    environment.filters.update(
        number=numbers.number,
        percent=numbers.percent,
        size=numbers.size,
        tied=prose.tied,
        inline=lambda text: Markup(prose.inline(text)),
        markdown=lambda text: Markup(prose.to_html(text)),
    )
    return environment


def _measured(units: Mapping[str, str], part: PartView, *values: float | None) -> str:
    """Write a part's numbers with their unit: shares in per cent, differences in points."""
    shown = values or (part.estimate, part.low, part.high)
    is_share = part.unit == "share"
    scaled = [value if value is None or not is_share else 100 * value for value in shown]
    text = numbers.interval(*scaled) if len(scaled) == 3 else numbers.exact(scaled[0])
    key = "ratio" if part.scale == "ratio" else f"share_{part.scale}" if is_share else part.unit
    unit = units.get(key, key)
    return f"{text} {unit}" if unit and shown[0] is not None else text
