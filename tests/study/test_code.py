"""Digests of code: they change with what a run uses, and with nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import chapter6

SETTINGS = {
    "network": {"hidden": [10], "initializer": "he"},
    "steps": 3,
    "batch_size": 8,
    "optimizer": {"kind": "momentum"},
    "penalties": [{"kind": "l2"}],
    "record": [{"measure": "evaluation"}],
}
DIGEST = """
import json, sys
from chapter6.study.code import training_digest
from chapter6.study.resolution import resolve
print(training_digest(resolve(json.loads(sys.argv[1]), "here").run))
"""


@pytest.fixture(scope="module")
def digest(tmp_path_factory):
    """Return the digest under a copy of the package, edited: by file, what is replaced and by what, or appended."""
    root = tmp_path_factory.mktemp("copies")
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")

    def compute(name="", edits=(), settings=SETTINGS):
        copy = root / (name.replace(" ", "-") or "as-it-is") / "chapter6"
        if not copy.exists():
            shutil.copytree(Path(chapter6.__file__).parent, copy, ignore=ignored)
        for file, old, new in edits:
            text = (copy / file).read_text(encoding="utf-8")
            assert not old or old in text, f"{file} no longer says {old!r}"
            changed = text.replace(old, new, 1) if old else text + new
            (copy / file).write_text(changed, encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", DIGEST, json.dumps(settings)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=copy.parent)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.strip()

    return compute


@pytest.fixture(scope="module")
def original(digest):
    return digest()


MEMBER = '''

@dataclass(frozen=True)
class Extra({family}):
    """Something new."""

    extra: int = 1
'''
UNUSED = {
    "a measurement": [("engine/measurements/losses.py", "", MEMBER.format(family="Measurement"))],
    "a layer": [("engine/layers.py", "", MEMBER.format(family="Layer"))],
    "an activation": [("engine/activations.py", "", MEMBER.format(family="Activation"))],
    "a loss": [("engine/losses.py", "", MEMBER.format(family="Loss"))],
    "an optimizer": [("engine/optimizers.py", "", MEMBER.format(family="Optimizer"))],
    "a penalty": [("engine/penalties.py", "", MEMBER.format(family="Penalty"))],
    "helpers": [
        ("engine/training.py", "", "\n\ndef _helper():\n    return 1\n"),
        ("registry.py", "", "\n\nHELPED = 3\n"),
        ("data/storage.py", "", "\n\ndef helper():\n    return 2\n"),
    ],
    "comments": [
        ("engine/optimizers.py", "velocity *=", "# a reason\n        velocity *="),
        ("engine/training.py", "from __future__", "# another\nfrom __future__"),
    ],
    "docstrings": [
        ("engine/training.py", '"""The only training loop."""', '"""One training loop."""'),
        ("engine/parameters.py", '"""Number of scalars."""', '"""So many numbers."""'),
        ("engine/data.py", '"""Where examples come from."""', '"""Their origin."""'),
    ],
    "another optimizer": [("engine/optimizers.py", "class Adam(Optimizer):", "class Adam(Optimizer):\n    more = 1\n")],
    "another layer": [("engine/masking.py", "class Mask(", "class _Other: ...\n\n\nclass Mask(")],
    "a figure": [("figures/sweeps.py", "", "\n\nMORE = 1\n")],
    "a job": [("jobs/train.py", "", "\n\nMORE = 1\n")],
}
USED = {
    "the optimizer": [("engine/optimizers.py", "velocity *= self.momentum", "velocity *= 1 * self.momentum")],
    "a base class": [("engine/optimizers.py", "class Optimizer(Family):", "class Optimizer(Family):\n    more = 1\n")],
    "a layer's work": [
        ("engine/layers.py", "class BoundDense(BoundLayer):", "class BoundDense(BoundLayer):\n    m = 1\n")
    ],
    "a penalty's work": [("engine/penalties.py", "class L2(Penalty):", "class L2(Penalty):\n    more = 1\n")],
    "the loop": [("engine/training.py", "session.record()", "session.record(*())")],
    "a helper of initial weights": [("engine/streams.py", ".digest()[:16]", ".digest()[-16:]")],
    "a helper called by way of its module": [
        ("engine/training.py", "import numpy as np\n", "import numpy as np\n\nfrom chapter6.engine import arrays\n"),
        ("engine/training.py", "session.record()", "arrays, session.record(0)"),
    ],
    "the reader of images": [("data/storage.py", "def load(", "def load(*, more=1, ")],
    "settings of a run": [
        ("registry.py", "def plain(value: Any) -> Any:", "def plain(value: Any, m: int = 1) -> Any:")
    ],
}


@pytest.mark.parametrize("name", UNUSED)
def test_what_a_run_does_not_use_leaves_its_digest_alone(digest, original, name):
    assert digest(f"unused {name}", UNUSED[name]) == original


@pytest.mark.parametrize("name", USED)
def test_what_a_run_uses_changes_its_digest(digest, original, name):
    edits = USED[name]
    assert digest(f"used {name}", edits) != original


def test_what_is_used_by_way_of_its_module_counts(digest):
    """Importing the module of a helper is not to hide the helper."""
    by_module = [
        ("engine/training.py", "import numpy as np\n", "import numpy as np\n\nfrom chapter6.engine import streams\n"),
        ("engine/training.py", "session.record()", "session.record(0 * streams.helper())"),
        ("engine/streams.py", "", "\n\ndef helper():\n    return 1\n"),
    ]
    changed = [*by_module, ("engine/streams.py", "return 1\n", "return 2\n")]
    assert digest("module", by_module) != digest("module changed", changed)


THROUGH = {
    "a constant": ("from chapter6.engine.streams import KINDS", "KINDS.get('a')"),
    "a constant by way of its module": ("from chapter6.engine import streams", "streams.KINDS.get('a')"),
    "a class": ("from chapter6.engine.streams import Kinds", "Kinds.of()"),
}


@pytest.mark.parametrize("name", THROUGH)
def test_what_is_used_through_an_attribute_counts(digest, name):
    """Of ``CONSTANT.method`` a run depends on the constant, of ``Class.attribute`` on the class."""
    line, use = THROUGH[name]
    through = [
        ("engine/training.py", "import numpy as np\n", f"import numpy as np\n\n{line}\n"),
        ("engine/training.py", "session.record()", f"session.record(), {use}"),
        ("engine/streams.py", "", "\n\nKINDS = {'a': 1}\n\n\nclass Kinds:\n    of = dict\n"),
    ]
    changed = ("engine/streams.py", *(("'a': 1", "'a': 2") if "KINDS" in use else ("of = dict", "of = list")))
    assert digest(f"through {name}", through) != digest(f"through {name} changed", [*through, changed])


def test_a_constant_of_the_same_module_counts(digest):
    own = [("engine/training.py", "session.record()", "session.record(), OWN.get('a')")]
    old, new = (("engine/training.py", "", f"\n\nOWN = {{'a': {value}}}\n") for value in (1, 2))
    assert digest("own", [*own, old]) != digest("own changed", [*own, new])


def test_runs_that_use_other_parts_have_other_digests(digest, original):
    other = {**SETTINGS, "optimizer": {"kind": "adam"}}
    assert digest(settings=other) != original
    assert digest(settings={**SETTINGS, "steps": 5}) == original


PREPARED = {**SETTINGS, "data": {"transforms": ["standardize"], "augmentations": ["elastic"], "views": {}}}
AT_WORK = {
    "its transform": ("data/transforms.py", "varies = low < high", "varies = high > low"),
    "a helper of its transform": (
        "data/transforms.py",
        "mean: Array = total / count",
        "mean: Array = total / (1 * count)",
    ),
    "its augmentation": ("data/augmentation.py", "grid + alpha * smooth", "grid + smooth * alpha"),
    "warping": ("data/augmentation.py", "order=1", "order=2"),
    "its views": ("data/augmentation.py", "for x in (0, 2 * shift)", "for x in (2 * shift, 0)"),
    "what puts them together": ("jobs/datasets.py", "CHUNK = 2000", "CHUNK = 2001"),
}
NOT_AT_WORK = {
    "another transform": ("data/transforms.py", "return Blocks(shape, side)", "return Blocks(shape, 1 * side)"),
    "another augmentation": ("data/augmentation.py", "rng.beta(alpha, alpha)", "rng.beta(alpha, 1 * alpha)"),
}


@pytest.fixture(scope="module")
def prepared(digest):
    return digest(settings=PREPARED)


@pytest.mark.parametrize("name", AT_WORK)
def test_what_is_done_to_images_counts_for_runs_that_declare_it_and_no_others(digest, original, prepared, name):
    assert digest(name, [AT_WORK[name]], PREPARED) != prepared
    assert digest(name) == original


@pytest.mark.parametrize("name", NOT_AT_WORK)
def test_what_is_done_to_images_elsewhere_does_not_count(digest, prepared, name):
    assert digest(name, [NOT_AT_WORK[name]], PREPARED) == prepared
