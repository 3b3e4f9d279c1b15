"""Whether two runs of one study left the same numbers, bit for bit."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

# When and how fast a run was trained is its own; all else must be equal.
CLOCKS = {"started", "seconds"}
TABLES = "tables/*"
RECORDS = "runs/*/*/replicate-*.json"
OTHERS = ("runs/*/*/replicate-*.npz", "search/**/*.json", "tuning/**/*.json", "claims.json")


def differences(one: Path, other: Path) -> list[str]:
    """Return what differs between two results folders: tables as read back; run, search and claim files."""
    found = []
    for pattern in (TABLES, RECORDS, *OTHERS):
        names = [{path.relative_to(folder).as_posix() for path in folder.glob(pattern)} for folder in (one, other)]
        names = [{name for name in each if not name.endswith(".times.parquet")} for each in names]
        found += [f"{name}: in one only" for name in sorted(names[0] ^ names[1])]
        found += [f"{name}: differs" for name in sorted(names[0] & names[1]) if not _same(one / name, other / name)]
    return found


def count(folder: Path) -> str:
    """Return how much there is to compare."""
    numbers = {name: len(list(folder.glob(pattern))) for name, pattern in (("tables", TABLES), ("runs", RECORDS))}
    return ", ".join(f"{number} {name}" for name, number in numbers.items())


def _same(one: Path, other: Path) -> bool:
    if one.suffix == ".parquet":
        tables = [pd.read_parquet(path) for path in (one, other)]
        plain = [table.drop(columns=table.columns.intersection([*CLOCKS])) for table in tables]
        return plain[0].equals(plain[1])
    if one.match("replicate-*.json"):
        return _record(one) == _record(other)
    return one.read_bytes() == other.read_bytes()


def _record(path: Path) -> dict[str, Any]:
    return {key: value for key, value in json.loads(path.read_text("utf-8")).items() if key not in CLOCKS}
