"""Several experiments: a mistake in one costs that one, and a claim may rest on the variants of two."""

import pytest

from chapter6.registry import StudyError
from chapter6.study.loading import load_study

BROKEN = {"base": {"network": {"hidden": [10]}, "steps": -1}}
CHECK = {"kind": "ordering", "metric": "loss", "split": "batch", "summary": "mean", "lower": "fast"}


def claim(than, experiments=("9.9-other",)):
    return [{"id": "C50", "says": "x", "experiments": list(experiments), "check": CHECK | {"than": than}}]


@pytest.fixture
def three(project):
    """Three experiments, of which one has a mistake in a setting and one does not even fit its schema."""
    project({"id": "9.9-wrong", "claims": []} | BROKEN, name="9.9-wrong.yaml")
    project({"id": "9.9-worse", "claims": [], "questoin": "?"}, name="9.9-worse.yaml")
    return project()


def test_a_mistake_stops_a_strict_study(three):
    with pytest.raises(StudyError, match=r"9\.9-wor"):
        load_study(root=three)


def test_a_mistake_costs_only_its_own_experiment(three):
    study = load_study(root=three, lenient=True)
    assert list(study.experiments) == ["9.9-demo"]
    assert set(study.broken) == {"9.9-wrong", "9.9-worse"}
    assert "9.9-wrong.yaml: variant 'slow': steps: " in study.broken["9.9-wrong"]
    assert "9.9-worse.yaml: questoin: unknown key" in study.broken["9.9-worse"]


def test_whoever_asks_for_one_experiment_is_not_told_of_the_others_mistakes(three):
    assert list(load_study(root=three, only="9.9-demo").experiments) == ["9.9-demo"]
    with pytest.raises(StudyError, match=r"9\.9-wrong\.yaml: variant 'slow': steps: "):
        load_study(root=three, only="9.9-wrong")


def test_a_claim_on_a_broken_experiment_breaks_its_own(three, project):
    project({"id": "9.9-third", "claims": claim("9.9-wrong/slow", ["9.9-wrong"])}, name="9.9-third.yaml")
    study = load_study(root=three, lenient=True)
    assert list(study.experiments) == ["9.9-demo"]
    assert "9.9-third" in study.broken


@pytest.fixture
def two(project):
    def load(than="9.9-other/gentle", experiments=("9.9-other",), **how):
        other = {"id": "9.9-other", "claims": [], "variants": {"gentle": {"optimizer": {"learning_rate": 0.001}}}}
        project(other, name="9.9-other.yaml")
        return load_study(root=project({"claims": claim(than, experiments)}), **how)

    return load


@pytest.mark.parametrize("than", ["9.9-other/gentle", "9.9-other/*", "slow"])
def test_a_claim_may_name_variants_of_another_experiment(two, than):
    experiment = two(than).experiments["9.9-demo"]
    assert experiment.beside == ["9.9-other"]
    assert than in experiment.claims[0].checks[0].variants_named()


@pytest.mark.parametrize(
    ("than", "experiments", "words"),
    [
        ("9.9-other/rough", ["9.9-other"], ["no variant '9.9-other/rough'", "slow, fast, 9.9-other/gentle"]),
        ("gentle", ["9.9-other"], ["no variant 'gentle'", "9.9-other/gentle"]),
        ("9.9-other/gentle", [], ["no variant '9.9-other/gentle'", "slow, fast"]),
        ("slow", ["9.9-none"], ["9.9-none"]),
        ("slow", ["9.9-demo"], ["experiments: no other experiment '9.9-demo'", "choose from 9.9-other"]),
    ],
)
def test_what_is_unknown_in_a_claim_on_two_experiments_is_refused(two, than, experiments, words):
    with pytest.raises(StudyError) as refused:
        two(than, experiments)
    for word in ("9.9-demo.yaml: claim C50", *words):
        assert word in str(refused.value)


def test_an_experiment_takes_those_along_that_its_claims_name(two, project):
    project({"id": "9.9-third", "claims": []} | BROKEN, name="9.9-third.yaml")
    assert set(two(only="9.9-demo").experiments) == {"9.9-demo", "9.9-other"}
    assert set(two(only="9.9-other").experiments) == {"9.9-other"}


def test_the_configuration_s_only_takes_them_along_too(two):
    assert set(two(raw={"only": "9.9-demo"}).experiments) == {"9.9-demo", "9.9-other"}
    assert set(two(raw={"only": "9.9-other"}).experiments) == {"9.9-other"}
