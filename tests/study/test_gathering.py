"""Variants as tables describe them: every one of the study is put together of its parts."""

from pathlib import Path

import pytest

from chapter6.study import gathering
from chapter6.study.gathering import described
from chapter6.study.plan import load_study

STUDY = load_study(root=Path(__file__).parents[2])


@pytest.mark.parametrize("experiment", STUDY.experiments.values(), ids=STUDY.experiments)
def test_a_variant_s_name_is_made_of_its_parts(experiment, monkeypatch):
    monkeypatch.setattr(gathering, "dereferenced", lambda value, _: value)
    found = list(described(experiment, {}))
    assert [variant.name for variant in found] == list(experiment.variants)
    tuned = {tuning.tuned.name: tuning.of.name for tuning in experiment.tunings.values()}
    for variant in found:
        parts = [level.key for level in (variant.listed, *variant.levels) if level]
        assert variant.name == ("_".join(parts) or "only") + "-tuned" * bool(variant.of)
        assert {level.axis: level.value for level in variant.levels} == experiment.variants[variant.name].axes
        assert variant.of == tuned.get(variant.name, "")
