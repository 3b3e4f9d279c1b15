import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chapter6.engine.run import Run
from chapter6.engine.training import Curve
from chapter6.files import write_json
from chapter6.registry import build
from chapter6.study.results import Place, identity, is_trained, read_curves, write_curves

CURVES = {
    ("train", "loss"): Curve([0, 5, 10], [2.5, float("inf"), float("nan")]),
    ("train", "histogram/layer-1"): Curve([10], [np.array([0.25, 0.75])]),
    ("test", "accuracy"): Curve([10], [0.1 + 0.2]),
}
RUN = {
    "network": [{"kind": "flatten"}, {"kind": "dense", "units": 10}],
    "stages": [{"steps": 3, "batch_size": 8, "optimizer": "sgd"}],
    "record": [{"measure": "evaluation"}],
}
PLACE = Place("9.9-demo", "slow", 0, 6)
PARTS = {"run": build(Run, RUN), "seed": 6, "replicate": 0, "data": "d", "sources": "s"}


@pytest.fixture
def folder(tmp_path):
    """A folder with one trained replicate, its key being "key"."""
    digest = write_curves(tmp_path / "replicate-0.npz", CURVES)
    write_json(tmp_path / "replicate-0.json", {"key": "key", **vars(PLACE), "curves": digest, "steps": 10})
    return str(tmp_path)


def test_curves_come_back_as_they_were(folder):
    found = read_curves(Path(folder, "replicate-0.npz"))
    assert found.keys() == CURVES.keys()
    for name, (steps, values) in found.items():
        assert steps.tolist() == CURVES[name].steps
        assert np.array_equal(values, np.array(CURVES[name].values), equal_nan=True)
        assert (steps.dtype, values.dtype) == (np.int64, np.float64)
    assert found["train", "histogram/layer-1"][1].shape == (1, 2)


def test_equal_curves_are_equal_files_whatever_their_order(folder):
    other = Path(folder, "other.npz")
    digest = write_curves(other, dict(reversed(CURVES.items())))
    assert other.read_bytes() == Path(folder, "replicate-0.npz").read_bytes()
    assert digest == json.loads(Path(folder, "replicate-0.json").read_text())["curves"]


@pytest.mark.parametrize(
    "change",
    [
        {"run": build(Run, RUN | {"stages": [{"steps": 4, "batch_size": 8, "optimizer": "sgd"}]})},
        {"seed": 7},
        {"replicate": 1},
        {"data": None},
        {"sources": "t"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_key_depends_on_every_part(change):
    assert identity(**PARTS) != identity(**PARTS | change)


def test_the_key_does_not_depend_on_the_order_of_settings():
    assert identity(**PARTS) == identity(**PARTS | {"run": build(Run, dict(reversed(RUN.items())))})


def test_a_replicate_is_trained_under_its_key(folder):
    assert is_trained(folder, PLACE, "key")
    assert not is_trained(folder, PLACE, "other key")


@pytest.mark.parametrize("change", [{"experiment": "x"}, {"variant": "fast"}, {"replicate": 1}, {"seed": 7}])
def test_a_replicate_is_trained_in_its_own_place_only(folder, change):
    assert not is_trained(folder, replace(PLACE, **change), "key")


HARM = {
    "record of something else": ("json", lambda _: b"[]"),
    "curves missing": ("npz", lambda _: None),
    "curves truncated": ("npz", lambda content: content[:-1]),
    "curves of another run": ("npz", lambda content: content + b"x"),
    "record missing": ("json", lambda _: None),
    "record truncated": ("json", lambda content: content[:-5]),
    "record empty": ("json", lambda _: b""),
    "record of another form": ("json", lambda _: b'{"key": "key"}'),
    "record that is binary": ("json", lambda _: b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("harm", HARM)
def test_damage_is_noticed(folder, harm):
    kind, change = HARM[harm]
    path = Path(folder, f"replicate-0.{kind}")
    content = change(path.read_bytes())
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert not is_trained(folder, PLACE, "key")
