"""Pydantic models made from frozen dataclasses and families, and readable messages for what they refuse."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import UnionType
from typing import Annotated, Any, ForwardRef, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from chapter6.registry import Family, StudyError, build

T = TypeVar("T")
WHOLE = BeforeValidator(lambda value: int(value) if _is_whole(value) else value)  # 1e3 is 1000
STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)
_open: list[type] = []  # families whose models are being made: what meets them again refers to them by a name
_referred: dict[str, tuple[Any, str | None]] = {}  # family and default kind by such names
_incomplete: list[Any] = []  # models that hold such names


def parse(cls: type[T], raw: Any, place: str, renamed: Mapping[str, str] | None = None) -> T:
    """Return ``raw``, as its author wrote it, as a ``cls``; or raise one :class:`StudyError`.

    The error names ``place``, key, value and choices; keys that begin as ``renamed`` says are told by its words.
    """
    kind: Any = cls
    model = member_of(kind) if issubclass(cls, Family) else model_of(kind)
    try:
        return build(cls, _adapter(model).validate_python(_frozen(raw)).model_dump(exclude_unset=True))
    except ValidationError as error:
        problems = [_describe(model, problem, renamed or {}) for problem in _told_once(error.errors())]
        raise StudyError("\n".join(f"{place}: {text}" for text in dict.fromkeys(problems))) from None
    except StudyError as error:
        raise StudyError(f"{place}: {_told('.'.join(error.path), error.problem, renamed or {})}") from None


def _told_once(problems: Sequence[Any]) -> Iterator[Any]:
    """Leave out that a tuple is too short where it is because of what was refused within it."""
    for problem in problems:
        place = problem["loc"]
        within = (other["loc"] for other in problems if other["loc"] != place)
        if problem["type"] != "too_short" or not any(other[: len(place)] == place for other in within):
            yield problem


@cache
def _adapter(model: Any) -> Any:
    return TypeAdapter(model)


def _frozen(raw: Any) -> Any:
    """Return data with tuples in the place of lists, as strict validation wants them."""
    if isinstance(raw, Mapping):
        return {key: _frozen(value) for key, value in raw.items()}
    return tuple(_frozen(value) for value in raw) if isinstance(raw, list | tuple) else raw


@cache
def model_of(cls: Any) -> Any:
    """Return the model of a dataclass; a family's member also has its ``kind``."""
    hints = get_type_hints(cls, include_extras=True)
    definitions: dict[str, Any] = {}
    if issubclass(cls, Family):
        definitions["kind"] = (Literal[cls.key], cls.key)
    for field in dataclasses.fields(cls):
        if field.metadata.get("found"):  # never written
            continue
        definitions[field.name] = (_modelled(hints[field.name], _default_kind(field)), _default(field))
    model: Any = create_model(cls.__name__, __config__=STRICT, __doc__=cls.__doc__, **definitions)
    if not model.__pydantic_complete__:
        _incomplete.append(model)
    return model


def member_of(family: Any, default: str | None = None) -> Any:
    """Return the type "one member of ``family``", written ``{kind: ..., ...}`` or as the bare kind.

    Where a part has a ``default`` kind, ``{...}`` without a kind is of that kind. Within its own members a family is
    referred to by a name, and the models that do so are completed once all is there.
    """
    if family in _open:
        name = f"{family.__name__}_{default}"
        _referred[name] = (family, default)
        return ForwardRef(name)
    written = _written(family, default)
    if _incomplete and not _open:
        _complete()
    return written


@cache
def _written(family: Any, default: str | None) -> Any:
    def expand(value: Any) -> Any:
        if isinstance(value, str):
            return {"kind": value}
        return {"kind": default, **value} if default and isinstance(value, Mapping) else value

    tagged = _tagged(family)
    written = tagged | Literal[tuple(family.choices())]  # in JSON schema, the bare kind will do as well
    return Annotated[tagged, BeforeValidator(expand, json_schema_input_type=written)]


@cache
def _tagged(family: Any) -> Any:
    _open.append(family)
    try:
        models = tuple(model_of(member) for member in family.choices().values())
    finally:
        _open.remove(family)
    union = Union[models] if len(models) > 1 else models[0]  # noqa: UP007 (a union built at run time)
    return Annotated[union, Field(discriminator="kind")] if len(models) > 1 else union


def _complete() -> None:
    """Complete the models that were made before what they refer to."""
    names: dict[str, Any] = {}
    while len(names) < len(_referred):  # making a type may be the first to refer to another
        names |= {name: _written(*referred) for name, referred in _referred.items() if name not in names}
    while waiting := [model for model in _incomplete if not model.__pydantic_complete__]:
        for model in waiting:
            model.model_rebuild(force=True, raise_errors=False, _types_namespace=names)
        if all(not model.__pydantic_complete__ for model in waiting):
            waiting[0].model_rebuild(force=True, _types_namespace=names)
    for model in _incomplete:
        model.model_rebuild(force=True, _types_namespace=names)
    _incomplete.clear()


def _modelled(annotation: Any, default: str | None = None) -> Any:
    """Replace families and dataclasses inside an annotation by their models."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        kind: Any = annotation
        if issubclass(annotation, Family):
            return member_of(kind, default or _only(annotation))
        return (
            model_of(kind)
            if dataclasses.is_dataclass(annotation)
            else Annotated[int, WHOLE]
            if annotation is int
            else annotation
        )
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        own = (*arguments, WHOLE) if arguments[0] is int else (_modelled(arguments[0]), *arguments[1:])
        return Annotated[own]
    if origin in (Union, UnionType):
        return Union[tuple(_modelled(argument, default) for argument in arguments)]  # noqa: UP007
    if origin is tuple:
        return tuple[tuple(a if a is Ellipsis else _modelled(a) for a in arguments)]  # type: ignore[misc]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return dict[arguments[0], _modelled(arguments[1])]  # type: ignore[misc, valid-type]
    return annotation


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _only(family: type[Family]) -> str | None:
    return next(iter(family.choices())) if len(family.choices()) == 1 else None


def _default(field: dataclasses.Field[Any]) -> Any:
    description = field.metadata.get("says")
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        return Field(description=description)
    return Field(default=_default_value(field), description=description)


def _default_value(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _default_kind(field: dataclasses.Field[Any]) -> str | None:
    """Return the kind of a field's default, where that is a member of a family."""
    value = _default_value(field)
    return value.key if isinstance(value, Family) else None


def _describe(model: Any, problem: Mapping[str, Any], renamed: Mapping[str, str]) -> str:
    location, owner, part = _resolve(model, problem["loc"])
    of = part if problem["type"] == "union_tag_not_found" else owner
    return _told(".".join(location), _reason(problem, of, bool(location) or "" in renamed), renamed)


def _told(key: str, reason: object, renamed: Mapping[str, str]) -> str:
    for start, words in renamed.items():
        if f"{key}.".startswith(start):
            key = (words + f"{key}."[len(start) :]).strip(".")
    return f"{key}: {reason}" if key else str(reason)


def _reason(problem: Mapping[str, Any], owner: Any, has_key: bool) -> str:
    value, kind, context = problem["input"], problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key; choose from {_listed(owner)}"
    if kind == "missing":
        return "required, but missing"
    if kind == "union_tag_invalid":
        return f"unknown kind {context['tag']!r}; choose from {context['expected_tags']}"
    if kind == "union_tag_not_found":
        return f"{_short(value)} has no 'kind'; choose from {_tags(owner)}"
    reason = f"{problem['msg'][0].lower()}{problem['msg'][1:]}, not {_short(value)}"
    return reason if has_key else f"the file: {reason}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:197]}..."


def _resolve(model: Any, location: tuple[Any, ...]) -> tuple[list[str], Any, Any]:
    """Follow pydantic's location through the models, past the tags of unions; return names, last owner and part."""
    names: list[str] = []
    current: Any = model
    owner: Any = model
    for part in location:
        members = list(_members(current))
        tagged = [m for m in members if "kind" in m.model_fields and m.model_fields["kind"].default == part]
        if tagged and current is not tagged[0] and part != "kind":  # a member may have a field of its own name
            current = owner = tagged[0]
            continue
        fields = [m.model_fields[part] for m in members if isinstance(part, str) and part in m.model_fields]
        if isinstance(part, str) and not fields and _is_type_name(part):
            continue  # which of a union's plain types was tried
        names.append(str(part))
        owner = current
        current = fields[0].annotation if fields else current
    return names, owner, current


def _is_type_name(part: str) -> bool:
    return part in ("str", "int", "float", "bool", "none") or part.startswith(("tuple[", "literal[", "dict["))


def _members(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield every model inside an annotation."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for argument in get_args(annotation):
        yield from _members(argument)


def _listed(owner: Any) -> list[str]:
    return sorted({name for model in _members(owner) for name in model.model_fields})


def _tags(owner: Any) -> str:
    kinds = (m.model_fields["kind"].default for m in _members(owner) if "kind" in m.model_fields)
    return ", ".join(repr(kind) for kind in kinds)
