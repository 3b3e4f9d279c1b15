"""Families of interchangeable parts: a class's name is its key, its fields are its schema.

A direct subclass of :class:`Family` opens a family (``class Optimizer(Family)``); every further subclass
joins it under its lower-case name (``class AdaGrad(Optimizer)`` is ``adagrad``). Adding a part to the study
is therefore writing one frozen dataclass: the configuration's schema, the reference page and the contract
tests find it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, ClassVar, Self

from annotated_types import Ge, Gt, Interval, MinLen

Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Interval(ge=0, lt=1)]
Count = Annotated[int, Gt(0)]
Index = Annotated[int, Ge(0)]
Names = Annotated[tuple[str, ...], MinLen(1)]


class StudyError(Exception):
    """A mistake the user can mend: the message names the place, the value and the choices."""


class Family:
    """Base of every family; see the module's docstring."""

    key: ClassVar[str]
    members: ClassVar[dict[str, type[Any]]]

    def __init_subclass__(cls, key: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if Family in cls.__bases__:
            cls.members = {}
            return
        cls.key = key or cls.__name__.lower()
        if cls.key in cls.members:
            raise TypeError(f"two members of {cls.__mro__[1].__name__} have the key {cls.key!r}")
        cls.members[cls.key] = cls

    @classmethod
    def build(cls, spec: Mapping[str, Any]) -> Self:
        """Build a member from ``{"kind": key, **fields}``; nested sequences become tuples."""
        arguments = dict(spec)
        kind = arguments.pop("kind", None)
        if kind not in cls.members:
            raise StudyError(f"{cls.__name__.lower()}: unknown kind {kind!r}; choose from {sorted(cls.members)}")
        member: type[Self] = cls.members[kind]
        known = {field.name for field in fields(member)}  # type: ignore[arg-type]
        for name in arguments.keys() - known:
            raise StudyError(f"{kind}: unknown field {name!r}; choose from {sorted(known)}")
        return member(**{name: _frozen(value) for name, value in arguments.items()})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
