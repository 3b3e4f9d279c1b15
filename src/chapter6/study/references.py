"""Values that come from a file of the study: ``{from: FILE#KEY}``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chapter6.files import read_json
from chapter6.registry import StudyError


def reference(file: str, key: str) -> dict[str, str]:
    """Return a reference to a number in a JSON file."""
    return {"from": f"{file}#{key}"}


def files_referred(*values: Any) -> set[str]:
    """Return every file that references inside the ``values`` name."""
    found = set()
    for value in values:
        if isinstance(value, Mapping):
            is_reference = set(value) == {"from"}
            found |= {str(value["from"]).partition("#")[0]} if is_reference else files_referred(*value.values())
    return found


def with_references(value: Any, resolve: Callable[[str, str], Any]) -> Any:
    """Return ``value`` with every reference replaced by what ``resolve`` makes of its file and key."""
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"from"}:
        file, _, key = str(value["from"]).partition("#")
        return resolve(file, key)
    return {key: with_references(item, resolve) for key, item in value.items()}


def dereferenced(value: Any) -> Any:
    """Return ``value`` with every reference replaced by what it refers to."""
    return with_references(value, _read)


def _read(file: str, key: str) -> Any:
    try:
        return read_json(file)[key]
    except (OSError, ValueError, LookupError, TypeError) as error:
        advice = f"`snakemake --cores all --forcerun {file}` writes it again"
        raise StudyError(f"{file}: has no readable {key!r} ({error}); {advice}") from None
