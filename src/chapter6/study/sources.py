"""Digests of the code that a job depends on."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

import chapter6

TRAINING = ("registry.py", "engine/*.py", "data/*.py", "study/assemble.py")
SEARCHING = ("search/*.py", "study/searches.py", "study/resolve.py", "jobs/search.py", "jobs/choose.py", "jobs/tune.py")


@cache
def source_digest(*patterns: str) -> str:
    """Return a SHA-256 over the names and contents of the package's files that match ``patterns``."""
    root = Path(chapter6.__file__).parent
    digest = sha256()
    for path in sorted({path for pattern in patterns for path in root.glob(pattern) if _is_source(path)}):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _is_source(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc"


def training_digest() -> str:
    """Return the digest of all code that can change the numbers of a run."""
    return source_digest(*TRAINING)


def search_digest() -> str:
    """Return the digest of all code that can change the course of a search or a tuning."""
    return source_digest(*TRAINING, *SEARCHING)
