"""Whatever is wrong stops before any job, with one message that names file, key, value and choices."""

import re

import pytest

from chapter6.data.sets import AXES
from chapter6.registry import StudyError
from chapter6.study.loading import load_study

RUN = {"network": {"hidden": [10]}, "steps": 20, "optimizer": {"kind": "sgd"}}
CHECK = {"kind": "ordering", "metric": "loss", "split": "batch", "lower": "fast", "than": "slow"}


def searching(dimension, name="optimizer.learning_rate"):
    evaluation = {"measure": {"kind": "evaluation", "splits": ["validation"]}}
    held_out = {"data": {"examples": 100, "validation": 0.2}, "record": [evaluation]}
    return {
        "base": RUN | held_out,
        "search": {"space": {name: dimension}, "trials": 4},
        "variants": {"a": {"strategy": "random"}},
    }


BAD = {
    "unknown optimizer": ({"base": RUN | {"optimizer": "sdg"}}, ["variant 'slow'", "optimizer", "'sdg'", "adam"]),
    "misspelt key of a part": (
        {"base": RUN | {"optimizer": {"kind": "sgd", "learning_rte": 1}}},
        ["optimizer.learning_rte", "unknown key", "learning_rate"],
    ),
    "misspelt key of a run": ({"base": RUN | {"step": 3}}, ["step", "unknown key", "batch_size", "steps"]),
    "misspelt key of an experiment": ({"questoin": "?"}, ["questoin", "unknown key", "question"]),
    "negative learning rate": (
        {"base": RUN | {"optimizer": {"kind": "sgd"}}, "variants": {"a": {"optimizer": {"learning_rate": -1}}}},
        ["optimizer.learning_rate", "greater than 0", "-1"],
    ),
    "wrong labels beyond all": ({"base": RUN | {"data": {"wrong_labels": 1.5}}}, ["data.wrong_labels", "1.5"]),
    "wrong labels below none": ({"base": RUN | {"data": {"wrong_labels": -0.1}}}, ["data.wrong_labels", "-0.1"]),
    "whitening without epsilon": (
        {"base": RUN | {"data": {"transforms": ["whitening"]}}},
        ["variant 'slow'", "data.transforms.0.epsilon: required"],
    ),
    "a transform of too few images": (
        {"base": RUN | {"data": {"examples": 300, "transforms": [{"kind": "whitening", "epsilon": 0.1}]}}},
        ["variant 'slow'", "data.transforms.whitening: takes 785 training images, and there are 300"],
    ),
    "augmented noise": (
        {"base": RUN | {"data": {"kind": "noise", "examples": 10, "augmentations": ["flip"]}}},
        ["data.augmentations: unknown key"],
    ),
    "augmented components": (
        {"base": RUN | {"data": {"transforms": ["pca"], "augmentations": ["flip"]}}},
        ["data.augmentations: made for images, and pca leaves none"],
    ),
    "mixup of what takes labels alone": (
        {"base": RUN | {"loss": "linear", "data": {"augmentations": ["mixup"]}}},
        ["data.augmentations: linear takes labels alone"],
    ),
    "no such class": ({"base": RUN | {"data": {"classes": [1, 10]}}}, ["data.classes: no class 10", "0 to 9"]),
    "outputs for no classes": (
        {"base": RUN | {"data": {"kind": "noise", "examples": 10}, "steps": 0, "loss": "linear"}},
        ["variant 'slow': network.outputs: the data have no classes"],
    ),
    "a theory beside what it does not cover": (
        {"base": RUN | {"record": [{"measure": "expected_signals", "at": "end"}]}},
        ["variant 'slow'", "measurement 'expected_signals' is made for loss linear, not softmax_cross_entropy"],
    ),
    "facts of the data set": ({"base": RUN | {"data": {"source": {}}}}, ["data.source", "config/config.yaml"]),
    "replicates 0": ({"replicates": 0}, ["replicates", "greater than 0", "0"]),
    "replicates 0 of a variant": ({"variants": {"a": {"replicates": 0}}}, ["'a'", "replicates", "0"]),
    "claim about no variant": (
        {"claims": [{"id": "C1", "says": "x", "check": CHECK | {"lower": "quick"}}]},
        ["C1", "'quick'", "slow, fast"],
    ),
    "claim about no metric": (
        {"claims": [{"id": "C1", "says": "x", "check": CHECK | {"metric": "rank", "split": "train"}}]},
        ["C1", "rank", "not recorded", "batch loss"],
    ),
    "claim with two combinations": (
        {"claims": [{"id": "C1", "says": "x", "check": CHECK, "any_of": [CHECK]}]},
        ["claims.0", "exactly one of"],
    ),
    "unknown check": ({"claims": [{"id": "C1", "says": "x", "check": {"kind": "vibes"}}]}, ["vibes", "ordering"]),
    "unknown figure": ({"figures": [{"kind": "pie"}]}, ["figures.0", "pie", "curves"]),
    "unknown split": (
        {"base": RUN | {"record": [{"measure": {"kind": "evaluation", "splits": ["tset"]}}]}},
        ["splits.0", "tset", "test"],
    ),
    "validation data that are not held out": (
        {"base": RUN | {"record": [{"measure": {"kind": "evaluation", "splits": ["validation"]}}]}},
        ["validation"],
    ),
    "loss of the training pass after the last update": (
        {"base": RUN | {"record": [{"measure": "batch_loss"}]}, "claims": []},
        ["record.0", "batch_loss at the end: no update comes after"],
    ),
    "a fraction as the end of a whole number's range": (
        searching({"low": 8.5, "high": 32}, "batch_size"),
        ["search.space", "batch_size", "8.5"],
    ),
    "tuning by short trainings alone": (
        {"tuning": {"of": ["fast"], "fine": None}},
        ["tuning", "coarse.steps: without a fine phase give null or 1000, not 300"],
    ),
    "tuning a whole number": (
        {"tuning": {"of": ["fast"], "parameter": "batch_size"}},
        ["parameter", "'batch_size' is a whole number"],
    ),
    "tuning beyond what a setting may be": (
        {
            "variants": {"a": {"optimizer": {"kind": "momentum", "learning_rate": 0.1}}},
            "claims": [],
            "tuning": {"of": ["a"], "parameter": "optimizer.momentum"},
        },
        ["phases", "optimizer.momentum", "less than 1", "not 5.06"],
    ),
    "tuning what is taken from a file": (
        {
            "variants": {"a": {"optimizer": {"learning_rate": {"from": "rate.json#value"}}}},
            "claims": [],
            "tuning": {"of": ["a"]},
        },
        ["tuning of 'a'", "is taken from 'rate.json#value', and cannot be tuned as well"],
    ),
    "tuning around zero": (
        {
            "variants": {"a": {"optimizer": {"kind": "momentum", "momentum": 0.0}}},
            "claims": [],
            "tuning": {"of": ["a"], "parameter": "optimizer.momentum"},
        },
        ["parameter", "'optimizer.momentum' is 0"],
    ),
    "convergence of what records no loss of its batches": (
        {
            "base": RUN | {"record": [{"measure": "evaluation"}]},
            "claims": [{"id": "C99", "says": "", "at_convergence": True, "check": CHECK | {"split": "test"}}],
        },
        ["claim C99: at_convergence: 'slow' records no loss of its batches"],
    ),
    "tuning one setting twice": (
        {"tuning": {"of": ["fast"], "strength": {"parameter": "learning_rate"}}},
        ["strength.parameter", "is tuned already"],
    ),
    "tuning by what is not recorded": (
        {"tuning": {"of": ["fast"], "by": {"tuned": {"metric": "dead", "split": "train"}}}},
        ["tuning of 'fast'", "by: train 'dead' is not recorded", "choose from"],
    ),
    "tuning by what validation data do not give": (
        {"tuning": {"of": ["fast"], "by": {"tuned": {"metric": "rank", "split": "test"}}}},
        ["by: validation data give loss or accuracy, not 'rank'"],
    ),
    "tuning without a quantity": ({"tuning": {"of": ["fast"], "by": {}}}, ["tuning.by"]),
    "tuning to two levels": (
        {"tuning": {"of": ["fast"], "by": {"tuned": {"metric": "loss", "at_least": 1, "at_most": 2}}}},
        ["tuning.by.tuned", "not both"],
    ),
    "a name that the tuned variant would have": (
        {
            "variants": {"a": {"optimizer": {"learning_rate": 0.1}}, "a-tuned": {"optimizer": {"learning_rate": 0.2}}},
            "claims": [],
            "tuning": {"of": ["a"]},
        },
        ["tuning", "'a-tuned' is already a variant"],
    ),
    "too many images": ({"base": RUN | {"data": {"examples": 70000}}}, ["data.examples", "60000", "70000"]),
    "network and surface": ({"base": RUN | {"surface": "bowl"}}, ["either a network or a point"]),
    "measurement that does not fit": (
        {"base": RUN | {"record": [{"measure": "position"}]}},
        ["position", "does not fit"],
    ),
    "dropout ratio 1": (
        {"base": RUN | {"network": {"hidden": [10], "dropout": {"ratio": 1}}}},
        ["network.dropout.ratio", "less than 1", "1"],
    ),
    "batch normalization of single images": (
        {"base": RUN | {"batch_size": 1, "network": {"hidden": [10], "batch_normalization": {}}}},
        ["batch normalization", "batch_size", "1"],
    ),
    "validation share 1": (
        {"base": RUN | {"data": {"validation": 1}}},
        ["data.validation", "less than 1", "1"],
    ),
    "early stopping without validation data": (
        {"base": RUN | {"stopping": {"patience": 3}}},
        ["early stopping", "data.validation"],
    ),
    "search range upside down": (
        searching({"low": 2, "high": 1}),
        ["search.space.optimizer.learning_rate", "low is 2"],
    ),
    "search log scale through zero": (
        searching({"low": 0, "high": 1}),
        ["search.space.optimizer.learning_rate", "low above 0"],
    ),
    "search of what is no setting": (
        searching({"low": 1, "high": 2}, "optimizer.lr"),
        ["optimizer.lr", "optimizer.learning_rate"],
    ),
    "search without validation data": (
        searching({"low": 1, "high": 2}) | {"base": RUN},
        ["validation data to score"],
    ),
    "unknown strategy": (
        searching({"low": 1, "high": 2}) | {"variants": {"a": {"strategy": "lucky"}}},
        ["strategy", "'lucky'", "random"],
    ),
    "replay of no strategy": (
        searching({"low": 1, "high": 2}) | {"variants": {"a": {"replay": {"of": "b", "rule": "halving"}}}},
        ["replay.of", "'b'"],
    ),
    "strategy without a search": ({"variants": {"a": {"strategy": "random"}}}, ["'a'", "search", "missing"]),
    "tuning of no variant": ({"tuning": {"of": ["quick"]}}, ["tuning.of", "'quick'", "slow"]),
    "tuning of what is no number": (
        {"tuning": {"of": ["slow"], "parameter": "optimizer"}},
        ["tuning of 'slow'", "'optimizer'", "'sgd'"],
    ),
    "margin that does not fit the metric": (
        {"claims": [{"id": "C1", "says": "x", "check": CHECK | {"metric": "accuracy", "split": "test", "margin": 5}}]},
        ["margin", "5"],
    ),
    "id with a path": ({"id": "../evil"}, ["id", "'../evil'"]),
    "variant with a path": ({"variants": {"../evil": {}}}, ["variants", "../evil"]),
    "times without a number below": (
        {"variants": {"a": {"optimizer": {"kind": "adam"}}, "b": {"optimizer": {"epsilon": {"times": 2}}}}},
        ["epsilon", "times", "2"],
    ),
    "times without a number in a list": (
        {"base": RUN | {"penalties": [{"kind": "l2"}]}, "sweep": {"penalties.l2.strength": [{"times": 2}]}},
        ["penalties.l2.strength", "times", "2"],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_an_experiment_with_a_mistake_is_refused_by_name(project, name):
    changes, wanted = BAD[name]
    with pytest.raises(StudyError) as refused:
        load_study(root=project({"claims": []} | changes))
    message = str(refused.value)
    for text in ("9.9-demo.yaml", *wanted):
        assert text in message
    assert "Traceback" not in message
    assert "pydantic" not in message


CONFIG = {
    "unknown key": ({"replicate": 3}, ["replicate", "unknown key", "replicates"]),
    "replicates 0": ({"replicates": 0}, ["replicates", "greater than 0", "0"]),
    "unknown preset": ({"preset": "slow"}, ["preset", "'slow'", "full", "seed-N"]),
    "a fresh study without a seed": ({"preset": "seed-x"}, ["preset", "'seed-x'", "seed-N"]),
    "wrong type": ({"data": {"mirrors": 3}}, ["data.mirrors", "3"]),
    "unknown experiment": ({"only": "6.9-none"}, ["'6.9-none'", "9.9-demo"]),
    "unknown part of the data": ({"data": {"sizes": {"validation": 3}}}, ["data.sizes.validation", "test", "train"]),
    "checksum of no file": ({"data": {"checksums": {"train": "0" * 64}}}, ["data.checksums.train", "train-images"]),
    "no checksum": ({"data": {"checksums": {"train-images": "abc"}}}, ["data.checksums.train-images", "'abc'"]),
    "another data set without hashes": (
        {"data": {"name": "digits", "mirrors": ["here"], "checksums": {"train-images": "0" * 64}}},
        ["data: checksums: a data set of your own needs the SHA-256 of train-labels, test-images, test-labels"],
    ),
    "images of another size without hashes": ({"data": {"shape": [8, 8]}}, ["data: checksums", "SHA-256"]),
    "another data set from nowhere": (
        {"data": {"classes": 4, "checksums": dict.fromkeys(AXES, "0" * 64)}},
        ["data: mirrors: a data set of your own needs one"],
    ),
    "images of one axis": ({"data": {"shape": [64]}}, ["data.shape"]),
    "one class": ({"data": {"classes": 1}}, ["data.classes", "greater than or equal to 2", "1"]),
    "data nowhere": ({"data": {"directory": ""}}, ["data.directory", "at least 1 character", "''"]),
}


def test_one_size_may_be_left_to_its_default(project):
    sizes = load_study(root=project(config={"data": {"sizes": {"test": 500}}})).config.data.sizes
    assert (sizes.train, sizes.test) == (60000, 500)


@pytest.mark.parametrize("name", CONFIG)
def test_a_configuration_with_a_mistake_is_refused_by_name(project, name):
    config, wanted = CONFIG[name]
    with pytest.raises(StudyError) as refused:
        load_study(root=project(config=config))
    for text in wanted:
        assert text in str(refused.value)


def test_two_experiments_with_one_id_are_refused(project):
    project()
    with pytest.raises(StudyError, match=r"other\.yaml: id: '9\.9-demo' is already the id of .*9\.9-demo\.yaml"):
        load_study(root=project(name="other.yaml"))


YAML = {
    "syntax": ("id: [1, 2", "not valid YAML.*line"),
    "a tag": ("id: !!python/object/apply:os.system [ls]", "not valid YAML.*python/object"),
    "an alias": ("a: &a [1]\nb: *a", "not valid YAML: aliases are not allowed.*line 2"),
    "a tower of brackets": ("a: " + "[" * 60, "not valid YAML: nested more than 50 deep.*line 1"),
    "a key twice": ("id: a\nid: b", "not valid YAML: key 'id' stands twice.*line"),
    "no mapping": ("- 1", "expected keys and values"),
    "nothing": ("", "expected keys and values"),
}


@pytest.mark.parametrize("name", YAML)
def test_yaml_that_is_broken_or_hostile_is_refused_with_its_place(project, name):
    text, message = YAML[name]
    with pytest.raises(StudyError, match=f"9.9-demo.yaml: {message}"):
        load_study(root=project(text=text))


def test_a_message_is_one_line_a_mistake(project):
    with pytest.raises(StudyError) as refused:
        load_study(root=project({"base": RUN | {"optimizer": "sdg"}, "claims": []}))
    assert len(str(refused.value).splitlines()) <= 2
    assert re.search(r"choose from .*adam", str(refused.value))
