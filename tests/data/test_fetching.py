import gzip
import hashlib
import json
import logging
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from chapter6.data import fetching, idx
from chapter6.data.fetching import cache_folder
from chapter6.data.sets import AXES, MNIST, DataError
from chapter6.data.storage import load
from chapter6.registry import plain

IMAGES = "/train-images-idx3-ubyte.gz"


@pytest.fixture
def fetch(wanted, hasty):
    return partial(fetching.fetch, wanted=wanted, patience=hasty)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_kind_of_mirror_gives_the_same_bytes(tmp_path, extract, originals, server, fetch):
    plain = tmp_path / "folder"
    plain.mkdir()
    for name in AXES:
        (plain / MNIST.files[name]).write_bytes(originals[name])
    sources = {"web": server.serve(extract), "uri": extract.as_uri(), "gz": str(extract), "plain": str(plain)}
    for kind, mirror in sources.items():
        fetch(tmp_path / kind, [mirror])
    results = [contents(tmp_path / kind) for kind in sources]
    assert all(result == results[0] for result in results)
    assert sorted(results[0]) == ["digest.json", *sorted(f"{name}.npy" for name in AXES)]
    assert load(tmp_path / "web").train_labels[0] == 5


def damaged(server, extract):
    """Return, by name, mirrors that fail at the first file and the reason each gives."""
    good = gzip.decompress((extract / IMAGES[1:]).read_bytes())
    bodies = {
        "corrupt": (gzip.compress(good[:-1] + b"\x07"), "wrong SHA-256 [0-9a-f]{64} instead of 386bb018"),
        "cut": (gzip.compress(good)[:-500], "damaged gzip file"),
        "magic": (gzip.compress(b"\0\0\x08\x01" + good[4:]), "wrong magic number 0x00000801"),
        "count": (gzip.compress(good[:-784]), "wrong count: 783216 values"),
        "page": (b"<html>Please log in</html>", "an HTML page instead of the file"),
        "empty": (b"", "the file is empty"),
        "bomb": (gzip.compress(bytes(2**20)) * 129, "more than 134217728 bytes when decompressed"),
    }
    mirrors = {}
    for kind, (body, reason) in bodies.items():
        mirror = server.serve(extract, below=f"/{kind}")
        server.on(f"/{kind}{IMAGES}", server.body(body))
        mirrors[mirror] = reason
    server.on(f"/short{IMAGES}", server.body(b"cont", length=7))
    return mirrors | {
        f"{server.url}/short": "broke off",
        f"{server.url}/missing": "HTTP status 404",
        str(extract / "nowhere"): "no such folder",
        "ftp://host": "neither an http",
        "http://[": "Failed to parse",
    }


def test_the_error_names_every_mirror_its_reason_and_what_to_do(tmp_path, server, extract, fetch):
    mirrors = damaged(server, extract)
    with pytest.raises(DataError) as caught:
        fetch(tmp_path / "mnist", list(mirrors), cache=tmp_path / "cache")
    message = str(caught.value)
    for mirror, reason in mirrors.items():
        assert re.search(f"  - {re.escape(mirror)}: .*{reason}", message), message
    assert "data.mirrors in config/config.yaml" in message
    assert all(f"{file}.gz" in message for file in MNIST.files.values())
    assert not list(tmp_path.iterdir())


def test_bad_mirrors_are_passed_over(tmp_path, server, extract, fetch):
    fetch(tmp_path / "mnist", [*damaged(server, extract), server.serve(extract, below="/good")])
    assert load(tmp_path / "mnist").test_labels[0] == 7
    assert sum(path.startswith("/good") for path in server.asked) == 4


def test_what_a_failing_mirror_gave_before_is_kept(tmp_path, server, extract, fetch):
    first, second = server.serve(extract, below="/first"), server.serve(extract, below="/second")
    server.on("/first/t10k-images-idx3-ubyte.gz", server.status(404))
    fetch(tmp_path / "mnist", [first, second])
    assert server.asked[3:] == ["/second/t10k-images-idx3-ubyte.gz", "/second/t10k-labels-idx1-ubyte.gz"]


def test_a_failed_fetch_leaves_earlier_data_alone(tmp_path, extract, fetch):
    fetch(tmp_path / "mnist", [str(extract)])
    before = contents(tmp_path / "mnist")
    with pytest.raises(DataError, match="no mirror is configured"):
        fetch(tmp_path / "mnist", [])
    assert contents(tmp_path / "mnist") == before


def test_a_target_that_cannot_be_written_is_a_clear_error(tmp_path, extract, fetch):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        fetch(tmp_path / "file" / "mnist", [str(extract)])


def test_the_cache_saves_the_second_download(tmp_path, server, extract, checksums, fetch):
    cache = tmp_path / "deep" / "cache"
    mirror = server.serve(extract)
    fetch(tmp_path / "a", [mirror], cache=cache)
    assert len(server.asked) == 4
    assert sorted(contents(cache)) == sorted(f"{checksum}.idx" for checksum in checksums.values())
    fetch(tmp_path / "b", [mirror], cache=cache)
    fetch(tmp_path / "c", [], cache=cache)
    assert len(server.asked) == 4
    assert contents(tmp_path / "a") == contents(tmp_path / "b") == contents(tmp_path / "c")


@pytest.mark.parametrize("damage", [b"", b"\0\0\x08\x01\0\0\0\x01\x05"])
def test_a_damaged_cache_is_mended(tmp_path, server, extract, checksums, fetch, damage, caplog):
    cache = tmp_path / "cache"
    mirror = server.serve(extract)
    fetch(tmp_path / "a", [mirror], cache=cache)
    before = contents(cache)
    (cache / f"{checksums['train-labels']}.idx").write_bytes(damage)
    fetch(tmp_path / "b", [mirror], cache=cache)
    assert server.asked[4:] == ["/train-labels-idx1-ubyte.gz"]
    assert contents(cache) == before
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert "in the cache is not used" in caplog.text


def test_a_cache_that_cannot_be_written_is_only_a_warning(tmp_path, extract, fetch, caplog):
    (tmp_path / "file").touch()
    fetch(tmp_path / "mnist", [str(extract)], cache=tmp_path / "file" / "cache")
    assert load(tmp_path / "mnist").train_labels[0] == 5
    assert "is not kept in the cache" in caplog.text


def test_the_source_goes_to_the_log_and_not_into_the_digest(tmp_path, extract, fetch, caplog):
    with caplog.at_level(logging.INFO):
        fetch(tmp_path / "mnist", [str(extract)])
    assert f"train-images comes from {extract}" in caplog.text
    record = json.loads((tmp_path / "mnist" / "digest.json").read_text())
    assert set(record) == {"name", "digest", "files"}


def test_two_processes_share_one_cache(tmp_path, server, extract, wanted):
    mirror = server.serve(extract)
    arguments = [f"--mirror={mirror}", f"--cache={tmp_path / 'cache'}"]
    arguments += [f"--set={json.dumps(plain(wanted))}"]
    code = (
        "import argparse; from chapter6.jobs.fetch import add_arguments, run; "
        "parser = argparse.ArgumentParser(); add_arguments(parser); run(parser.parse_args())"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, *arguments, f"--directory={tmp_path / name}"])
        for name in ("a", "b")
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert len(contents(tmp_path / "cache")) == 4


def test_the_cache_is_chosen_by_argument_then_environment_then_platform(monkeypatch):
    monkeypatch.delenv("CHAPTER6_CACHE", raising=False)
    assert cache_folder().name == "chapter6"
    monkeypatch.setenv("CHAPTER6_CACHE", "/from/environment")
    assert cache_folder() == Path("/from/environment")
    assert cache_folder("~/cache") == Path.home() / "cache"
    assert cache_folder("") is None
    assert cache_folder("none") is None
    monkeypatch.setenv("CHAPTER6_CACHE", "")
    assert cache_folder() is None


def test_labels_of_other_classes_are_refused_whatever_their_checksum(tmp_path, extract, fetch, wanted):
    letters = idx.build((np.arange(1000) % 26 + 1).astype(np.uint8))
    shutil.copytree(extract, tmp_path / "letters")
    (tmp_path / "letters/train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(letters))
    checksums = wanted.checksums | {"train-labels": hashlib.sha256(letters).hexdigest()}
    with pytest.raises(DataError, match="train-labels: label 26, and classes go from 0 to 9"):
        fetch(tmp_path / "mnist", [str(tmp_path / "letters")], wanted=replace(wanted, checksums=checksums))
    assert not (tmp_path / "mnist").exists()
