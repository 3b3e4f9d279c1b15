"""The two files of a trained replicate: its curves (.npz) and its record (.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import numpy as np

from chapter6.engine.training import Curve
from chapter6.files import read_json, replacing
from chapter6.study.paths import replicate_files

Curves = Mapping[tuple[str, str], Curve]


def write_curves(path: str | Path, curves: Curves) -> str:
    """Write every curve as two arrays, ``step:SPLIT/METRIC`` and ``value:SPLIT/METRIC``; return the SHA-256."""
    arrays: dict[str, Any] = {}
    for (split, metric), curve in sorted(curves.items()):
        arrays[f"step:{split}/{metric}"] = np.array(curve.steps, dtype=np.int64)
        arrays[f"value:{split}/{metric}"] = np.array(curve.values, dtype=np.float64)
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)
        return sha256(temporary.read_bytes()).hexdigest()


def read_curves(path: str | Path | IO[bytes]) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """Return steps and values of every curve by (split, metric)."""
    with np.load(path, allow_pickle=False) as arrays:
        names = [name.removeprefix("step:") for name in arrays.files if name.startswith("step:")]
        return {
            (name.split("/", 1)[0], name.split("/", 1)[1]): (arrays[f"step:{name}"], arrays[f"value:{name}"])
            for name in names
        }


def identity(run: Mapping[str, Any], seed: int, replicate: int, data: str | None, sources: str) -> str:
    """Return the key of a replicate: a digest of everything that its numbers depend on."""
    parts = json.dumps([run, seed, replicate, data, sources], sort_keys=True)
    return sha256(parts.encode()).hexdigest()


def is_trained(folder: str, replicate: int, key: str) -> bool:
    """Whether both files stand in ``folder``, whole and of the run with this ``key``."""
    curves_file, record_file = replicate_files(folder, replicate)
    try:
        record = read_json(record_file)
        content = Path(curves_file).read_bytes()
    except (OSError, ValueError):
        return False
    if not isinstance(record, Mapping):
        return False
    return bool(record.get("key") == key and record.get("curves") == sha256(content).hexdigest())
