import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from chapter6.data import idx
from chapter6.data.mnist import PARTS, DataError, load, store


@pytest.fixture
def stored(tmp_path, originals):
    store(tmp_path / "mnist", originals)
    return tmp_path / "mnist"


def test_load_maps_what_store_wrote(stored, originals):
    data = load(stored)
    assert data.train_images.shape == (1000, 784)
    assert data.test_images.shape == (300, 784)
    for name in PARTS:
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
    lines = "".join(f"{name} {checksums[name]}\n" for name in PARTS)
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
    with pytest.raises(DataError, match=r"No complete MNIST in .*mnist.*chapter6 fetch --directory"):
        load(stored)


def test_a_missing_directory_is_one_clear_error(tmp_path):
    with pytest.raises(DataError, match="No complete MNIST"):
        load(tmp_path / "nowhere")


def test_images_and_labels_must_be_as_many(tmp_path, originals):
    labels = idx.build(np.zeros(999, np.uint8))
    with pytest.raises(DataError, match="train: wrong count, 1000 images but 999 labels"):
        store(tmp_path, originals | {"train-labels": labels})
    assert not list(tmp_path.iterdir())


def test_images_must_have_28_by_28_pixels(tmp_path, originals):
    images = idx.build(np.zeros((300, 8, 8), np.uint8))
    with pytest.raises(DataError, match=r"test-images: images of \(8, 8\) pixels"):
        store(tmp_path, originals | {"test-images": images})


def test_loading_needs_no_download_library():
    code = (
        "import sys, chapter6.data.mnist, chapter6.jobs.fetch\n"
        "print({'requests', 'tqdm', 'pooch', 'platformdirs', 'pandas', 'mlflow'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout == "set()\n"
