from dataclasses import dataclass
from typing import Any

import pytest

from chapter6.registry import Family, StudyError


def new_family():
    @dataclass(frozen=True)
    class Shape(Family):
        """A family of the test's own."""

    return Shape


def test_a_family_starts_empty_and_files_its_members_by_lower_case_name():
    shape = new_family()
    assert shape.members == {}

    class RoundThing(shape):
        pass

    class Square(shape):
        pass

    assert shape.members == {"roundthing": RoundThing, "square": Square}
    assert RoundThing.key == "roundthing"


def test_a_key_may_be_given():
    shape = new_family()

    class Oval(shape, key="egg_shaped"):
        pass

    assert shape.members == {"egg_shaped": Oval}


def test_a_member_of_a_member_joins_the_same_family():
    shape = new_family()

    class Square(shape):
        pass

    class Cube(Square):
        pass

    assert shape.members == {"square": Square, "cube": Cube}


def test_two_members_of_one_key_are_refused():
    shape = new_family()

    class Square(shape):
        pass

    with pytest.raises(TypeError, match="'square'"):

        class Other(shape, key="square"):
            pass

    assert shape.members == {"square": Square}


def test_families_do_not_share_members():
    one, other = new_family(), new_family()

    class Square(one):
        pass

    assert other.members == {}
    assert one.members == {"square": Square}


def test_build_takes_the_fields_and_freezes_lists():
    shape = new_family()

    @dataclass(frozen=True)
    class Polygon(shape):
        corners: Any
        name: str = "none"

    built = shape.build({"kind": "polygon", "corners": [[0, 1], [2, [3]]]})
    assert built == Polygon(((0, 1), (2, (3,))))


def test_build_leaves_the_specification_alone():
    shape = new_family()

    @dataclass(frozen=True)
    class Dot(shape):
        size: int = 1

    specification = {"kind": "dot", "size": 3}
    assert shape.build(specification).size == 3
    assert specification == {"kind": "dot", "size": 3}


def test_build_without_a_kind_names_the_choices():
    shape = new_family()

    class Square(shape):
        pass

    with pytest.raises(StudyError, match=r"shape: unknown kind None; choose from \['square'\]"):
        shape.build({"size": 3})


def test_build_refuses_an_unknown_field_with_the_choices():
    shape = new_family()

    @dataclass(frozen=True)
    class Dot(shape):
        size: int = 1

    with pytest.raises(StudyError, match=r"dot: unknown field 'sise'; choose from \['size'\]"):
        shape.build({"kind": "dot", "sise": 3})


def test_choices_come_in_one_order_whichever_module_was_imported_first():
    shape = new_family()

    def member(name, module):
        return type(name, (shape,), {"__module__": module})

    member("Late", "b"), member("Second", "a"), member("First", "a")
    assert list(shape.choices()) == ["second", "first", "late"]
    assert list(shape.members["late"].choices()) == ["late"]
