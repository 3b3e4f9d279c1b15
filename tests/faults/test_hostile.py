"""Input that means harm: names that lead elsewhere, text that wants to be markup, YAML that grows, pickles.

More of it is tried where it is read: mirrors in ``data/``, YAML in ``study/test_bad_input.py``, archives in
``jobs/test_verify.py``, text and drawings on the page in ``report/``.
"""

import ast
import html
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

import chapter6
from chapter6.data.sets import AXES, DataError
from chapter6.data.storage import load
from chapter6.files import write_json
from chapter6.registry import StudyError
from chapter6.study.loading import load_study
from chapter6.study.results import read_curves
from chapter6.study.spec import read_config
from study.conftest import EXPERIMENT
from study.conftest import project as written
from workflow.fixtures import fresh

__all__ = ["fresh", "written"]

NAMES = [
    *("../evil", "a/../../b", "/etc", "..", ".", ".hidden", "-rf", "x" * 121, "a\\b"),
    *("a b", "a\tb", "a\n", "a\x00b", "a\u202eb", "\u00e9"),
    *("a'b", 'a"b', "a`id`", "$(id)", "a;id", "a|b", "a&b", "a>b", "~", "a*", "[a]", "{variant}"),
    *("<b>a</b>", "<script>alert(1)</script>", "a&lt;b"),
]
PLACES = {
    "experiment": lambda name: ({"id": name}, {}),
    "variant": lambda name: ({"variants": {**EXPERIMENT["variants"], name: {}}}, {}),
    "level": lambda name: ({"claims": [], "variants": {}, "sweep": {"rate": {name: {"steps": 3}}}}, {}),
    "value": lambda name: ({"claims": [], "variants": {}, "sweep": {"network.activation": [name]}}, {}),
    "claim": lambda name: ({"claims": [EXPERIMENT["claims"][0] | {"id": name}]}, {}),
    "preset": lambda name: ({}, {"preset": name, "presets": {"full": {}, name: {}}}),
}
MARKUP = """<script>alert("it's me")</script></svg><img src=x onerror=alert(1)>&amp;{{ 7 * 7 }}{x}"""
BOWL = {
    "id": "6.1-bowl",
    "title": MARKUP,
    "question": MARKUP,
    "base": {"surface": "bowl", "steps": 30, "record": [{"measure": "position", "at": {}}]},
    "variants": {
        "sgd": {"label": MARKUP, "optimizer": {"kind": "sgd", "learning_rate": 0.95}},
        "adam": {"label": "100 $ and $\\frac{", "optimizer": {"kind": "adam", "learning_rate": 0.3}},
    },
    "figures": [
        {"kind": "paths", "caption": MARKUP},
        {"kind": "curves", "metric": "height", "split": "train", "caption": MARKUP},
    ],
    "claims": [
        {
            "id": "T02",
            "says": MARKUP,
            "check": {"kind": "level", "metric": "height", "split": "train", "variants": ["sgd"], "below": 1},
        }
    ],
}


@pytest.mark.parametrize("place", PLACES)
def test_names_that_are_more_than_names_are_refused(written, place):
    for name in NAMES:
        changes, config = PLACES[place](name)
        with pytest.raises(StudyError) as refused:
            load_study(root=written(changes, config=config))
        assert "config" in str(refused.value), (name, refused.value)


def test_a_section_does_not_lead_elsewhere(written):
    for section in ("../../README", "a\\b"):
        with pytest.raises(StudyError, match=r"9\.9-demo\.yaml: section: "):
            load_study(root=written({"section": section}))


def test_yaml_that_grows_without_bound_is_refused_at_once(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    for text in ("\n".join(lines), "a: &a [*a]", "a: &a {x: 1}\nb:\n  <<: *a"):
        (tmp_path / "config.yaml").write_text(text)
        with pytest.raises(StudyError, match=r"config\.yaml: not valid YAML: aliases are not allowed"):
            read_config(tmp_path / "config.yaml")


@pytest.mark.workflow
def test_text_that_wants_to_be_markup_is_shown_as_text(fresh):
    """Through all jobs, with labels in the drawings, to the finished page."""
    for file in (fresh / "config/small").glob("*.yaml"):
        file.unlink()
    (fresh / "config/small/6.1-bowl.yaml").write_text(yaml.safe_dump(BOWL, sort_keys=False), encoding="utf-8")
    done = fresh.snakemake("reports/html/index.html", "results/claims.json")
    assert done.status == 0, done.output
    content = (fresh / "reports/html/index.html").read_text(encoding="utf-8")
    page = ElementTree.fromstring(content.replace("<!doctype html>", "").replace("<!DOCTYPE html>", ""))
    drawings = [ElementTree.parse(file).getroot() for file in (fresh / "results/figures").rglob("*.svg")]
    assert len(drawings) == 2
    for root in (page, *drawings):
        elements = list(root.iter())
        names = {element.tag.rpartition("}")[2].lower() for element in elements}
        assert not names & {"script", "img", "image", "iframe", "object", "embed", "foreignobject", "link", "base"}
        attributes = {name.rpartition("}")[2].lower(): text for e in elements for name, text in e.attrib.items()}
        assert not [name for name in attributes if name.startswith("on")]
        assert not [e for e in elements for text in e.attrib.values() if text.lower().lstrip().startswith("javascript")]
    said = "".join(page.itertext())
    assert said.count(MARKUP) >= 5  # title, question, label, two captions, claim
    assert "49" not in said.partition(MARKUP)[2][:200]
    policy = next(e.get("content") for e in page.iter() if e.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")
    assert html.escape(MARKUP, quote=False) in content


class Payload:
    """Unpickled, it leaves a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_a_pickle_in_the_place_of_an_array_is_not_loaded(tmp_path):
    trap = np.array([Payload(tmp_path / "sprung")], dtype=object)
    for name in AXES:
        np.save(tmp_path / f"{name}.npy", trap)
    write_json(tmp_path / "digest.json", {"digest": "x", "files": {name: {"shape": [1]} for name in AXES}})
    with pytest.raises(DataError, match=r"allow_pickle=False|Python objects"):
        load(tmp_path)
    np.savez(tmp_path / "curves.npz", **{"step:batch/loss": trap, "value:batch/loss": trap})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_curves(tmp_path / "curves.npz")
    assert not (tmp_path / "sprung").exists()
    np.load(tmp_path / "curves.npz", allow_pickle=True)["step:batch/loss"]  # the trap is a real one
    assert (tmp_path / "sprung").exists()


PICKLERS = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "torch"}
LOADERS = {"read_pickle", "to_pickle", "unsafe_load", "full_load", "eval", "exec", "load_module"}


def executes(source: str) -> list[str]:
    """What in a module's source unpickles, or makes code or objects of what it reads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in PICKLERS]
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PICKLERS:
            found.append(node.module)
        if not isinstance(node, ast.Call):
            continue
        called, named = ast.unparse(node.func), {keyword.arg: keyword.value for keyword in node.keywords}
        if called.rpartition(".")[2] in LOADERS and not called.startswith("re."):
            found.append(called)
        pickles = named.get("allow_pickle")
        if pickles is not None and getattr(pickles, "value", True) is not False:
            found.append(f"{called} with pickles")
        if called == "yaml.load" and ast.unparse(named.get("Loader", ast.Constant(None))) != "_Loader":
            found.append("yaml.load with a loader of its own")
    return found


def test_no_source_unpickles_or_makes_code_of_what_it_reads():
    sources = sorted(Path(chapter6.__file__).parent.rglob("*.py"))
    assert len(sources) > 50
    found = {file.name: executes(file.read_text(encoding="utf-8")) for file in sources}
    assert {name: calls for name, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import os, torch.serialization",
        "from joblib import load",
        "pd.read_pickle(path)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trusted)",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "eval(text)",
    ],
)
def test_the_search_for_them_finds_them(source):
    assert len(executes(f"def read(path):\n    return 1\n{source}\n")) == 1
