"""Families of interchangeable parts, and trees of frozen dataclasses as plain data.

A direct subclass of :class:`Family` opens a family (``class Optimizer(Family)``); every further subclass
joins it under its lower-case name (``class AdaGrad(Optimizer)`` is ``adagrad``), unless it is ``abstract``. Adding a
part to the study is therefore writing one frozen dataclass: the configuration's schema, the reference page and the
contract tests find it here. :func:`plain` turns a tree of them into JSON data, :func:`build` turns it back.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, ClassVar, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Interval, MinLen

T = TypeVar("T")

Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Interval(ge=0, lt=1)]
Fraction = Annotated[float, Interval(ge=0, le=1)]
Count = Annotated[int, Gt(0)]
Index = Annotated[int, Ge(0)]
Names = Annotated[tuple[str, ...], MinLen(1)]


class StudyError(Exception):
    """A mistake the user can mend: the message names the place, the value and the choices.

    ``path`` leads through a tree to what is wrong; ``problem`` says what it is.
    """

    def __init__(self, problem: object, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"{'.'.join(path)}: {problem}" if path else str(problem))
        self.problem, self.path = problem, path

    def within(self, name: object) -> StudyError:
        """Return the same mistake, seen from the tree that holds its own under ``name``."""
        return StudyError(self.problem, (str(name), *self.path))


class Family:
    """Base of every family; see the module's docstring."""

    key: ClassVar[str]
    members: ClassVar[dict[str, type[Any]]]

    def __init_subclass__(cls, key: str | None = None, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if Family in cls.__bases__:
            cls.members = {}
        elif not abstract:
            cls.key = key or cls.__name__.lower()
            if cls.key in cls.members:
                raise TypeError(f"two members of {cls.__mro__[1].__name__} have the key {cls.key!r}")
            cls.members[cls.key] = cls

    @classmethod
    def choices(cls) -> dict[str, type[Self]]:
        """Return the members that are of this class, by key: of a family all, of a member itself.

        They come by module and in its order, whichever module was imported first.
        """
        found = sorted(cls.members.items(), key=lambda item: item[1].__module__)
        return {key: member for key, member in found if issubclass(member, cls)}

    @classmethod
    def build(cls, spec: Mapping[str, Any] | str) -> Self:
        """Build a member from ``{"kind": key, **fields}`` or the bare key."""
        return build(cls, spec)


def plain(value: Any) -> Any:
    """Return a tree of dataclasses as JSON data, a family's member with its ``kind``."""
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if not dataclasses.is_dataclass(value):
        return value
    cls: Any = type(value)
    kind: dict[str, Any] = {"kind": value.key} if isinstance(value, Family) else {}
    found = _found(cls)
    fields = ((name, getattr(value, name)) for name in _hints(cls))
    return kind | {name: plain(part) for name, part in fields if part is not None or name not in found}


def canonical(value: Any) -> str:
    """Return JSON in which equal values are equal texts."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"))


def build(cls: type[T], data: Any) -> T:
    """Return what ``plain`` made of an instance of ``cls`` as the instance; StudyError where it cannot be one.

    Types of numbers and texts are taken as they are: whoever reads what people wrote validates it first.
    """
    annotation: Any = cls
    built: T = _maker(annotation)(data)
    return built


def parts(value: Any) -> Iterator[Any]:
    """Yield every dataclass of a tree, from the root down."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield value
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from parts(item)


@cache
def _maker(annotation: Any) -> Callable[[Any], Any]:
    """Return what turns plain data into a value of a type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _maker(arguments[0])
    if origin in (Union, UnionType):
        return lambda data: _maker(_fitting(arguments, data))(data)
    if origin is tuple:
        return lambda data: _sequence(arguments, data)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return lambda data: {key: _part(key, arguments[1], item) for key, item in data.items()}
    if isinstance(annotation, type) and (issubclass(annotation, Family) or dataclasses.is_dataclass(annotation)):
        return lambda data: data if isinstance(data, annotation) else _instance(annotation, data)
    return _frozen if annotation is Any else lambda data: data


def _frozen(data: Any) -> Any:
    return tuple(_frozen(item) for item in data) if isinstance(data, list | tuple) else data


def _sequence(types: tuple[Any, ...], data: Any) -> Any:
    if not isinstance(data, list | tuple):
        return data
    each = types[:1] * len(data) if types[1:] == (Ellipsis,) else types
    return tuple(_part(number, a, item) for number, (a, item) in enumerate(zip(each, data, strict=True)))


def _part(name: object, annotation: Any, data: Any) -> Any:
    try:
        return _maker(annotation)(data)
    except StudyError as error:
        raise error.within(name) from None


def _fitting(options: tuple[Any, ...], data: Any) -> Any:
    """Return the option of a union that data are meant for, by their shape."""

    def fits(option: Any) -> bool:
        option = get_args(option)[0] if get_origin(option) is Annotated else option
        is_object = isinstance(option, type) and (dataclasses.is_dataclass(option) or issubclass(option, Family))
        if isinstance(data, Mapping):
            return is_object or get_origin(option) in (dict, Mapping)
        if isinstance(data, list | tuple):
            return get_origin(option) is tuple
        return isinstance(data, str) and is_object and issubclass(option, Family) and str not in options

    return next((option for option in options if fits(option)), Any)


def _instance(cls: Any, data: Any) -> Any:
    arguments = {"kind": data} if isinstance(data, str) else data
    if not isinstance(arguments, Mapping):
        raise StudyError(f"{cls.__name__.lower()}: expected keys and values, not {data!r}")
    arguments = dict(arguments)
    if issubclass(cls, Family):
        kind = arguments.pop("kind", None)
        member = cls.members.get(kind)
        if member is None or not issubclass(member, cls):
            raise StudyError(f"{cls.__name__.lower()}: unknown kind {kind!r}; choose from {sorted(cls.choices())}")
        cls = member
    hints = _hints(cls)
    for name in arguments.keys() - hints.keys():
        owner = getattr(cls, "key", cls.__name__.lower())
        raise StudyError(f"{owner}: unknown field {name!r}; choose from {sorted(hints)}")
    try:
        return cls(**{name: _part(name, hints[name], value) for name, value in arguments.items()})
    except TypeError as error:
        raise StudyError(f"{getattr(cls, 'key', cls.__name__.lower())}: {error}") from None


@cache
def _found(cls: Any) -> frozenset[str]:
    """Return the fields that nobody writes: what they hold is found, and left out where there is none."""
    return frozenset(field.name for field in dataclasses.fields(cls) if field.metadata.get("found"))


@cache
def _hints(cls: Any) -> dict[str, Any]:
    """Return the type of every field of a dataclass."""
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if field.init}
