"""Models made from dataclasses: also of a family whose members hold members of the same family."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import pytest
from annotated_types import MinLen

from chapter6.registry import Count, Family, Share, StudyError, build, plain
from chapter6.study.schema import model_of, parse


@dataclass(frozen=True)
class Block(Family):
    """A layer, as it were."""


@dataclass(frozen=True)
class Unit(Block):
    """A leaf."""

    size: Count = 1


@dataclass(frozen=True)
class Residual(Block):
    """A list of layers, and layers in other places."""

    blocks: Annotated[tuple[Block, ...], MinLen(1)]
    survival: Share = 0.5
    shortcut: Block | None = None


@dataclass(frozen=True)
class Holder:
    """What holds a list of them."""

    blocks: tuple[Block, ...]
    single: Block = Unit()


@dataclass(frozen=True)
class Chain(Family):
    """A family with one member."""


@dataclass(frozen=True)
class Link(Chain):
    """A link that may hold the next."""

    number: Count
    rest: Chain | None = None


@dataclass(frozen=True)
class Expression(Family):
    """A family that meets itself by way of another."""


@dataclass(frozen=True)
class Name(Expression):
    """A leaf."""


@dataclass(frozen=True)
class Argument:
    """A plain dataclass between."""

    value: Expression
    weight: Count = 1


@dataclass(frozen=True)
class Call(Expression):
    """Holds them by way of a plain dataclass."""

    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class Left(Family):
    """One of two families that hold each other."""


@dataclass(frozen=True)
class Right(Family):
    """The other."""


@dataclass(frozen=True)
class East(Right):
    """Holds what holds it."""

    lefts: tuple[Left, ...] = ()


@dataclass(frozen=True)
class End(Left):
    """A leaf."""

    size: Count = 1


@dataclass(frozen=True)
class West(Left):
    """Holds what holds it; the default kind is that of the default."""

    rights: tuple[Right, ...] = ()
    end: Left = End()


NESTED = {
    "blocks": [
        "unit",
        {
            "kind": "residual",
            "blocks": [{"kind": "unit", "size": 2}, {"kind": "residual", "blocks": ["unit"], "shortcut": "unit"}],
        },
    ],
    "single": {"size": 3},
}


def test_a_family_that_holds_itself_is_validated():
    found = parse(Holder, NESTED, "here")
    inner = Residual((Unit(),), shortcut=Unit())
    assert found == Holder((Unit(), Residual((Unit(2), inner))), Unit(3))
    assert build(Holder, plain(found)) == found


def test_a_family_may_be_asked_for_by_itself_in_any_order():
    assert parse(Block, {"kind": "residual", "blocks": ["unit"]}, "here") == Residual((Unit(),))
    assert parse(Residual, {"kind": "residual", "blocks": ["unit"]}, "here") == Residual((Unit(),))
    schema = model_of(Residual).model_json_schema()
    assert schema["$defs"]["Residual"]["properties"].keys() == {"kind", "blocks", "survival", "shortcut"}
    assert parse(Chain, {"number": 1, "kind": "link", "rest": {"number": 2, "kind": "link"}}, "here") == Link(
        1, Link(2)
    )


def test_a_family_that_holds_itself_by_way_of_another_class():
    raw = {"kind": "call", "arguments": [{"value": "name"}, {"value": {"kind": "call", "arguments": []}, "weight": 2}]}
    assert parse(Expression, raw, "here") == Call((Argument(Name()), Argument(Call(()), 2)))
    inner = {"kind": "call", "arguments": [{"value": "name", "weight": 0}]}
    place = r"arguments\.0\.value\.arguments\.0\.weight"
    with pytest.raises(StudyError, match=rf"^here: {place}: .* greater than 0, not 0$"):
        parse(Expression, {"kind": "call", "arguments": [{"value": inner}]}, "here")


@pytest.mark.parametrize("first", [Left, Right, West, East])
def test_two_families_may_hold_each_other(first):
    member = {"left": "west", "right": "east"}.get(first.__name__.lower(), first.__name__.lower())
    east = {"kind": "east", "lefts": [{"kind": "west", "end": {"size": 2}}]}
    west = {"kind": "west", "rights": [east], "end": {"size": 3}}
    raw, wanted = {
        "east": (east, East((West(end=End(2)),))),
        "west": (west, West((East((West(end=End(2)),)),), End(3))),
    }[member]
    assert parse(first, raw, "here") == wanted
    wrong = {"kind": "west", "end": {"size": 0}}
    wrong = wrong if member == "west" else {"kind": "east", "lefts": [wrong]}
    with pytest.raises(StudyError, match=r"^here: (lefts\.0\.)?end\.size: input should be greater than 0, not 0$"):
        parse(first, wrong, "here")


def deep(block):
    return {"blocks": ["unit", {"kind": "residual", "blocks": ["unit", {"kind": "residual", "blocks": [block]}]}]}


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"kind": "unit", "size": 0}, r"size: input should be greater than 0, not 0"),
        ({"kind": "unit", "sise": 3}, r"sise: unknown key; choose from \['kind', 'size'\]"),
        ({"kind": "unti"}, r"unknown kind 'unti'; choose from 'unit', 'residual'"),
        ("unti", r"unknown kind 'unti'; choose from 'unit', 'residual'"),
        ({"size": 3}, r"\{'size': 3\} has no 'kind'; choose from 'unit', 'residual'"),
        ({"kind": "residual", "blocks": ["unit"], "survival": 1}, r"survival: input should be less than 1, not 1"),
        ({"kind": "residual", "blocks": []}, r"blocks: tuple should have at least 1 item after validation, not 0.*"),
        ({"kind": "residual"}, r"blocks: required, but missing"),
        (3, r".*not 3"),
    ],
)
def test_mistakes_within_are_told_with_their_place(block, message):
    with pytest.raises(StudyError) as refused:
        parse(Holder, deep(block), "here")
    told = str(refused.value)
    assert len(told.splitlines()) == 1
    assert "pydantic" not in told
    assert re.match(rf"here: blocks\.1\.blocks\.1\.blocks\.0(: |\.){message}$", told), told


def test_every_mistake_of_a_list_is_told():
    with pytest.raises(StudyError) as refused:
        parse(Holder, {"blocks": [{"kind": "unit", "size": 0}, "unit", {"kind": "unit", "size": True}]}, "here")
    first, second = str(refused.value).splitlines()
    assert first.startswith("here: blocks.0.size: ")
    assert second.startswith("here: blocks.2.size: ")


@pytest.mark.parametrize(("size", "read"), [(1e2, 100), (3, 3), ("3", None), (True, None), (1.5, None)])
def test_a_whole_number_may_be_written_with_an_exponent_and_nothing_else_is_one(size, read):
    if read is not None:
        assert parse(Unit, {"kind": "unit", "size": size}, "here") == Unit(read)
    else:
        with pytest.raises(StudyError, match=rf"^here: size: .*not {size!r}"):
            parse(Unit, {"kind": "unit", "size": size}, "here")
