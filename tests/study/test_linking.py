"""Variants that start from others: which run stands within which, and what is refused before any job."""

import pytest

from chapter6.engine.run import StartsFrom
from chapter6.registry import StudyError
from chapter6.study.loading import load_study
from chapter6.study.orders import training
from chapter6.study.searches import applied

RECORD = [{"measure": "evaluation"}]
BASE = {
    "network": {"hidden": [10, 6]},
    "steps": 20,
    "batch_size": 8,
    "optimizer": {"kind": "sgd", "learning_rate": 0.1},
    "record": RECORD,
}
CHAIN = {
    "last": {"starts_from": {"variant": "next", "fresh": ["output"]}, "frozen": ["layer-1"]},
    "next": {"starts_from": "first", "steps": 10},
    "first": {"optimizer": {"learning_rate": 0.2}},
    "alone": {},
}
SEARCH = {"space": {"optimizer.learning_rate": {"low": 0.01, "high": 1}}, "trials": 4}
HELD_OUT = {"data": {"validation": 0.2}, "record": [{"measure": {"kind": "evaluation", "splits": ["validation"]}}]}


@pytest.fixture
def load(project):
    """Write an experiment of these variants and load it."""

    def write(variants, config=None, **changes):
        return load_study(
            None, project({"base": BASE, "variants": variants, "claims": []} | changes, config=config)
        ).experiments["9.9-demo"]

    return write


def test_a_run_holds_the_one_that_it_starts_from(load):
    variants = load(CHAIN).variants
    last = variants["last"].run
    assert last.starts_from == StartsFrom("next", ("output",), variants["next"].run)
    assert variants["next"].run.starts_from.run == variants["first"].run
    assert {name: variant.run.depth for name, variant in variants.items()} == {
        "last": 2,
        "next": 1,
        "first": 0,
        "alone": 0,
    }
    assert variants["alone"].run.starts_from is None


def test_no_job_trains_both_a_run_and_what_starts_from_it(load, project):
    experiment = load(CHAIN)
    jobs = [[block.variant.name for block in job.blocks] for job in experiment.jobs(10, 100)]
    assert jobs == [["first", "alone"], ["next"], ["last"]]
    study = load_study(None, project({"base": BASE, "variants": CHAIN, "claims": []}))
    jobs = study.jobs["9.9-demo"]
    assert study.jobs_before("9.9-demo", jobs["last-0"].blocks) == ["results/trained/9.9-demo/next-0.json"]
    assert study.jobs_before("9.9-demo", jobs["next-0"].blocks) == ["results/trained/9.9-demo/first-0.json"]
    assert study.jobs_before("9.9-demo", jobs["first-0"].blocks) == []
    kept = {b.variant: b.keeps for job in jobs.values() for b in training(study, "9.9-demo", job).blocks}
    assert kept == {"first": True, "alone": False, "next": True, "last": False}


def test_a_block_waits_for_its_own_replicates_only(project):
    config = {"replicates": 4, "replicates_per_job": 2, "runs_per_job": 2}
    study = load_study(None, project({"base": BASE, "variants": CHAIN, "claims": []}, config=config))
    assert study.jobs_before("9.9-demo", study.jobs["9.9-demo"]["next-2"].blocks) == [
        "results/trained/9.9-demo/first-2.json"
    ]


def test_a_changed_source_changes_the_order_of_what_starts_from_it(project):
    def orders(rate):
        variants = CHAIN | {"first": {"optimizer": {"learning_rate": rate}}}
        study = load_study(None, project({"base": BASE, "variants": variants, "claims": []}))
        jobs = study.jobs["9.9-demo"].values()
        return {b.variant: b for job in jobs for b in training(study, "9.9-demo", job).blocks}

    one, other = orders(0.2), orders(0.3)
    assert {name for name in one if one[name] != other[name]} == {"first", "next", "last"}


def test_a_tuned_variant_may_start_and_be_started_from(load):
    variants = {"first": {}, "next": {"starts_from": "first-tuned"}}
    experiment = load(variants, tuning={"of": ["first", "next"], "steps": 5})
    tuned = experiment.variants["first-tuned"]
    for name in ("next", "next-tuned"):
        taken = experiment.variants[name].taken
        assert taken.run.starts_from.run == tuned.run
        assert taken.files >= {"results/tuning/9.9-demo/first.json"}
    choice = experiment.tunings["next"].taken
    assert choice.run.starts_from.run == tuned.run
    assert choice.files == {"results/tuning/9.9-demo/first.json"}
    assert experiment.tunings["first"].taken.files == set()


def test_what_is_read_from_files_reaches_the_run_within(load):
    experiment = load({"first": {}, "next": {"starts_from": "first-tuned"}}, tuning={"of": ["first"], "steps": 5})
    run = experiment.variants["next"].taken.resolved(
        {"results/tuning/9.9-demo/first.json": {"choices": {"tuned": {"value": 0.7}}}}.__getitem__
    )
    assert run.starts_from.run.stages[0].optimizer.learning_rate == 0.7
    assert run.stages[0].optimizer.learning_rate == 0.1


def test_searches_start_from_a_variant_that_does_not_search(load):
    variants = {"first": {}, "searched": {"strategy": "random", "starts_from": "first"}}
    experiment = load(variants, base=BASE | HELD_OUT, search=SEARCH)
    assert [job.name for job in experiment.jobs(10, 20)] == ["first-0"]
    (search, *_) = experiment.searches()
    assert search.variant.run.starts_from.run == experiment.variants["first"].run


def test_batch_size_and_width_are_searched_as_whole_numbers(load):
    space = {"batch_size": {"low": 8, "high": 64}, "dense-1.units": {"low": 4, "high": 32}}
    variants = {"a": {"strategy": "random", "network": {"hidden": [10]}}}
    search = load(variants, base=BASE | HELD_OUT, search=SEARCH | {"space": space}).variants["a"]
    values = search.search.cube.values([0.5, 0.5])
    assert values == {"stages.main.batch_size": 23, "network.dense-1.units": 11}
    run = applied(search.run, search.search, values)
    assert (run.stages[0].batch_size, run.network[1].units) == (23, 11)


WIDTH = {"low": 4, "high": 32, "sets": ["network.dense-[12].units"]}
WIDE = {"a": {"strategy": "random"}}


@pytest.mark.parametrize(
    "sets", [["network.dense-[12].units"], ["dense-[12].units"], ["dense-[1].units", "dense-2.units"]]
)
def test_one_width_is_that_of_several_layers(load, sets):
    space = {"width": WIDTH | {"sets": sets}, "optimizer.learning_rate": {"low": 0.01, "high": 1}}
    claims = [
        {
            "id": "C1",
            "says": ".",
            "check": {
                "kind": "explained_variance",
                "parameter": "width",
                "variants": "a",
                "than": "optimizer.learning_rate",
                "metric": "accuracy",
            },
        }
    ]
    search = load(WIDE, base=BASE | HELD_OUT, search=SEARCH | {"space": space}, claims=claims).variants["a"]
    assert search.search.space["width"].sets == ("network.dense-1.units", "network.dense-2.units")
    for position, width in ((0, 4), (0.5, 11), (1, 32)):
        values = search.search.cube.values([position, 0.5])
        assert values == {"width": width, "stages.main.optimizer.learning_rate": pytest.approx(0.1)}
        run = applied(search.run, search.search, values)
        assert [run.settings[f"network.dense-{layer}.units"] for layer in (1, 2, 3)] == [width, width, 10]


def test_widths_that_have_to_agree_are_set_at_once(load):
    layers = [
        "flatten",
        {"kind": "dense", "units": 8},
        {"kind": "residual", "layers": [{"kind": "dense", "units": 8}]},
        {"kind": "dense", "units": 10},
    ]
    space = {"width": WIDTH | {"sets": ["network.dense-1.units", "residual.layers.dense.units"]}}
    search = load(WIDE, base=BASE | HELD_OUT | {"network": layers}, search=SEARCH | {"space": space}).variants["a"]
    assert applied(search.run, search.search, {"width": 20}).architecture.size == 785 * 20 + 21 * 20 + 21 * 10


SPACES = {
    "no such settings": (
        {"width": WIDTH | {"sets": ["conv-*.units"]}},
        "no setting is called 'conv-*.units'; choose from",
    ),
    "the output layer": (
        {"width": WIDTH | {"sets": ["dense-*.units"]}},
        "search.space.width: network: the last layer gives 4",
    ),
    "a name that is taken": ({"batch_size": WIDTH}, "'batch_size' is a setting of the run itself"),
    "twice": (
        {"width": WIDTH, "dense-1.units": {"low": 4, "high": 8}},
        "search.space: two dimensions set network.dense-1.units",
    ),
    "whole numbers and others": (
        {"all": WIDTH | {"sets": ["batch_size", "optimizer.learning_rate"]}},
        "search.space: all: some are whole numbers and some are not",
    ),
    "a fraction": ({"width": WIDTH | {"low": 4.5}}, "4.5"),
    "a pattern alone": ({"dense-[12].units": {"low": 4, "high": 8}}, "no setting is called 'dense-[12].units'"),
}


@pytest.mark.parametrize("name", SPACES)
def test_a_dimension_that_makes_no_sense_is_refused(load, name):
    space, told = SPACES[name]
    with pytest.raises(StudyError) as caught:
        load(WIDE, base=BASE | HELD_OUT, search=SEARCH | {"space": space})
    assert told in str(caught.value)
    assert "9.9-demo.yaml: variant 'a'" in str(caught.value)


REFUSED = {
    "unknown variant": ({"a": {"starts_from": "b"}}, "variant 'a': starts_from: no variant 'b'; choose from a"),
    "itself": ({"a": {"starts_from": "a"}}, "variant 'a': starts_from: goes in a circle: a -> a"),
    "a circle": (
        {"a": {"starts_from": "b"}, "b": {"starts_from": "c"}, "c": {"starts_from": "a"}},
        "starts_from: goes in a circle: a -> b -> c -> a",
    ),
    "fewer replicates": (
        {"a": {"starts_from": "b"}, "b": {"replicates": 2}},
        "variant 'a': starts_from: each replicate starts from one: there are 3 replicates, and 'b' has 2",
    ),
    "another shape": (
        {"a": {"starts_from": "b"}, "b": {"network": {"hidden": [10, 7]}}},
        "variant 'a': starts_from: biases/layer-2 is 6, and 7 in 'b': give it the same shape, or list it in fresh",
    ),
    "no such layer": (
        {"a": {"starts_from": {"variant": "b", "fresh": ["head"]}}, "b": {}},
        "variant 'a': starts_from: fresh: no parameters are called 'head'; choose from layer-1",
    ),
    "no such parameters": (
        {"a": {"frozen": ["conv-*"]}},
        "variant 'a': frozen: no parameters are called 'conv-*'; choose from layer-1, layer-2, layer-3, weights/",
    ),
    "frozen averages of nothing": (
        {"a": {"network": {"batch_normalization": {}}, "learns": ["layer-2", "output"]}},
        "variant 'a': stage main (learns layer-2, output; frozen none): layer-1 is frozen and has no running averages",
    ),
    "steps and epochs": ({"a": {"epochs": 3}}, "variant 'a': give exactly one of steps, epochs"),
    "what it starts from, written": (
        {"a": {"starts_from": {"variant": "b", "run": {}}}, "b": {}},
        "variant 'a': starts_from.run: unknown key; choose from ['fresh', 'variant']",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_start_that_cannot_be_is_refused(load, name):
    variants, told = REFUSED[name]
    with pytest.raises(StudyError) as caught:
        load(variants)
    assert told in str(caught.value)
    assert "9.9-demo.yaml" in str(caught.value)


def test_a_search_has_no_weights(load):
    variants = {"a": {"strategy": "random"}, "b": {"strategy": "grid", "starts_from": "a"}}
    with pytest.raises(StudyError, match="starts_from: 'a' searches, and has no weights of its own"):
        load(variants, base=BASE | HELD_OUT, search=SEARCH)
