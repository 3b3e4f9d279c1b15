"""Writing files so that a half-written one is never taken for whole."""

from __future__ import annotations

import json
import os
import platform
import re
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EIO
from pathlib import Path
from secrets import token_hex
from typing import Any

HOST = f"{zlib.crc32(platform.node().encode()):08x}"
FORSAKEN = 3600.0  # seconds without a write, after which another machine's temporary file is taken for abandoned


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; move it there on success, remove it on failure.

    What killed processes left beside ``path`` is removed. An :class:`OSError` without a file's name, as a full disk
    gives it, gets the name of ``path``.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(target)
    temporary = target.parent / f".{target.name}.{HOST}-{os.getpid()}-{token_hex(4)}{target.suffix}"
    temporary.touch(exist_ok=False)  # not by tempfile, whose files others cannot read: here the umask decides
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        if error.filename is not None:
            raise
        if error.errno is None:  # NumPy's, when fewer bytes were written than there are
            raise OSError(EIO, f"{error}; is the disk full?", str(target)) from error
        raise OSError(error.errno, error.strerror, str(target)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _remove_abandoned(target: Path) -> None:
    """Remove temporary files of ``target`` whose writers are gone, with the journals that SQLite keeps beside them."""
    pattern = re.compile(re.escape(f".{target.name}.") + r"([0-9a-f]{8})-(\d+)-.*")
    for name in os.listdir(target.parent):  # noqa: PTH208  # of all files of the folder: many, and few that match
        match = pattern.fullmatch(name)
        if match and _is_abandoned(target.parent / name, match[1], int(match[2])):
            (target.parent / name).unlink(missing_ok=True)


def _is_abandoned(path: Path, host: str, process: int) -> bool:
    if host != HOST:
        with suppress(FileNotFoundError):
            return time.time() - path.stat().st_mtime > FORSAKEN
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's, and alive
        pass
    return False


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, data: Any) -> None:
    """Write ``data`` as indented JSON; NaN and infinity are refused."""
    write_text(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))
