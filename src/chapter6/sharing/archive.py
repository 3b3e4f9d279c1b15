"""A study in one zip file with a manifest of hashes; it is read as if a stranger had written it.

The archive's bytes depend on the files alone: names are sorted, times fixed. When it is opened, names, kinds and sizes
are looked at before anything is unpacked, and nothing is ever unpacked to disk.
"""

from __future__ import annotations

import json
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from pydantic import StringConstraints

from chapter6.registry import Index, StudyError, canonical, plain
from chapter6.study.schema import parse

FORMAT = 1
MANIFEST = "manifest.json"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can tell
MOST_FILES = 300_000
MOST_BYTES = 4 * 2**30  # of all files, unpacked
MOST_BYTES_A_FILE = 2**29
MOST_BYTES_OF_MANIFEST = 2**27
MOST_RATIO = 100  # unpacked to packed, of the whole archive; a study's is 3, single files reach 15
LONGEST_NAME = 400
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")
BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError)

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file as it was packed."""

    size: Index
    sha256: Digest


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Where so many runs were trained."""

    python: str
    numpy: str
    blas: str
    machine: str
    processor: str
    runs: Index


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the files of a study tell in sum; ``trained`` is when the first run began and the last one ended."""

    preset: str
    preview: bool
    seed: Index
    experiments: tuple[str, ...]
    runs: Index
    searches: Index
    verdicts: Mapping[str, Index]
    trained: tuple[str, ...]
    data: tuple[str, ...]
    sources: tuple[str, ...]
    environments: tuple[Environment, ...]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Digests of the code that trains, searches and judges."""

    training: Digest
    search: Digest
    analysis: Digest


@dataclass(frozen=True, kw_only=True)
class Made:
    """Who packed it: what the files alone do not tell."""

    chapter6: str
    commit: str
    sources: Sources
    versions: Mapping[str, str]
    system: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What an archive says of itself.

    ``unfinished`` lists what was wrong with the study when it was packed, nothing in a finished one.
    """

    format: int
    study: Facts
    made: Made
    unfinished: tuple[str, ...]
    files: Mapping[str, Entry]
    digest: Digest

    @property
    def own_digest(self) -> str:
        """SHA-256 over everything else, as canonical JSON."""
        return sha256(canonical({k: v for k, v in vars(self).items() if k != "digest"}).encode()).hexdigest()


class Archive(Mapping[str, bytes]):
    """The files of an opened archive by name, each unpacked in memory when it is asked for."""

    def __init__(self, manifest: Manifest, file: zipfile.ZipFile) -> None:
        self.manifest = manifest
        self._file = file

    def __getitem__(self, name: str) -> bytes:
        if name not in self.manifest.files:
            raise KeyError(name)
        return _unpacked(self._file, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.manifest.files)

    def __len__(self) -> int:
        return len(self.manifest.files)


def write_archive(
    target: Path, files: Mapping[str, bytes], study: Facts, made: Made, unfinished: Sequence[str] = ()
) -> None:
    """Write ``files`` and their manifest, which stands last, to ``target``."""
    entries = {}
    with zipfile.ZipFile(target, "w") as file:
        for name in sorted(files):
            if problem := _problem(name):
                raise StudyError(f"{name!r} cannot be packed: {problem}")
            content = files[name]
            entries[name] = {"size": len(content), "sha256": sha256(content).hexdigest()}
            file.writestr(_member(name), content)
        told = {"format": FORMAT, "study": plain(study), "made": plain(made)}
        told |= {"unfinished": list(unfinished), "files": entries}
        digest = sha256(canonical(told).encode()).hexdigest()
        file.writestr(_member(MANIFEST), json.dumps({**told, "digest": digest}, indent=1, allow_nan=False) + "\n")


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Yield an archive whose names, sizes and manifest can be trusted to do no harm.

    What is no archive, or not one that ``write_archive`` would write, is refused with a :class:`StudyError`. Whether
    the contents are those of the manifest is for ``changed`` to say.
    """
    try:
        file = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise StudyError(f"{path}: there is no such file") from None
    except BROKEN as error:
        raise StudyError(f"{path}: not a zip file that can be read ({error})") from None
    with file:
        try:
            _check_members(file)
            manifest = _manifest(file)
        except _RefusedError as error:
            raise StudyError(f"{path}: refused: {error}") from None
        yield Archive(manifest, file)


def changed(archive: Archive) -> Iterator[str]:
    """Yield every file that is not what the manifest says."""
    for name, entry in archive.manifest.files.items():
        try:
            content = archive[name]
        except BROKEN as error:
            yield f"{name}: cannot be unpacked ({error})"
            continue
        if len(content) != entry.size:
            yield f"{name}: has {len(content)} bytes, not {entry.size}"
        elif sha256(content).hexdigest() != entry.sha256:
            yield f"{name}: its content was changed (its SHA-256 is not the manifest's)"


def read_object(content: bytes) -> dict[str, Any]:
    """Return an object of JSON; a key given twice, NaN and infinity are refused with a ValueError."""
    try:
        raw = json.loads(content.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(raw, dict):
        raise ValueError(f"expected keys and values, not {type(raw).__name__}")
    return raw


class _RefusedError(Exception):
    """An archive that could do harm or that this program did not write."""


def _check_members(file: zipfile.ZipFile) -> None:
    """Refuse names that lead elsewhere, what is no plain file, and what would unpack without bound."""
    members = file.infolist()
    if len(members) > MOST_FILES:
        raise _RefusedError(f"{len(members)} files, and {MOST_FILES} are the most")
    seen: set[str] = set()
    for member in members:
        name = member.orig_filename
        if problem := _problem(name) or _strange(member):
            raise _RefusedError(f"{name[:LONGEST_NAME]!r}: {problem}")
        if name in seen:
            raise _RefusedError(f"{name!r} is in it twice")
        seen.add(name)
    total, packed = sum(member.file_size for member in members), sum(member.compress_size for member in members)
    if total > MOST_BYTES or total > MOST_RATIO * packed:
        raise _RefusedError(f"{packed} bytes that would unpack to {total}, which no study does")


def _problem(name: str) -> str:
    """Say what is wrong with a file's name, nothing if it is a plain relative path."""
    if len(name) > LONGEST_NAME:
        return f"a name of {len(name)} characters"
    if FORBIDDEN.search(name):
        return "a name with a backslash or a control character"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "an absolute name"
    return "a name that leads elsewhere" if {"", ".", ".."} & set(name.split("/")) else ""


def _strange(member: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "a link or a device, not a plain file"
    if member.flag_bits & 1:
        return "encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"packed by method {member.compress_type}, which is not used here"
    if member.file_size > MOST_BYTES_A_FILE:
        return f"would unpack to {member.file_size} bytes, and {MOST_BYTES_A_FILE} are the most"
    return ""


def _manifest(file: zipfile.ZipFile) -> Manifest:
    """Read the manifest; refuse another format, another digest, and files that it does not list or that it misses."""
    names = set(file.namelist()) - {MANIFEST}
    if len(names) == len(file.namelist()):
        raise _RefusedError(f"there is no {MANIFEST} in it, so chapter6 export did not write it")
    if file.getinfo(MANIFEST).file_size > MOST_BYTES_OF_MANIFEST:
        raise _RefusedError(f"{MANIFEST} would unpack to {file.getinfo(MANIFEST).file_size} bytes")
    try:
        raw = read_object(_unpacked(file, MANIFEST))
        if raw.get("format") != FORMAT:
            raise _RefusedError(f"{MANIFEST} has format {raw.get('format')!r}, and this chapter6 reads format {FORMAT}")
        manifest = parse(Manifest, raw, MANIFEST)
    except (StudyError, *BROKEN) as error:
        raise _RefusedError(f"{MANIFEST} cannot be read: {error}") from None
    if manifest.digest != manifest.own_digest:
        raise _RefusedError(f"{MANIFEST} was changed: it does not have the digest that it states")
    listed = set(manifest.files)
    for text, found in (("does not list", names - listed), ("lists what is not there", listed - names)):
        if found:
            raise _RefusedError(f"{MANIFEST} {text}: {', '.join(sorted(found)[:3])}")
    return manifest


def _unpacked(file: zipfile.ZipFile, name: str) -> bytes:
    """Return a file's content, of which no more is unpacked than the size that was checked."""
    with file.open(name) as stream:
        return stream.read(file.getinfo(name).file_size)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, EPOCH)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.create_system = 3  # the same bytes on every system
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    return member
