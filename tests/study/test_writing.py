"""What authors may write, and that its ways mean the same: variants on variants, short and long forms, dotted keys."""

import pytest

from chapter6.engine.penalties import L2
from chapter6.engine.stages import EarlyStopping
from chapter6.registry import StudyError
from chapter6.study.loading import load_study
from chapter6.study.resolution import resolve
from chapter6.study.results import identity

RATE = "stages.main.optimizer.learning_rate"
BASE = {"network": {"hidden": [10]}, "steps": 20, "batch_size": 8, "optimizer": {"kind": "sgd"}}
TWO_STAGES = [
    {"name": "warm", "steps": 5, "optimizer": {"kind": "sgd", "learning_rate": 0.1}},
    {"name": "cold", "steps": 5, "optimizer": {"kind": "sgd", "learning_rate": 0.01}},
]
LONG = {"network": {"hidden": [10]}, "stages": TWO_STAGES}


@pytest.fixture
def demo(project):
    def load(**changes):
        return load_study(root=project({"claims": []} | changes)).experiments["9.9-demo"]

    return load


# extends


def test_a_variant_is_laid_over_the_one_that_it_extends(demo):
    variants = {
        "first": {"optimizer": {"learning_rate": 0.3}, "penalties": [{"kind": "l1"}], "replicates": 2, "label": "One"},
        "second": {"extends": "first", "steps": 7},
        "third": {"extends": "second", "optimizer": {"learning_rate": 0.4}, "replicates": 1},
    }
    found = demo(variants=variants).variants
    assert {key: found["second"].run.settings[key] for key in (RATE, "stages.main.steps", "penalties.l1")} == {
        RATE: 0.3,
        "stages.main.steps": 7,
        "penalties.l1": "l1",
    }
    assert found["third"].run == found["second"].run.changed(RATE, 0.4)
    assert [found[name].replicates for name in variants] == [2, 2, 1]
    assert [found[name].label for name in variants] == ["One", "second", "third"]


def test_variants_may_stand_in_any_order(demo):
    variants = {"late": {"extends": "early", "steps": 7}, "early": {"optimizer": {"learning_rate": 0.3}}}
    assert demo(variants=variants).variants["late"].run.settings[RATE] == 0.3


@pytest.mark.parametrize(
    ("extends", "words"),
    [
        ({"a": "b", "b": "c", "c": "a"}, ["variant 'a'", "circle: a -> b -> c -> a"]),
        ({"a": "a"}, ["variant 'a'", "circle: a -> a"]),
        ({"a": "b", "b": "z"}, ["variant 'b'", "extends: no variant 'z'", "choose from a, b"]),
    ],
)
def test_what_cannot_be_extended_is_refused(demo, extends, words):
    variants = {name: {"extends": other} for name, other in extends.items()}
    with pytest.raises(StudyError) as refused:
        demo(variants=variants)
    for word in ("9.9-demo.yaml", *words):
        assert word in str(refused.value)


# short and long forms

LAYERS = [
    {"kind": "flatten"},
    {"kind": "dense", "units": 10},
    {"kind": "batch_normalization"},
    "relu",
    {"kind": "dropout", "ratio": 0.2},
    {"kind": "dense", "units": 10},
]
SHORT_NETWORK = {"hidden": [10], "batch_normalization": {}, "dropout": {"ratio": 0.2}}
FORMS = {
    "network": ({**BASE, "network": SHORT_NETWORK}, {**BASE, "network": LAYERS}),
    "stages": (
        BASE | {"sampling": "epochs", "stopping": {"every": 5}, "data": {"validation": 0.1}},
        {
            "network": BASE["network"],
            "data": {"kind": "images", "validation": 0.1},
            "stages": [
                {
                    "steps": 20,
                    "batch_size": 8,
                    "optimizer": "sgd",
                    "sampling": "epochs",
                    "stopping": {"every": 5, "patience": 10},
                }
            ],
        },
    ),
    "schedules": (
        BASE | {"record": [{"measure": "evaluation", "at": "end"}, {"measure": "batch_loss", "at": {"first": 3}}]},
        BASE
        | {
            "record": [
                {"measure": {"kind": "evaluation"}, "at": [{"first": None}]},
                {"measure": {"kind": "batch_loss"}, "at": [{"first": 3, "every": 1, "last": None}]},
            ]
        },
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_short_and_long_forms_are_equal_runs_of_equal_keys(form):
    short, long = (resolve(settings, "here").run.within(60000) for settings in FORMS[form])
    assert short == long
    assert len({identity(run, 6, 0, "data", "sources") for run in (short, long)}) == 1


def test_a_stage_beside_stages_is_refused():
    with pytest.raises(StudyError, match=r"^here: steps: say so within stages, or leave stages out$"):
        resolve(LONG | {"steps": 3}, "here")


def test_a_mistake_in_a_short_form_is_told_in_its_own_words():
    def told(**changes):
        with pytest.raises(StudyError) as refused:
            resolve(BASE | changes, "here")
        return str(refused.value)

    assert told(steps=-1) == "here: steps: input should be greater than or equal to 0, not -1"
    assert told(network={"hidden": [0]}).startswith("here: network.hidden.0: input should be greater than 0")
    assert "here: network.hiden: unknown key; choose from ['activation'," in told(network={"hiden": [1]})
    assert told(data={"example": 1}).startswith("here: data.example: unknown key; choose from ['augmentations',")
    assert told(data=3).startswith("here: data: ")
    assert told(data=None) == "here: data: a network needs data"


# dotted keys


@pytest.mark.parametrize("key", [RATE, "optimizer.learning_rate", "learning_rate"])
def test_keys_mean_the_same_with_and_without_what_stands_before_them(demo, key):
    variants = {"a": {"optimizer": {"learning_rate": 0.01}}}
    swept = demo(variants=variants, sweep={key: [0.1, 0.2]}).variants
    assert [variant.run.settings[RATE] for variant in swept.values()] == [0.1, 0.2]
    assert list(swept) == ["a_learning_rate-0.1", "a_learning_rate-0.2"]
    tuning = demo(variants=variants, tuning={"of": ["a"], "parameter": key}).tunings["a"]
    assert (tuning.procedure.rate.key, list(tuning.tuned["tuned"].taken.takes)) == (RATE, [RATE])
    assert tuning.procedure.rate.own == 0.01
    look = {"measure": {"kind": "evaluation", "splits": ["validation"]}}
    base = BASE | {"data": {"examples": 100, "validation": 0.2}, "record": [look]}
    search = {"space": {key: {"low": 0.01, "high": 1}}, "trials": 4}
    searched = demo(base=base, variants={"a": {"strategy": "random"}}, search=search).variants["a"]
    assert list(searched.search.space) == [RATE]


@pytest.mark.parametrize("key", [RATE, "optimizer.learning_rate", "learning_rate"])
def test_a_sweep_reaches_into_a_single_stage_of_the_long_form(demo, key):
    stages = [{"steps": 3, "optimizer": {"kind": "sgd", "learning_rate": 1.0}}]
    found = demo(base={"network": {"hidden": [10]}, "stages": stages}, variants={}, sweep={key: [0.1]})
    assert [variant.run.settings[RATE] for variant in found.variants.values()] == [0.1]


def test_a_sweep_reaches_what_the_base_leaves_to_its_default(demo):
    found = demo(base=BASE, variants={}, sweep={"optimizer.learning_rate": [0.1]})
    assert found.variants["learning_rate-0.1"].run.settings[RATE] == 0.1
    base = {"network": {"hidden": [10]}, "stages": [{"steps": 3, "optimizer": "sgd"}]}
    found = demo(base=base, variants={}, sweep={"optimizer.learning_rate": [0.1]})
    assert found.variants["learning_rate-0.1"].run.settings[RATE] == 0.1


@pytest.mark.parametrize("use", ["sweep", "search", "reference"])
def test_a_key_to_which_two_settings_answer_is_refused_with_both(demo, use):
    look = {"measure": {"kind": "evaluation", "splits": ["validation"]}}
    base = LONG | {"data": {"examples": 100, "validation": 0.2}, "record": [look]}
    changes = {
        "sweep": {"sweep": {"learning_rate": [0.1, 0.2]}, "variants": {}},
        "search": {
            "search": {"space": {"learning_rate": {"low": 0.1, "high": 1}}, "trials": 4},
            "variants": {"a": {"strategy": "random"}},
        },
        "reference": {
            "variants": {},
            "figures": [{"kind": "heatmap", "metric": "loss", "rows": "learning_rate", "columns": "members"}],
        },
    }[use]
    with pytest.raises(StudyError) as refused:
        demo(base=base, **changes)
    message = str(refused.value)
    for stage in ("warm", "cold"):
        assert f"stages.{stage}.optimizer.learning_rate" in message
    for word in ("9.9-demo.yaml", "'learning_rate'"):
        assert word in message


def test_tuning_by_an_ambiguous_key_is_refused_with_both(demo):
    base = BASE | {"penalties": [{"kind": "l1"}, {"kind": "l2"}]}
    with pytest.raises(StudyError, match=r"parameter.*'strength': write penalties\.l1\.strength, penalties\.l2\.stren"):
        demo(base=base, variants={"a": {}}, tuning={"of": ["a"], "parameter": "strength"})


@pytest.mark.parametrize("key", ["penalties.l2.strength", "l2.strength"])
def test_an_element_of_a_list_is_addressed_by_its_kind(demo, key):
    base = BASE | {"penalties": [{"kind": "l1", "strength": 0.5}, {"kind": "l2", "strength": 0.25}]}
    found = demo(base=base, variants={}, sweep={key: [1.0, 2.0]}).variants.values()
    assert [[penalty.strength for penalty in variant.run.penalties] for variant in found] == [[0.5, 1.0], [0.5, 2.0]]


def test_two_elements_of_a_kind_are_told_apart_by_number(demo):
    base = BASE | {"network": LAYERS}
    (found,) = demo(base=base, variants={}, sweep={"network.dense-1.units": [32]}).variants.values()
    assert (found.run.settings["network.dense-1.units"], found.run.settings["network.dense-2.units"]) == (32, 10)
    with pytest.raises(StudyError, match=r"network\.dense\.units: two elements or more .*choose from dense-1, dense-2"):
        demo(base=base, variants={}, sweep={"network.dense.units": [32]})
    with pytest.raises(StudyError, match=r"penalties\.l3\.strength: no element is called 'l3'; choose from l2"):
        demo(base=BASE | {"penalties": ["l2"]}, variants={}, sweep={"penalties.l3.strength": [1]})


# merging


def test_lists_are_replaced_whole_and_mappings_key_by_key(demo):
    base = BASE | {
        "penalties": [{"kind": "l1"}, {"kind": "l2"}],
        "data": {"validation": 0.1},
        "stopping": {"every": 5, "patience": 3},
    }
    change = {"penalties": [{"kind": "l2", "strength": 0.5}], "stopping": {"every": 7}, "network": {"hidden": [3, 3]}}
    found = demo(base=base, variants={"a": change, "b": {"penalties": []}}).variants
    assert found["a"].run.penalties == (L2(0.5),)
    assert found["a"].run.stages[0].stopping == EarlyStopping(7, 3)
    assert [v for k, v in found["a"].run.settings.items() if k.endswith("units")] == [3, 3, 10]
    assert found["b"].run.penalties == ()


def test_layers_in_the_place_of_the_short_form_replace_it(demo):
    found = demo(base=BASE, variants={"a": {"network": LAYERS}, "b": {}}).variants
    assert found["a"].run.network == resolve(BASE | {"network": LAYERS}, "here").run.network != found["b"].run.network


# numbers are numbers

NO_NUMBERS = {
    "text": ({"steps": "20"}, "steps", "'20'"),
    "truth": ({"steps": True}, "steps", "True"),
    "truth for a fraction": ({"optimizer": {"kind": "sgd", "learning_rate": True}}, "optimizer.learning_rate", "True"),
    "text for a fraction": (
        {"optimizer": {"kind": "sgd", "learning_rate": "0.001"}},
        "optimizer.learning_rate",
        "0.001",
    ),
    "fraction for a whole number": ({"batch_size": 8.5}, "batch_size", "8.5"),
    "number for truth": (
        {"network": [{"kind": "fractional_max_pooling", "overlapping": 1}]},
        "network.0.overlapping",
        "1",
    ),
    "text in a list": ({"network": {"hidden": ["10"]}}, "network.hidden.0", "'10'"),
    "text in a penalty": ({"penalties": [{"kind": "l2", "strength": "0.1"}]}, "penalties.0.strength", "'0.1'"),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_what_is_no_number_is_refused_with_file_key_and_value(demo, name):
    change, key, value = NO_NUMBERS[name]
    with pytest.raises(StudyError) as refused:
        demo(base=BASE | change, variants={"a": {}})
    message = str(refused.value)
    for word in ("9.9-demo.yaml: variant 'a'", f" {key}: ", f"not {value}" if name != "text for a fraction" else value):
        assert word in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(("changes", "key"), [({"replicates": "3"}, "replicates"), ({"title": 3}, "title")])
def test_an_experiment_is_as_strict(demo, changes, key):
    with pytest.raises(StudyError, match=rf"9\.9-demo\.yaml: {key}: input should be a valid .*, not "):
        demo(**changes)


def test_a_whole_number_may_stand_for_a_fraction(demo):
    found = demo(base=BASE, variants={"a": {"optimizer": {"learning_rate": 1}}}).variants["a"]
    assert found.run.stages[0].optimizer.learning_rate == 1


def test_a_part_without_a_kind_is_refused_with_the_kinds(demo):
    base = {key: value for key, value in BASE.items() if key != "optimizer"}
    with pytest.raises(StudyError) as refused:
        demo(base=base, variants={"a": {"optimizer": {"learning_rate": 0.1}}})
    assert "variant 'a': optimizer: {'learning_rate': 0.1} has no 'kind'; choose from 'sgd', 'momentum'," in str(
        refused.value
    )


# references


def test_a_reference_is_taken_from_the_file_that_it_names(demo, tmp_path):
    file = tmp_path / "rate.json"
    file.write_text('{"value": 0.25}')
    reference = {"from": f"{file}#value"}
    variants = {"a": {"optimizer": {"learning_rate": reference}}, "b": {"penalties": [{"kind": "l2"}]}}
    found = demo(variants=variants, sweep={"penalties": {"none": {}}}).variants["a_none"]
    assert found.taken.takes == {RATE: f"{file}#value"}
    assert found.taken.files == {str(file)}
    assert found.taken.resolved() == found.run.changed(RATE, 0.25)
    swept = demo(base=BASE | {"penalties": [{"kind": "l2"}]}, variants={"a": {}}, sweep={"l2.strength": [0.1]})
    assert swept.variants["a_strength-0.1"].taken.takes == {}
