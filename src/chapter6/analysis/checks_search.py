"""Checks on searches: which hyper-parameters matter, where the good trials lie, whether rounds improve.

A replicate of a search is a whole search, so each gives one number. Whether one strategy beats another is an
`Ordering` (of ``best/accuracy``, or of the chosen point's test accuracy), and the trials that it needs are a
`TimeToTarget` on ``best/accuracy``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chapter6.analysis.checks_base import Bounded, Check, Measured, OneOrMore
from chapter6.analysis.checks_settings import Better, direction_of
from chapter6.analysis.comparisons import Comparison, Demand, Numbers, compared
from chapter6.analysis.runs import read_runs
from chapter6.analysis.samples import UNBOUNDED, Bounds, Sample
from chapter6.analysis.variant_data import VariantData, aligned, names, ranks
from chapter6.intervals import Array
from chapter6.metrics import Transform, metric_of, recorded_key
from chapter6.records import Side
from chapter6.registry import Count, Share
from chapter6.settings import has_key, key_among

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Search:
    """One search, an entry a trial: outcomes, rounds (1, 2, ...) and every hyper-parameter."""

    outcomes: Array
    rounds: Array
    parameters: dict[str, Array]

    def along(self, parameter: str) -> Array | None:
        """The trials' values of a hyper-parameter; None where it was not searched."""
        known = self.parameters
        return known[key_among(known, parameter)] if has_key(known, parameter) else None

    def best(self, count: int, better: Better) -> NDArray[np.intp]:
        """Indices of the best trials."""
        order = np.argsort(self.outcomes, kind="stable")
        return order[::-1][:count] if better == "higher" else order[:count]


@dataclass(frozen=True, kw_only=True)
class OfTrials(Measured):
    """The outcome of a trial, and the strategies whose searches are looked at."""

    variants: OneOrMore = "*"

    def __post_init__(self) -> None:
        super().__post_init__()
        if (own := recorded_key(self.metric)) != self.metric:
            self.refuse(f"metric: name a trial's own, {own!r}, not {self.metric!r}")

    def variants_named(self) -> set[str]:
        """Return the strategies."""
        return set(names(self.variants))

    @property
    def better(self) -> Better:
        """Whether a good trial has a high or a low number."""
        return metric_of(self.metric).better

    def searches(self, data: VariantData, variant: str) -> dict[int, Search]:
        """The searches of a strategy, by replicate."""
        if "trials" not in data.tables:
            return {}
        outcomes: dict[int, dict[int, float]] = {}
        for run, outcome in read_runs(data.tables, self.quantity, [variant]).items():
            outcomes.setdefault(run.replicate, {})[run.trial] = outcome
        trials = data.tables["trials"]
        own = trials[trials["variant"] == variant]
        found = {number: _search(own[own["replicate"] == number], outcome) for number, outcome in outcomes.items()}
        return {number: search for number, search in sorted(found.items()) if search.outcomes.size}

    def judged(
        self,
        data: VariantData,
        variant: str,
        demand: Demand,
        own: dict[int, float],
        against: dict[int, float] | None = None,
        transform: Transform = "identity",
        bounds: Bounds = UNBOUNDED,
        **told: Any,
    ) -> Comparison:
        """A number of each search, or its difference from a second one."""
        sides = {"own": own} if against is None else {"own": own, "against": against}
        values, *rivals = aligned(sides, *sides)
        sample = compared(demand, values, *rivals, bounds=bounds) if rivals else Sample(values, transform=transform)
        return Numbers(data, self.quantity, {variant: own}).comparison(demand, sample, (variant,), **told)


@dataclass(frozen=True, kw_only=True)
class ExplainedVariance(OfTrials, Check, key="explained_variance"):
    """One hyper-parameter explains more of the variance of the trials' outcomes than each other one.

    A search's share is epsilon squared, 1 - (within / (n - k)) / (total / (n - 1)), of a one-way analysis of
    variance over k quantile bins of the hyper-parameter: the variance between bins, less what k bins would
    explain by chance. Quantile bins need no model of the response and do not ask whether the axis is
    logarithmic. Interactions are counted to neither.
    """

    parameter: str
    than: OneOrMore
    bins: Count = 5
    margin: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bins < 2:
            self.refuse(f"bins: 2 or more are needed, not {self.bins}")

    def comparisons(self, data: VariantData) -> list[Comparison]:
        return [
            self.judged(
                data,
                variant,
                self.beyond("greater", self.margin),
                self._shares(searches, self.parameter),
                self._shares(searches, other),
                subject=Side("parameter", (self.parameter,)),
                rival=Side("parameter", (other,)),
                strategy=variant,
                unit="share",
            )
            for variant in data.expand(self.variants)
            for searches in [self.searches(data, variant)]
            for other in names(self.than)
        ]

    def _shares(self, searches: dict[int, Search], parameter: str) -> dict[int, float]:
        return {
            replicate: explained(values, search.outcomes, self.bins)
            for replicate, search in searches.items()
            if (values := search.along(parameter)) is not None
        }


@dataclass(frozen=True, kw_only=True)
class Band(OfTrials, Bounded, Check):
    """Where the ``best`` trials of a search lie along a hyper-parameter.

    ``of: width`` is the width, in decades, of the band that holds the central ``coverage`` of them, as a
    share of that of all trials (which stand for the prior, so search at random); ``low`` and ``high`` are its
    ends, in the parameter's unit. ``of: edge`` is how near they lie to an edge of the range: the median over
    them of the share of trials between them and the nearer edge (0 to 0.5).
    """

    parameter: str
    best: Count = 20
    coverage: Share = 0.8
    of: Literal["width", "low", "high", "edge"] = "width"

    def comparisons(self, data: VariantData) -> list[Comparison]:
        return [
            self.judged(
                data,
                variant,
                self.demand(self.claimed, self.level, "ratio" if self.of == "width" else "value"),
                {replicate: self._place(search) for replicate, search in searches.items()},
                transform="logit" if self.of == "edge" else "log",
                details={"parameter": self.parameter, "best": self.best, "of": self.of},
                subject=Side("variant", (variant,)),
                unit="share" if self.of == "edge" else "",
            )
            for variant in data.expand(self.variants)
            for searches in [self.searches(data, variant)]
        ]

    def _place(self, search: Search) -> float:
        everywhere = search.along(self.parameter)
        if everywhere is None:
            return float("nan")
        best = search.best(self.best, self.better)
        if self.of == "edge":
            beyond = (ranks(everywhere) - 0.5) / everywhere.size
            return float(np.median(np.minimum(beyond, 1 - beyond)[best]))
        low, high = self._ends(everywhere[best])
        if self.of == "width":
            least, most = self._ends(everywhere)
            return (high - low) / (most - least) if most > least else float("nan")
        return float(10 ** (low if self.of == "low" else high))

    def _ends(self, values: Array) -> tuple[float, float]:
        low, high = np.quantile(np.log10(values), [(1 - self.coverage) / 2, (1 + self.coverage) / 2])
        return float(low), float(high)


@dataclass(frozen=True, kw_only=True)
class Rounds(OfTrials, Check):
    """Each round's median trial is better than that of the round before: one part for each step."""

    margin: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_points(self.margin)

    def comparisons(self, data: VariantData) -> list[Comparison]:
        found = []
        for variant in data.expand(self.variants):
            searches = self.searches(data, variant)
            for earlier, later in pairwise(sorted({n for search in searches.values() for n in search.rounds})):
                found.append(
                    self.judged(
                        data,
                        variant,
                        self.beyond(direction_of(self.better), self.margin),
                        _medians(searches, later),
                        _medians(searches, earlier),
                        bounds=self.quantity.bounds,
                        subject=Side("round", (f"{later:g}",)),
                        rival=Side("round", (f"{earlier:g}",)),
                        strategy=variant,
                    )
                )
        return found


def explained(parameter: Array, outcomes: Array, bins: int) -> float:
    """Epsilon squared of the outcomes over quantile bins of a parameter; see `ExplainedVariance`.

    Equal values share a bin. NaN where the outcomes are all equal or there are not more trials than bins.
    """
    edges = np.quantile(parameter, np.linspace(0, 1, bins + 1)[1:-1])
    _, bin_of = np.unique(np.searchsorted(edges, parameter, side="right"), return_inverse=True)
    sizes = np.bincount(bin_of)
    means = np.bincount(bin_of, outcomes) / sizes
    within, total = ((outcomes - means[bin_of]) ** 2).sum(), ((outcomes - outcomes.mean()) ** 2).sum()
    if outcomes.size <= sizes.size or total == 0:
        return float("nan")
    return float(1 - (within / (outcomes.size - sizes.size)) / (total / (outcomes.size - 1)))


def _medians(searches: dict[int, Search], number: float) -> dict[int, float]:
    return {
        replicate: float(np.median(search.outcomes[search.rounds == number]))
        for replicate, search in searches.items()
        if (search.rounds == number).any()
    }


def _search(rows: DataFrame, outcomes: Mapping[int, float]) -> Search:
    """One search, of its table of trials, without hyper-parameters that not all trials have."""
    wide = rows.pivot_table(index=["trial", "round"], columns="parameter", values="value").reset_index()
    wide = wide[wide["trial"].isin(outcomes)].dropna(axis=1)
    found = np.array([outcomes[trial] for trial in wide.pop("trial")])
    columns = {str(name): wide[name].to_numpy(dtype=float) for name in wide}
    return Search(found, columns.pop("round"), columns)
