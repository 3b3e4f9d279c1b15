"""What is mirrored, as plain data: jobs fill it in, :mod:`chapter6.tracking.mirror` sends it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

NOTE = "mlflow.note.content"  # the tag that the UI shows as a description, in Markdown
MOST_POINTS = 200  # of one metric: a run of 2000 steps takes 0.1 MB of the database instead of 0.9
LONGEST_VALUE = 500  # of a parameter: the least that any MLflow store takes

Points = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True)
class Data:
    """The data set of a run: ``source`` is its folder, ``profile`` says how large it is."""

    name: str
    digest: str
    source: str
    profile: Mapping[str, int]


@dataclass(frozen=True)
class Content:
    """What a run holds: ``artifacts`` maps a folder of the run ("" is its top) to the files that go there."""

    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Points] = field(default_factory=dict)
    artifacts: Mapping[str, Sequence[Path]] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One run: ``slot`` says which of its experiment, ``key`` what it shows.

    A slot is filled again when its key changes. ``tags`` are kept up to date, ``origin`` are tags set once,
    ``parent`` is the slot of an entry before this one. ``load`` is called only for a run not yet there.
    """

    slot: str
    name: str
    key: str
    started: datetime
    seconds: float
    load: Callable[[], Content]
    tags: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None
    data: Data | None = None


def thinned(steps: ArrayLike, values: ArrayLike, most: int = MOST_POINTS) -> Points:
    """Return the finite points of a curve, ``most`` at the most and evenly chosen, first and last among them."""
    step, value = np.asarray(steps, dtype=np.int64), np.asarray(values, dtype=np.float64)
    finite = np.isfinite(value)
    step, value = step[finite], value[finite]
    if len(step) > most:
        chosen = np.linspace(0, len(step) - 1, most).round().astype(np.int64)
        step, value = step[chosen], value[chosen]
    return step, value


def digest(value: Any) -> str:
    """Return the SHA-256 of plain data."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
