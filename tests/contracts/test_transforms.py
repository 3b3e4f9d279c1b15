"""Every transform: fitted once, in chunks, on the training split alone; its output has the shape that is declared."""

import inspect
from dataclasses import fields, replace

import numpy as np
import pytest

from chapter6.data import transforms
from chapter6.engine.data import Images, ImageSet
from chapter6.engine.streams import Streams
from chapter6.engine.transforms import PCA, BlockMeans, MeanImage, MeanPixel, Raw, Standardize, Transform, Whitening
from chapter6.jobs import datasets
from chapter6.registry import StudyError

SHAPE = (1, 4, 4)
SETTINGS = {"whitening": {"epsilon": 1e-9}}
TRANSFORMS = [member(**SETTINGS.get(key, {})) for key, member in Transform.members.items()]

every_transform = pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda transform: transform.key)


@pytest.fixture
def dataset(tmp_path):
    """Correlated images of 4 x 4 in which no pixel is constant, so many that their covariance has full rank."""
    rng = Streams(1, 0)("images")
    mixing = rng.standard_normal((16, 16))

    def drawn(count):
        return (128 + 10 * rng.standard_normal((count, 16)) @ mixing).clip(0, 255).astype(np.uint8)

    labels = {
        f"{split}_labels": np.arange(count, dtype=np.uint8) % 10 for split, count in (("train", 90), ("test", 30))
    }
    return datasets.Dataset(train_images=drawn(90), test_images=drawn(30), **labels, digest="d", folder=tmp_path)


def images(*chain, **settings):
    return Images(transforms=chain, source=ImageSet(SHAPE), **settings)


def prepared(dataset, *chain, replicate=0, **settings):
    return images(*chain, **settings).splits(Streams(6, replicate), dataset, 10)


def seen(examples, dtype=np.float32):
    """What a network sees of all examples."""
    return np.concatenate([part.copy() for part, _ in examples.chunks(7, dtype)])


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """The number of images is no multiple of a chunk's."""
    monkeypatch.setattr(datasets, "CHUNK", 40)


@every_transform
def test_each_is_carried_out_by_a_function_of_its_name_with_its_settings(transform):
    taken = inspect.signature(getattr(transforms, transform.key)).parameters
    assert list(taken) == ["chunks", "shape", *(name for name in taken if name not in ("chunks", "shape"))]
    assert taken.keys() - {"chunks", "shape"} == {field.name for field in fields(transform)}


@every_transform
def test_what_comes_out_has_the_declared_shape(dataset, transform):
    for examples in prepared(dataset, transform, validation=0.2).values():
        assert seen(examples).shape == (len(examples), np.prod(transform.output_shape(SHAPE)))
        assert seen(examples).dtype == np.float32


@every_transform
def test_labels_and_order_stay_as_they_are(dataset, transform):
    plain, changed = prepared(dataset), prepared(dataset, transform)
    for split, examples in plain.items():
        np.testing.assert_array_equal(changed[split].targets, examples.targets)


@every_transform
def test_test_and_validation_images_have_no_say(dataset, transform):
    other = replace(dataset, test_images=dataset.test_images[::-1].copy(), digest="other")
    ours, theirs = prepared(dataset, transform), prepared(other, transform)
    np.testing.assert_array_equal(seen(ours["train"]), seen(theirs["train"]))
    np.testing.assert_allclose(seen(ours["test"]), seen(theirs["test"])[::-1], rtol=1e-4, atol=1e-4)


@every_transform
def test_chunks_change_nothing_but_rounding(dataset, transform, monkeypatch, tmp_path):
    in_parts = seen(prepared(dataset, transform)["train"])
    monkeypatch.setattr(datasets, "CHUNK", 1000)
    at_once = seen(prepared(replace(dataset, folder=tmp_path / "other"), transform)["train"])
    np.testing.assert_allclose(in_parts, at_once, rtol=1e-3, atol=1e-4)


@every_transform
def test_they_are_stored_and_mapped_and_not_fitted_again(dataset, transform, monkeypatch):
    first = prepared(dataset, transform)
    assert all(isinstance(examples.images, np.memmap) for examples in first.values())
    assert len(list(dataset.folder.rglob("*.npy"))) == 2

    def refuse(*_, **__):
        raise AssertionError("fitted again")

    monkeypatch.setattr(transforms, transform.key, refuse)
    again = prepared(dataset, transform, wrong_labels=0.5)  # labels do not matter
    np.testing.assert_array_equal(seen(first["train"]), seen(again["train"]))
    with pytest.raises(AssertionError, match="fitted again"):
        prepared(dataset, transform, examples=50)


def test_runs_that_hold_out_other_images_have_files_of_their_own(dataset):
    for replicate in (0, 1, 1):
        prepared(dataset, MeanImage(), validation=0.2, replicate=replicate)
    assert len(list(dataset.folder.rglob("train.npy"))) == 2


@every_transform
def test_noise_is_added_before(dataset, transform):
    found = prepared(dataset, transform, input_noise=1e-6)
    np.testing.assert_allclose(seen(found["noisy"]), seen(found["test"]), atol=0.01)


# --- One case each, computed in another way ------------------------------------------------------------------------


def scaled(dataset):
    return dataset.train_images / 255, dataset.test_images / 255


def test_raw_pixels_are_the_stored_bytes(dataset):
    np.testing.assert_allclose(seen(prepared(dataset, Raw())["test"]), dataset.test_images, rtol=1e-6)


def test_the_mean_image_is_subtracted(dataset):
    train, test = scaled(dataset)
    found = prepared(dataset, MeanImage())
    np.testing.assert_allclose(seen(found["train"]), train - train.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(seen(found["test"]), test - train.mean(axis=0), atol=1e-6)


def test_the_mean_of_all_pixels_is_subtracted(dataset):
    train, test = scaled(dataset)
    np.testing.assert_allclose(seen(prepared(dataset, MeanPixel())["test"]), test - train.mean(), atol=1e-6)


def test_pixels_are_standardized_but_those_that_never_vary_are_left_alone(dataset):
    still = dataset.train_images.copy()
    still[:, 3] = 77
    found = prepared(replace(dataset, train_images=still), Standardize())
    train, test = still / 255, dataset.test_images / 255
    moving = np.arange(16) != 3
    np.testing.assert_allclose(seen(found["train"]).mean(axis=0)[moving], 0, atol=1e-5)
    np.testing.assert_allclose(seen(found["train"]).std(axis=0)[moving], 1, atol=1e-5)
    expected = (test - train.mean(axis=0)) / np.where(moving, train.std(axis=0), 1)
    np.testing.assert_allclose(seen(found["test"])[:, moving], expected[:, moving], atol=1e-5)
    np.testing.assert_allclose(seen(found["test"])[:, 3], test[:, 3], atol=1e-7)


def test_principal_components_are_those_of_a_singular_value_decomposition(dataset):
    train, test = scaled(dataset)
    mean = train.mean(axis=0)
    _, _, axes = np.linalg.svd(train - mean, full_matrices=False)
    found = seen(prepared(dataset, PCA(5))["test"])
    expected = (test - mean) @ axes[:5].T
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-5)
    fitted = datasets.Fitted(images(PCA()), prepared(dataset)["train"])
    unit = fitted(np.eye(16) + mean)  # the axes, an input a row
    assert (np.take_along_axis(unit, np.abs(unit).argmax(axis=0)[None], axis=0) > 0).all()


def test_the_covariance_of_whitened_images_is_the_identity(dataset):
    whitened = seen(prepared(dataset, Whitening(1e-9))["train"]).astype(np.float64)
    np.testing.assert_allclose(whitened.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(whitened.T @ whitened / len(whitened), np.eye(16), atol=2e-3)


def test_epsilon_is_added_to_the_variances(dataset):
    train, _ = scaled(dataset)
    variances = np.sort(np.linalg.eigvalsh(np.cov(train.T, bias=True)))[::-1]
    whitened = seen(prepared(dataset, Whitening(0.01, 6))["train"])
    np.testing.assert_allclose(whitened.var(axis=0), (variances / (variances + 0.01))[:6], rtol=1e-3)


def test_block_means_of_two_by_two(dataset):
    first = dataset.test_images[0].reshape(4, 4) / 255
    expected = [first[:2, :2].mean(), first[:2, 2:].mean(), first[2:, :2].mean(), first[2:, 2:].mean()]
    np.testing.assert_allclose(seen(prepared(dataset, BlockMeans())["test"])[0], expected, rtol=1e-6)


def test_each_is_fitted_on_what_the_one_before_leaves(dataset):
    found = prepared(dataset, BlockMeans(), Raw(), Standardize(), PCA(2))
    assert found["train"].inputs == 2
    assert images(BlockMeans(), Raw(), Standardize(), PCA(2)).shape == (2,)
    blocks = seen(prepared(dataset, BlockMeans())["train"]).astype(np.float64)
    standard = (blocks - blocks.mean(axis=0)) / blocks.std(axis=0)
    widest = np.linalg.eigvalsh(np.cov(standard.T, bias=True))[::-1][:2]
    np.testing.assert_allclose(seen(found["train"]).var(axis=0), widest, rtol=1e-3)


# --- What is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ((PCA(17),), r"data\.transforms\.pca: components: 17 of 16 inputs"),
        ((BlockMeans(3),), r"data\.transforms\.block_means: 1 x 4 x 4 has no blocks of 3 x 3"),
        ((PCA(), BlockMeans()), r"data\.transforms\.block_means: 16 has no blocks"),
    ],
)
def test_a_transform_that_does_not_fit_is_refused(chain, message):
    with pytest.raises(StudyError, match=message):
        images(*chain)


@pytest.mark.parametrize("transform", [PCA(), Whitening(0.1), PCA(10), Standardize()], ids=str)
def test_a_transform_that_needs_more_images_than_there_are_is_refused_as_soon_as_their_number_is_known(
    dataset, transform
):
    least = transform.least(SHAPE)
    message = rf"data\.transforms\.{transform.key}: takes {least} training images, and there are {least - 1}"
    images(transform, examples=least).within(90)
    with pytest.raises(StudyError, match=message):
        images(transform, examples=least - 1).within(90)
    with pytest.raises(StudyError, match=message):
        prepared(dataset, transform, examples=least - 1)


def test_whitening_needs_its_epsilon():
    with pytest.raises(StudyError, match="epsilon"):
        Transform.build("whitening")
