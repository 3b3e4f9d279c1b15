"""What `verify` says, as plain text for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from chapter6.report.sentences.english import FRAGILE, number
from chapter6.sharing.archive import Manifest
from chapter6.sharing.checks import CHECKS
from chapter6.sharing.comparison import ClaimPair, Compared, PartPair

MOST_LINES = 12
WIDTH = 110
OTHER_CODE = (
    "{letter} was judged by other code than this. If its tables or verdicts are not found again, that may be why:\n"
    "   check it with the version that packed it.\n\n"
)
UNCHANGED = "the files are those that were packed"
STATES = {None: "-", True: "ok", False: "FAILED"}


def introduction(letter: str, name: str, manifest: Manifest) -> str:
    """Say which study an archive holds."""
    facts, made = manifest.study, manifest.made
    days = list(dict.fromkeys(time[:10] for time in facts.trained))
    processors = sorted({each.processor for each in facts.environments})
    lines = [
        f"{letter}  {name}",
        f"{facts.preset} study{', a preview at reduced budgets' if facts.preview else ''}: {len(facts.experiments)}"
        f" experiments, {facts.runs} runs, {facts.searches} searches, seed {facts.seed}",
        ", ".join(f"{count} {verdict}" for verdict, count in facts.verdicts.items()) or "no verdicts",
        *([f"trained {' to '.join(days)} on {', '.join(processors)}"] if days else []),
        f"packed by chapter6 {made.chapter6}{f', commit {made.commit}' if made.commit else ''}",
        f"digest {manifest.digest}",
    ]
    return "\n   ".join(lines) + "\n"


def check_table(found: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    """Return which checks each archive passes, and what is wrong; ``found`` has the problems by letter and check."""
    names = {"unchanged": UNCHANGED, **CHECKS}
    rows = [["", *found]]
    for check, words in names.items():
        rows.append([words, *(STATES[not of[check] if check in of else None] for of in found.values())])
    text = _columns(rows)
    for letter, of in found.items():
        for check, problems in of.items():
            text += _lines([f"{letter}: {problem}" for problem in problems], f"\nWrong: {names[check]}:\n")
    return text


def unfinished(letter: str, problems: Sequence[str]) -> str:
    """Return what an archive itself says to be missing."""
    return _lines(problems, f"{letter} was packed unfinished and says so:\n")


def alone(is_good: bool) -> str:
    """Return the result for one archive in one line."""
    if is_good:
        return "The archive passes: it is as it was packed, and its tables and verdicts follow from its runs."
    return "The archive fails: do not rely on it."


def failing(letters: Sequence[str]) -> str:
    """Return the result where an archive of two fails."""
    names = " and ".join(letters)
    return (
        f"{names} {'fails its' if len(letters) == 1 else 'fail their'} own checks: nothing follows from the comparison."
    )


def comparison(compared: Compared) -> str:
    """Return everything in which two studies differ."""
    return "\n".join([_conditions(compared), _settings(compared), _runs(compared), _claims(compared)])


def conclusion(compared: Compared) -> str:
    """Return the result in one line."""
    parts, claims = compared.parts, len(compared.claims)
    if compared.agree:
        same = all(part.agreement == "equal" for part in parts) and not compared.other_runs
        if same:
            counted = f"{claims} verdicts, {len(parts)} numbers and {compared.runs} runs"
            return f"The studies are the same: {counted}, bit for bit."
        silent = sum(part.agreement == "no interval" for part in parts)
        rest = f" ({silent} have no interval to say so)" if silent else ""
        how = "lie within each other's intervals" if compared.same_seed else "have intervals that overlap"
        return f"The studies agree: the same verdict on {claims} claims, and their {len(parts)} numbers {how}{rest}."
    reasons = []
    if flips := compared.flips:
        reasons.append(f"{len(flips)} of {claims} verdicts ({_some([pair.a['id'] for pair in flips])})")
    if apart := [part for part in parts if part.agreement == "differ"]:
        reasons.append(f"{len(apart)} of {len(parts)} numbers by more than their intervals allow")
    if unmatched := sum(pair.unmatched for pair in compared.claims):
        reasons.append(f"{unmatched} numbers that only one of them has")
    if any(compared.only):
        reasons.append(f"{sum(map(len, compared.only))} claims that only one of them judges")
    if compared.broken:
        reasons.append(f"{len(compared.broken)} runs that should be equal bit for bit")
    return f"The studies differ: {', '.join(reasons)}."


def _conditions(compared: Compared) -> str:
    same = [f"{name} {a}" for name, a, b in compared.conditions if a == b and a]
    other = [[name, a or "unknown", b or "unknown"] for name, a, b in compared.conditions if a != b]
    if not other:
        return "What they were made from\n  all the same\n"
    listed = fill("the same in both: " + "; ".join(same), WIDTH, initial_indent="  ", subsequent_indent="    ")
    return "What they were made from\n" + _columns([["", "A", "B"], *other]) + listed + "\n"


def _settings(compared: Compared) -> str:
    return _lines(compared.settings, "Settings of the experiments\n") or "Settings of the experiments\n  all the same\n"


def _runs(compared: Compared) -> str:
    others, text = compared.other_runs, "Runs and searches\n"
    if not others:
        return text + f"  all {compared.runs} that both have are equal bit for bit\n"
    text += f"  {compared.runs - len(others)} of {compared.runs} are equal bit for bit, {len(others)} are not"
    if compared.broken:
        text += f"; {len(compared.broken)} of these should be (same code, settings, data, seed and machine)"
    if not compared.same_seed and not compared.broken:
        return f"{text}, as is to be expected from different seeds\n"
    rows = [["", "final value", "A", "B", "apart by"]]
    for run in others[:MOST_LINES]:
        values = [f"{value:.6g}" if isinstance(value, float) else str(value) for value in (run.a, run.b)]
        apart = f"{100 * run.distance:.2g} %" if run.distance < float("inf") else ""
        what = [run.metric, *values, apart] if run.metric else ["the same; others differ on the way", "", "", ""]
        rows.append([run.name + (" (!)" if run.promised else ""), *what])
    return text + "\n" + _columns(rows) + _more(others)


def _claims(compared: Compared) -> str:
    counts = Counter(part.agreement for part in compared.parts)
    text = "Claims\n"
    for letter, names in zip("AB", compared.only, strict=True):
        text += f"  only in {letter}: {_some(names)}\n" if names else ""
    same = len(compared.claims) - len(compared.flips)
    text += f"  the same verdict on {same} of {len(compared.claims)} claims\n"
    rule = (
        "each estimate in the other's interval" if compared.same_seed else "overlapping intervals, as the seeds differ"
    )
    silent = f", {counts['no interval']} have no interval to say so" if counts["no interval"] else ""
    text += (
        f"  of {len(compared.parts)} numbers {counts['equal']} are equal bit for bit, {counts['agree']} agree"
        f" ({rule}), {counts['differ']} differ{silent}\n"
    )
    fragile = [f"{pair.a['id']}, {pair.fragile}. {FRAGILE}" for pair in compared.claims if pair.fragile]
    text += _lines(fragile, "")
    odd = [pair for pair in compared.claims if pair.flipped or pair.unmatched or pair.differing]
    return text + "".join(_claim(pair) for pair in odd)


def _claim(pair: ClaimPair) -> str:
    verdicts = f"{pair.a['verdict']} in A, {pair.b['verdict']} in B" if pair.flipped else f"{pair.a['verdict']} in both"
    text = f"\n  {pair.a['id']}  {verdicts}  {pair.statement}\n"
    if pair.unmatched:
        text += f"    {pair.unmatched} numbers are only in one of the studies\n"
    changed = [part for part in pair.parts if part.a["verdict"] != part.b["verdict"] or part.agreement == "differ"]
    rows = [["", "A", "B", "moved by", "asked margin"]] + [_part(part) for part in changed[:MOST_LINES]]
    return text + (_columns(rows, 4) + _more(changed, 4) if changed else "")


def _part(part: PartPair) -> list[str]:
    a, b = part.a, part.b
    moved = (
        _amount(b["estimate"] - a["estimate"], a, "difference") if None not in (a["estimate"], b["estimate"]) else ""
    )
    return [part.label, _measured(a), _measured(b), moved, _amount(a["margin"], a)]


def _measured(part: Mapping[str, Any]) -> str:
    if part["estimate"] is None:
        return f"not measured, {part['verdict']}"
    ends = [_amount(part[end], part) if part[end] is not None else "open" for end in ("low", "high")]
    return f"{_amount(part['estimate'], part)} [{ends[0]} to {ends[1]}] {part['verdict']}"


def _amount(value: float, part: Mapping[str, Any], scale: str = "") -> str:
    return number(value, part["unit"], scale or part["scale"])  # type: ignore[arg-type]  # read from JSON


def _columns(rows: Sequence[Sequence[str]], indent: int = 2) -> str:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{' ' * indent}{line}".rstrip() + "\n" for line in lines)


def _lines(texts: Sequence[str], heading: str) -> str:
    if not texts:
        return ""
    return heading + "".join(f"  {text}\n" for text in texts[:MOST_LINES]) + _more(texts)


def _more(texts: Sequence[Any], indent: int = 2) -> str:
    return f"{' ' * indent}and {len(texts) - MOST_LINES} more\n" if len(texts) > MOST_LINES else ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_LINES]) + (" and more" if len(names) > MOST_LINES else "")
