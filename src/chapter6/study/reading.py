"""The one reader of YAML, and of the folder of experiments.

It takes less than YAML does: what different readers take differently (``010``, ``1:30``, ``yes``), what grows or runs
(aliases, tags) and what stands twice are refused with file, line and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import isinf
from pathlib import Path
from typing import Any

import yaml

from chapter6.registry import StudyError
from chapter6.study.paths import TABLES

DEEPEST = 50
MOST_DIGITS = 400  # of a number; the largest float has 309, and Python takes quadratic time for whole ones
CORE = "tag:yaml.org,2002:"
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
MEANT = {"": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "false": False}
QUOTE = "or quote it if it is text"
REFUSED = {
    r"(?i)yes|no|on|off|true|false": "may be taken for true or false: quote it, or write true or false",
    r"[-+]?0[0-9_]+(\.[0-9]*)?([eE][-+]?[0-9]+)?": f"has leading zeros: write it without, {QUOTE}",
    r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?": f"may be taken for base 60: write a plain number, {QUOTE}",
    r"[-+]?0[xXoObB][0-9a-fA-F_]+": f"is not decimal: write it in digits from 0 to 9, {QUOTE}",
    r"[-+]?(?=[0-9.]*_)[0-9.][0-9_.]*([eE][-+]?[0-9_]+)?": f"has underscores: write the digits alone, {QUOTE}",
    r"(?i)[-+]?\.(inf|nan)": f"is no number to compute with: write a finite one, {QUOTE}",
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t][-+0-9:.TtZ \t]*)?": "is a date: quote it",
    r"<<": "merges mappings, which is not allowed: write the keys out",
}

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C where there is one; only its parser is used

DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?")  # Windows has no folder of such a name


def read_yaml(path: Path) -> Any:
    """Read a YAML file, or raise a :class:`StudyError` with the place of the mistake."""
    try:
        return parse_yaml(path.read_bytes(), str(path))
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from None


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file of keys and values."""
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise StudyError(f"{path}: expected keys and values, not {type(raw).__name__}")
    return raw


def parse_yaml(content: str | bytes, place: str) -> Any:
    """Return what YAML says, in time that is linear in its length; ``place`` is what messages name."""
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        return _Composer(yaml.parse(text, Loader=_Loader)).document()
    except StudyError as error:
        raise StudyError(f"{place}: {error}") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{place}: not valid YAML: not UTF-8 ({error})") from None
    except yaml.MarkedYAMLError as error:
        told = " ".join(filter(None, (error.context, error.problem)))
        raise StudyError(f"{place}: not valid YAML: {told}{_line(error.problem_mark)}") from None
    except yaml.reader.ReaderError as error:
        line = text.encode(errors="replace")[: error.position].count(b"\n") + 1
        raise StudyError(f"{place}: not valid YAML: {error.reason}: U+{error.character:04X} (line {line})") from None


def parse_scalar(text: str) -> Any:
    """Return what a word without quotes says: nothing, a boolean, a number or text; or refuse it."""
    if text in MEANT:
        return MEANT[text]
    if NUMBER.fullmatch(text):
        if len(text) > MOST_DIGITS:
            raise StudyError(f"{_short(text)} has {len(text)} digits, and a number at most {MOST_DIGITS}")
        value = int(text) if INTEGER.fullmatch(text) else float(text)
        if isinf(value if isinstance(value, float) else 0.0):
            raise StudyError(f"{text} is too large: numbers go to 1.7e308")
        return value
    for pattern, reason in REFUSED.items():
        if re.fullmatch(pattern, text):
            raise StudyError(f"{_short(text)} {reason}")
    return text


def experiment_files(folder: Path) -> list[Path]:
    """Return the YAML files of a folder, sorted; hidden ones are no experiments, any other file is refused."""
    paths = sorted(path for path in folder.glob("*") if not path.name.startswith("."))
    for path in paths:
        if path.suffix != ".yaml" and path.is_file():
            is_yaml = path.suffix.lower() in (".yml", ".yaml")
            advice = f"rename it to {path.stem}.yaml" if is_yaml else "rename it to *.yaml, or move it elsewhere"
            raise StudyError(f"{path}: experiments are files called *.yaml: {advice}")
    return [path for path in paths if path.suffix == ".yaml"]


def check_identifiers(ids: Mapping[str, str]) -> None:
    """Refuse ids, by file, that are not their file's name, that a system cannot have, or that meet in one file."""
    seen: dict[str, str] = {}
    for place, name in ids.items():
        if other := seen.get(name.casefold()):
            same = "already" if ids[other] == name else "but for upper and lower case"
            raise StudyError(f"{place}: id: {name!r} is {same} the id of {other}: choose another")
        seen[name.casefold()] = place
    for place, name in ids.items():
        if problem := _problem(name, Path(place), {other.casefold() for other in ids.values()}):
            raise StudyError(f"{place}: id: {name!r} {problem}")


def _problem(name: str, path: Path, taken: set[str]) -> str:
    """Return what is wrong with an id and what to write instead; nothing if all is well."""
    start, _, kind = name.casefold().rpartition(".")
    if DEVICES.fullmatch(name):
        return "is a device on Windows: choose another name than CON, PRN, AUX, NUL, COM1 to COM9, LPT1 to LPT9"
    if name.endswith("."):
        return "ends in a dot, which Windows leaves out: end it in a letter, a digit, +, _ or -"
    if kind and kind in TABLES and start in taken:
        return f"is the name of a table of {start!r}: choose another ending than .{', .'.join(filter(None, TABLES))}"
    if path.name != f"{name}.yaml":
        return f"is not the file's name: rename the file to {name}.yaml, or write id: {path.stem}"
    return ""


class _Composer:
    """Data made of the parser's events, which come one at a time: what is refused is not read to its end."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._anchor: StudyError | None = None
        self._depth = 0

    def document(self) -> Any:
        """Return the only document; None where there is none."""
        self._next()  # the stream's start
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        value = self._value(self._next())
        self._next()
        if isinstance(end := self._next(), yaml.DocumentStartEvent):
            raise _refused("several documents: one is allowed", end)
        if self._anchor:
            raise self._anchor
        return value

    def _next(self) -> yaml.Event:
        event = next(self._events)
        if isinstance(event, yaml.AliasEvent):
            raise _refused(f"aliases are not allowed (*{event.anchor}): write it out", event)
        if isinstance(event, yaml.NodeEvent) and event.anchor and not self._anchor:  # what refers to it tells more
            self._anchor = _refused(f"aliases are not allowed (&{event.anchor}): leave it out", event)
        if tag := getattr(event, "tag", None):
            raise _refused(f"tags are not allowed ({_short(tag.replace(CORE, '!!'))}): leave it out", event)
        return event

    def _value(self, event: yaml.Event) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        self._depth += 1
        if self._depth > DEEPEST:
            raise _refused(f"nested more than {DEEPEST} deep", event)
        value = self._mapping() if isinstance(event, yaml.MappingStartEvent) else self._sequence()
        self._depth -= 1
        return value

    def _sequence(self) -> list[Any]:
        items = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event))
        return items

    def _mapping(self) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _refused("a collection is no key: keys are texts or numbers", event)
            value = self._next()  # first, since an alias is the worse mistake than its key
            if (key := _key(event)) in made:
                raise _refused(f"key {key!r} stands twice: leave one out", event)
            made[key] = self._value(value)
        return made


def _key(event: yaml.ScalarEvent) -> str | int | float:
    key = _scalar(event)
    if isinstance(key, bool) or not isinstance(key, str | int | float):
        raise _refused(f"{event.value!r} is no key: keys are texts or numbers", event)
    return key


def _scalar(event: yaml.ScalarEvent) -> Any:
    if not event.implicit[0]:  # in quotes, or a block of text
        return event.value
    try:
        return parse_scalar(event.value)
    except StudyError as error:
        raise StudyError(f"{error}{_line(event.start_mark)}") from None


def _refused(problem: str, event: yaml.Event) -> StudyError:
    return StudyError(f"not valid YAML: {problem}{_line(event.start_mark)}")


def _line(mark: Any) -> str:
    return f" (line {mark.line + 1})" if mark else ""


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
