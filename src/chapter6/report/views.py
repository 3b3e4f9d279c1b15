"""What the page shows, as plain data: whoever gathers results fills these in, templates read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

VERDICTS = ("supported", "contradicted", "undecided")

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


@dataclass(frozen=True)
class ClaimView:
    """A claim with its verdict, None where it was not judged; ``remark`` is Markdown."""

    id: str
    statement: str
    verdict: str | None = None
    sentence: str = ""
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    replicates: int | None = None
    parts: tuple[PartView, ...] = ()
    remark: str = ""

    @property
    def leading(self) -> PartView | None:
        """The part whose numbers are the claim's."""
        own = (self.verdict, self.estimate, self.low, self.high, self.replicates)
        parts = (p for p in self.parts if (p.verdict, p.estimate, p.low, p.high, p.replicates) == own)
        return next(parts, None)


@dataclass(frozen=True)
class FigureView:
    """A drawing as SVG text with its caption and its text for those who cannot see it."""

    svg: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class TableView:
    """A table of strings with its header."""

    columns: Row
    rows: tuple[Row, ...]


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
    figures: tuple[FigureView, ...] = ()
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
class PageView:
    """The whole page; ``introduction`` and ``method`` are Markdown, ``facts`` groups of names and values."""

    sections: tuple[SectionView, ...] = ()
    introduction: str = ""
    method: str = ""
    facts: tuple[tuple[str, tuple[Fact, ...]], ...] = ()
    commit: str = ""
    selection: tuple[str, ...] = ()
    is_preview: bool = False
    is_incomplete: bool = False

    @property
    def experiments(self) -> Iterator[ExperimentView]:
        """Every experiment, in the order of the page's sections."""
        return (experiment for section in self.sections for experiment in section.experiments)
