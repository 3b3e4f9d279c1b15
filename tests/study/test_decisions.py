"""What may be decided among which variants, who takes it, and in which order all that is trained."""

import pytest

from chapter6.registry import StudyError
from chapter6.study.loading import load_study
from chapter6.study.scores import Best, First

RATE = "stages.main.optimizer.learning_rate"
VARIANTS = {
    "slow": {"optimizer": {"learning_rate": 0.01}},
    "fast": {"optimizer": {"learning_rate": 0.1}},
    "later": {"optimizer": {"learning_rate": {"from": "rate#learning_rate"}}},
}
RATES = {"among": ["slow", "fast"], "by": {"metric": "loss", "split": "batch"}}
EACH = RATES | {"each_replicate": True}


@pytest.fixture
def load(project):
    def made(variants=VARIANTS, decisions=None, **changes):
        content = {"variants": variants, "decisions": {"rate": RATES} if decisions is None else decisions}
        return load_study(root=project(content | changes)).experiments["9.9-demo"]

    return made


def test_a_decision_is_taken_from_its_file_which_the_next_jobs_wait_for(load):
    experiment = load()
    file = "results/decisions/9.9-demo/rate.json"
    assert experiment.variants["later"].taken.takes == {RATE: f"{file}#values.learning_rate"}
    assert experiment.decisions["rate"].differing == [RATE]
    assert dict(experiment.levels) == {"slow": 0, "fast": 0, "later": 1}
    assert [[b.variant.name for b in job.blocks] for job in experiment.jobs(10, 100)] == [["slow", "fast"], ["later"]]


def test_a_value_is_multiplied_where_it_is_taken_or_by_what_is_laid_over_it(load):
    doubled = {"optimizer": {"learning_rate": {"from": "rate#learning_rate", "times": 2}}}
    variants = VARIANTS | {
        "half": {"extends": "later", "optimizer": {"learning_rate": {"times": 0.5}}},
        "twice": doubled,
    }
    found = load(
        variants, sweep={"as": {"it-is": {}, "tenth": {"optimizer": {"learning_rate": {"times": 0.1}}}}}, **SWEPT
    )
    made = {"values": {RATE: 0.2}}
    rates = {n: v.taken.resolved(lambda _: made).settings[RATE] for n, v in found.variants.items() if v.taken.takes}
    assert rates == pytest.approx(
        {
            "later_it-is": 0.2,
            "later_tenth": 0.02,
            "half_it-is": 0.1,
            "half_tenth": 0.01,
            "twice_it-is": 0.4,
            "twice_tenth": 0.04,
        }
    )


def test_what_the_short_form_of_a_network_takes_all_its_layers_take(load):
    start = {"initializer": {"kind": "normal", "std": {"from": "size#dense-1.initializer.std"}}}
    network = {"hidden": [10, 10], "dropout": {"ratio": {"from": "size#dense-1.initializer.std", "times": 2}}}
    found = load(
        {
            name: {"network": {"initializer": {"kind": "normal", "std": std}}}
            for name, std in (("slow", 0.1), ("fast", 1.0))
        }
        | {"later": {"network": network | start}},
        {"size": RATES},
    )
    made = {"values": {"network.dense-1.initializer.std": 0.1}}
    settings = found.variants["later"].taken.resolved(lambda _: made).settings
    assert [settings[f"network.dense-{n}.initializer.std"] for n in (1, 2, 3)] == [0.1] * 3
    assert [settings[f"network.dropout-{n}.ratio"] for n in (1, 2)] == [0.2] * 2


SWEPT = {"claims": [], "decisions": {"rate": RATES | {"among": ["slow_*", "fast_*"]}}}


def test_each_replicate_takes_its_own_value(load):
    taken = load(decisions={"rate": EACH}).variants["later"].taken
    made = {"values": {RATE: {"by_replicate": [0.1, 0.5]}}}
    assert [taken.resolved(lambda _: made, number).settings[RATE] for number in (0, 1)] == [0.1, 0.5]
    for number in (2, None):
        with pytest.raises(StudyError, match=r"rate\.json: has no readable"):
            taken.resolved(lambda _: made, number)


def test_decisions_of_another_experiment_are_taken_by_its_name(project, load):
    load()
    second = {"id": "9.8-next", "claims": [], "variants": {"a": {"optimizer": {"learning_rate": {"from": OTHER}}}}}
    study = load_study({"only": "9.8-next", "replicates": 3}, root=project(second, name="9.8-next.yaml"))
    assert set(study.experiments) == {"9.8-next", "9.9-demo"}
    assert study.experiments["9.8-next"].variants["a"].taken.files == {"results/decisions/9.9-demo/rate.json"}
    assert (
        load_study(root=project(second, name="9.8-next.yaml"), only="9.8-next").experiments.keys()
        == study.experiments.keys()
    )


OTHER = "9.9-demo/rate#learning_rate"


def taking(reference, **more):
    return VARIANTS | {"later": {"optimizer": {"learning_rate": {"from": reference}}}} | more


BAD = {
    "an unknown decision": (
        {"variants": taking("rates#learning_rate")},
        "no decision '9.9-demo/rates'; choose from 9.9-demo/rate",
    ),
    "one of an unknown experiment": ({"variants": taking("9.0-no/rate#x")}, "no decision '9.0-no/rate'"),
    "a setting that does not differ": (
        {"variants": taking("rate#batch_size")},
        "do not differ in 'batch_size'; choose from stages",
    ),
    "an unknown variant": (
        {"decisions": {"rate": RATES | {"among": ["slaw"]}}},
        "decisions.rate.among: no variant 'slaw'",
    ),
    "an unknown metric": (
        {"decisions": {"rate": RATES | {"by": {"metric": "looss"}}}},
        "decisions.rate.by: .* 'looss' is not recorded by 'slow'; choose from batch loss",
    ),
    "an unknown rule": ({"decisions": {"rate": RATES | {"rule": "last"}}}, "rule: unknown kind 'last'; choose from"),
    "the first that passes nothing": (
        {"decisions": {"rate": RATES | {"rule": "first"}}},
        "Give one of at_least, at_most",
    ),
    "a circle": ({"decisions": {"rate": RATES | {"among": ["later", "slow"]}}}, "goes in a circle: later -> later"),
    "fewer replicates": (
        {"decisions": {"rate": EACH}, "variants": taking("rate#learning_rate", slow={"replicates": 1})},
        "there are 3 replicates, and 'rate' is decided by 1",
    ),
    "tuning what each replicate decides": (
        {
            "decisions": {"rate": EACH},
            "tuning": {"of": ["later"], "parameter": "momentum"},
            "base": {"optimizer": {"kind": "momentum", "momentum": 0.01}},
        },
        "'rate' is decided by each replicate",
    ),
}


@pytest.mark.parametrize(("changes", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_is_refused(load, changes, told):
    changes = {"variants": VARIANTS, "claims": [], **changes}
    if "base" in changes:
        changes["base"] = {"network": {"hidden": [10]}, "steps": 20, **changes["base"]}
    with pytest.raises(StudyError, match=told):
        load(**changes)


def test_experiments_that_take_of_each_other_are_refused(project, load):
    second = {"id": "9.8-next", "claims": [], "decisions": {"rate": RATES}}
    project(second, name="9.8-next.yaml")
    project(second | {"variants": taking(OTHER)}, name="9.8-next.yaml")
    with pytest.raises(StudyError, match=r"experiments go in a circle: 9\.\d"):
        load(taking("9.8-next/rate#learning_rate"))


def test_the_rules():
    ranks = [(3.0, 0.0), (1.0, 0.0), (1.0, 0.0)]
    assert Best().pick([3.0, 1.0, 1.0], ranks) == (1, "best")
    assert First(at_most=2).pick([3.0, 1.5, 1.0], ranks) == (1, "first that passes")
    assert First(at_least=2).pick([None, 1.5, 2.0], ranks) == (2, "first that passes")
    assert First(at_most=0.5).pick([3.0, 1.0, None], ranks) == (1, "best, since none passes")


def test_a_reference_to_a_file_stays_what_it_was(load):
    assert load(taking("some.json#rate"), claims=[]).variants["later"].taken.takes == {RATE: "some.json#rate"}
