import numpy as np
import pytest

from chapter6.engine.data import Data, Images, ImageSet, Noise, mislabelled
from chapter6.engine.examples import Examples
from chapter6.engine.streams import Streams
from chapter6.registry import StudyError
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
        if data.outputs:
            assert examples.targets.ndim == 1
            assert examples.targets.max() < data.outputs == WIDTH
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


def test_the_first_images_of_each_class():
    found = splits(Images(per_class=1))["train"]
    labels = DATASET.train_labels
    rows = [row for row in range(40) if labels[row] not in labels[:row]]
    np.testing.assert_array_equal(found.images, DATASET.train_images[rows])
    np.testing.assert_array_equal(found.targets, labels[rows])
    assert Images(per_class=1).size == len(rows) == 10


def test_some_classes_alone_get_labels_by_their_place():
    data = Images(classes=(7, 2, 5))
    found = splits(data)
    assert data.outputs == 3
    for examples, images, labels in (
        (found["train"], DATASET.train_images, DATASET.train_labels),
        (found["test"], DATASET.test_images, DATASET.test_labels),
    ):
        chosen = np.isin(labels, (7, 2, 5))
        np.testing.assert_array_equal(examples.images, images[chosen])
        np.testing.assert_array_equal(np.array([7, 2, 5])[examples.targets], labels[chosen])
    first = splits(Images(classes=(7, 2, 5), examples=4))["train"]
    np.testing.assert_array_equal(first.images, found["train"].images[:4])
    each = splits(Images(classes=(7, 2), per_class=1))["train"]
    assert sorted(each.targets) == [0, 1]


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_share_of_the_training_labels_is_wrong(share):
    """Neither those of the others, nor anything else: images, what is held out, the test data."""
    settings = {"examples": 40, "validation": 0.25}
    plain, wrong = splits(Images(**settings)), splits(Images(**settings, wrong_labels=share))
    changed = wrong["train"].targets != plain["train"].targets
    assert changed.sum() == round(share * 30)
    assert wrong["train"].targets.max() < 10
    assert wrong["train"].targets.dtype == plain["train"].targets.dtype
    np.testing.assert_array_equal(wrong["train"].images, plain["train"].images)
    for split in ("validation", "test"):
        np.testing.assert_array_equal(wrong[split].targets, plain[split].targets)
    if 0 < share < 1:
        again, other = (splits(Images(**settings, wrong_labels=share), replicate) for replicate in (0, 1))
        np.testing.assert_array_equal(again["train"].targets, wrong["train"].targets)
        assert ((other["train"].targets != splits(Images(**settings), 1)["train"].targets) != changed).any()


def test_wrong_labels_are_any_of_the_others_alike():
    examples = Examples(np.zeros((9000, 1)), np.full(9000, 3, np.uint8))
    wrong = mislabelled(examples, 1.0, 4, Streams(1, 0)("labels")).targets
    np.testing.assert_allclose(np.bincount(wrong, minlength=4), [3000, 3000, 3000, 0], atol=200)
    assert (examples.targets == 3).all()


def test_noisy_test_images_stand_beside_the_clean_ones():
    data = Images(input_noise=0.3)
    found = splits(data)
    assert data.splits_held == found.keys() == {"train", "test", "noisy"}
    (clean, labels), *_ = found["test"].chunks(99, np.float32)
    (changed, same), *_ = found["noisy"].chunks(99, np.float32)
    noise = changed - clean
    assert noise.std() == pytest.approx(0.3, rel=0.05)
    assert noise.mean() == pytest.approx(0, abs=0.02)
    np.testing.assert_array_equal(labels, same)
    np.testing.assert_array_equal(splits(data)["noisy"].images, found["noisy"].images)
    assert (splits(data, 1)["noisy"].images != found["noisy"].images).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": (3,)}, r"data\.classes: two or more, each once, not 3"),
        ({"classes": (3, 3)}, r"data\.classes: two or more, each once, not 3, 3"),
        ({"classes": (3, 10)}, r"data\.classes: no class 10; they go from 0 to 9"),
        ({"examples": 5, "per_class": 5}, r"data\.per_class: give this or examples"),
        ({"per_class": 1, "validation": 0.01}, r"data\.validation: 0\.01 of 10 examples are 0"),
    ],
)
def test_a_choice_of_images_that_makes_no_sense_is_refused(settings, message):
    with pytest.raises(StudyError, match=message):
        Images(**settings)


def test_more_images_than_there_are_of_a_class_are_refused():
    with pytest.raises(StudyError, match=r"data\.per_class: of class \d there are \d+, not 20"):
        splits(Images(classes=(1, 2), per_class=20))
    with pytest.raises(StudyError, match=r"data\.examples: there are \d+ training images, not 30"):
        splits(Images(classes=(1, 2), examples=30))


@pytest.mark.parametrize(
    ("data", "most", "closed"),
    [
        (Images(), None, Images(examples=1000)),
        (Images(), 300, Images(examples=300)),
        (Images(per_class=30), None, Images(per_class=30)),
        (Images(per_class=30), 100, Images(per_class=10)),
        (Images(per_class=30, classes=(1, 2)), 9, Images(per_class=4, classes=(1, 2))),
        (Images(classes=(1, 2)), None, Images(classes=(1, 2))),
        (Images(classes=(1, 2), examples=50), 20, Images(classes=(1, 2), examples=20)),
        (Noise(20), 10, Noise(20)),
    ],
)
def test_open_numbers_are_closed_by_what_there_is_and_by_the_budget(data, most, closed):
    assert data.within(1000, most) == closed


@pytest.mark.parametrize("settings", [{"examples": 1001}, {"per_class": 101}, {"per_class": 501, "classes": (1, 2)}])
def test_more_images_than_there_are_are_refused_before_any_work(settings):
    with pytest.raises(StudyError, match=r"data\.(examples|per_class): there are 1000 training images, not 10"):
        Images(**settings).within(1000)


def test_images_of_another_size_than_is_stated_are_refused():
    with pytest.raises(
        StudyError, match=r"data\.shape: 8 x 8 are stated, and the images that were fetched have 784 pixels"
    ):
        splits(Images(source=ImageSet((1, 8, 8))))


def test_noise_is_drawn_anew_for_every_replicate():
    one, other = (splits(sample("noise"), replicate)["train"] for replicate in (0, 1))
    assert not np.isin(one.images, other.images).any()
    assert not np.isin(one.targets, other.targets).any()
