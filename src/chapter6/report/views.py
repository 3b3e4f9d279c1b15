"""What the page shows, as plain data: whoever gathers results fills these in, templates read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from chapter6.intervals import CONFIDENCE
from chapter6.records import ClaimRecord, PartRecord, Source, headline_of
from chapter6.report.sentences import Teller

VERDICTS = ("supported", "contradicted", "undecided")
STRENGTH = ("contradicted", "undecided", "supported")  # the weakest of a conjunction decides

Row = tuple[str, ...]
Fact = tuple[str, str]  # a name and its value


@dataclass(frozen=True)
class PartView:
    """One comparison of a claim; None where a number does not exist or is not finite.

    ``scale`` says what the numbers are: a value, a difference of two, or their ratio.
    """

    label: str
    verdict: str
    track: str = ""
    variants: tuple[str, ...] = ()
    metric: str = ""
    unit: str = ""
    scale: str = "value"
    margin: float | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    correction: str = ""
    replicates: int | None = None
    outcome: str = ""

    @classmethod
    def of(cls, part: PartRecord, told: Teller) -> PartView:
        """Return a part of a verdict in the words of a language."""
        known = {name.name for name in fields(cls)} - {"label", "outcome", "metric"}
        shown = {name: getattr(part, name) for name in known}
        metric = part.quantity.metric if part.quantity else ""
        return cls(told.label(part), outcome=told.outcome(part), metric=metric, **shown)


@dataclass(frozen=True)
class ClaimView:
    """A claim with its verdict, None where it was not judged; ``leading`` is the part that decides.

    ``replication`` is the chance that a fresh study gives another one, ``survives`` whether it stands where all
    headline verdicts of the study are corrected for their number. ``remark`` is Markdown. ``combine`` says how verdicts
    of parts make one: all of them must hold, any of them, or (empty) neither of these.
    """

    id: str
    statement: str
    verdict: str | None = None
    sentence: str = ""
    parts: tuple[PartView, ...] = ()
    leading: PartView | None = None
    replication: float | None = None
    survives: bool | None = None
    remark: str = ""
    combine: Literal["all_of", "any_of", ""] = "all_of"
    whose: Source = "source"

    def judged(self, record: ClaimRecord, told: Teller) -> ClaimView:
        """Return the claim with its verdict, in the words of a language."""
        parts = tuple(PartView.of(part, told) for part in record.parts)
        return replace(
            self,
            verdict=record.verdict,
            sentence=told.verdict(record),
            parts=parts,
            leading=parts[record.leading],
            replication=record.replication,
            survives=None if record.study_level is None else record.study_level <= 1 - CONFIDENCE,
        )

    @property
    def headline(self) -> str:
        """The claim that this is a reading of, or its own id."""
        return headline_of(self.id)

    @property
    def is_tuned(self) -> bool:
        """Whether settings behind it were tuned."""
        return any("tuned" in part.track for part in self.parts)

    @property
    def tracks(self) -> tuple[Fact, ...]:
        """Tracks with the verdicts that the claim has on each alone, where these disagree.

        A part that compares one track with another belongs to neither.
        """
        verdicts: dict[str, list[str]] = {}
        for part in self.parts:
            if part.track and " and " not in part.track:
                verdicts.setdefault(part.track, []).append(part.verdict)
        if not self.combine:
            return ()
        decisive = max if self.combine == "any_of" else min
        alone = {track: decisive(own, key=STRENGTH.index) for track, own in verdicts.items()}
        return tuple(alone.items()) if len(set(alone.values())) > 1 else ()


@dataclass(frozen=True)
class FigureView:
    """A drawing as SVG text with its caption and its text for those who cannot see it."""

    svg: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class PrintedView:
    """A table for readers as CSV, folded under its title, with its caption and the name of its file."""

    title: str
    csv: str
    caption: str = ""
    file: str = ""


@dataclass(frozen=True)
class TableView:
    """A table of strings with its header."""

    columns: Row
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class ChoicesView:
    """How some variants came by numbers of theirs: a summary, an explanation, and what was tried."""

    summary: str
    text: str
    table: TableView


@dataclass(frozen=True)
class SettingsView:
    """What all variants share, and what differs: by variant or, where those are many, by axis and level."""

    shared: tuple[Fact, ...] = ()
    differing: TableView | None = None
    variants: int = 0
    runs: int = 0


@dataclass(frozen=True)
class ExperimentView:
    """One experiment; ``missing`` names in words what could not be shown, ``notes`` what a reader must know.

    ``csv`` is the summary table as text, ``table`` the name of the file with every recorded value.
    """

    id: str
    title: str
    question: str
    settings: SettingsView = field(default_factory=SettingsView)
    choices: tuple[ChoicesView, ...] = ()
    figures: tuple[FigureView, ...] = ()
    printed: tuple[PrintedView, ...] = ()
    claims: tuple[ClaimView, ...] = ()
    csv: str = ""
    table: str = ""
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SectionView:
    """A section of the chapter: Markdown that places experiments, and the experiments."""

    id: str
    prose: str = ""
    experiments: tuple[ExperimentView, ...] = ()


@dataclass(frozen=True)
class RunsView:
    """Where MLflow shows the runs: its address, what experiments are called there, the command that starts it.

    A server needs no command.
    """

    address: str
    names: Mapping[str, str]
    command: str = ""


@dataclass(frozen=True)
class PageView:
    """The whole page; ``introduction`` and ``method`` are Markdown, ``facts`` groups of names and values.

    ``commit`` ends in ``-dirty`` where files were changed since; ``runs`` is None where MLflow shows none.
    """

    sections: tuple[SectionView, ...] = ()
    introduction: str = ""
    method: str = ""
    facts: tuple[tuple[str, tuple[Fact, ...]], ...] = ()
    commit: str = ""
    preset: str = "full"
    runs: RunsView | None = None
    selection: tuple[str, ...] = ()
    is_preview: bool = False
    is_incomplete: bool = False

    @property
    def checkout(self) -> str:
        """The commit as git takes it."""
        return self.commit.removesuffix("-dirty")

    @property
    def command(self) -> str:
        """What makes the page again."""
        by_make = {"full": "make study", "quick": "make quick"}
        return by_make.get(self.preset, f"snakemake --cores all --config preset={self.preset}")

    @property
    def experiments(self) -> Iterator[ExperimentView]:
        """Every experiment, in the order of the page's sections."""
        return (experiment for section in self.sections for experiment in section.experiments)
