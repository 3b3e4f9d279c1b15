"""Runs that take values from files of the study, which a tuning or a search writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chapter6.engine.run import Run
from chapter6.files import read_json
from chapter6.registry import StudyError


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

    def resolved(self, read: Callable[[str], Any] = read_json) -> Run:
        """Return the run with what the files hold; StudyError where they cannot be read."""
        run = self.run
        if self.start and run.starts_from:
            run = replace(run, starts_from=replace(run.starts_from, run=self.start.resolved(read)))
        for key, reference in self.takes.items():
            file, _, name = reference.partition("#")
            try:
                run = run.changed(key, _found(read(file), name))
            except (OSError, ValueError, LookupError, TypeError) as error:
                advice = f"`snakemake --cores all --forcerun {file}` writes it again"
                raise StudyError(f"{file}: has no readable {name!r} ({error}); {advice}") from None
        return run


def _found(part: Any, name: str) -> Any:
    """Return what stands under a dotted name; keys of the way may have dots themselves."""
    if not isinstance(part, Mapping):
        raise TypeError(f"no keys above {name!r}")
    for key in sorted(part, key=len, reverse=True):
        if name == key:
            return part[key]
        if name.startswith(f"{key}."):
            return _found(part[key], name.removeprefix(f"{key}."))
    raise KeyError(name)
