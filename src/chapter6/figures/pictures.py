"""Pictures: what a network sees of images, rows of variants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import MinLen

from chapter6.figures import panels, selection
from chapter6.figures.base import Figure
from chapter6.metrics import Split
from chapter6.registry import StudyError

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class Pictures(Figure):
    """Recorded pictures of the first replicate: a row a variant, a column for each of those that are ``shown``.

    ``shown`` names pictures, or patterns such as ``input-*``, and ``lines`` the axis of the sweep that rows are named
    by. Each picture runs from black at its least value to white at its largest, which are written under it.
    """

    shown: Annotated[tuple[str, ...], MinLen(1)] = ("*",)
    split: Split = "train"
    at: Literal["first", "last"] = "last"
    lines: str = ""

    def axes_named(self) -> set[str]:
        return {self.lines} - {""}

    def metrics_named(self) -> set[tuple[str, str]]:
        return {(self.split, f"picture/{pattern}") for pattern in self.shown}

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return variant, label, picture, row, column, value."""
        from pandas import concat

        settings, pictures = tables["settings"], tables["pictures"]
        pictures = pictures[pictures["split"] == self.split]
        pictures = pictures.assign(picture=pictures["metric"].str.removeprefix("picture/"))
        parts = []
        placed = selection.place(settings, selection.choose(settings, self.variants), lines=self.lines)
        for variant, label in zip(placed["variant"], placed["label"], strict=True):
            own = pictures[pictures["variant"] == variant]
            own = selection.at(own[own["replicate"] == own["replicate"].min()], self.at)
            for name in self._chosen(own["picture"].unique()):
                pixels = own.loc[own["picture"] == name, ["picture", "row", "column", "value"]]
                parts.append(pixels.assign(variant=variant, label=label))
        return concat(parts, ignore_index=True)

    def _chosen(self, known: Iterable[str]) -> list[str]:
        """Return the names of the pictures that are shown, in the order in which they are asked for."""
        known = list(known)
        chosen = dict.fromkeys(name for pattern in self.shown for name in known if fnmatchcase(name, pattern))
        if not chosen:
            raise StudyError(f"shown: no picture {', '.join(self.shown)}; choose from {sorted(known)}")
        return list(chosen)

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        labels = data.groupby("variant", sort=False)["label"].first()
        names = list(data["picture"].unique())
        figure = panels.sheet(1.2 * len(labels) + 0.3, layout="constrained")
        axes = figure.subplots(len(labels), len(names), squeeze=False)
        for ax in axes.flat:
            ax.set(xticks=[], yticks=[])
            ax.grid(visible=False)
        for (variant, name), pixels in data.groupby(["variant", "picture"], sort=False):
            here: Axes = axes[list(labels.index).index(variant), names.index(name)]
            image = pixels.pivot_table(index="row", columns="column", values="value").to_numpy()
            here.imshow(image, cmap="gray", interpolation="nearest")
            here.set_xlabel(f"{pixels['value'].min():.3g} to {pixels['value'].max():.3g}", fontsize=8)
        for ax, name in zip(axes[0], names, strict=True):
            ax.set_title(name.replace("-", " "))
        for ax, label in zip(axes[:, 0], labels, strict=True):
            ax.set_ylabel(label, rotation=0, ha="right", va="center")
        return figure
