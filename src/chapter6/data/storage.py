"""A data set as the study uses it: four memory-mapped arrays and a digest in one directory."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chapter6.data import idx
from chapter6.data.sets import AXES, MNIST, DataError, ImageFiles
from chapter6.files import replacing, write_json

DIGEST = "digest.json"
LONG_AGO = 10**9  # seconds, in 2001: before any file that is written otherwise


@dataclass(frozen=True)
class Dataset:
    """Images (uint8, n x pixels) and labels (uint8, n) on disk; `digest` identifies all four arrays."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]
    digest: str


def load(directory: Path) -> Dataset:
    """Memory-map what `store` wrote. Raises DataError if anything is missing, damaged or replaced."""
    try:
        record = json.loads((directory / DIGEST).read_text(encoding="utf-8"))
        arrays = {name: np.load(directory / f"{name}.npy", mmap_mode="r") for name in AXES}
        for name, array in arrays.items():
            if array.dtype != np.uint8 or list(array.shape) != record["files"][name]["shape"]:
                raise ValueError(f"{name}.npy is not the array that {DIGEST} describes")
            _check_unchanged(directory / f"{name}.npy", record["files"][name].get("stored"))
        return Dataset(**{name.replace("-", "_"): array for name, array in arrays.items()}, digest=record["digest"])
    except (OSError, EOFError, LookupError, TypeError, ValueError) as error:
        advice = "fetch it again: snakemake --cores 1 --forcerun mnist"
        raise DataError(f"No complete data set in {directory} ({error}); {advice}") from error


def store(directory: Path, files: Mapping[str, bytes], wanted: ImageFiles = MNIST) -> None:
    """Write four IDX files as .npy arrays and, last, their digest. Raises DataError if they are not as ``wanted``."""
    arrays = {name: idx.parse(files[name], axes) for name, axes in AXES.items()}
    for split in ("train", "test"):
        _check_pair(split, arrays[f"{split}-images"], arrays[f"{split}-labels"], wanted)
    flat = {name: array.reshape(len(array), -1) if array.ndim > 1 else array for name, array in arrays.items()}
    described: dict[str, dict[str, Any]] = {
        name: {"sha256": sha256(files[name]), "shape": list(array.shape)} for name, array in flat.items()
    }
    lines = "".join(f"{name} {entry['sha256']}\n" for name, entry in described.items())
    record = {"name": wanted.name, "digest": sha256(lines.encode()), "files": described}

    (directory / DIGEST).unlink(missing_ok=True)
    for name, array in flat.items():
        described[name]["stored"] = _store_array(directory / f"{name}.npy", array)
    write_json(directory / DIGEST, record)


def _store_array(path: Path, array: NDArray[np.uint8]) -> dict[str, Any]:
    """Write one array; return what its file is known by.

    Its time follows from its content: equal data leave an equal digest file, on which all training hangs, and another
    set of data that is copied here with its times does not pass for this one.
    """
    with replacing(path) as temporary:
        np.save(temporary, array)
        digest = _file_sha256(temporary)
        seconds = LONG_AGO + int(digest[:7], 16)
        with suppress(OSError):  # where no time can be set, that of writing will do
            os.utime(temporary, (seconds, seconds))
    return {"sha256": digest, **_known_by(path)}


def _check_unchanged(path: Path, stored: Mapping[str, Any] | None) -> None:
    """Raise ValueError if a file has another content than `store` wrote; a look at size and time is mostly enough."""
    if stored is None:
        raise ValueError(f"an older version wrote {DIGEST}, which cannot tell whether {path.name} is still the same")
    if all(stored[key] == value for key, value in _known_by(path).items()):
        return
    if stored["sha256"] != _file_sha256(path):
        raise ValueError(f"{path.name} has another content than was stored")
    with suppress(OSError):  # Snakemake and copying set other times: with its own, the next look is enough again
        os.utime(path, ns=(stored["mtime_ns"], stored["mtime_ns"]))


def _known_by(path: Path) -> dict[str, int]:
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _check_pair(split: str, images: NDArray[np.uint8], labels: NDArray[np.uint8], wanted: ImageFiles) -> None:
    if images.shape[1:] != wanted.shape:
        raise DataError(f"{split}-images: images of {_by(images.shape[1:])} pixels instead of {_by(wanted.shape)}")
    if len(images) != len(labels):
        raise DataError(f"{split}: wrong count, {len(images)} images but {len(labels)} labels")
    if len(images) != wanted.sizes.get(split, len(images)):
        raise DataError(f"{split}-images: {len(images)} images, and data.sizes.{split} says {wanted.sizes[split]}")
    if len(labels) and labels.max() >= wanted.classes:
        raise DataError(f"{split}-labels: label {labels.max()}, and classes go from 0 to {wanted.classes - 1}")


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
