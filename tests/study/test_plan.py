import json

import pytest

from chapter6.engine.initializers import He
from chapter6.engine.layers import Dense
from chapter6.engine.optimizers import SGD
from chapter6.engine.run import Run
from chapter6.registry import build, canonical, plain
from chapter6.settings import assigned, merge
from chapter6.study.loading import load_study


@pytest.fixture
def demo(project):
    return lambda changes=None, **config: load_study(
        root=project(changes, config={"replicates": 3} | config)
    ).experiments["9.9-demo"]


def units(variant):
    return [layer.units for layer in variant.run.network if isinstance(layer, Dense)]


def blocks(experiment, size):
    return [block for job in experiment.jobs(size, 1) for block in job.blocks]


def test_a_variant_is_the_base_with_its_changes(demo):
    variants = demo().variants
    assert list(variants) == ["slow", "fast"]
    assert variants["fast"].run.stages[0].optimizer == SGD(0.1)
    assert units(variants["fast"]) == [10, 10]


def test_defaults_stand_in_the_resolved_run(demo):
    run = demo().variants["slow"].run
    assert all(layer.initializer == He() for layer in run.network if isinstance(layer, Dense))
    assert run.stages[0].sampling == "replacement"
    assert run.data.examples == 60000


def test_canonical_text_depends_on_content_and_not_on_order(demo):
    first = demo({"base": {"steps": 20, "network": {"hidden": [10]}, "optimizer": "sgd"}, "claims": []})
    second = demo({"base": {"optimizer": "sgd", "network": {"hidden": [10]}, "steps": 20}, "claims": []})
    text = canonical(first.variants["slow"].run)
    assert text == canonical(second.variants["slow"].run)
    assert json.loads(text) == plain(first.variants["slow"].run)
    assert build(Run, json.loads(text)) == first.variants["slow"].run


def test_a_sweep_multiplies_its_axes_and_variants(demo):
    sweep = {"depth": {1: {}, 2: {"network": {"hidden": [10, 10]}}}, "batch_size": [8, 16, 32]}
    variants = demo({"sweep": sweep, "claims": []}).variants
    assert len(variants) == 2 * 2 * 3
    chosen = variants["fast_depth-2_batch_size-32"]
    assert {level.axis: level.value for level in chosen.levels} == {"depth": 2, "batch_size": 32}
    assert (chosen.run.stages[0].batch_size, units(chosen)) == (32, [10, 10, 10])
    assert chosen.label == "fast, depth 2, batch size 32"


def test_times_multiplies_what_is_below(demo):
    sweep = {"rate": {10: {"optimizer": {"learning_rate": {"times": 10}}}}}
    variants = demo({"sweep": sweep, "claims": []}).variants
    assert variants["slow_rate-10"].run.stages[0].optimizer.learning_rate == pytest.approx(0.1)


def test_another_kind_leaves_nothing_of_the_old_one_behind():
    base = {"optimizer": {"kind": "momentum", "momentum": 0.8}}
    assert merge(base, {"optimizer": {"kind": "sgd"}}) == {"optimizer": {"kind": "sgd"}}
    assert merge(base, {"optimizer": {"learning_rate": 1}})["optimizer"]["momentum"] == 0.8
    relu = {"kind": "relu", "x": 1}
    assert merge({"activation": "relu"}, {"activation": relu})["activation"] == relu


def test_a_value_is_put_under_a_dotted_key():
    assert assigned({}, "a.b.c", 1) == {"a": {"b": {"c": 1}}}


@pytest.mark.parametrize(
    ("size", "wanted"), [(10, [(0, 9), (10, 11)]), (12, [(0, 11)]), (5, [(0, 4), (5, 9), (10, 11)])]
)
def test_blocks_cover_every_replicate_once(demo, size, wanted):
    found = blocks(demo(replicates=12), size)
    assert [(b.first, b.last) for b in found if b.variant.name == "slow"] == wanted


def test_more_replicates_leave_full_blocks_as_they_are(demo):
    few, many = ({(b.first, b.last) for b in blocks(demo(replicates=n), 10)} for n in (10, 20))
    assert few < many


@pytest.mark.parametrize(
    ("runs", "wanted"),
    [
        (1, {"slow-0": 5, "slow-5": 2, "fast-0": 5, "fast-5": 2}),
        (7, {"slow-0": 7, "fast-0": 7}),
        (12, {"slow-0": 12, "fast-5": 2}),
        (100, {"slow-0": 14}),
    ],
)
def test_a_job_takes_whole_blocks_while_there_is_room(demo, runs, wanted):
    experiment = demo(replicates=7)
    jobs = list(experiment.jobs(5, runs))
    assert {job.name: sum(len(block.replicates) for block in job.blocks) for job in jobs} == wanted
    assert [block for job in jobs for block in job.blocks] == blocks(experiment, 5)


def test_every_run_is_one_job_s(project):
    study = load_study(root=project(config={"replicates": 7, "replicates_per_job": 5, "runs_per_job": 6}))
    experiment = study.experiments["9.9-demo"]
    jobs = study.jobs["9.9-demo"]
    for run in experiment.runs():
        (job,) = [name for name, job in jobs.items() if job.trains(run.variant.name, run.replicate)]
        assert study.job_of(run) == study.paths.trained("9.9-demo", job)
    assert (
        len(list(experiment.runs()))
        == sum(len(block.replicates) for job in jobs.values() for block in job.blocks)
        == 14
    )


def test_a_preset_caps_budgets_and_nothing_else(demo):
    presets = {"full": {}, "tiny": {"replicates": 1, "max_steps": 5, "max_examples": 100}}
    full, tiny = (demo(preset=name, presets=presets).variants["fast"] for name in presets)
    assert (full.replicates, full.run.steps, full.run.data.examples) == (3, 20, 60000)
    assert (tiny.replicates, tiny.run.steps, tiny.run.data.examples) == (1, 5, 100)
    differing = {key for key, value in full.settings.items() if tiny.settings[key] != value}
    assert differing == {"stages.main.steps", "data.examples", "record"}


def test_a_fresh_study_differs_in_its_seed_and_its_folders_alone(project):
    config = {"replicates": 3, "presets": {"full": {"replicates": 2}}}
    study = load_study(config, root=project(config=config))
    fresh = load_study(config | {"preset": "seed-7"}, root=project(config=config))
    assert (study.config.study_seed, fresh.config.study_seed) == (6, 7)
    assert fresh.paths.results == "results-seed-7"
    runs, again = (
        [(run.variant.name, run.replicate, run.variant.run) for run in each.experiments["9.9-demo"].runs()]
        for each in (study, fresh)
    )
    assert runs == again != []
    assert fresh.is_preview == study.is_preview
    assert not load_study({"preset": "seed-7"}, root=project()).is_preview


def test_an_experiments_own_replicates_win_over_the_studys(demo):
    assert demo({"replicates": 7}).variants["slow"].replicates == 7
    assert demo({"variants": {"slow": {"replicates": 2}, "fast": {}}}).variants["slow"].replicates == 2


def test_only_selects(project):
    project()
    project({"id": "9.9-other", "claims": []}, name="9.9-other.yaml")
    study = load_study({"only": "9.9-other"}, root=project())
    assert list(study.experiments) == ["9.9-other"]


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        ("end", [20]),
        ({"every": 8}, [0, 8, 16, 20]),
        ({"every": 10}, [0, 10, 20]),
        ({"first": 1, "every": 30}, [1, 20]),
        ({"first": 30}, []),
        ({"every": 8, "last": 16}, [0, 8, 16]),
        ({"every": 8, "last": 99}, [0, 8, 16]),
        ([{"last": 2}, {"first": 5, "every": 9}], [0, 1, 2, 5, 14, 20]),
    ],
)
def test_a_schedule_without_an_end_takes_the_last_update(demo, at, taken):
    """What is drawn and judged as final belongs to the trained network, whatever budget it had."""
    changes = {
        "base": {
            "steps": 20,
            "network": {"hidden": [10]},
            "optimizer": "sgd",
            "record": [{"measure": "evaluation", "at": at}],
        }
    }
    (record,) = demo(changes | {"claims": []}).variants["slow"].run.record
    steps = [step for schedule in record.at for step in schedule.steps]
    assert steps == taken
