import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from chapter6.data import idx
from chapter6.data.sets import AXES, MNIST, DataError
from chapter6.data.storage import load, store


@pytest.fixture
def stored(tmp_path, originals):
    store(tmp_path / "mnist", originals)
    return tmp_path / "mnist"


def test_load_maps_what_store_wrote(stored, originals):
    data = load(stored)
    assert data.train_images.shape == (1000, 784)
    assert data.test_images.shape == (300, 784)
    for name in AXES:
        array = getattr(data, name.replace("-", "_"))
        assert isinstance(array, np.memmap)
        assert array.dtype == np.uint8
        assert array.flags.c_contiguous
        assert not array.flags.writeable
        assert array.tobytes() == originals[name][-array.size :]
    assert list(data.train_labels[:10]) == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


def test_the_digest_follows_from_the_four_files(stored, checksums):
    record = json.loads((stored / "digest.json").read_text())
    assert {name: entry["sha256"] for name, entry in record["files"].items()} == checksums
    assert record["files"]["train-images"]["shape"] == [1000, 784]
    lines = "".join(f"{name} {checksums[name]}\n" for name in AXES)
    assert load(stored).digest == record["digest"] == hashlib.sha256(lines.encode()).hexdigest()


def test_storing_twice_writes_the_same_bytes(stored, originals):
    before = {path.name: path.read_bytes() for path in stored.iterdir()}
    store(stored, originals)
    assert {path.name: path.read_bytes() for path in stored.iterdir()} == before
    assert len(before) == 5


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "digest.json").unlink(),
        lambda folder: (folder / "digest.json").write_text("{"),
        lambda folder: (folder / "digest.json").write_text("[]"),
        lambda folder: (folder / "digest.json").write_text("{}"),
        lambda folder: (folder / "test-labels.npy").unlink(),
        lambda folder: (folder / "test-labels.npy").write_bytes(b""),
        lambda folder: (folder / "test-labels.npy").write_bytes((folder / "test-labels.npy").read_bytes()[:-1]),
        lambda folder: np.save(folder / "test-labels.npy", np.zeros(299, np.uint8)),
        lambda folder: np.save(folder / "test-labels.npy", np.zeros(300, np.int8)),
    ],
)
def test_an_incomplete_directory_is_one_clear_error(stored, damage):
    damage(stored)
    with pytest.raises(DataError, match=r"No complete data set in .*mnist.*--forcerun mnist"):
        load(stored)


def test_a_missing_directory_is_one_clear_error(tmp_path):
    with pytest.raises(DataError, match="No complete data set"):
        load(tmp_path / "nowhere")


def test_images_and_labels_must_be_as_many(tmp_path, originals):
    labels = idx.build(np.zeros(999, np.uint8))
    with pytest.raises(DataError, match="train: wrong count, 1000 images but 999 labels"):
        store(tmp_path, originals | {"train-labels": labels})
    assert not list(tmp_path.iterdir())


def test_images_must_have_28_by_28_pixels(tmp_path, originals):
    images = idx.build(np.zeros((300, 8, 8), np.uint8))
    with pytest.raises(DataError, match="test-images: images of 8 x 8 pixels instead of 28 x 28"):
        store(tmp_path, originals | {"test-images": images})


def test_loading_needs_no_download_library():
    code = (
        "import sys, chapter6.data.storage, chapter6.jobs.fetch\n"
        "print({'requests', 'tqdm', 'pooch', 'platformdirs', 'pandas', 'mlflow'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout == "set()\n"


def replace_by_another(folder, name="train-images.npy"):
    """Put another array of the same shape and type in the place of one, at whatever time."""
    array = np.load(folder / name)
    np.save(folder / name, array[::-1].copy())


@pytest.mark.parametrize("part", AXES)
def test_an_array_that_was_replaced_by_another_is_named_and_not_used(stored, part):
    replace_by_another(stored, f"{part}.npy")
    with pytest.raises(DataError, match=rf"{part}\.npy has another content.*--forcerun mnist"):
        load(stored)


def test_a_single_byte_is_enough(stored):
    with (stored / "train-images.npy").open("r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"\7")
    with pytest.raises(DataError, match=r"train-images\.npy has another content"):
        load(stored)


def test_another_set_of_data_copied_over_this_one_with_its_times_is_not_used(stored, originals, tmp_path):
    other = bytearray(originals["train-images"])
    other[-1] ^= 255
    store(tmp_path / "other", originals | {"train-images": bytes(other)})
    shutil.copy2(tmp_path / "other/train-images.npy", stored / "train-images.npy")
    with pytest.raises(DataError, match=r"train-images\.npy has another content"):
        load(stored)


def test_a_copy_with_times_of_its_own_is_as_good(stored, tmp_path):
    shutil.copytree(stored, tmp_path / "copy", copy_function=shutil.copyfile)
    assert (tmp_path / "copy/train-images.npy").stat().st_mtime_ns != (stored / "train-images.npy").stat().st_mtime_ns
    assert load(tmp_path / "copy").digest == load(stored).digest
    replace_by_another(tmp_path / "copy")
    with pytest.raises(DataError, match="another content"):
        load(tmp_path / "copy")


def test_nothing_is_hashed_but_once_after_snakemake_or_a_copy_set_the_times(stored, tmp_path, monkeypatch):
    shutil.copytree(stored, tmp_path / "copy", copy_function=shutil.copyfile)
    load(tmp_path / "copy")

    def refuse(*_):
        raise AssertionError("hashed")

    monkeypatch.setattr(hashlib, "file_digest", refuse)
    for folder in (stored, tmp_path / "copy"):
        load(folder)
    os.utime(stored / "test-labels.npy")
    with pytest.raises(AssertionError, match="hashed"):
        load(stored)


def test_equal_data_leave_an_equal_digest_file_wherever_and_whenever(stored, originals, tmp_path):
    """Snakemake trains again when its content changes."""
    store(tmp_path / "again", originals)
    assert (tmp_path / "again/digest.json").read_bytes() == (stored / "digest.json").read_bytes()


def test_where_no_time_can_be_set_the_arrays_are_stored_and_watched_all_the_same(tmp_path, originals, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(os, "utime", refuse)
    store(tmp_path, originals)
    load(tmp_path)
    replace_by_another(tmp_path)
    with pytest.raises(DataError, match="another content"):
        load(tmp_path)


def test_what_an_older_version_stored_is_to_be_fetched_again(stored):
    record = json.loads((stored / "digest.json").read_text())
    for entry in record["files"].values():
        del entry["stored"]
    (stored / "digest.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"older version wrote digest\.json.*--forcerun mnist"):
        load(stored)


def test_as_many_images_as_are_stated(tmp_path, originals):
    with pytest.raises(DataError, match=r"test-images: 300 images, and data\.sizes\.test says 10000"):
        store(tmp_path, originals, replace(MNIST, sizes={"train": 1000, "test": 10000}))
    assert not list(tmp_path.iterdir())


def test_another_shape_and_other_classes_are_as_welcome(tmp_path):
    files = {f"{split}-images": idx.build(np.zeros((9, 3, 2), np.uint8)) for split in ("train", "test")}
    files |= {f"{split}-labels": idx.build(np.arange(9, dtype=np.uint8) + 4) for split in ("train", "test")}
    store(tmp_path, files, replace(MNIST, shape=(3, 2), classes=13))
    assert load(tmp_path).train_images.shape == (9, 6)
    with pytest.raises(DataError, match="train-labels: label 12, and classes go from 0 to 11"):
        store(tmp_path, files, replace(MNIST, shape=(3, 2), classes=12))


def test_labels_are_digits(tmp_path, originals):
    labels = idx.build((np.arange(300) % 11).astype(np.uint8))
    with pytest.raises(DataError, match="test-labels: label 10, and classes go from 0 to 9"):
        store(tmp_path, originals | {"test-labels": labels})
    assert not list(tmp_path.iterdir())
