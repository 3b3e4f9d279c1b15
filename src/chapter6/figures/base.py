"""What figures and tables share, and the family of figures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chapter6.figures import style
from chapter6.metrics import Split
from chapter6.registry import Family

if TYPE_CHECKING:
    import matplotlib.figure
    from pandas import DataFrame

Splits = Split | tuple[Split, ...]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the page shows of an experiment's tables, a figure or a table.

    ``variants`` chooses variants by name or glob (none given: all), in the order of the experiment's file.
    """

    caption: str = ""
    variants: tuple[str, ...] = ()

    def metrics_named(self) -> set[tuple[str, str]]:
        """Return the (split, metric) pairs the tables must hold; a layer's metric may end in ``layer-*``."""
        metric, splits = getattr(self, "metric", ""), as_tuple(getattr(self, "split", ()))
        return {(split, metric) for split in splits if metric}

    def variants_named(self) -> tuple[str, ...]:
        """Return the variants, names or globs, that the experiment must have."""
        return self.variants

    def axes_named(self) -> set[str]:
        """Return the axes of the sweep (or dotted parameters) by which it is laid out."""
        return set()

    @abstractmethod
    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return exactly what is shown, from the experiment's tables (curves, settings, runs, histograms, trials)."""


@dataclass(frozen=True, kw_only=True)
class Figure(Shown, Family):
    """A figure of one experiment; ``title`` stands above the drawing, ``caption`` below it in the page."""

    title: str = ""

    @property
    def alt(self) -> str:
        """The figure in words, for those who cannot see it."""
        return (
            ". ".join(part.strip().rstrip(".") for part in (self.title, self.caption) if part)
            or (type(self).__doc__ or "").partition(".")[0].partition(":")[0]
        )

    @abstractmethod
    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        """Draw ``data``."""

    def draw(self, tables: Mapping[str, DataFrame]) -> matplotlib.figure.Figure:
        """Return the drawing of the experiment's tables (curves, settings, runs, histograms)."""
        with style.theme():
            figure = self.plot(self.data(tables))
            if self.title:
                figure.suptitle(self.title, x=0.01, ha="left")
            figure.set_label(self.alt)
        return figure


def as_tuple(splits: Splits) -> tuple[Split, ...]:
    """Return one split or several as a tuple."""
    return (splits,) if isinstance(splits, str) else splits
