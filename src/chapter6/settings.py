"""Settings as plain data: merging, and dotted keys that reach into mappings and lists.

An element of a list is addressed by its name, else by its kind (``stages.main.steps``, ``penalties.l2.strength``),
with a number where several have it (``network.dense-2.units``). A key may leave out what stands before, as long as one
setting answers to it (``optimizer.learning_rate``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chapter6.registry import StudyError

MOST_NAMED = 12


def shortened(names: Iterable[str], most: int = MOST_NAMED) -> str:
    """Return names as a list for a message, the first few if there are many."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def is_number(value: Any) -> bool:
    """Whether a setting is a number, which truth values are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings under dotted keys; a part's kind stands under the part's own key, ``{times: f}`` whole."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        names = addresses(value)
        if isinstance(value, Mapping) and set(value) != {"times"}:
            flat |= _flat_part(f"{prefix}{key}", value)
        elif names:
            for name, element in zip(names, value, strict=True):
                flat |= _flat_part(f"{prefix}{key}.{name}", element)
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _flat_part(key: str, part: Mapping[str, Any]) -> dict[str, Any]:
    kind = {key: part["kind"]} if "kind" in part else {}
    return kind | flatten({name: value for name, value in part.items() if name not in ("kind", "name")}, f"{key}.")


def addresses(value: Any) -> list[str]:
    """Return how the elements of a list are called; nothing where it is not a list of named parts."""
    if not isinstance(value, list | tuple):
        return []
    own = [each.get("name") or each.get("kind") if isinstance(each, Mapping) else None for each in value]
    if not all(isinstance(name, str) for name in own):
        return []
    count, seen, names = Counter(own), Counter[str](), []
    for name in map(str, own):
        seen[name] += 1
        names.append(f"{name}-{seen[name]}" if count[name] > 1 else name)
    return names


def key_among(keys: Iterable[str], wanted: str, place: str = "") -> str:
    """Return the one of the dotted ``keys`` that answers to ``wanted``: the same, or one that ends in it."""
    keys = list(keys)
    if wanted in keys:
        return wanted
    found = [key for key in keys if key.endswith(f".{wanted}")]
    if len(found) == 1:
        return found[0]
    start = f"{place}: " if place else ""
    if found:
        raise StudyError(f"{start}two settings or more answer to {wanted!r}: write {shortened(found)}")
    raise StudyError(f"{start}no setting is called {wanted!r}; choose from {shortened(sorted(keys), 40)}")


def has_key(keys: Iterable[str], wanted: str) -> bool:
    """Whether one of the dotted ``keys``, or several, answer to ``wanted``."""
    return any(key == wanted or key.endswith(f".{wanted}") for key in keys)


def merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``change`` laid over it, mapping by mapping; lists are replaced whole.

    A mapping of another ``kind`` replaces the old one whole; ``{times: f}`` multiplies the number below it, or what is
    taken ``from`` a file.
    """
    merged = dict(base)
    for key, value in change.items():
        merged[key] = _laid_over(key, merged.get(key), value)
    return merged


def _laid_over(key: str, old: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"times"}:
        if isinstance(old, Mapping) and "from" in old and is_number(value["times"]):
            return {**old, "times": old.get("times", 1) * value["times"]}
        if not is_number(old) or not is_number(value["times"]):
            raise StudyError(f"{key}: 'times: {value['times']!r}' multiplies a number, but below it is {old!r}")
        return old * value["times"]
    return merge(_compatible(old, value), value)


def _compatible(old: Any, change: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(old, str):
        old = {"kind": old}
    if not isinstance(old, Mapping) or ("kind" in change and change["kind"] != old.get("kind")):
        return {}
    return old


def assigned(settings: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Return the settings with ``value`` laid over what stands under a dotted key.

    Mappings on the way are made where they are missing; elements of lists are not.
    """
    return dict(_assigned(settings, key.split("."), value, key))


def all_assigned(settings: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with every value laid over what stands under its dotted key."""
    for key, value in values.items():
        settings = assigned(settings, key, value)
    return dict(settings)


def _assigned(part: Any, way: Sequence[str], value: Any, key: str) -> Any:
    if not way:
        raise StudyError(f"{key}: no key")
    if isinstance(part, list | tuple):
        names = addresses([{"kind": each} if isinstance(each, str) else each for each in part])
        if way[0] not in names:
            several = [name for name in names if name.rpartition("-")[0] == way[0]]
            answer = "two elements or more answer to" if several else "no element is called"
            raise StudyError(f"{key}: {answer} {way[0]!r}; choose from {shortened(several or names) or 'none'}")
        changed = list(part)
        here = names.index(way[0])
        changed[here] = _below(changed[here], way, value, key)
        return changed
    if part is not None and not isinstance(part, Mapping | str):
        raise StudyError(f"{key}: {way[0]!r} lies within {part!r}, which has no keys")
    part = {"kind": part} if isinstance(part, str) else dict(part or {})
    return part | {way[0]: _below(part.get(way[0]), way, value, key)}


def _below(old: Any, way: Sequence[str], value: Any, key: str) -> Any:
    return _assigned(old, way[1:], value, key) if len(way) > 1 else _laid_over(key, old, value)
