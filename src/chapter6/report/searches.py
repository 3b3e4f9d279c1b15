"""What readers are told of searches and of tuning: plain records in, settings, notes and a table out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chapter6.report.numbers import NOTHING, TIMES, exact, number, percent
from chapter6.report.settings import term
from chapter6.report.strings import Strings
from chapter6.report.views import TableView, TuningView
from chapter6.settings import flatten

MOST_NAMES = 4

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Tuned:
    """A variant that took one of several candidates in place of its ``own`` value; ``record`` tells of the tuning."""

    label: str
    own: float
    record: Record

    @property
    def factors(self) -> list[float]:
        """The candidates, as multiples of the variant's own value, to three digits."""
        return [float(f"{candidate['value'] / self.own:.3g}") for candidate in self.record["candidates"]]


def search_settings(search: Record, rounds: Sequence[int]) -> dict[str, Any]:
    """Return what a search was told beside its space, under dotted keys."""
    flat: dict[str, Any] = {}
    if search["strategy"]:
        flat |= {"search.trials": search["trials"], **flatten({"strategy": search["strategy"]})}
        if len(rounds) > 1:
            flat["search.rounds"] = list(rounds)
    else:
        flat |= {"replay": str(search["replay"]["of"]), **flatten({"replay.rule": search["replay"]["rule"]})}
    return flat | {"search.metric": search["metric"], "search.retrains": search["retrains"]}


def edge_notes(chosen: Mapping[str, Sequence[Sequence[tuple[str, str]]]], words: Strings) -> Iterator[str]:
    """Say of each strategy and setting in how many searches the best trial lies at an end of the range."""
    text = words["search"]
    for label, searches in chosen.items():
        ends = Counter(edge for edges in searches for edge in edges)
        for (setting, end), count in ends.items():
            share = text["edge_one"] if len(searches) == 1 else text["edge"].format(count=count, total=len(searches))
            name = f"{label}: " if len(chosen) > 1 else ""
            sentence = text["edge_note"].format(searches=share, setting=term(setting, words), end=text[end])
            yield name + (sentence if name else sentence[:1].upper() + sentence[1:])


def tuning_view(parameter: str, steps: int, share: float, tuned: Sequence[Tuned], words: Strings) -> TuningView:
    """Return what was tried for each variant, in so many updates with such a share held out."""
    text = words["tuning"]
    factors = sorted({factor for each in tuned for factor in each.factors})
    name = term(parameter, words)
    columns = [
        words["settings"]["variant"],
        text["own"].format(setting=name),
        *(f"{TIMES} {exact(factor)}" for factor in factors),
        text["chosen"],
        text["edge"],
    ]
    return TuningView(
        summary=text["summary_one" if len(tuned) == 1 else "summary"].format(setting=name, count=len(tuned)),
        text=text["text"].format(
            setting=name,
            steps=number(steps),
            count=len(factors),
            share=percent(round(share, 3)),
        ),
        table=TableView(tuple(columns), tuple(_tuned_row(each, factors, text, words) for each in tuned)),
    )


def tuning_notes(parameter: str, at_edge: Sequence[str], total: int, words: Strings) -> Iterator[str]:
    """Name the variants whose tuned value lies at the edge of what was tried."""
    if at_edge:
        yield words["tuning"]["edge_note"].format(
            setting=term(parameter, words), count=len(at_edge), total=total, names=some(at_edge)
        )


def some(names: Sequence[str]) -> str:
    """Write the first few names."""
    return ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")


def _tuned_row(tuned: Tuned, factors: Sequence[float], text: Strings, words: Strings) -> tuple[str, ...]:
    losses = dict(zip(tuned.factors, tuned.record["candidates"], strict=True))
    cells = [_loss(losses[factor], text) if factor in losses else NOTHING for factor in factors]
    is_at_edge = words["settings"]["yes" if tuned.record["at_edge"] else "no"]
    return (tuned.label, exact(tuned.own), *cells, exact(tuned.record["value"]), is_at_edge)


def _loss(candidate: Record, text: Strings) -> str:
    return text["diverged"] if candidate["outcome"] == "diverged" else number(candidate["loss"])
