import numpy as np
import pytest

from chapter6.engine.data import Data, Images
from chapter6.engine.streams import Streams
from engine.small import digits, required_fields

every_data = pytest.mark.parametrize("kind", Data.members)

WIDTH = 10
DATASET = digits(40, 15)


def sample(kind, **settings):
    member = Data.members[kind]
    return member(**dict.fromkeys(required_fields(member), 20), **settings)


def splits(data, replicate=0):
    return data.splits(Streams(6, replicate), DATASET if data.needs_dataset else None, WIDTH)


@every_data
def test_every_split_has_examples_of_the_declared_shape(kind):
    data = sample(kind)
    found = splits(data)
    assert "train" in found
    for examples in found.values():
        assert len(examples) == len(examples.targets) > 0
        assert examples.inputs == np.prod(data.shape)


@every_data
def test_targets_are_classes_or_directions_of_the_networks_width(kind):
    data = sample(kind)
    for examples in splits(data).values():
        if data.classes:
            assert examples.targets.ndim == 1
            assert examples.targets.max() < data.classes == WIDTH
        else:
            assert examples.targets.shape == (len(examples), WIDTH)


@every_data
def test_validation_data_are_there_where_the_data_say_so(kind):
    data = sample(kind)
    assert data.holds_out == ("validation" in splits(data))


@every_data
def test_the_same_streams_give_the_same_examples(kind):
    one, other = splits(sample(kind)), splits(sample(kind))
    assert one.keys() == other.keys()
    for name, examples in one.items():
        np.testing.assert_array_equal(examples.images, other[name].images)
        np.testing.assert_array_equal(examples.targets, other[name].targets)


def test_images_are_the_first_ones_and_what_is_held_out_is_drawn_from_them():
    found = splits(Images(examples=20, validation=0.25))
    assert {name: len(examples) for name, examples in found.items()} == {"train": 15, "validation": 5, "test": 15}
    together = np.concatenate([found["train"].images, found["validation"].images])
    assert sorted(map(bytes, together)) == sorted(map(bytes, DATASET.train_images[:20]))
    other = splits(Images(examples=20, validation=0.25), replicate=1)
    assert (other["validation"].images != found["validation"].images).any()
    np.testing.assert_array_equal(splits(Images(examples=20))["train"].images, DATASET.train_images[:20])


def test_noise_is_drawn_anew_for_every_replicate():
    one, other = (splits(sample("noise"), replicate)["train"] for replicate in (0, 1))
    assert not np.isin(one.images, other.images).any()
    assert not np.isin(one.targets, other.targets).any()
