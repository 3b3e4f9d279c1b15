"""Searches: their trials' results, the best trials' curves, and the best so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from chapter6.figures import panels, selection, style
from chapter6.figures.base import Figure, Splits, as_tuple
from chapter6.intervals import by_group
from chapter6.metrics import Split, metric_of
from chapter6.registry import Count, Index, StudyError
from chapter6.settings import key_among

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes
    from pandas import DataFrame, Series

KEYS = ["variant", "replicate", "trial"]


def results(tables: Mapping[str, DataFrame], metric: str, split: Split, variants: Sequence[str]) -> DataFrame:
    """Return variant, replicate, trial, value: every trial's final value, NaN where it diverged, in order."""
    rows = selection.rows_of(tables["curves"], metric, [split], variants, of_trials=True)
    last = rows.sort_values("step", kind="stable").groupby(KEYS, sort=False)["value"].last().reset_index()
    runs = selection.trials(tables["runs"])
    runs = runs[runs["variant"].isin(variants)]
    values = runs[[*KEYS, "outcome"]].merge(last, on=KEYS, how="left")
    values["value"] = values["value"].where(values["outcome"] == "finished")
    order = values.assign(order=values["variant"].map(variants.index)).sort_values(["order", *KEYS[1:]], kind="stable")
    return order.drop(columns=["order", "outcome"]).reset_index(drop=True)


def settings_of(tables: Mapping[str, DataFrame], parameters: Iterable[str] = ()) -> DataFrame:
    """Return variant, replicate, trial, round and one column for each hyper-parameter that was searched."""
    if "trials" not in tables:
        raise StudyError("trials: the experiment is no search, it has no table of trials")
    wide = tables["trials"].pivot_table(index=[*KEYS, "round"], columns="parameter", values="value").reset_index()
    wide.columns.name = None
    searched = [str(name) for name in wide.columns.difference([*KEYS, "round"], sort=False)]
    for parameter in parameters:
        wide = wide.rename(columns={key_among(searched, parameter, "parameter"): parameter})
    return wide


def of_search(values: DataFrame, replicate: int) -> DataFrame:
    """Return the rows of one search."""
    known = sorted(int(number) for number in values["replicate"].unique())
    if replicate not in known:
        raise StudyError(f"replicate: there is no search {replicate}; choose from {known}")
    return values[values["replicate"] == replicate]


def ranks(values: Series[float], metric: str) -> Series[float]:
    """Return 1 for the best value, the first of equals; NaN for trials that diverged."""
    return values.rank(method="first", ascending=metric_of(metric).better == "lower")


@dataclass(frozen=True, kw_only=True)
class BestTrials(Figure, key="best_trials"):
    """The curves of a search's best trials, best first: a panel a trial, its settings and result in the heading.

    The trials are ranked by their final ``metric`` on the first ``split``, drawn solid; other splits are
    dashed. ``replicate`` says which search; of several variants the best of all are shown. ``x: epoch`` divides
    updates by ``updates_per_epoch`` (0: the distance at which the metric was recorded).
    """

    metric: str
    split: Splits = ("validation", "train")
    best: Count = 20
    replicate: Index = 0
    x: Literal["step", "epoch"] = "step"
    updates_per_epoch: Index = 0
    per_row: Count = 5

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return rank, variant, label, trial, result, settings (as text), split, x, value."""
        splits = as_tuple(self.split)
        variants = selection.choose(tables["settings"], self.variants)
        found = of_search(results(tables, self.metric, splits[0], variants), self.replicate)
        found = found.rename(columns={"value": "result"})
        found = found.assign(rank=ranks(found["result"], self.metric)).sort_values("rank")
        found = found[found["rank"] <= self.best].astype({"rank": int})
        points = settings_of(tables).drop(columns="round")
        searched = [str(name) for name in points.columns.difference(KEYS, sort=False)]
        found = found.merge(points, on=KEYS)
        texts = [_settings_text(searched, values) for values in found[searched].to_numpy()]
        found = found.drop(columns=searched)
        names = selection.labels(tables["settings"])
        found = found.assign(settings=texts, label=found["variant"].map(names))
        rows = selection.rows_of(tables["curves"], self.metric, splits, variants, of_trials=True)
        rows = rows[rows["step"].isin(selection.thin(rows["step"], selection.POINTS // 3))]
        rows = rows.assign(order=rows["split"].map(splits.index)).sort_values(["order", "step"], kind="stable")
        shown = found.merge(rows[[*KEYS, "split", "step", "value"]], on=KEYS).drop(columns="replicate")
        return shown.assign(
            x=shown.pop("step") / selection.updates_a_unit(self.x, self.updates_per_epoch, rows["step"])
        )

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        groups = list(data.groupby("rank"))
        figure, axes = panels.small_multiples(max(1, len(groups)), self.per_row, height=1.75)
        looks = style.looks(list(data["variant"].unique()))
        for ax, (rank, rows) in zip(axes, groups, strict=False):
            self._draw_trial(ax, rows, looks[rows["variant"].iloc[0]].color)
            label = f"\n{rows['label'].iloc[0]}" if len(looks) > 1 else ""
            result = style.number(rows["result"].iloc[0], self.metric)
            ax.set_title(f"Best-{rank}:  {result}{label}\n{rows['settings'].iloc[0]}", fontsize=9, linespacing=1.25)
        if not groups:
            axes[0].text(0.5, 0.5, "every trial diverged", transform=axes[0].transAxes, ha="center")
        if metric_of(self.metric).is_share:
            axes[0].set_ylim(-0.03, 1.03)
        panels.share_axis(axes[0], self.metric)
        panels.name_axes(axes, "epochs" if self.x == "epoch" else "updates", style.metric_name(self.metric))
        panels.legend(figure, self._keys(data, looks), len(groups) + 1)
        return figure

    def _draw_trial(self, ax: Axes, rows: DataFrame, color: str) -> None:
        for split, curve in rows.groupby("split", sort=False):
            ax.plot(curve["x"], curve["value"], **self._line(str(split), color))

    def _line(self, split: str, color: str) -> dict[str, Any]:
        """Return how a split is drawn: the first one solid, in front."""
        if split == as_tuple(self.split)[0]:
            return {"color": color, "linestyle": "-", "zorder": 4}
        return {"color": style.MUTED, "linestyle": (0, (4, 2)), "zorder": 3}

    def _keys(self, data: DataFrame, looks: Mapping[str, style.Look]) -> list[Any]:
        names = data.drop_duplicates("variant").set_index("variant")["label"]
        keys = [panels.key(names[key], color=looks[key].color) for key in names.index if len(names) > 1]
        color = looks[names.index[0]].color if len(names) == 1 else style.INK
        splits = as_tuple(self.split)
        return keys + [panels.key(style.SPLIT_NAMES[split], **self._line(split, color)) for split in splits]


def _settings_text(names: Sequence[str], values: Iterable[float]) -> str:
    return "\n".join(f"{style.symbol(name)} {style.number(value)}" for name, value in zip(names, values, strict=True))


@dataclass(frozen=True, kw_only=True)
class BestSoFar(Figure, key="best_so_far"):
    """The best value so far against the number of trials: mean over searches, a line with a 95 % t band a strategy.

    A trial that diverged counts as chance.
    """

    metric: str
    split: Split = "validation"

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return line, label, trials (how many), mean, low, high, replicates (searches)."""
        settings = tables["settings"]
        variants = selection.choose(settings, self.variants)
        values = results(tables, self.metric, self.split, variants)
        runs = tables["runs"].drop_duplicates("variant").set_index("variant").to_dict("index")
        worst = {name: metric_of(self.metric).after_divergence(runs[name]) for name in variants}
        values["value"] = values["value"].fillna(values["variant"].map(worst))
        searches = values.groupby(["variant", "replicate"], sort=False)["value"]
        so_far = searches.cummin() if metric_of(self.metric).better == "lower" else searches.cummax()
        values = values.assign(value=so_far, trials=searches.cumcount() + 1).dropna(subset="value")
        placed = selection.place(settings, variants).drop(columns=["panel", "x"])
        shown = by_group(values, ["variant", "trials"], share=metric_of(self.metric).is_share)
        return placed.merge(shown, on="variant").drop(columns="variant")

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        """Draw steps, as the best changes only where a trial ends."""
        figure, (ax,) = panels.small_multiples(1)
        groups = list(data.groupby("line", sort=False))
        looks = style.looks([str(line) for line, _ in groups])
        for position, (line, rows) in enumerate(groups):
            look = looks[str(line)]
            every = max(1, len(rows) // 8)
            options: dict[str, Any] = {"markevery": (min(position, len(rows) - 1), every), "drawstyle": "steps-post"}
            ax.plot(rows["trials"], rows["mean"], color=look.color, marker=look.marker, zorder=3, **options)
            ax.fill_between(
                rows["trials"], rows["low"], rows["high"], step="post", color=look.color, alpha=0.12, linewidth=0
            )
        panels.share_axis(ax, self.metric)
        last = int(data["trials"].max()) if len(data) else 1
        ax.set_xlim(1 - 0.02 * last, 1.02 * last)
        ax.set(xlabel="trials", ylabel=f"best {style.metric_name(self.metric, [self.split])} so far")
        panels.legend(figure, panels.line_keys(data, looks))
        return figure
