"""What is planned under several names is trained under the first that comes, and copied to the others.

Experiments share runs: one's baseline is another's, and a tuned learning rate may be one of a sweep's. Two runs with
the same key (the digest of everything that their numbers depend on) have the same numbers, wherever they are trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from chapter6.files import read_json, replacing, write_json
from chapter6.study.paths import weights_file


@dataclass(frozen=True)
class RunCache:
    """Where records stand, by key: an index that may be deleted at any time, and is not believed unseen.

    ``folder`` None means that nothing is known.
    """

    folder: str | None

    def add(self, key: str, record_file: str) -> None:
        """Remember a record, the curves beside it included."""
        if self.folder:
            write_json(self._entry(key), {"record": record_file, "sha256": _digest(Path(record_file))})

    def copy(self, key: str, target: str, named: Mapping[str, Any] | None = None, keeps: bool = False) -> str | None:
        """Copy what was trained under ``key`` to the record ``target``, its curves first; return where it stood.

        ``named`` replaces fields of the record. What ``keeps`` its final weights has these copied, too. None, and no
        copy, where nothing is known or it is not whole any more.
        """
        if not self.folder:
            return None
        try:
            entry = read_json(self._entry(key))
            source = Path(entry["record"])
            if _digest(source) != entry["sha256"]:
                return None
            record: dict[str, Any] = read_json(source)
            files = {"curves": (source.with_suffix(".npz"), Path(target).with_suffix(".npz"))}
            if keeps:
                places = (Path(weights_file(str(Path(file).parent), record["replicate"])) for file in (source, target))
                files["weights"] = (next(places), next(places))
            contents = {copy: read.read_bytes() for read, copy in files.values()}
            stated = [record[part] for part in files]
        except (OSError, ValueError, LookupError, TypeError):
            return None
        if stated != [sha256(content).hexdigest() for content in contents.values()]:
            return None
        for copy, content in contents.items():
            with replacing(copy) as temporary:
                temporary.write_bytes(content)
        own = {} if keeps or "weights" not in record else {"weights": None}
        write_json(target, {**record, **own, **(named or {})})
        return str(source)

    def _entry(self, key: str) -> Path:
        return Path(self.folder or "", key[:2], f"{key[2:]}.json")


def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()
