"""Variants that start from another one's final weights: which run that is, and the weights as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chapter6.engine.parameters import Weights
from chapter6.engine.run import Run
from chapter6.files import read_json, replacing
from chapter6.registry import StudyError, plain
from chapter6.settings import shortened
from chapter6.study.paths import replicate_files, weights_file
from chapter6.study.taken import Taken

if TYPE_CHECKING:
    from chapter6.study.plan import Variant


def linked(variants: Mapping[str, Variant], place: str) -> dict[str, Variant]:
    """Return the variants, within each the run that it starts from; StudyError where there is no such start."""
    return {name: _linked(variants, [name], place) for name in variants}


def _linked(variants: Mapping[str, Variant], line: list[str], place: str) -> Variant:
    """Return the last variant of a line, each of which the one before it starts from."""
    variant, start = variants[line[-1]], variants[line[-1]].run.starts_from
    if start is None:
        return variant
    try:
        if start.variant not in variants:
            raise StudyError(f"no variant {start.variant!r}; choose from {shortened(variants)}")
        if start.variant in line:
            raise StudyError(f"goes in a circle: {' -> '.join([*line, start.variant])}")
        source = _linked(variants, [*line, start.variant], place)
        if source.search:
            raise StudyError(f"{source.name!r} searches, and has no weights of its own")
        if source.replicates < variant.replicates:
            told = f"{variant.replicates} replicates, and {source.name!r} has {source.replicates}"
            raise StudyError(f"each replicate starts from one: there are {told}")
    except StudyError as error:
        raise StudyError(f"{place}: variant {variant.name!r}: starts_from: {error}") from None
    return replace(variant, taken=started(variant.taken, source.taken, f"{place}: variant {variant.name!r}"))


def started(taken: Taken, source: Taken, place: str) -> Taken:
    """Return a run with the one that it starts from; StudyError where its weights do not fit."""
    assert taken.run.starts_from is not None, "a run that starts from another"
    try:
        run = replace(taken.run, starts_from=replace(taken.run.starts_from, run=source.run))
    except StudyError as error:
        raise StudyError(f"{place}: {error}") from None
    return replace(taken, run=run, start=source)


def write_weights(path: str, weights: Weights) -> str:
    """Write parameters and running averages by name; return the SHA-256."""
    arrays: dict[str, Any] = {name: weights[name] for name in sorted(weights)}
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)
        return sha256(temporary.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Start:
    """The final weights that a replicate starts from: a file, and the SHA-256 that its run's record states of it."""

    file: str
    digest: str

    def read(self) -> Weights:
        """Return parameters and running averages by name; StudyError where they are not those of the record."""
        try:
            content = Path(self.file).read_bytes()
            if sha256(content).hexdigest() != self.digest:
                raise ValueError("not the weights that its record describes")
            with np.load(BytesIO(content), allow_pickle=False) as arrays:
                return dict(arrays)
        except (OSError, ValueError) as error:
            raise _unusable(self.file, error) from None


def start_of(run: Run, runs: str, replicate: int, seed: int) -> Start | None:
    """Return what a replicate starts from, if from anything; ``runs`` is the folder of the experiment's variants."""
    if not run.starts_from or not run.starts_from.run:
        return None
    folder = f"{runs}/{run.starts_from.variant}"
    record_file = replicate_files(folder, replicate)[1]
    try:
        record = read_json(record_file)
        if record["run"] != plain(run.starts_from.run) or (record["replicate"], record["seed"]) != (replicate, seed):
            raise ValueError("it is the record of another run")
        if not record["weights"]:
            raise ValueError("its weights were not kept")
        return Start(weights_file(folder, replicate), record["weights"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise _unusable(record_file, error) from None


def _unusable(file: str, error: Exception) -> StudyError:
    return StudyError(
        f"{file}: cannot be started from ({error}); `snakemake --cores all --forcerun train` makes it again"
    )
