"""What a run leaves: curves (.npz) and a record (.json), read by one function that checks whose they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np

from chapter6.engine.run import Run
from chapter6.engine.training import Curve
from chapter6.files import read_json, replacing
from chapter6.registry import StudyError, build, canonical, plain
from chapter6.study.code import training_digest
from chapter6.study.paths import replicate_files, weights_file

if TYPE_CHECKING:
    from chapter6.study.plan import PlannedRun

Arrays = tuple[np.ndarray, np.ndarray]
Curves = Mapping[tuple[str, str], Arrays]
Files = Mapping[str, bytes]
UNREADABLE = (AttributeError, LookupError, OSError, TypeError, ValueError, BadZipFile, StudyError)


class Folder(Mapping[str, bytes]):
    """Files by name, each read when it is asked for; names without a file are left out."""

    def __init__(self, places: Mapping[str, Path]) -> None:
        self._places = {name: place for name, place in sorted(places.items()) if place.is_file()}

    def __getitem__(self, name: str) -> bytes:
        return self._places[name].read_bytes()

    def place(self, name: str) -> Path:
        """Return where a file stands."""
        return self._places[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class UnreadableError(StudyError):
    """A file that is needed is missing, damaged or not what it should be; ``file`` is to be made again."""

    def __init__(self, file: str, problem: object) -> None:
        super().__init__(f"{file}: {problem}")
        self.file = file


@dataclass(frozen=True)
class Place:
    """Which replicate a record tells of."""

    experiment: str
    variant: str
    replicate: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What is known of a trained replicate; ``key`` is the digest of all that its numbers depend on.

    ``weights`` is that of its final weights where they are kept, ``started_from`` that of those it started from.
    """

    key: str
    experiment: str
    variant: str
    replicate: int
    seed: int
    run: Run
    outcome: Literal["finished", "diverged"]
    steps: int
    curves: str
    data: str | None
    sources: str
    started: str
    seconds: float
    environment: Mapping[str, str]
    weights: str | None = None
    started_from: str | None = None

    @property
    def start(self) -> datetime:
        """When training started."""
        return datetime.fromisoformat(self.started)

    @property
    def end(self) -> datetime:
        """When training ended."""
        return self.start + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Conditions:
    """What the numbers of a run depend on beside the run itself.

    Of ``data`` or of the code (``sources`` None) that is not at hand, a record's own word is taken.
    """

    seed: int
    data: str | None = None
    sources: Callable[[Run], str] | None = training_digest


def identity(run: Run, seed: int, replicate: int, data: str | None, sources: str, start: str | None = None) -> str:
    """Return the key of a replicate; ``start`` is the digest of the weights that it starts from."""
    parts = [run, seed, replicate, data, sources, *([start] if start else [])]
    return sha256(canonical(parts).encode()).hexdigest()


def is_trained(folder: str, place: Place, key: str, keeps: bool = False) -> bool:
    """Whether both files of a replicate stand in ``folder``, whole, in their place and of the run with this ``key``.

    One that ``keeps`` its final weights has these, too.
    """
    curves_file, record_file = replicate_files(folder, place.replicate)
    try:
        record = read_json(record_file)
        content = Path(curves_file).read_bytes()
        is_own = all(record[name] == value for name, value in {"key": key, **vars(place)}.items())
        if keeps:
            weights = Path(weights_file(folder, place.replicate)).read_bytes()
            is_own = is_own and record["weights"] == sha256(weights).hexdigest()
        return is_own and bool(record["curves"] == sha256(content).hexdigest())
    except (OSError, ValueError, LookupError, TypeError):
        return False


def read_run(files: Files, planned: PlannedRun, run: Run, under: Conditions) -> tuple[RunRecord, Curves]:
    """Return record and curves of a planned replicate, ``run`` being the variant's with what it takes from files.

    :class:`UnreadableError` where they are missing, damaged, or those of another run: experiment, variant, replicate,
    settings, seed, code, data.
    """
    record = read_record(files, planned, run, under)
    try:
        return record, curves_in(checked_curves(files, planned.files[0], record.curves))
    except UNREADABLE as error:
        raise UnreadableError(planned.files[1], told(error, "its curves")) from None


def read_record(files: Files, planned: PlannedRun, run: Run, under: Conditions) -> RunRecord:
    """Return the record of a planned replicate; see :func:`read_run`."""
    file = planned.files[1]
    try:
        plain_record = json.loads(files[file])
        start = json.loads(files[planned.start])["weights"] if planned.start else None
        if strange := _differences(plain_record, planned, run, under, start):
            raise StudyError(f"it is the record of {strange}")
        return build(RunRecord, plain_record)
    except UNREADABLE as error:
        raise UnreadableError(file, told(error, "it")) from None


def _differences(record: Mapping[str, Any], planned: PlannedRun, run: Run, under: Conditions, start: str | None) -> str:
    """Say in what a record is not that of the planned run; nothing where it is."""
    place = Place(planned.experiment, planned.variant.name, planned.replicate, under.seed)
    for name, wanted in vars(place).items():
        if record[name] != wanted:
            return f"{name} {record[name]!r}, and {wanted!r} is planned"
    if record["run"] != plain(run):
        return "other settings"
    data = (under.data or record["data"]) if run.needs_dataset else None
    if record["data"] != data:
        return "other data"
    sources = under.sources(run) if under.sources else record["sources"]
    if record["sources"] != sources:
        return "other code"
    if record.get("started_from") != start:
        return "a run that started from other weights"
    key = identity(run, under.seed, planned.replicate, data, sources, start)
    return "" if record["key"] == key else "another run"


def told(error: Exception, what: str) -> str:
    """Return what is wrong, `what` being the thing that could not be read."""
    if isinstance(error, StudyError):
        return str(error)
    return f"{what} cannot be read ({f'{error.args[0]} is missing' if isinstance(error, KeyError) else error})"


def write_curves(path: str | Path, curves: Mapping[tuple[str, str], Curve]) -> str:
    """Write every curve as two arrays, ``step:SPLIT/METRIC`` and ``value:SPLIT/METRIC``; return the SHA-256."""
    arrays: dict[str, Any] = {}
    for (split, metric), curve in sorted(curves.items()):
        arrays[f"step:{split}/{metric}"] = np.array(curve.steps, dtype=np.int64)
        arrays[f"value:{split}/{metric}"] = np.array(curve.values, dtype=np.float64)
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)
        return sha256(temporary.read_bytes()).hexdigest()


def read_curves(path: str | Path | IO[bytes]) -> dict[tuple[str, str], Arrays]:
    """Return steps and values of every curve by (split, metric)."""
    with np.load(path, allow_pickle=False) as arrays:
        names = [name.removeprefix("step:") for name in arrays.files if name.startswith("step:")]
        return {
            (name.split("/", 1)[0], name.split("/", 1)[1]): (arrays[f"step:{name}"], arrays[f"value:{name}"])
            for name in names
        }


def curves_in(content: bytes) -> dict[tuple[str, str], Arrays]:
    """Return the curves of an .npz file by (split, metric)."""
    with ZipFile(BytesIO(content)) as arrays:
        if any(array.compress_type != ZIP_STORED for array in arrays.infolist()):
            raise StudyError("curves are stored as they are, and these are packed")  # and may unpack without bound
    return read_curves(BytesIO(content))


def checked_curves(files: Files, name: str, stated: str) -> bytes:
    """Return a file of curves, which must have the SHA-256 that its record states."""
    if sha256(files[name]).hexdigest() != stated:
        raise StudyError(f"{name}: not the curves that its record describes")
    return files[name]
