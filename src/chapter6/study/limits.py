"""What the numbers of a run may be, and what a budget leaves of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from chapter6.engine.run import Run
from chapter6.registry import StudyError, plain
from chapter6.search.spaces import Dimension
from chapter6.settings import all_assigned, has_key, is_number, key_among, shortened
from chapter6.study.schema import parse
from chapter6.study.spec import StudyConfig


def within_budget(run: Run, config: StudyConfig, most_steps: int | None = None) -> Run:
    """Return the run capped by the preset, with every open number closed; a stage has at most so many steps."""
    steps = [most for most in (config.budget.max_steps, most_steps) if most]
    return run.within(config.data.sizes.train, min(steps, default=None), config.budget.max_examples)


def number_of(run: Run, name: str, place: str) -> str:
    """Return the full key of a setting that must be a number."""
    settings = run.settings
    numbers = [key for key, value in settings.items() if is_number(value)]
    is_other = has_key(settings, name) and not has_key(numbers, name)
    key = key_among(settings if is_other else numbers, name, place)
    if not is_number(settings[key]):
        raise StudyError(f"{place}: {name!r} is no number of the run, but {settings[key]!r}")
    return key


def dimension_of(run: Run, name: str, dimension: Dimension, place: str) -> tuple[str, Dimension]:
    """Return a dimension as a search is told it, under its name: the full key of its setting where it has none."""
    if dimension.sets and has_key(run.settings, name):
        raise StudyError(f"{place}: {name!r} is a setting of the run itself: what sets others needs another name")
    keys = [key for pattern in dimension.sets for key in _numbers_like(run, pattern, place)]
    keys = keys or [number_of(run, name, place)]
    kinds = {isinstance(run.settings[key], int) for key in keys}
    if len(kinds) > 1:
        raise StudyError(f"{place}: {name}: some are whole numbers and some are not: {shortened(keys)}")
    for end in (dimension.low, dimension.high):
        checked(run, dict.fromkeys(keys, end), f"{place}.{name}")
    sets = tuple(dict.fromkeys(keys)) if dimension.sets else ()
    return name if sets else keys[0], replace(dimension, sets=sets, whole=True in kinds or None)


def _numbers_like(run: Run, pattern: str, place: str) -> list[str]:
    """Return the full keys of the numbers that answer to a key or a pattern."""
    numbers = [key for key, value in run.settings.items() if is_number(value)]
    found = [key for key in numbers if fnmatchcase(key, pattern) or fnmatchcase(key, f"*.{pattern}")]
    return found if any(sign in pattern for sign in "*?[") and found else [number_of(run, pattern, place)]


def checked(run: Run, values: Mapping[str, float], place: str) -> Run:
    """Return the run with other values of settings by their full keys, validated as if its author had written it."""
    return parse(Run, all_assigned(plain(run), values), place, {"stages.0.": "", "penalties.0.": "penalties."})
