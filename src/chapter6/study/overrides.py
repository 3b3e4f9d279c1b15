"""The configuration in force: what stands in the file, with what Snakemake was given laid over it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from chapter6.registry import StudyError
from chapter6.study.reading import parse_scalar


def laid_over(written: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with the values of ``--config``, or of an importing workflow, in the place of its own.

    Mappings are merged. ``--config`` reads ``true``, and what stands in braces, as text, and an experiment as a number.
    """
    made: dict[str, Any] = _merged(written, given)
    if isinstance(only := made.get("only"), int | float):
        made["only"] = str(only)
    return made


def _merged(under: Any, over: Any) -> Any:
    if isinstance(over, Mapping):
        below = under if isinstance(under, Mapping) else {}
        return {**below, **{key: _merged(below.get(key), value) for key, value in over.items()}}
    if isinstance(over, list | tuple):
        return [_merged(None, item) for item in over]
    if isinstance(over, str) and over and not isinstance(under, str):
        with suppress(StudyError):
            return parse_scalar(over)
    return over
