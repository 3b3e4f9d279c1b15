"""What is to be timed, and that times are read only where they are those of what is planned."""

import json

import pytest

from chapter6.registry import StudyError, plain
from chapter6.study import orders
from chapter6.study.loading import load_study
from chapter6.study.results import UnreadableError
from chapter6.study.timings import Timed, Times, read_times

TIMING = {"of": ["*"], "beside": "slow"}
NOISE = {
    "data": {"kind": "noise", "examples": 9},
    "network": {"hidden": [5], "outputs": 0},
    "loss": "linear",
    "optimizer": {"kind": "sgd"},
    "steps": 0,
    "record": [{"measure": "activations"}],
}
BOWL = {"surface": "bowl", "optimizer": {"kind": "sgd"}, "steps": 3, "record": [{"measure": "position"}]}


@pytest.fixture
def study(project):
    """Return the study whose experiment has this timing, and other changes."""

    def load(timing=TIMING, config=None, **changes):
        return load_study(root=project({"claims": [], "timing": timing, **changes}, config=config))

    return load


def planned(study):
    return study.experiments["9.9-demo"].timing


def test_variants_are_timed_beside_one_of_them_and_not_beside_themselves(study):
    timing = planned(study())
    assert ([variant.name for variant in timing.of], timing.beside.name) == (["fast"], "slow")


def test_an_experiment_without_times_has_none(project):
    study = load_study(root=project())
    assert planned(study) is None
    assert "results/times/9.9-demo.json" not in set(study.files())


def test_times_belong_to_the_files_of_a_study(study):
    assert "results/times/9.9-demo.json" in set(study().files())


@pytest.mark.parametrize(
    ("timing", "changes", "message"),
    [
        ({"of": ["fast"], "beside": "none"}, {}, r"timing.beside: no variant 'none'; choose from slow, fast"),
        ({"of": ["fats"], "beside": "slow"}, {}, r"timing.of: no variant 'fats'; choose from slow, fast"),
        (
            {"of": ["slow"], "beside": "slow"},
            {},
            r"timing.of: there is no variant to be timed beside 'slow' but itself",
        ),
        ({**TIMING, "rounds": 0}, {}, "timing.rounds: .*greater than 0"),
        ({**TIMING, "updates": 1.5}, {}, "timing.updates: "),
        ({**TIMING, "tasks": ["updates"]}, {}, "timing.tasks.*update.*evaluation"),
        ({**TIMING, "tasks": []}, {}, "timing.tasks: "),
        ({"of": ["fast"]}, {}, "timing.beside: "),
        ({**TIMING, "baseline": "slow"}, {}, "timing.baseline: "),
        (TIMING, {"base": NOISE}, "variant 'slow' has no updates"),
        (
            {**TIMING, "tasks": ["evaluation"]},
            {"base": BOWL},
            "variant 'slow' has no test data to be evaluated",
        ),
        (
            {"of": ["fast"], "beside": "slow"},
            {
                "base": {
                    "network": {"hidden": [5]},
                    "steps": 3,
                    "optimizer": "sgd",
                    "data": {"validation": 0.2},
                    "record": [{"measure": {"kind": "evaluation", "splits": ["validation"]}}],
                },
                "variants": {"slow": {"strategy": "random"}, "fast": {"strategy": "random"}},
                "search": {"trials": 3, "space": {"learning_rate": {"low": 0.1, "high": 1}}},
            },
            "variant 'slow' is a search, and single runs are timed",
        ),
    ],
)
def test_what_cannot_be_timed_is_refused_with_file_and_key(study, timing, changes, message):
    with pytest.raises(StudyError, match=rf"9\.9-demo\.yaml: .*{message}"):
        study(timing, **changes)


def judged(metric):
    check = {"kind": "level", "metric": metric, "variants": "fast", "above": 1.05}
    return {"claims": [{"id": "C40", "says": "It costs more.", "check": check}]}


def test_a_claim_may_be_about_the_times_that_are_taken(study):
    timing = {**TIMING, "tasks": ["update"]}
    assert study(timing, **judged("time_ratio/update")).experiments["9.9-demo"].claims
    for metric in ("time_ratio/evaluation", "time_ratio"):
        with pytest.raises(
            StudyError, match=rf"claim C40: train '{metric}' is not recorded; choose from .*time_ratio/upd"
        ):
            study(timing, **judged(metric))
    with pytest.raises(StudyError, match="claim C40: train 'time_ratio/update' is not recorded"):
        study(None, **judged("time_ratio/update"))
    curves = {"kind": "curves", "metric": "time_ratio/update", "split": "train", "caption": "Times."}
    with pytest.raises(StudyError, match=r"figure .*: train 'time_ratio/update' is not recorded"):
        study(timing, figures=[curves])


def test_the_order_holds_all_that_times_depend_on(study):
    order = orders.timing(study(), "9.9-demo", planned(study()))
    assert set(order.variants) == {"slow", "fast"}
    assert (order.beside, order.tasks, order.updates, order.rounds, order.seed) == ("slow", ("update",), 50, 30, 6)
    for timing, config in (({**TIMING, "rounds": 3}, None), (TIMING, {"study_seed": 7})):
        other = study(timing, config)
        assert orders.timing(other, "9.9-demo", planned(other)) != order


def times(key):
    rounds = (Timed("fast", "update", 0, 2e-4, 1e-4),)
    return plain(Times(key, "9.9-demo", "slow", "2026-01-01T00:00:00+00:00", {"python": "3"}, rounds))


def test_times_of_what_is_planned_are_read(study):
    timing = planned(study())
    found = read_times({"t.json": json.dumps(times(timing.key)).encode()}, "t.json", timing)
    assert found.rounds == (Timed("fast", "update", 0, 2e-4, 1e-4),)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", json.dumps(times("another"))])
def test_other_times_are_refused_by_name(study, content):
    with pytest.raises(UnreadableError, match=r"^t\.json: ") as error:
        read_times({"t.json": content.encode()}, "t.json", planned(study()))
    assert error.value.file == "t.json"


def test_the_key_is_that_of_what_is_timed_and_how(study):
    keys = {planned(each).key for each in (study(), study({**TIMING, "rounds": 3}), study({**TIMING, "updates": 3}))}
    assert len(keys) == 3
    base = {"network": {"hidden": [11]}, "steps": 20, "batch_size": 8, "optimizer": {"kind": "sgd"}}
    assert planned(study(base=base)).key not in keys
    assert planned(study()).key in keys
