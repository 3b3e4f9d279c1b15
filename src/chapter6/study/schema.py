"""Pydantic models made from the registered families, and readable messages for what they refuse."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from chapter6.registry import Family, StudyError

M = TypeVar("M", bound=BaseModel)
STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Model(BaseModel):
    """Base of what authors write: unknown keys are refused."""

    model_config = STRICT


@cache
def model_of(cls: Any) -> Any:
    """Return the model of a dataclass; a family's member also has its ``kind``."""
    hints = get_type_hints(cls, include_extras=True)
    definitions: dict[str, Any] = {}
    if issubclass(cls, Family):
        definitions["kind"] = (Literal[cls.key], cls.key)
    for field in dataclasses.fields(cls):
        definitions[field.name] = (_modelled(hints[field.name]), _default(field))
    return create_model(cls.__name__, __config__=STRICT, __doc__=cls.__doc__, **definitions)


def member_of(family: type[Family]) -> Any:
    """Return the type "one member of ``family``", written ``{kind: ..., ...}`` or as the bare kind."""
    models = tuple(model_of(member) for member in family.members.values())  # type: ignore[arg-type]
    union = Union[models] if len(models) > 1 else models[0]  # noqa: UP007 (a union built at run time)
    tagged = Annotated[union, Field(discriminator="kind")] if len(models) > 1 else union
    written = tagged | Literal[tuple(family.members)]  # in JSON schema, the bare kind will do as well
    return Annotated[tagged, BeforeValidator(_expand_kind, json_schema_input_type=written)]


def _expand_kind(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


def _modelled(annotation: Any) -> Any:
    """Replace families and dataclasses inside an annotation by their models."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        if issubclass(annotation, Family) and Family in annotation.__bases__:
            return member_of(annotation)
        return model_of(annotation) if dataclasses.is_dataclass(annotation) else annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[_modelled(arguments[0]), *arguments[1:]]
    if origin in (Union, UnionType):
        return Union[tuple(_modelled(argument) for argument in arguments)]  # noqa: UP007
    if origin is tuple:
        return tuple[tuple(a if a is Ellipsis else _modelled(a) for a in arguments)]  # type: ignore[misc]
    return annotation


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return Field(default_factory=field.default_factory)
    return ... if field.default is dataclasses.MISSING else field.default


def parse(model: type[M], raw: Any, place: str) -> M:
    """Validate ``raw`` or raise one :class:`StudyError` naming ``place``, key, value and choices."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = [_describe(model, problem) for problem in error.errors()]
        raise StudyError("\n".join(f"{place}: {text}" for text in dict.fromkeys(problems))) from None


def _describe(model: type[BaseModel], problem: Mapping[str, Any]) -> str:
    location, owner = _resolve(model, problem["loc"])
    key = ".".join(location) or "the file"
    value, kind, context = problem["input"], problem["type"], problem.get("ctx", {})
    if kind == "value_error":  # our own words, which name what they are about
        return f"{key}: {context['error']}" if location else str(context["error"])
    if kind == "extra_forbidden":
        return f"{key}: unknown key; choose from {_listed(owner)}"
    if kind == "missing":
        return f"{key}: required, but missing"
    if kind == "union_tag_invalid":
        return f"{key}: unknown kind {context['tag']!r}; choose from {context['expected_tags']}"
    if kind == "union_tag_not_found":
        return f"{key}: {value!r} has no 'kind'; choose from {_tags(owner)}"
    return f"{key}: {problem['msg'][0].lower()}{problem['msg'][1:]}, not {value!r}"


def _resolve(model: Any, location: tuple[Any, ...]) -> tuple[list[str], Any]:
    """Follow pydantic's location through the models; drop the tags of unions; return names and last owner."""
    names: list[str] = []
    current: Any = model
    owner: Any = model
    for part in location:
        members = list(_members(current))
        tagged = [m for m in members if "kind" in m.model_fields and m.model_fields["kind"].default == part]
        if tagged and current is not tagged[0] and part != "kind":  # a member may have a field of its own name
            current = owner = tagged[0]
            continue
        names.append(str(part))
        owner = current
        fields = [m.model_fields[part] for m in members if isinstance(part, str) and part in m.model_fields]
        current = fields[0].annotation if fields else current
    return names, owner


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
