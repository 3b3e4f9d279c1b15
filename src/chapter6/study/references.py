"""Values that come from a file of the study: ``{from: FILE#KEY}``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chapter6.files import read_json
from chapter6.registry import StudyError


def reference(file: str, key: str) -> dict[str, str]:
    """Return a reference to a number in a JSON file."""
    return {"from": f"{file}#{key}"}


def files_referred(value: Any) -> Iterator[str]:
    """Yield every file that references inside ``value`` name."""
    if isinstance(value, Mapping):
        if set(value) == {"from"}:
            yield str(value["from"]).partition("#")[0]
        else:
            for item in value.values():
                yield from files_referred(item)


def dereferenced(value: Any) -> Any:
    """Return ``value`` with every reference replaced by what it refers to."""
    if not isinstance(value, Mapping):
        return value
    if set(value) != {"from"}:
        return {key: dereferenced(item) for key, item in value.items()}
    file, _, key = str(value["from"]).partition("#")
    try:
        return read_json(file)[key]
    except (OSError, ValueError, KeyError) as error:
        raise StudyError(f"{file} has no readable {key!r} ({error}); run the study again to write it") from None
