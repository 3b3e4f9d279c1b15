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

MOST_NAMES = 4
ROUNDING = 1e-9  # of a value, since a range's end comes out of a logarithm

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Tuned:
    """A variant that took one of ``factors`` times its ``own`` value; ``record`` is what tuning came to."""

    label: str
    own: float
    factors: Sequence[float]
    record: Record

    @property
    def fits(self) -> bool:
        """Whether the record is of these candidates."""
        tried = [candidate["value"] for candidate in self.record.get("candidates", ())]
        asked = [self.own * factor for factor in self.factors]
        return len(tried) == len(asked) and all(abs(a - b) <= 1e-4 * abs(b) for a, b in zip(tried, asked, strict=True))


def search_settings(search: Record, rounds: Sequence[int]) -> dict[str, Any]:
    """Return what a search was told, under dotted keys: ranges in the place of the settings they replace."""
    flat: dict[str, Any] = dict(search["space"])
    if search["strategy"]:
        flat |= {"search.trials": search["trials"], **_kind("strategy", search["strategy"])}
        if len(rounds) > 1:
            flat["search.rounds"] = list(rounds)
    else:
        flat |= {"replay": str(search["replay"]["of"]), **_kind("replay.rule", search["replay"]["rule"])}
    return flat | {"search.metric": search["metric"], "search.retrains": search["retrains"]}


def trainings(search: Record) -> int:
    """Return how many trainings one search takes; a replay trains its choice only."""
    return int(search["retrains"] + (search["trials"] if search["strategy"] else 0))


def lies_in(values: Mapping[str, float], space: Mapping[str, Record]) -> bool:
    """Say whether a point is one of the space: the same settings, each within its range but for rounding."""
    return set(values) == set(space) and all(
        space[key]["low"] - ROUNDING * abs(value) <= value <= space[key]["high"] + ROUNDING * abs(value)
        for key, value in values.items()
    )


def edge_notes(chosen: Mapping[str, Sequence[Record]], words: Strings) -> Iterator[str]:
    """Say of each strategy and setting in how many searches the best trial lies at an end of the range."""
    text = words["search"]
    for label, records in chosen.items():
        ends = Counter(tuple(edge) for record in records for edge in record["edges"])
        for (setting, end), count in ends.items():
            share = text["edge_one"] if len(records) == 1 else text["edge"].format(count=count, total=len(records))
            name = f"{label}: " if len(chosen) > 1 else ""
            sentence = text["edge_note"].format(searches=share, setting=term(setting, words), end=text[end])
            yield name + (sentence if name else sentence[:1].upper() + sentence[1:])


def tuning_view(parameter: str, run: Record, tuned: Sequence[Tuned], words: Strings) -> TuningView:
    """Return what was tried for each variant; ``run`` is a training of the tuning."""
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
            steps=number(run["steps"]),
            count=len(factors),
            share=percent(round(run["data"]["validation"], 3)),
        ),
        table=TableView(tuple(columns), tuple(_tuned_row(each, factors, text, words) for each in tuned)),
    )


def tuning_notes(parameter: str, tuned: Sequence[Tuned], words: Strings) -> Iterator[str]:
    """Name the variants whose tuned value lies at the edge of what was tried."""
    at_edge = [each.label for each in tuned if each.record["at_edge"]]
    if at_edge:
        yield words["tuning"]["edge_note"].format(
            setting=term(parameter, words), count=len(at_edge), total=len(tuned), names=some(at_edge)
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


def _kind(key: str, plain: Record) -> dict[str, Any]:
    rest = {f"{key}.{name}": value for name, value in plain.items() if name != "kind"}
    return {key: plain["kind"], **rest}
