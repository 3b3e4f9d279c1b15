"""Digests of the code that a job depends on.

The numbers of a run depend on the parts that it uses: :func:`digest_of` follows names from the classes of a run through
the package's definitions and leaves out what they do not reach, comments and docstrings. A new layer, measurement or
loss therefore changes the digest of no run that does not use it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import chapter6
from chapter6.registry import Family, parts

ROOT = Path(chapter6.__file__).parent
PACKAGES = (
    *("chapter6.engine", "chapter6.search", "chapter6.data", "chapter6.jobs.datasets"),
    *("chapter6.registry", "chapter6.settings"),
)
TRAINING = ("chapter6.engine.execution.execute", "chapter6.data.storage.load")
AT_WORK = {  # what declarations are carried out by, called by their keys
    "chapter6.engine.transforms": "chapter6.data.transforms",
    "chapter6.engine.augmentations": "chapter6.data.augmentation",
}
PREPARING = "chapter6.jobs.datasets.Dataset"


@cache
def source_digest(*patterns: str) -> str:
    """Return a SHA-256 over the names and contents of the package's files that match ``patterns``."""
    digest = sha256()
    for path in sorted({path for pattern in patterns for path in ROOT.glob(pattern) if _is_source(path)}):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _is_source(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc"


def training_digest(*values: Any) -> str:
    """Return the digest of all code that can change the numbers of runs: ``values`` are trees of their parts."""
    used = {type(part) for value in values for part in parts(value)}
    return digest_of(*TRAINING, *sorted(map(_name, used)), *sorted(root for cls in used for root in _at_work(cls)))


def _at_work(cls: type) -> Iterator[str]:
    """Yield the names of what carries a declaration out, where that is not its own class."""
    if cls.__module__ in AT_WORK:
        yield from (PREPARING, f"{AT_WORK[cls.__module__]}.{getattr(cls, 'key', cls.__name__.lower())}")


def search_digest(*values: Any) -> str:
    """Return the digest of all code that can change the course of a search."""
    jobs = source_digest("jobs/search.py", "jobs/choose.py", "study/searches.py", "metrics.py")
    return sha256(f"{training_digest(*values)}{jobs}".encode()).hexdigest()


def tuning_digest() -> str:
    """Return the digest of the code that makes a choice of what was trained."""
    return source_digest("jobs/tune.py", "study/tunings.py", "study/scores.py", "quantities.py", "metrics.py")


@cache
def digest_of(*roots: str) -> str:
    """Return a SHA-256 over every definition that the ``roots``, full names of definitions, reach by name."""
    reached: dict[str, str] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in reached or not name.startswith(PACKAGES):
            continue
        module, _, own = name.rpartition(".")
        definition = _definitions(module).get(own)
        if definition is None:  # a module as such
            continue
        reached[name] = definition.text
        waiting += [*definition.bases, *(used for used in definition.uses if not _is_member(used))]
    return sha256("\n".join(f"{name} {reached[name]}" for name in sorted(reached)).encode()).hexdigest()


@dataclass(frozen=True)
class _Definition:
    """A statement at the top of a module: its syntax without docstrings, the definitions that it uses, its bases."""

    text: str
    uses: tuple[str, ...]
    bases: tuple[str, ...]


@cache
def _definitions(module: str) -> dict[str, _Definition]:
    tree = ast.parse(_file(module).read_text(encoding="utf-8"))
    known: dict[str, str] = {}
    named: list[tuple[str, ast.stmt]] = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        named += [(name, node) for name in _names(node)]
    known |= {name: f"{module}.{name}" for name, _ in named}
    return {name: _definition(node, known) for name, node in named}


def _definition(node: ast.stmt, known: dict[str, str]) -> _Definition:
    words: list[str] = []
    used: set[str] = set()
    _scan(node, words, used)
    heads = (name.partition(".") for name in used)
    uses = sorted({_defined(f"{known[head]}{dot}{rest}") for head, dot, rest in heads if head in known})
    bases = [known[base.id] for base in getattr(node, "bases", ()) if isinstance(base, ast.Name) and base.id in known]
    return _Definition(" ".join(words), tuple(uses), tuple(bases))


def _file(module: str) -> Path:
    place = Path(ROOT.parent, *module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


@cache
def _defined(name: str) -> str:
    """Return the definition behind a full name that may be that of an attribute of a constant or of a class."""
    holder = name.rpartition(".")[0]
    return holder if holder.startswith(PACKAGES) and not _file(holder).exists() else name


def _scan(node: ast.AST, words: list[str], used: set[str]) -> None:
    """Write down the syntax below ``node`` without docstrings, and the names that it uses, ``module.name`` included."""
    words.append(type(node).__name__)
    if isinstance(node, ast.Name):
        used.add(node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        used |= {node.value.id, f"{node.value.id}.{node.attr}"}
    for name in node._fields:
        value = getattr(node, name)
        if isinstance(value, ast.AST):
            _scan(value, words, used)
        elif isinstance(value, list):
            words.append("[")
            for item in value[1:] if name == "body" and value and _is_docstring(value[0]) else value:
                if isinstance(item, ast.AST):
                    _scan(item, words, used)
                else:
                    words.append(repr(item))
            words.append("]")
        else:
            words.append(repr(value))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _names(node: ast.stmt) -> Iterable[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


@cache
def _is_member(name: str) -> bool:
    """Whether a name is that of a family's member, which a run uses only if its tree holds one."""
    module, _, own = name.rpartition(".")
    found = getattr(import_module(module), own, None) if module.startswith("chapter6") else None
    return isinstance(found, type) and issubclass(found, Family) and "key" in vars(found)


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
