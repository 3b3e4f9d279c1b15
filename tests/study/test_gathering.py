"""Variants as tables describe them: every one of the study is put together of its parts."""

from pathlib import Path

import pytest

from chapter6.study.loading import load_study

STUDY = load_study(root=Path(__file__).parents[2])


@pytest.mark.parametrize("experiment", STUDY.experiments.values(), ids=STUDY.experiments)
def test_a_variant_s_name_is_made_of_its_parts(experiment):
    found = [variant.described(variant.run.settings) for variant in experiment.variants.values()]
    assert [described.name for described in found] == list(experiment.variants)
    tuned = {each.name: tuning.of.name for tuning in experiment.tunings.values() for each in tuning.tuned.values()}
    track = {each.name: f"-{name}" for tuning in experiment.tunings.values() for name, each in tuning.tuned.items()}
    for described in found:
        parts = [level.key for level in (described.listed, *described.levels) if level]
        variant = experiment.variants[described.name]
        assert described.name == ("_".join(parts) or "only") + track.get(described.name, "")
        assert described.levels == variant.levels
        assert described.of == tuned.get(described.name, "")
        assert described.settings == {**variant.run.settings, **variant.searched}
