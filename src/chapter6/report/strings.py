"""The words of the templates, one TOML file a language."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from chapter6.registry import StudyError

Strings = dict[str, Any]


def languages() -> list[str]:
    """Return the languages the page can be written in."""
    names = (entry.name for entry in (files(__package__) / "text").iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


@cache
def strings(language: str = "en") -> Strings:
    """Return the words of one language."""
    if language not in languages():
        raise StudyError(f"language: no words for {language!r}; choose from {languages()}")
    return tomllib.loads((files(__package__) / f"text/{language}.toml").read_text(encoding="utf-8"))
