"""The form that every member of every family of the engine has."""

import dataclasses
import importlib
import pkgutil
import re

import pytest

import chapter6.engine
from chapter6.engine.data import Data
from chapter6.engine.layers import Flatten
from chapter6.engine.losses import Linear
from chapter6.engine.measurements.base import Measurement
from chapter6.registry import Family, StudyError
from engine.small import required_fields

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.iter_modules(chapter6.engine.__path__, "chapter6.engine.")
]

FAMILIES = [family for family in Family.__subclasses__() if family.__module__.startswith("chapter6.engine.")]
OWN = (Measurement, Data, Flatten, Linear)
MEMBERS = [member for family in FAMILIES for member in family.members.values()]

every_family = pytest.mark.parametrize("family", FAMILIES)
every_member = pytest.mark.parametrize("member", MEMBERS)


def family_of(member):
    return next(cls for cls in member.__mro__ if Family in cls.__bases__)


def test_the_families_of_the_engine_are_found():
    names = {family.__name__ for family in FAMILIES}
    assert names >= {"Data", "Initializer", "Layer", "Loss", "Measurement", "Optimizer", "Penalty", "Surface"}
    assert all(family.members for family in FAMILIES)


@every_member
def test_a_member_is_a_frozen_dataclass(member):
    assert dataclasses.is_dataclass(member)
    assert member.__dataclass_params__.frozen
    assert "__dataclass_fields__" in vars(member), "the decorator stands on the class itself"


def test_everything_that_holds_settings_is_frozen():
    """All but the curves, which grow while a run records."""
    classes = {each for module in MODULES for each in vars(module).values() if dataclasses.is_dataclass(each)}
    assert {each.__name__ for each in classes if not each.__dataclass_params__.frozen} == {"Curve"}


@every_member
def test_a_key_is_a_lower_case_word(member):
    assert re.fullmatch(r"[a-z][a-z0-9_]*", member.key)
    assert family_of(member).members[member.key] is member


@every_member
def test_a_member_has_a_docstring_of_its_own(member):
    assert not vars(member)["__doc__"].startswith(f"{member.__name__}("), "the dataclass decorator wrote this one"


@pytest.mark.parametrize("member", [member for member in MEMBERS if not issubclass(member, OWN)])
def test_a_docstring_names_its_section_or_paper(member):
    """Measurements, data, a change of shape and the linear loss are the study's own; all else has a source."""
    assert re.search(r"section \w+\.\d|arXiv:\d{4}\.\d{4,5}|et al\. \d{4}", member.__doc__)


@every_member
def test_a_member_is_built_from_its_kind_or_says_what_it_needs(member):
    required = required_fields(member)
    if required:
        with pytest.raises((TypeError, StudyError), match=required[0]):
            family_of(member).build({"kind": member.key})
    else:
        assert type(family_of(member).build({"kind": member.key})) is member


@every_member
def test_equal_settings_make_equal_members(member):
    if not required_fields(member):
        one, other = family_of(member).build({"kind": member.key}), family_of(member).build({"kind": member.key})
        assert one == other
        assert hash(one) == hash(other)


@every_member
def test_an_unknown_field_is_refused_with_the_choices(member):
    with pytest.raises(StudyError, match="'no_such_field'") as refusal:
        family_of(member).build({"kind": member.key, "no_such_field": 1})
    assert all(repr(f.name) in str(refusal.value) for f in dataclasses.fields(member))
    assert member.key in str(refusal.value)


@every_family
@pytest.mark.parametrize("kind", ["no-such-kind", "", None])
def test_an_unknown_kind_is_refused_with_the_choices(family, kind):
    with pytest.raises(StudyError, match=repr(kind)) as refusal:
        family.build({"kind": kind})
    assert family.__name__.lower() in str(refusal.value)
    assert all(repr(key) in str(refusal.value) for key in family.members)
