"""What is known under a key is copied; what is no longer what it was is not."""

import json
from pathlib import Path

import numpy as np
import pytest

from chapter6.engine.training import Curve
from chapter6.files import write_json
from chapter6.study.results import write_curves
from chapter6.study.run_cache import RunCache

KEY = "0123abcd"


@pytest.fixture
def record(tmp_path, monkeypatch):
    """A trained replicate, remembered under its key in the folder ``known``."""
    monkeypatch.chdir(tmp_path)
    digest = write_curves("runs/a/replicate-0.npz", {("train", "loss"): Curve([0, 1], [2.0, np.nan])})
    write_json("runs/a/replicate-0.json", {"key": KEY, "variant": "a", "curves": digest, "seconds": 0.1})
    RunCache("known").add(KEY, "runs/a/replicate-0.json")
    return Path("runs/a/replicate-0.json")


def test_a_copy_has_the_same_curves_and_a_name_of_its_own(record):
    assert RunCache("known").copy(KEY, "runs/b/replicate-0.json", {"variant": "b"}) == str(record)
    copy = Path("runs/b/replicate-0.json")
    assert copy.with_suffix(".npz").read_bytes() == record.with_suffix(".npz").read_bytes()
    assert copy.read_text() == record.read_text().replace('"variant": "a"', '"variant": "b"')


def test_without_new_names_a_copy_is_equal_to_the_byte(record):
    assert RunCache("known").copy(KEY, "other/replicate-0.json")
    assert Path("other/replicate-0.json").read_bytes() == record.read_bytes()


@pytest.mark.parametrize("folder", [None, "elsewhere"])
def test_nothing_is_known_without_an_index(record, folder):
    known = RunCache(folder)
    known.add("9999", str(record)) if folder is None else None
    assert known.copy(KEY, "runs/b/replicate-0.json") is None
    assert not Path("runs/b").exists()


@pytest.mark.usefixtures("record")
def test_another_key_is_not_known():
    assert RunCache("known").copy(KEY[:-1] + "e", "runs/b/replicate-0.json") is None


def rewritten(path):
    path.write_text(path.read_text().replace("0.1", "0.2"))


def another_run(path):
    path.with_suffix(".npz").write_bytes(path.with_suffix(".npz").read_bytes() + b"x")


def index_of(path):
    return next(path.parents[2].glob("known/*/*.json"))


HARM = {
    "record gone": Path.unlink,
    "record of something else": rewritten,
    "curves gone": lambda path: path.with_suffix(".npz").unlink(),
    "curves of something else": another_run,
    "entry truncated": lambda path: index_of(path).write_text('{"record": '),
    "entry of another form": lambda path: index_of(path).write_text(json.dumps(["runs/a/replicate-0.json"])),
    "entry without a digest": lambda path: index_of(path).write_text(json.dumps({"record": str(path)})),
}


@pytest.mark.parametrize("harm", HARM)
def test_what_is_not_whole_any_more_is_not_copied(record, harm):
    HARM[harm](record.resolve())
    assert RunCache("known").copy(KEY, "runs/b/replicate-0.json") is None
    assert not Path("runs/b").exists()
