"""Runs that take values from files of the study, which a tuning or a search writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chapter6.engine.run import Run
from chapter6.files import read_json
from chapter6.registry import StudyError

EACH = "by_replicate"  # a value for each replicate, in order
TIMES = " times "  # what a value is multiplied by stands behind it


@dataclass(frozen=True)
class Taken:
    """A run and the values that it takes from files once they are written: ``FILE#KEY`` by dotted setting.

    ``start`` is the same of the run that it starts from.
    """

    run: Run
    takes: Mapping[str, str] = field(default_factory=dict)
    start: Taken | None = None

    @property
    def files(self) -> set[str]:
        """The files that values are taken from."""
        own = {reference.partition("#")[0] for reference in self.takes.values()}
        return own | self.start.files if self.start else own

    def resolved(self, read: Callable[[str], Any] = read_json, replicate: int | None = None) -> Run:
        """Return the run with what the files hold, for a ``replicate`` where they hold a value for each.

        StudyError where they cannot be read, or hold no such value.
        """
        run = self.run
        if self.start and run.starts_from:
            run = replace(run, starts_from=replace(run.starts_from, run=self.start.resolved(read, replicate)))
        for key, reference in self.takes.items():
            file, _, name = reference.partition("#")
            name, _, factor = name.partition(TIMES)
            try:
                value = _found(read(file), name)
                if isinstance(value, Mapping):
                    value = value[EACH][replicate]
                run = run.changed(key, value * float(factor) if factor else value)
            except (OSError, ValueError, LookupError, TypeError) as error:
                advice = f"`snakemake --cores all --forcerun {file}` writes it again"
                raise StudyError(f"{file}: has no readable {name!r} ({error}); {advice}") from None
        return run


def _found(part: Any, name: str) -> Any:
    """Return what stands under a dotted name; keys may have dots themselves, and lack what stands before the name."""
    if not isinstance(part, Mapping):
        raise TypeError(f"no keys above {name!r}")
    for key in sorted(part, key=len, reverse=True):
        if name == key:
            return part[key]
        if name.startswith(f"{key}."):
            return _found(part[key], name.removeprefix(f"{key}."))
    if len(answers := [key for key in part if key.endswith(f".{name}")]) == 1:
        return part[answers[0]]
    raise KeyError(name)
