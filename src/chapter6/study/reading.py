"""The reader of YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from chapter6.registry import StudyError

DEEPEST = 50


def experiment_files(folder: Path) -> list[Path]:
    """Experiments."""
    return sorted(folder.glob("*.yaml"))


def check_identifiers(ids: Mapping[str, Any]) -> None:
    """Nothing yet."""


def read_yaml(path: Path) -> Any:
    """Read a YAML file, or raise a :class:`StudyError` with the place of the mistake.

    Tags, keys given twice, and what grows without bound from a small file, aliases and deep nesting, are refused.
    """
    try:
        text = path.read_text(encoding="utf-8")
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > DEEPEST:
                problem = f"nested more than {DEEPEST} deep" if depth > DEEPEST else "aliases are not allowed"
                raise yaml.MarkedYAMLError(None, None, problem, event.start_mark)  # type: ignore[arg-type]
        return yaml.load(text, Loader=_Loader)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def _unique_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", node.start_mark)
    return dict(yaml.constructor.SafeConstructor.construct_mapping(loader, node, deep=True))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the one in C where there is one
    """Safe loader that refuses keys given twice."""


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def parse_yaml(text: str, place: str) -> Any:
    """Parse."""
    return yaml.load(text, Loader=_Loader)
