"""Results as Markdown, and where they stand in a page."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.candidates import CANDIDATES
from bench.processes import BenchError
from bench.summaries import pick
from bench.work import TASKS
from chapter6.files import write_text

CROWDED = (
    " **The machine was shared:** the engine had its core for {:.0%} of the time, so read these times as upper bounds,"
    " or measure with `--clock cpu`."
)
Row = Mapping[str, Any]


def write_between(page: Path, marker: str, text: str) -> None:
    """Replace what stands between ``<!-- marker -->`` and ``<!-- /marker -->``, and nothing else, in a page."""
    before, between, after = parts(page, marker)
    if between != f"\n{text}\n":
        write_text(page, f"{before}\n{text}\n{after}")


def parts(page: Path, marker: str) -> tuple[str, str, str]:
    """Return a page up to and with the first marker, what is between, and the rest from the second marker on."""
    begin, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{page}: cannot be read: {error.strerror}") from None
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise BenchError(f"{page}: the table goes between {begin} and {end}, each once and on a line of its own")
    start, stop = text.index(begin) + len(begin), text.index(end)
    return text[:start], text[start:stop], text[stop:]


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; columns after the first are aligned to the right where they hold numbers."""
    body = [list(row) for row in rows]
    numeric = [all(row[n][:1].isdigit() or row[n] in ("-", "") for row in body) for n in range(len(header))]
    rule = ["---:" if is_number else "---" for is_number in numeric]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *body))


def bench_text(result: Mapping[str, Any]) -> str:
    """Return the page's part of ``make bench``."""
    sections = [_introduction(result), _times(result), _footnotes(result), _targets(result), _forms(result)]
    return "\n\n".join(section for section in sections if section)


def _introduction(result: Mapping[str, Any]) -> str:
    settings, machine = result["settings"], result["machine"]
    of_process = " of the process's own time" if settings["clock"] == "cpu" else ""
    versions = ", ".join(f"{name} {version}" for name, version in sorted(result["versions"].items()))
    return (
        f"Measured on {result['date']} by `make bench` ({machine['processor']}, Python {machine['python']},"
        f" {versions}): median microseconds{of_process} of {settings['rounds']} rounds"
        f" in each of {settings['restarts']} sets of processes,"
        " quartiles in brackets; each candidate in a process of its own, one thread, all on one core and in turn, in"
        " shuffled order. 784-100x4-10, batch 128, float32, the batch gathered from uint8 MNIST and its loss recorded;"
        " the small CNN: 3 x 3 convolutions of 8 and 16 filters, each with 2 x 2 max pooling and ReLU, dense 64 and 10,"
        " batch 100."
        " The frameworks stand with the fastest of their forms (listed below)."
        + (CROWDED.format(share) if (share := result["crowded"]) and settings["clock"] == "wall" else "")
    )


def _times(result: Mapping[str, Any]) -> str:
    rows = result["figures"]
    candidates = [name for name in CANDIDATES if name in result["settings"]["candidates"]]
    header = ["us per", *(CANDIDATES[name].title for name in candidates), "engine / floor"]
    body = []
    for task in result["settings"]["tasks"]:
        cells = [_time(pick(rows, task, name)) for name in candidates]
        floor, engine = pick(rows, task, "floor"), pick(rows, task, "engine")
        by_floor = _between(floor["from_engine"]) if floor and engine else "-"
        body.append([TASKS[task].title, *cells, by_floor])
    return markdown(header, body)


def _time(row: Row | None) -> str:
    return f"{row['median']:.0f} ({row['low_quartile']:.0f} to {row['high_quartile']:.0f})" if row else "-"


def _between(found: Mapping[str, float]) -> str:
    return f"{found['ratio']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def _footnotes(result: Mapping[str, Any]) -> str:
    """Say why cells are empty, and what was not a thread of its own."""
    lines = [f"- {CANDIDATES[name].title}: missing, {why}." for name, why in result["missing"].items()]
    grouped: dict[str, list[str]] = {}
    for refusal in result["refused"]:
        what = f"{CANDIDATES[refusal['candidate']].title}, {TASKS[refusal['task']].title}"
        what += f" ({refusal['form']})" if refusal["form"] else ""
        grouped.setdefault(refusal["reason"], []).append(what)
    lines += [f"- {'; '.join(whats)}: {why}." for why, whats in grouped.items()]
    return "\n".join(lines)


def _targets(result: Mapping[str, Any]) -> str:
    settings = result["settings"]
    body = [
        _target(target)
        for target in result["targets"]
        if target["task"] in settings["tasks"] and {target["above"], target["below"]} <= set(settings["candidates"])
    ]
    if jobs := result.get("jobs"):
        body += [_start_up(jobs["start_up"]), _memory(jobs["memory"])]
    return markdown(["target", "wanted", "measured (95 % interval)", ""], body) if body else ""


def _target(target: Row) -> list[str]:
    above, below = (f"{CANDIDATES[target[side]].title}{_form(target, side)}" for side in ("above", "below"))
    wanted = f"{'at most' if target['above'] == 'engine' else 'at least'} {target['limit']:.2f}"
    measured = _between(target) if "ratio" in target else target["reason"]
    return [f"{TASKS[target['task']].title}: {above} / {below}", wanted, measured, target["verdict"]]


def _form(target: Row, side: str) -> str:
    """Return the form of a framework that the target was held against."""
    form = target.get(f"{side}_form")
    return f" ({form})" if form and CANDIDATES[target[side]].needs else ""


def _start_up(found: Row) -> list[str]:
    first = found["to_first_update"]
    measured = (
        f"{first['median']:.3f} ({first['low_quartile']:.3f} to {first['high_quartile']:.3f}, quartiles); whole job"
        f" without an update {found['no_update']['median']:.3f}, with one {found['one_update']['median']:.3f}"
    )
    what = "a training job's start to its first update's end, seconds"
    return [what, f"at most {found['limit']:.2f}", measured, found["verdict"]]


def _memory(found: Row) -> list[str]:
    if "beyond" not in found:
        return ["a training job's memory", "", found["reason"], found["verdict"]]
    what = "a training job's largest memory beyond the mapped data, MiB"
    measured = f"{found['beyond']:.0f}, and {found['mapped']:.0f} of mapped data"
    return [what, f"at most {found['limit']:.0f}", measured, found["verdict"]]


def _forms(result: Mapping[str, Any]) -> str:
    """Return every form of the frameworks with its ratio to the engine; empty if there is none."""
    body = [
        [
            TASKS[row["task"]].title,
            f"{CANDIDATES[row['candidate']].title}: {row['form']}",
            _time(row),
            _between(row["to_engine"]),
            f"{row['deviation']:.0e}",
        ]
        for task in result["settings"]["tasks"]
        for row in result["figures"]
        if row["task"] == task and CANDIDATES[row["candidate"]].needs
    ]
    if not body:
        return ""
    header = ["", "form", "us", "time / engine's (95 % interval)", "largest deviation of 20 losses"]
    return markdown(header, body)
