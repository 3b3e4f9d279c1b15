import argparse
from pathlib import Path

import pytest

from chapter6.data.mnist import load
from chapter6.jobs import fetch

EXTRACT = Path(__file__).parents[1] / "extract"
CHECKSUMS = {
    "train-images": "386bb018796babeaca208787b77c1b9db39532c4098951ea35f4694e744eb4b7",
    "train-labels": "895f65588e45d05babf0b5fa7aee2a0d782d8143b40b5764e596df91bc9dddeb",
    "test-images": "a9a5d0682475616b56440a6cd9a827ca0c60ef0cc87364ccb494b2db9a4798c7",
    "test-labels": "B526ED4C1D2C33C1A843DB264A7D2E7FBA30A52835C92AB3ABA6DD35265C3C1E",
}


def parse(*arguments):
    parser = argparse.ArgumentParser()
    fetch.add_arguments(parser)
    return parser.parse_args(arguments)


def test_run_fills_the_directory(tmp_path):
    checksums = [f"--checksum={name}={checksum}" for name, checksum in CHECKSUMS.items()]
    mirrors = ["--mirror", str(tmp_path / "nowhere"), "--mirror", EXTRACT.as_uri()]
    fetch.run(parse("--directory", str(tmp_path / "mnist"), "--cache", "", *mirrors, *checksums))
    assert load(tmp_path / "mnist").train_images.shape == (1000, 784)


@pytest.mark.parametrize("checksum", ["train-images", "train-images=12", "images=" + "0" * 64, "=" + "0" * 64])
def test_a_checksum_must_name_a_file_and_have_64_digits(checksum, capsys):
    with pytest.raises(SystemExit):
        parse("--checksum", checksum)
    assert "NAME one of train-images, train-labels, test-images, test-labels" in capsys.readouterr().err
