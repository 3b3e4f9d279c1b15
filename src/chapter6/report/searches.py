"""What readers are told of searches, tuning and decisions: plain records in, settings, notes and tables out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Any

from chapter6.report.numbers import NOTHING, exact, number
from chapter6.report.settings import term
from chapter6.report.strings import Strings
from chapter6.report.views import ChoicesView, TableView
from chapter6.settings import flatten

MOST_NAMES = 4

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Phase:
    """A phase of a tuning: how many decades apart candidates lie, and updates and seeds of each."""

    name: str
    spacing: float
    steps: int
    seeds: int


@dataclass(frozen=True)
class Tuned:
    """A variant whose number was chosen; ``track`` names the judged quantity, ``record`` tells of the tuning."""

    label: str
    own: float
    track: str
    record: Record

    @property
    def choice(self) -> Record:
        """What was chosen by this quantity."""
        return dict(self.record["choices"][self.track])


@dataclass(frozen=True)
class DecidedOf:
    """What a decision came to: the quantity in words, records of rule and outcome; ``labels`` are its variants'."""

    name: str
    by: str
    rule: Record
    labels: Mapping[str, str]
    record: Record


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


def tuning_view(parameter: str, phases: Sequence[Phase], tuned: Sequence[Tuned], words: Strings) -> ChoicesView:
    """Return what was tried for each variant and judged quantity, and the cost."""
    text, name = words["tuning"], term(parameter, words)
    heads = [text["phase"].format(steps=number(phase.steps), seeds=phase.seeds) for phase in phases]
    columns = [words["settings"]["variant"], text["track"], text["own"].format(setting=name), *heads]
    told = [text["around"][each.name].format(spacing=exact(each.spacing), steps=number(each.steps)) for each in phases]
    variants = {each.label: each.record["updates"] for each in tuned}
    summary = text["summary_one" if len(variants) == 1 else "summary"]
    return ChoicesView(
        summary=summary.format(setting=name, count=len(variants)),
        text=text["text"].format(setting=name, phases=text["then"].join(told), updates=number(sum(variants.values()))),
        table=TableView(
            (*columns, text["chosen"], text["edge"]), tuple(_tuned_row(each, phases, text, words) for each in tuned)
        ),
    )


def tuning_notes(parameter: str, tuned: Sequence[Tuned], words: Strings) -> Iterator[str]:
    """Name the variants of which nothing learned, and those whose value is no more than the best of those tried."""
    text = words["tuning"]
    unlearned = [each.label for each in tuned if not each.choice["learned"]]
    at_edge = [each.label for each in tuned if each.choice["learned"] and each.choice["at_edge"]]
    for note, labels in (("edge_note", at_edge), ("unlearned_note", unlearned)):
        if labels:
            names = some(list(dict.fromkeys(labels)))
            yield text[note].format(setting=term(parameter, words), count=len(labels), total=len(tuned), names=names)


def decisions_view(decisions: Sequence[DecidedOf], words: Strings) -> ChoicesView:
    """Return what every decision chose, why, and by which scores."""
    text = words["decisions"]
    columns = tuple(text[head] for head in ("decision", "by", "rule", "chosen", "scores"))
    return ChoicesView(
        summary=text["summary_one" if len(decisions) == 1 else "summary"].format(count=len(decisions)),
        text=text["text"],
        table=TableView(columns, tuple(_decided_row(each, words) for each in decisions)),
    )


def _decided_row(decided: DecidedOf, words: Strings) -> tuple[str, ...]:
    text = words["decisions"]
    chosen = Counter((choice["variant"], choice["reason"]) for choice in decided.record["choices"])
    told = [
        text["choice"].format(name=decided.labels[name], count=count, of=chosen.total(), reason=text["reasons"][reason])
        for (name, reason), count in chosen.most_common()
    ]
    scores = [f"{decided.labels[name]}: {_middle(own, words)}" for name, own in decided.record["scores"].items()]
    bound = next((key for key in ("at_least", "at_most") if decided.rule.get(key) is not None), "best")
    rule = text["rules"][bound].format(level=exact(decided.rule.get(bound)))
    return (term(decided.name, words), decided.by, rule, "; ".join(told), "; ".join(scores))


def some(names: Sequence[str]) -> str:
    """Write the first few names."""
    return ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")


def _tuned_row(tuned: Tuned, phases: Sequence[Phase], text: Strings, words: Strings) -> tuple[str, ...]:
    choice = tuned.choice
    tried = [[each for each in tuned.record["candidates"] if each["phase"] == phase.name] for phase in phases]
    cells = ["; ".join(_tried(each, tuned.track, words) for each in candidates) or NOTHING for candidates in tried]
    chosen = [exact(value) for value in (choice["value"], choice["strength"]) if value is not None]
    verdict = words["settings"]["yes" if choice["at_edge"] else "no"] if choice["learned"] else text["unlearned"]
    return (tuned.label, term(tuned.track, words), exact(tuned.own), *cells, ", ".join(chosen), verdict)


def _tried(candidate: Record, track: str, words: Strings) -> str:
    """Return the values of a candidate, and its score in the middle of all seeds."""
    return f"{', '.join(map(exact, candidate['values']))}: {_middle(candidate['scores'][track], words)}"


def _middle(scores: Sequence[Sequence[float] | None], words: Strings) -> str:
    """Return the median score, that of a run which diverged being infinite."""
    middle = median(inf if score is None else score[0] for score in scores)
    return number(middle) if middle < inf else str(words["tuning"]["diverged"])
