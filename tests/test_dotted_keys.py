import pytest
from hypothesis import given
from hypothesis import strategies as st

from chapter6.registry import StudyError
from chapter6.settings import addresses, assigned, flatten, has_key, is_number, key_among, merge, shortened

RUN = {
    "data": {"kind": "images", "examples": None},
    "network": [
        {"kind": "dense", "units": 5, "initializer": {"kind": "he"}},
        {"kind": "relu"},
        {"kind": "dense", "units": 10, "initializer": {"kind": "normal", "std": 0.1}},
    ],
    "penalties": [{"kind": "l2", "strength": 0.1}, {"kind": "l1", "strength": 0.2}],
    "stages": [
        {"name": "warm", "steps": 30, "optimizer": {"kind": "sgd", "learning_rate": 0.1}},
        {"name": "main", "steps": 20, "optimizer": {"kind": "adam", "learning_rate": 0.2, "beta1": 0.9}},
    ],
    "splits": ["train", "test"],
    "start": [-7.0, 2.0],
    "members": 1,
}
FLAT = {
    "data": "images",
    "data.examples": None,
    "network.dense-1": "dense",
    "network.dense-1.units": 5,
    "network.dense-1.initializer": "he",
    "network.relu": "relu",
    "network.dense-2": "dense",
    "network.dense-2.units": 10,
    "network.dense-2.initializer": "normal",
    "network.dense-2.initializer.std": 0.1,
    "penalties.l2": "l2",
    "penalties.l2.strength": 0.1,
    "penalties.l1": "l1",
    "penalties.l1.strength": 0.2,
    "stages.warm.steps": 30,
    "stages.warm.optimizer": "sgd",
    "stages.warm.optimizer.learning_rate": 0.1,
    "stages.main.steps": 20,
    "stages.main.optimizer": "adam",
    "stages.main.optimizer.learning_rate": 0.2,
    "stages.main.optimizer.beta1": 0.9,
    "splits": ["train", "test"],
    "start": [-7.0, 2.0],
    "members": 1,
}


def test_settings_are_flattened_by_names_kinds_and_numbered_kinds():
    assert flatten(RUN) == FLAT


def test_lists_of_other_things_stand_whole_under_their_key():
    assert flatten({"a": [], "b": [1, {"kind": "x"}], "c": [{"steps": 3}]}) == {
        "a": [],
        "b": [1, {"kind": "x"}],
        "c": [{"steps": 3}],
    }


def test_elements_are_addressed_by_name_before_kind_and_numbered_where_several_have_it():
    assert addresses([{"kind": "a"}, {"kind": "b"}, {"kind": "a"}]) == ["a-1", "b", "a-2"]
    assert addresses([{"kind": "a", "name": "b"}, {"kind": "b"}]) == ["b-1", "b-2"]
    assert addresses([{"kind": "a", "name": "first"}, {"kind": "a"}]) == ["first", "a"]
    for nameless in ([], [1], ["a"], [{"steps": 1}], [{"kind": "a"}, 1], "a", None, {"kind": "a"}):
        assert addresses(nameless) == []


# --- Keys that leave out what stands before ------------------------------------------------------------------------


@pytest.mark.parametrize("key", FLAT)
def test_a_whole_key_answers_to_itself(key):
    assert key_among(FLAT, key) == key
    assert has_key(FLAT, key)


@pytest.mark.parametrize(
    ("wanted", "key"),
    [
        ("examples", "data.examples"),
        ("l2.strength", "penalties.l2.strength"),
        ("beta1", "stages.main.optimizer.beta1"),
        ("optimizer.beta1", "stages.main.optimizer.beta1"),
        ("dense-2.units", "network.dense-2.units"),
        ("std", "network.dense-2.initializer.std"),
    ],
)
def test_a_unique_end_of_a_key_answers(wanted, key):
    assert key_among(FLAT, wanted) == key
    assert has_key(FLAT, wanted)


@pytest.mark.parametrize(
    ("wanted", "choices"),
    [
        ("strength", "penalties.l2.strength, penalties.l1.strength"),
        ("steps", "stages.warm.steps, stages.main.steps"),
        ("optimizer.learning_rate", "stages.warm.optimizer.learning_rate, stages.main.optimizer.learning_rate"),
    ],
)
def test_an_end_of_several_keys_is_refused_with_them(wanted, choices):
    with pytest.raises(StudyError) as refusal:
        key_among(FLAT, wanted)
    assert str(refusal.value) == f"two settings or more answer to {wanted!r}: write {choices}"
    assert has_key(FLAT, wanted)


@pytest.mark.parametrize("wanted", ["rate", "learning_rat", "ain.steps", "", "data.examples.more"])
def test_what_is_no_end_of_a_key_is_refused_with_the_choices(wanted):
    with pytest.raises(StudyError, match=f"^6.1-x: no setting is called '{wanted}'; choose from data, data.examples, "):
        key_among(FLAT, wanted, "6.1-x")
    assert not has_key(FLAT, wanted)


def test_a_whole_key_wins_over_longer_ones_that_end_in_it():
    assert key_among(["steps", "stages.main.steps"], "steps") == "steps"


# --- Assigning -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [key for key, value in FLAT.items() if not isinstance(value, str)])
def test_what_is_assigned_stands_there_and_all_else_as_it_was(key):
    changed = assigned(RUN, key, "new")
    assert flatten(changed) == FLAT | {key: "new"}
    assert flatten(RUN) == FLAT


@pytest.mark.parametrize("key", FLAT)
def test_assigning_what_is_there_changes_nothing(key):
    if not isinstance(FLAT[key], str):
        assert assigned(RUN, key, FLAT[key]) == RUN
    else:
        assert assigned(RUN, key, {"kind": FLAT[key]}) == RUN


def test_a_part_is_laid_over_the_old_and_one_of_another_kind_replaces_it():
    changed = assigned(RUN, "stages.main.optimizer", {"learning_rate": 0.5})
    assert changed["stages"][1]["optimizer"] == {"kind": "adam", "learning_rate": 0.5, "beta1": 0.9}
    changed = assigned(RUN, "stages.main.optimizer", {"kind": "sgd", "learning_rate": 0.5})
    assert changed["stages"][1]["optimizer"] == {"kind": "sgd", "learning_rate": 0.5}


def test_mappings_on_the_way_are_made_and_bare_kinds_opened():
    assert assigned({}, "a.b.c", 1) == {"a": {"b": {"c": 1}}}
    assert assigned({"a": None}, "a.b", 1) == {"a": {"b": 1}}
    assert assigned({"optimizer": "sgd"}, "optimizer.learning_rate", 1) == {
        "optimizer": {"kind": "sgd", "learning_rate": 1}
    }
    assert assigned({"layers": ["dense", "relu"]}, "layers.dense.units", 3) == {
        "layers": [{"kind": "dense", "units": 3}, "relu"]
    }


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("network.dense.units", r"two elements or more answer to 'dense'; choose from dense-1, dense-2"),
        ("network.tanh.units", "no element is called 'tanh'; choose from dense-1, relu, dense-2"),
        ("start.x", "no element is called 'x'; choose from none"),
        ("members.number", "'number' lies within 1, which has no keys"),
    ],
)
def test_what_cannot_be_assigned_is_refused(key, message):
    with pytest.raises(StudyError, match=f"^{key}: {message}"):
        assigned(RUN, key, 1)


# --- Merging ---------------------------------------------------------------------------------------------------


def test_mappings_are_merged_and_lists_replaced_whole():
    changed = merge(RUN, {"penalties": [{"kind": "l1"}], "data": {"examples": 5}, "splits": []})
    assert changed == RUN | {"penalties": [{"kind": "l1"}], "data": {"kind": "images", "examples": 5}, "splits": []}
    assert flatten(RUN) == FLAT


def test_a_bare_kind_is_the_same_as_a_part_of_that_kind():
    assert merge({"a": "sgd"}, {"a": {"rate": 1}}) == {"a": {"kind": "sgd", "rate": 1}}
    assert merge({"a": "sgd"}, {"a": {"kind": "adam", "rate": 1}}) == {"a": {"kind": "adam", "rate": 1}}
    assert merge({"a": {"kind": "sgd", "rate": 1}}, {"a": "adam"}) == {"a": "adam"}


def test_times_multiplies_the_number_below():
    assert merge({"a": {"b": 4}}, {"a": {"b": {"times": 2.5}}}) == {"a": {"b": 10}}
    for below, factor in (({}, 2), ({"b": "x"}, 2), ({"b": True}, 2), ({"b": 4}, "x")):
        with pytest.raises(StudyError, match=r"^b: 'times: .*' multiplies a number"):
            merge(below, {"b": {"times": factor}})


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5)),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)
trees = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(trees, trees)
def test_what_was_laid_over_shows_everywhere(base, change):
    merged = flatten(merge(base, change))
    assert flatten(change).items() <= merged.items()
    assert merge(merge(base, change), change) == merge(base, change)


@given(trees)
def test_merging_with_nothing_changes_nothing(base):
    assert merge(base, {}) == base


def test_truth_values_are_no_numbers():
    assert [is_number(value) for value in (1, 0.5, True, "1", None)] == [True, True, False, False, False]


def test_long_lists_are_shortened_for_messages():
    assert shortened("abc") == "a, b, c"
    assert shortened("abcde", 2) == "a, b and 3 more"
