"""Two studies side by side: what they were made from, what was run, what came out."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from chapter6.records import PartRecord, Question
from chapter6.registry import build, canonical
from chapter6.report.sentences import Teller, teller
from chapter6.settings import shortened
from chapter6.sharing.run_comparison import NONE, RunPair, Side, run_pairs
from chapter6.study.plan import Experiment, Study

Verdicts = Mapping[str, Mapping[str, Any]]  # records by claim
Agreement = Literal["equal", "agree", "no interval", "differ"]
DIGITS = 1e-6  # relative: values without chance that agree to six digits are the same on two machines


@dataclass(frozen=True)
class PartPair:
    """A number of a claim in both studies, each with its interval and verdict; ``label`` says what it is."""

    label: str
    a: Mapping[str, Any]
    b: Mapping[str, Any]
    agreement: Agreement


@dataclass(frozen=True)
class ClaimPair:
    """A claim that both studies judge, with its numbers; ``unmatched`` counts parts that only one of them has."""

    statement: str
    a: Mapping[str, Any]
    b: Mapping[str, Any]
    parts: Sequence[PartPair]
    unmatched: int

    @property
    def flipped(self) -> bool:
        """Whether the verdicts differ."""
        return bool(self.a["verdict"] != self.b["verdict"])

    @property
    def fragile(self) -> str:
        """Where the verdict hangs on the kind of interval: in A, in B, in both or (empty) nowhere."""
        found = [letter for letter, record in (("A", self.a), ("B", self.b)) if record["fragile"]]
        return "in both" if len(found) == 2 else "".join(f"in {letter}" for letter in found)

    @property
    def differing(self) -> list[PartPair]:
        """Numbers that differ by more than their intervals allow."""
        return [part for part in self.parts if part.agreement == "differ"]


@dataclass(frozen=True)
class Compared:
    """Everything in which two studies differ, and how much was compared."""

    same_seed: bool
    conditions: Sequence[tuple[str, str, str]]
    settings: Sequence[str]
    runs: int
    other_runs: Sequence[RunPair]
    only: tuple[Sequence[str], Sequence[str]]
    claims: Sequence[ClaimPair]

    @property
    def flips(self) -> list[ClaimPair]:
        """Claims with another verdict."""
        return [pair for pair in self.claims if pair.flipped]

    @property
    def parts(self) -> list[PartPair]:
        """Every number that both have."""
        return [part for pair in self.claims for part in pair.parts]

    @property
    def broken(self) -> list[RunPair]:
        """Runs that should be the same bits and are not."""
        return [run for run in self.other_runs if run.promised]

    @property
    def agree(self) -> bool:
        """Whether verdicts are the same, numbers agree, and bits are equal where that is promised."""
        unmatched = any(pair.unmatched or pair.differing for pair in self.claims)
        return not (self.flips or unmatched or self.broken or any(self.only))


def compare(a: Side, b: Side) -> Compared:
    """Compare two studies that have both passed their own checks."""
    same_seed = a.study.config.study_seed == b.study.config.study_seed
    of_a, of_b = a.claims, b.claims
    runs = list(run_pairs(a, b))
    return Compared(
        same_seed=same_seed,
        conditions=list(_conditions(a, b)),
        settings=list(_settings(a.study, b.study)),
        runs=len(runs),
        other_runs=sorted((run for run in runs if run), key=lambda run: (not run.promised, -run.distance, run.name)),
        only=(sorted(of_a.keys() - of_b.keys()), sorted(of_b.keys() - of_a.keys())),
        claims=list(_claims(a.study, of_a, of_b, same_seed)),
    )


def agreement(a: Mapping[str, Any], b: Mapping[str, Any], same_seed: bool) -> Agreement:
    """Say whether two estimates agree.

    With the same seed, each has to lie in the other's interval. With another seed the runs are others: by chance
    alone one estimate in six lies outside of an equally wide interval, and so the intervals only have to overlap.
    """
    names = ("estimate", "low", "high")
    if all(a[name] == b[name] for name in names):
        return "equal"
    if a["estimate"] is None or b["estimate"] is None:
        return "differ"
    if math.isclose(a["estimate"], b["estimate"], rel_tol=DIGITS):
        return "agree"
    if _is_open(a) and _is_open(b):
        return "no interval"
    (low_a, high_a), (low_b, high_b) = _ends(a), _ends(b)
    if same_seed:
        fits = low_a <= b["estimate"] <= high_a and low_b <= a["estimate"] <= high_b
    else:
        fits = low_a <= high_b and low_b <= high_a
    return "agree" if fits else "differ"


def _is_open(part: Mapping[str, Any]) -> bool:
    return part["low"] is None and part["high"] is None


def _ends(part: Mapping[str, Any]) -> tuple[float, float]:
    return (
        -math.inf if part["low"] is None else part["low"],
        math.inf if part["high"] is None else part["high"],
    )


def _claims(study: Study, a: Verdicts, b: Verdicts, same_seed: bool) -> Iterator[ClaimPair]:
    """Yield the claims of both, told in the words of a study."""
    for experiment in study.experiments.values():
        told = teller("en", study.labels(experiment))
        for claim in experiment.claims:
            if claim.id in a and claim.id in b:
                yield _claim(claim.says, told, a[claim.id], b[claim.id], same_seed)


def _claim(statement: str, told: Teller, a: Mapping[str, Any], b: Mapping[str, Any], same_seed: bool) -> ClaimPair:
    """Match the parts of a claim by what they compare."""
    of_a, of_b = _by_name(a["parts"]), _by_name(b["parts"])
    pairs = [
        PartPair(told.label(build(PartRecord, of_a[n])), of_a[n], of_b[n], agreement(of_a[n], of_b[n], same_seed))
        for n in of_a
        if n in of_b
    ]
    return ClaimPair(statement, a, b, pairs, len(of_a.keys() ^ of_b.keys()))


def _by_name(parts: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], Mapping[str, Any]]:
    seen: Counter[str] = Counter()
    found = {}
    for part in parts:
        name = canonical({field.name: part.get(field.name) for field in fields(Question) if field.name != "outcomes"})
        found[name, seen[name]] = part
        seen[name] += 1
    return found


def _conditions(a: Side, b: Side) -> Iterator[tuple[str, str, str]]:
    """Yield what each study was made from, the same or not."""
    of_a, of_b = _made_from(a), _made_from(b)
    for name in of_a | of_b:
        yield name, of_a.get(name, ""), of_b.get(name, "")


def _made_from(side: Side) -> dict[str, str]:
    facts, made = side.facts, side.made
    names = ("preset", "seed", "data", "experiments", "runs", "searches")
    told = {name: getattr(facts, name) for name in names}
    for name in ("processor", "machine", "blas", "numpy", "python"):
        told[name] = sorted({getattr(each, name) for each in facts.environments})
    told |= {"code that trained": facts.sources, "code that searched": made.sources.search}
    told |= {"code that judged": made.sources.analysis, "chapter6": made.chapter6, "commit": made.commit}
    told |= {"system": made.system} | {f"{name} when packed": text for name, text in made.versions.items()}
    return {name: _told(value) for name, value in told.items()}


def _told(value: Any) -> str:
    """Return a value for people: digests by their beginning, long lists by their length."""
    if isinstance(value, list | tuple):
        texts = [_told(item) for item in value]
        return ", ".join(texts) if len(texts) <= 3 else f"{len(texts)}: {texts[0]} to {texts[-1]}"
    text = str(value)
    return text[:12] if re.fullmatch("[0-9a-f]{64}", text) else text


def _settings(a: Study, b: Study) -> Iterator[str]:
    """Yield every experiment, variant, setting and claim that only one of the studies has."""
    yield from _only("experiment", a.experiments, b.experiments)
    for name in a.experiments:
        if name in b.experiments:
            yield from _experiment(a.experiments[name], b.experiments[name])


def _experiment(a: Experiment, b: Experiment) -> Iterator[str]:
    yield from _only(f"{a.id}: variant", a.variants, b.variants)
    for name, one in a.variants.items():
        other = b.variants.get(name)
        if other is None:
            continue
        # What is taken from files is told without their names, which differ by preset alone.
        told = [
            {**v.settings, **dict.fromkeys(v.taken.takes, "from a file"), "replicates": v.replicates}
            for v in (one, other)
        ]
        for key in sorted(told[0].keys() | told[1].keys()):
            values = [of.get(key, NONE) for of in told]
            if values[0] != values[1]:
                yield f"{a.id}: {name}: {key}: {values[0]} in A, {values[1]} in B"
    claims = [{claim.id: claim for claim in e.claims} for e in (a, b)]
    yield from _only(f"{a.id}: claim", *claims)
    for name in claims[0]:
        if name in claims[1] and claims[0][name] != claims[1][name]:
            yield f"{a.id}: claim {name} is worded or checked otherwise"


def _only(what: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    for side, own, others in (("A", a, b), ("B", b, a)):
        if names := [name for name in own if name not in others]:
            yield f"{what}{'s' * (len(names) > 1)} only in {side}: {shortened(names, 3)}"
