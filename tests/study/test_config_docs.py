"""The generated reference is what the code says, and the schema takes what the code takes."""

import copy
import dataclasses
import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from chapter6.engine.optimizers import Optimizer
from chapter6.jobs import config_docs as job
from chapter6.study.config_docs import FAMILIES, MEANINGS, MODELS, readme, schema

CONFIG = Path(__file__).parents[2] / "config"
EXPERIMENTS = sorted((CONFIG / "experiments").glob("*.yaml"))


@pytest.mark.parametrize(("name", "generated"), [("README.md", readme), ("schema.json", schema)])
def test_the_files_are_what_the_code_generates(name, generated):
    path = CONFIG / name
    assert path.exists(), f"config/{name} is missing: make reference"
    assert path.read_text(encoding="utf-8") == generated(), f"config/{name} is outdated: make reference"


def test_the_command_writes_both(tmp_path):
    job.run(type("Arguments", (), {"folder": tmp_path}))
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == {
        "README.md": readme(),
        "schema.json": schema(),
    }


def test_the_page_describes_every_setting():
    page = readme()
    for family in FAMILIES.values():
        for key in family.choices():
            assert f"### `{key}`" in page
    for title, model in MODELS.items():
        section = page.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
        for field in dataclasses.fields(model):
            if field.metadata.get("found"):  # nobody writes it
                assert f"| `{field.name}` |" not in section
                continue
            assert f"| `{field.name}` |" in section


def test_every_key_has_a_meaning_and_no_class_of_the_code_is_shown():
    rows = [line for line in readme().splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []
    types_and_defaults = [" ".join(re.split(r" (?<!\\)\| ", row)[1:3]) for row in rows]
    assert [row for row in types_and_defaults if re.search(r"\w\(|Spec\b|Config\b|list of any", row)] == []


def test_no_meaning_is_left_over():
    classes = [*MODELS.values(), *(member for family in FAMILIES.values() for member in family.choices().values())]
    names = {field.name for cls in classes for field in dataclasses.fields(cls)}
    full = {f"{base.__name__}.{field.name}" for c in classes for field in dataclasses.fields(c) for base in c.__mro__}
    assert set(MEANINGS) - names - full == set()


def test_the_page_describes_an_optimizer_as_its_class_does():
    page = readme()
    adam = page.split("### `adam`", 1)[1].split("\n### ", 1)[0]
    assert (Optimizer.members["adam"].__doc__ or "").splitlines()[0] in adam
    assert "| `learning_rate` | number > 0 | `0.001` |" in adam


@pytest.fixture(scope="module")
def validator():
    Draft202012Validator.check_schema(json.loads(schema()))
    return Draft202012Validator(json.loads(schema()))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_schema_takes_every_experiment(validator, path):
    raw = _as_json(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert [f"{error.json_path}: {error.message}"[:300] for error in validator.iter_errors(raw)] == []


def _as_json(value):
    """What JSON knows: keys are text."""
    if isinstance(value, dict):
        return {str(key): _as_json(item) for key, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, list) else value


GOOD = {
    "id": "9.9-demo",
    "title": "Demo",
    "question": "Does it work?",
    "base": {"network": {"hidden": [10]}, "steps": 20, "optimizer": {"kind": "sgd", "learning_rate": 0.1}},
    "variants": {"slow": {"optimizer": {"learning_rate": 0.01}, "label": "slow", "replicates": 3}},
    "claims": [
        {"id": "C1", "says": "x", "check": {"kind": "level", "metric": "loss", "variants": ["slow"], "below": 1}}
    ],
}
BAD = {
    "misspelt key": (["questoin"], "?"),
    "id with a path": (["id"], "../evil"),
    "replicates 0": (["replicates"], 0),
    "misspelt key of a run": (["base", "step"], 3),
    "unknown optimizer": (["base", "optimizer"], {"kind": "sdg"}),
    "negative learning rate": (["base", "optimizer", "learning_rate"], -0.1),
    "wrong type": (["base", "steps"], "many"),
    "unknown check": (["claims"], [{"id": "C1", "says": "x", "check": {"kind": "vibes"}}]),
    "unknown figure": (["figures"], [{"kind": "pie"}]),
}


def test_the_schema_takes_a_good_experiment(validator):
    assert list(validator.iter_errors(GOOD)) == []


@pytest.mark.parametrize("mistake", BAD)
def test_the_schema_refuses_what_the_code_refuses(validator, mistake):
    (*places, last), value = BAD[mistake]
    raw = copy.deepcopy(GOOD)
    place = raw
    for key in places:
        place = place[key]
    place[last] = value
    assert list(validator.iter_errors(raw)) != []
