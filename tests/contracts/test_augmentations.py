"""Every augmentation: drawn from a stream of its own, of the images' shape and range, labels kept or mixed."""

import inspect
from dataclasses import fields, replace

import numpy as np
import pytest

from chapter6.data import augmentation
from chapter6.engine import augmentations
from chapter6.engine.augmentations import (
    Augmentation,
    Brightness,
    Crop,
    Cutout,
    Elastic,
    Flip,
    Lens,
    Mixup,
    Rotation,
    Shift,
    Views,
)
from chapter6.engine.data import Images, ImageSet
from chapter6.engine.streams import Streams
from chapter6.engine.transforms import PCA, MeanImage
from chapter6.jobs import datasets
from chapter6.registry import StudyError

SIDE, COUNT, CLASSES = 12, 40, 10
SETTINGS = {"crop": {"smallest": 14, "largest": 24}}
MEMBERS = [member(**SETTINGS.get(key, {})) for key, member in Augmentation.members.items()]
WARPS = [member for member in MEMBERS if member.warps]

every_augmentation = pytest.mark.parametrize("kind", MEMBERS, ids=lambda kind: kind.key)
every_warp = pytest.mark.parametrize("kind", WARPS, ids=lambda kind: kind.key)


@pytest.fixture
def dataset(tmp_path):
    rng = Streams(1, 0)("images")
    pixels = {f"{split}_images": rng.integers(0, 256, (COUNT, SIDE**2), np.uint8) for split in ("train", "test")}
    labels = {f"{split}_labels": np.arange(COUNT, dtype=np.uint8) % CLASSES for split in ("train", "test")}
    return datasets.Dataset(**pixels, **labels, digest="d", folder=tmp_path)


def splits(dataset, *kinds, replicate=0, **settings):
    images = Images(augmentations=kinds, copies=3, source=ImageSet((1, SIDE, SIDE)), **settings)
    return images.splits(Streams(6, replicate), dataset, CLASSES)


def batch(dataset, *kinds, replicate=0, steps=1, rows=None, **settings):
    """Return copies of the images and targets of the last of some batches."""
    train = splits(dataset, *kinds, replicate=replicate, **settings)["train"]
    rows = np.arange(COUNT) if rows is None else rows
    batches = train.batches(np.tile(rows, (steps, 1)), np.float32, Streams(6, replicate)("augmentation"))
    for step in range(steps):
        images, targets = batches[step]
    return images.copy(), targets.copy()


def pictures(count=3, shape=(SIDE, SIDE)):
    return Streams(2, 0)("pictures").random((count, 1, *shape), np.float32)


def still(count=3):
    return augmentation.grid_of(count, SIDE, SIDE)


class Fixed:
    """A random generator that draws what it is told."""

    def __init__(self, *values):
        self.values = [np.asarray(value) for value in values]

    def _next(self, *_, **__):
        return self.values.pop(0)

    uniform = random = integers = permutation = beta = _next


@every_augmentation
def test_each_is_carried_out_by_a_function_of_its_name_with_its_settings(kind):
    given = {"grid", "rng"} if kind.warps else {"images", "targets", "rng"}
    taken = inspect.signature(getattr(augmentation, kind.key)).parameters
    assert taken.keys() - given == {field.name for field in fields(kind)}
    assert taken.keys() >= given


@every_augmentation
def test_a_batch_keeps_shape_type_and_range(dataset, kind):
    images, targets = batch(dataset, kind)
    assert images.shape == (COUNT, SIDE**2)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1 + 1e-6
    assert len(targets) == COUNT


@every_augmentation
def test_something_is_changed_and_differently_at_each_batch(dataset, kind):
    plain, first, second = (
        batch(dataset, *kinds, steps=steps)[0] for kinds, steps in (((), 1), ((kind,), 1), ((kind,), 2))
    )
    assert (plain != first).any()
    assert (first != second).any()


@every_augmentation
def test_equal_streams_draw_equal_batches_and_other_replicates_others(dataset, kind):
    first, second, other = (batch(dataset, kind, replicate=replicate)[0] for replicate in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


@every_augmentation
def test_labels_stay_or_become_distributions(dataset, kind):
    _, targets = batch(dataset, kind)
    if kind.mixes:
        assert targets.shape == (COUNT, CLASSES)
        np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-6)
        assert targets.min() >= 0
    else:
        np.testing.assert_array_equal(targets, dataset.train_labels)


@every_augmentation
def test_what_is_evaluated_stays_as_it_is(dataset, kind):
    changed, plain = splits(dataset, kind), splits(dataset)
    for split, examples in plain.items():
        for (ours, labels), (theirs, same) in zip(
            changed[split].chunks(50, np.float32), examples.chunks(50, np.float32), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
            np.testing.assert_array_equal(labels, same)


@every_augmentation
def test_images_without_anything_on_them_stay_empty_but_for_their_brightness(dataset, kind):
    dark = replace(dataset, train_images=np.zeros_like(dataset.train_images))
    assert (batch(dark, kind)[0] > 0).any() == (kind.key == "brightness")


def test_runs_without_augmentation_have_plain_batches(dataset):
    train = splits(dataset)["train"]
    assert (train.prepare, train.augmented, train.views) == (None, None, ())
    batches = train.batches(np.zeros((1, 2), int), np.float32, Streams(6, 0)("augmentation"))
    assert type(batches).__name__ == "Batches"


# --- One case each, by hand or in another way ----------------------------------------------------------------------


def test_shifting_moves_rows_and_columns():
    images = pictures(2)
    moved, _ = augmentation.shift(images, None, Fixed([[1, 0], [0, -2]]), pixels=2)
    np.testing.assert_array_equal(moved[0, 0, :-1], images[0, 0, 1:])
    np.testing.assert_array_equal(moved[0, 0, -1], 0)
    np.testing.assert_array_equal(moved[1, 0, :, 2:], images[1, 0, :, :-2])
    np.testing.assert_array_equal(moved[1, 0, :, :2], 0)


def test_flipping_mirrors_left_and_right():
    images = pictures(2)
    flipped, _ = augmentation.flip(images, None, Fixed([0.4, 0.6]), probability=0.5)
    np.testing.assert_array_equal(flipped[0, 0], np.fliplr(images[0, 0]))
    np.testing.assert_array_equal(flipped[1], images[1])


@pytest.mark.parametrize(("side", "rows", "columns"), [(3, slice(4, 7), slice(0, 2)), (4, slice(4, 8), slice(0, 3))])
def test_cutout_blots_a_square_out_at_the_border_a_part_of_it(side, rows, columns):
    images = pictures(1) + 1
    cut, _ = augmentation.cutout(images, None, Fixed([[5 if side == 3 else 6]], [[0 if side == 3 else 1]]), side=side)
    zeros = np.zeros((SIDE, SIDE), bool)
    zeros[rows, columns] = True
    np.testing.assert_array_equal(cut[0, 0] == 0, zeros)
    np.testing.assert_array_equal(cut[0, 0][~zeros], images[0, 0][~zeros])


def test_contrast_is_about_the_mean_and_brightness_is_added_within_the_range():
    images = np.array([[[[0.2, 0.4], [0.6, 0.8]]]], np.float32)
    changed, _ = augmentation.brightness(images, None, Fixed([1.5], [0.1]), brightness=0.2, contrast=0.5)
    np.testing.assert_allclose(changed[0, 0], [[0.15, 0.45], [0.75, 1.0]], rtol=1e-6)  # 1.05 is cut


def test_mixup_mixes_images_and_targets_alike():
    images, targets = pictures(2), np.eye(2, dtype=np.float32)
    mixed, shares = augmentation.mixup(images, targets, Fixed([1, 0]), weight=0.4, alpha=1.0)
    np.testing.assert_allclose(mixed[0], 0.4 * images[0] + 0.6 * images[1], rtol=1e-6)
    np.testing.assert_allclose(shares, [[0.4, 0.6], [0.6, 0.4]])
    drawn, shares = augmentation.mixup(images, targets, Fixed(0.25, [1, 0]), weight=None, alpha=1.0)
    np.testing.assert_allclose(drawn[1], 0.25 * images[1] + 0.75 * images[0], rtol=1e-6)
    np.testing.assert_allclose(shares, [[0.25, 0.75], [0.75, 0.25]])


def test_where_nothing_moves_images_stay():
    images = pictures()
    np.testing.assert_allclose(augmentation.warped(images, still()), images, atol=1e-6)


def test_a_quarter_turn_is_numpys():
    images = pictures(1)
    turned = augmentation.warped(images, augmentation.rotation(still(1), Fixed([90.0]), degrees=90))
    np.testing.assert_allclose(turned[0, 0], np.rot90(images[0, 0], -1), atol=1e-5)


def test_a_crop_of_twice_the_size_is_a_quarter_between_its_pixels():
    """Enlarged to twice its side, each pixel of the window lies a quarter of a pixel beside one of the image."""
    ramp = np.tile(np.arange(SIDE, dtype=np.float32), (1, 1, SIDE, 1))
    grid = augmentation.crop(still(1), Fixed([2.0 * SIDE], np.full((1, 2, 1, 1), 0.5)), smallest=SIDE, largest=2 * SIDE)
    expected = SIDE / 4 + (np.arange(SIDE) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(augmentation.warped(ramp, grid)[0, 0, 5], expected, atol=1e-5)


def test_windows_of_a_crop_lie_within_the_image():
    grid = augmentation.crop(still(500), Streams(1, 0)("crop"), smallest=14, largest=24)
    assert grid.min() >= -0.5
    assert grid.max() <= SIDE - 0.5
    assert grid.min() < 0
    assert grid.max() > SIDE - 1


def test_a_lens_moves_along_the_radius_by_its_square():
    grid = augmentation.lens(still(1), Fixed([0.5]), strength=0.5)
    centre = (SIDE - 1) / 2
    away, before = grid[0] - centre, still(1)[0] - centre
    radius = np.hypot(*before) / centre
    np.testing.assert_allclose(np.hypot(*away), np.hypot(*before) * (1 + 0.5 * radius**2))
    np.testing.assert_allclose(away[0] * before[1], away[1] * before[0], atol=1e-9)


def test_elastic_displacements_are_a_field_smoothed_by_a_gaussian():
    rng = Streams(1, 0)("elastic")
    field = np.zeros((1, 2, SIDE, SIDE))
    field[0, 0, 6, 6] = 1.0
    moved = augmentation.elastic(still(1), Fixed(field), deviation=1.0, alpha=5.0) - still(1)
    profile = np.exp(-(np.arange(-6, 6) ** 2) / 2)
    profile[np.abs(np.arange(-6, 6)) > 4] = 0  # SciPy cuts the kernel after four deviations
    profile /= np.exp(-(np.arange(-4, 5) ** 2) / 2).sum()
    np.testing.assert_allclose(moved[0, 0], 5 * np.outer(profile, profile), atol=1e-12)
    np.testing.assert_array_equal(moved[0, 1], 0)
    spread = (
        augmentation.elastic(augmentation.grid_of(20, 60, 60), rng, 4.0, 34.0) - augmentation.grid_of(20, 60, 60)
    ).std()
    assert spread == pytest.approx(34 / np.sqrt(3) / (2 * np.sqrt(np.pi) * 4), rel=0.1)  # of uniform noise, smoothed


@every_warp
def test_copies_are_made_once_and_drawn_per_batch(dataset, kind):
    train = splits(dataset, kind)["train"]
    assert train.augmented.copies.shape == (COUNT, 3, SIDE**2)
    assert train.augmented.copies.dtype == np.uint8
    batches = train.batches(np.full((1, 200), 7), np.float32, Streams(6, 0)("augmentation"))
    images, _ = batches[0]
    found = {row.tobytes() for row in np.round(images * 255).astype(np.uint8)}
    assert found == {copy.tobytes() for copy in train.augmented.copies[7]}


def test_warps_come_before_what_is_drawn_per_batch_and_are_put_together(dataset):
    images, targets = batch(dataset, Mixup(0.4), Rotation(), Elastic(), Shift())
    assert images.shape == (COUNT, SIDE**2)
    assert targets.shape == (COUNT, CLASSES)


def test_transforms_come_after_augmentations_and_are_fitted_without_them(dataset):
    mean = dataset.train_images.mean(axis=0) / 255
    plain, _ = batch(dataset, Flip())
    centred, _ = batch(dataset, Flip(), transforms=(MeanImage(),))
    np.testing.assert_allclose(centred, plain - mean, atol=1e-6)


# --- Views ---------------------------------------------------------------------------------------------------------


def test_views_are_the_centre_and_four_corners_and_their_mirror_images(dataset):
    images = pictures(2)
    seen = augmentation.views(images, shift=2, flips=True)
    assert len(seen) == 10
    np.testing.assert_array_equal(seen[0], images)
    np.testing.assert_array_equal(seen[1][..., 2:, 2:], images[..., :-2, :-2])
    np.testing.assert_array_equal(seen[4][..., :-2, :-2], images[..., 2:, 2:])
    np.testing.assert_array_equal(seen[9], seen[4][..., ::-1])
    test = splits(dataset, views=Views(2, flips=True), transforms=(MeanImage(),))["test"]
    assert len(test.views) == 10
    expected = augmentation.views(dataset.test_images.reshape(-1, 1, SIDE, SIDE) / 255, 2, True)
    mean = dataset.train_images.mean(axis=0) / 255
    for view, wanted in zip(test.views, expected, strict=True):
        (found, _), *_ = view.chunks(COUNT, np.float32)
        np.testing.assert_allclose(found, wanted.reshape(COUNT, -1) - mean, atol=1e-6)


def test_training_sees_transformed_images_whether_there_are_views_or_not(dataset):
    plain, viewed = (batch(dataset, transforms=(MeanImage(),), views=views)[0] for views in (None, Views()))
    np.testing.assert_array_equal(plain, viewed)
    np.testing.assert_allclose(plain.mean(axis=0), 0, atol=1e-6)


# --- What is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"augmentations": (Flip(),)}, {"views": Views()}], ids=["augmentations", "views"])
def test_what_is_no_image_is_not_augmented(changes):
    with pytest.raises(StudyError, match=rf"data\.{next(iter(changes))}: made for images, and pca leaves none"):
        Images(transforms=(MeanImage(), PCA()), **changes)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Shift(28), r"data\.augmentations\.shift\.pixels: 28 move images of 28 x 28 out of sight"),
        (Crop(20, 40), r"crop\.smallest, largest: 20 to 40 pixels, of images of 28"),
        (Crop(50, 40), r"crop\.smallest, largest: 50 to 40"),
    ],
)
def test_an_augmentation_that_does_not_fit_is_refused(kind, message):
    with pytest.raises(StudyError, match=message):
        Images(augmentations=(kind,))


def test_views_out_of_sight_are_refused():
    with pytest.raises(StudyError, match=r"data\.views\.shift: 28"):
        Images(views=Views(28))


def test_more_copies_than_a_job_can_hold_are_refused():
    images = Images(augmentations=(Elastic(),))
    with pytest.raises(
        StudyError, match=r"data\.copies: 32 of each of 60000 images are 1435 MiB.*take 5 copies or fewer"
    ):
        images.within(60000)
    replace(images, copies=5).within(60000)
    replace(images, augmentations=(Shift(), Lens(), Brightness(), Cutout()), examples=1000).within(60000)
    Images(augmentations=(Shift(),)).within(60000)


def test_every_member_stands_in_the_module_whose_twin_is_digested():
    assert {type(member).__module__ for member in MEMBERS} == {augmentations.__name__}
