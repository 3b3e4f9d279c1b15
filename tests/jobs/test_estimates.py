"""Estimates of time: what is counted, and how near they come to what is measured."""

import pytest

from chapter6.engine.data import ImageSet
from chapter6.jobs.estimates import AN_UPDATE, Machine, Work
from chapter6.study.resolution import resolve

CNN = [
    *({"kind": "convolution", "filters": 8, "padding": 1}, "max_pooling", "relu"),
    *({"kind": "convolution", "filters": 16, "padding": 1}, "max_pooling", "relu"),
    *("flatten", {"kind": "dense", "units": 64}, "relu", {"kind": "dense", "units": 10}),
]
DENSE = {"hidden": [100] * 4}
NORMALIZED = [
    *({"kind": "convolution", "filters": 16, "size": 5}, "relu", "max_pooling", "batch_normalization"),
    *({"kind": "convolution", "filters": 32}, "relu", "flatten", {"kind": "dense", "units": 10}),
]
MEASURED = {  # ms of an update of 100 images and of an evaluation of 10 000, on a core of 40e9 multiplications a second
    "one hidden layer": ({"hidden": [64]}, "momentum", 0.66, 21),
    "four": (DENSE, "adam", 1.22, 43),
    "batch normalization": (DENSE | {"batch_normalization": {}}, "momentum", 1.57, 53),
    "dropout": ({"hidden": [100] * 6, "dropout": {"ratio": 0.2}}, "momentum", 1.95, 48),
    "wide": ({"hidden": [1000, 1000]}, "sgd", 13.7, 470),
    "convolutions": (CNN, "sgd", 12.9, 427),
    "normalized convolutions": (NORMALIZED, "momentum", 18.9, 711),
}
LOOK = {"measure": {"kind": "evaluation", "splits": ["test"]}, "at": "end"}


def run(network, images=None, **settings):
    base = {"network": network, "steps": 10, "batch_size": 100, "optimizer": "sgd", "record": [LOOK]}
    return resolve(base | settings, "here", images).run.within(1000)


def work(network, images=None):
    return Work.of(run(network, images).architecture)


def test_weights_of_a_convolution_are_used_once_a_position():
    found = work(CNN)
    assert found.multiplications == (9 * 8 * 28 * 28, 72 * 16 * 14 * 14, 7 * 7 * 16 * 64, 64 * 10)
    moved = [(9 + 8) * 28 * 28, 8 * 14 * 14, 8 * 14 * 14, (72 + 16) * 14 * 14, 16 * 7 * 7, 16 * 7 * 7]
    assert found.numbers == sum(moved)


def test_flat_layers_move_no_images_and_pieces_count():
    assert work(DENSE) == Work((78400, 10000, 10000, 10000, 1000), 0)
    pieces = ["flatten", {"kind": "maxout", "units": 5, "pieces": 3}, {"kind": "dense", "units": 10}]
    assert work(pieces) == Work((784 * 15, 50), 0)


def test_the_shape_is_that_of_the_study_s_images_after_transforms():
    small = ImageSet((1, 8, 8), 4)
    assert work(DENSE, small).multiplications[0] == 6400
    assert Work.of(run(DENSE, data={"transforms": ["block_means"]}).architecture).multiplications[0] == 19600


@pytest.mark.parametrize("name", MEASURED)
def test_estimates_come_within_a_factor_of_two(name):
    network, optimizer, update, evaluation = MEASURED[name]
    value, machine = run(network, optimizer=optimizer), Machine(40e9, 10_000)
    assert update / 2 < machine.update(value, value.stages[0]) * 1e3 < 2 * update
    assert evaluation / 2 < machine.evaluation(value) * 1e3 < 2 * evaluation


def test_an_update_of_a_point_takes_what_every_update_does():
    point = resolve(
        {"surface": "bowl", "optimizer": "sgd", "steps": 9, "record": [{"measure": "position"}]}, "here"
    ).run
    assert Machine(1e9, 1000).update(point, point.stages[0]) == AN_UPDATE


def test_a_run_is_its_updates_and_its_looks():
    machine = Machine(1e9, 1000)
    value = run(DENSE)
    assert machine.run(value) == pytest.approx(10 * machine.update(value, value.stages[0]) + machine.evaluation(value))
    two = run(DENSE, members=2)
    assert machine.run(two) == pytest.approx(2 * machine.run(value))
    five = run({"hidden": [100] * 4, "outputs": 5}, data={"classes": [0, 1, 2, 3, 4]})
    assert machine.evaluation(five) == pytest.approx(machine.evaluation(value) / 2, rel=0.01)
