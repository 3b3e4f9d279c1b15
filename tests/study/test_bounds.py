"""What is asked by mistake is refused at once, with what is asked and the most; whoever insists gets it."""

import time

import pytest

from chapter6.registry import StudyError
from chapter6.study import bounds
from chapter6.study.loading import load_study

BASE = {"network": {"hidden": [10]}, "steps": 20, "batch_size": 8, "optimizer": {"kind": "sgd"}}
AXES = ("optimizer.learning_rate", "batch_size", "network.outputs", "data.examples")
LARGE = {
    "a sweep of many axes": (
        {"sweep": {axis: list(range(1, 101)) for axis in AXES}, "variants": {}},
        r"9\.9-demo\.yaml: asks for 1e\+08 variants, and 20000 are the most",
    ),
    "replicates": ({"replicates": 10**8}, r"the study: asks for 2e\+08 runs, and 1e\+06 are the most"),
    "steps": (
        {"base": BASE | {"steps": 10**12, "record": [{"measure": "evaluation"}]}},
        r"the study: asks for 6e\+12 updates, and 1e\+10 are the most",
    ),
    "a wide layer": (
        {"base": BASE | {"network": {"hidden": [10**9]}}},
        r"9\.9-demo: variant 'slow': asks for 7\.95e\+11 parameters, and 2e\+08 are the most",
    ),
    "members": (
        {"base": BASE | {"members": 10**9}},
        r"9\.9-demo: variant 'slow': asks for 7\.96e\+12 parameters, and 2e\+08 are the most",
    ),
    "recording": (
        {"base": BASE | {"steps": 10**9, "record": [{"measure": "evaluation", "at": {"every": 1}}]}},
        r"9\.9-demo: variant 'slow': asks for 2e\+09 numbers to be recorded, and 1e\+08 are the most",
    ),
    "trials of a search": (
        {
            "base": BASE
            | {
                "data": {"examples": 100, "validation": 0.2},
                "record": [{"measure": {"kind": "evaluation", "splits": ["validation"]}}],
            },
            "search": {"space": {"optimizer.learning_rate": {"low": 0.1, "high": 1}}, "trials": 10**7},
            "variants": {"slow": {"strategy": {"kind": "random", "batch": 10**7}}},
        },
        r"the study: asks for 3e\+07 runs, and 1e\+06 are the most",
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_too_large_is_refused_within_seconds(project, name):
    changes, message = LARGE[name]
    root = project({"claims": []} | changes)
    start = time.process_time()
    with pytest.raises(StudyError, match=message) as refused:
        load_study(root=root)
    assert str(refused.value).endswith(bounds.INSIST)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("name", ["replicates", "steps", "a wide layer", "members", "recording"])
def test_whoever_insists_gets_it(project, name):
    changes, _ = LARGE[name]
    config = {"replicates": 3, "allow_large": True}
    assert load_study(root=project({"claims": []} | changes, config=config)).experiments["9.9-demo"].variants


def test_a_sweep_beyond_the_bound_is_planned_where_somebody_insists(project, monkeypatch):
    monkeypatch.setattr(bounds, "BOUNDS", bounds.Bounds(variants=3))
    changes = {"claims": [], "sweep": {"batch_size": [8, 16]}}
    with pytest.raises(StudyError, match="asks for 4 variants, and 3 are the most"):
        load_study(root=project(changes))
    insisting = load_study(root=project(changes, config={"allow_large": True}))
    assert len(insisting.experiments["9.9-demo"].variants) == 4
