import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from chapter6.data.sets import MNIST
from chapter6.data.storage import load
from chapter6.jobs import fetch
from chapter6.registry import StudyError, plain

EXTRACT = Path(__file__).parents[1] / "extract"
CHECKSUMS = {
    "train-images": "386bb018796babeaca208787b77c1b9db39532c4098951ea35f4694e744eb4b7",
    "train-labels": "895f65588e45d05babf0b5fa7aee2a0d782d8143b40b5764e596df91bc9dddeb",
    "test-images": "a9a5d0682475616b56440a6cd9a827ca0c60ef0cc87364ccb494b2db9a4798c7",
    "test-labels": "b526ed4c1d2c33c1a843db264a7d2e7fba30a52835c92ab3aba6dd35265c3c1e",
}


def parse(*arguments):
    parser = argparse.ArgumentParser()
    fetch.add_arguments(parser)
    return parser.parse_args(arguments)


def test_run_fills_the_directory(tmp_path):
    wanted = json.dumps(plain(replace(MNIST, checksums=CHECKSUMS, sizes={"train": 1000, "test": 300})))
    mirrors = ["--mirror", str(tmp_path / "nowhere"), "--mirror", EXTRACT.as_uri()]
    fetch.run(parse("--directory", str(tmp_path / "mnist"), "--cache", "", "--set", wanted, *mirrors))
    assert load(tmp_path / "mnist").train_images.shape == (1000, 784)


def test_the_data_set_is_described_in_json(capsys):
    with pytest.raises(SystemExit):
        parse("--set", "{")
    assert "not JSON" in capsys.readouterr().err
    with pytest.raises(StudyError, match=r"unknown field 'shapes'; choose from .*'shape'"):
        parse("--set", '{"shapes": [8, 8]}')
