"""What the numbers of a run may be, and what a budget leaves of it."""

from __future__ import annotations

from chapter6.engine.run import Run
from chapter6.registry import StudyError, plain
from chapter6.settings import has_key, is_number, key_among
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


def checked(run: Run, key: str, value: float, place: str) -> Run:
    """Return the run with another value, validated as if its author had written it."""
    return parse(Run, plain(run.changed(key, value)), place, {"stages.0.": "", "penalties.0.": "penalties."})
