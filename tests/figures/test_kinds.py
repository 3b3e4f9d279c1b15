"""What every kind of figure promises: it draws, its file is clean and the same each time, its legend is clear."""

import re
import subprocess
import sys
from dataclasses import is_dataclass
from xml.etree import ElementTree

import pytest

from chapter6.figures import style
from chapter6.figures.recipes import Figure
from chapter6.registry import StudyError

SPECS = {
    "surface": ("bowl", {"kind": "surface"}),
    "gradient_field": ("bowl", {"kind": "gradient_field"}),
    "paths": ("bowl", {"kind": "paths", "title": "Six paths"}),
    "curves": ("optimizers", {"kind": "curves", "metric": "loss", "smooth": "book", "title": "Loss"}),
    "curves-splits": ("optimizers", {"kind": "curves", "metric": "accuracy", "split": ["train", "test"]}),
    "curves-panels": ("layered", {"kind": "curves", "metric": "deaths/layer-*", "split": "train"}),
    "curves-log": ("sweep", {"kind": "curves", "metric": "loss", "log_y": True, "log_x": True, "columns": "rate"}),
    "histograms": ("layered", {"kind": "histograms", "title": "Activations"}),
    "layers": ("layered", {"kind": "layers", "metric": "gradient_norm", "columns": "activation"}),
    "dots": ("optimizers", {"kind": "dots", "metric": "accuracy", "sort": "value"}),
    "dots-splits": ("sweep", {"kind": "dots", "metric": "accuracy", "split": ["train", "test"], "columns": "depth"}),
    "sweep": ("sweep", {"kind": "sweep", "metric": "loss"}),
    "heatmap": ("sweep", {"kind": "heatmap", "metric": "accuracy", "rows": "depth", "columns": "rate",
                          "variants": ["adam_*"]}),
    "best_trials": ("search", {"kind": "best_trials", "metric": "accuracy", "best": 7}),
    "best_so_far": ("search", {"kind": "best_so_far", "metric": "accuracy"}),
    "landscape": ("search", {"kind": "landscape", "metric": "accuracy", "x": "optimizer.learning_rate",
                             "y": "penalties.l2.strength"}),
    "landscape-rounds": ("search", {"kind": "landscape", "metric": "accuracy", "x": "optimizer.learning_rate",
                                    "y": "penalties.l2.strength", "rounds": True, "variants": ["narrowing"]}),
    "pictures": ("pictured", {"kind": "pictures", "shown": ["mean", "input-*"], "variants": ["sgd", "adam"]}),
    "batch_norm_network": ("search", {"kind": "batch_norm_network", "title": "Network"}),
    "batch_norm_graph": ("search", {"kind": "batch_norm_graph"}),
}  # fmt: skip


@pytest.fixture(params=SPECS)
def drawn(request):
    fixture, spec = SPECS[request.param]
    figure = Figure.build(spec)
    return figure, figure.draw(request.getfixturevalue(fixture))


def test_every_kind_is_drawn_here():
    assert {spec["kind"] for _, spec in SPECS.values()} == set(Figure.members)


@pytest.mark.parametrize("kind", Figure.members.values(), ids=list(Figure.members))
def test_a_kind_is_a_frozen_documented_dataclass(kind):
    assert is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert kind.__doc__
    assert {"title", "caption", "variants"} <= set(kind.__dataclass_fields__)


def test_file_is_clean_and_the_same_each_time(drawn, tmp_path, request):
    figure, drawing = drawn
    style.save(drawing, tmp_path / "a" / "figure.svg")
    again = figure.draw(request.getfixturevalue(SPECS[request.node.callspec.params["drawn"]][0]))
    style.save(again, tmp_path / "b" / "a" / "figure.svg")
    text = (tmp_path / "a" / "figure.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "b" / "a" / "figure.svg").read_text(encoding="utf-8")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["figure.svg"]
    assert len(text) < 200_000
    for unwanted in ("<!DOCTYPE", "<metadata", "*{", '<g id="', str(tmp_path)):
        assert unwanted not in text
    root = ElementTree.fromstring(text)
    names = {child.tag.rpartition("}")[2] for child in root.iter()}
    assert "text" in names
    assert root.find("{*}title").text == figure.alt
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"#([A-Za-z0-9]+)[\"')]", text)) - set(ids) <= set(re.findall(r"#([0-9a-f]{6})\b", text))


def test_legend_covers_no_data(drawn):
    drawing = drawn[1]
    with style.theme():
        drawing.draw_without_rendering()
    for legend in drawing.legends:
        box = legend.get_window_extent()
        assert drawing.bbox.padded(2).containsx(box.x1)
        for ax in drawing.axes:
            assert not box.overlaps(ax.get_window_extent())
            assert not box.overlaps(ax.xaxis.get_tightbbox() or ax.get_window_extent())


def test_variants_are_named_for_validation():
    figure = Figure.build({"kind": "curves", "metric": "loss", "split": ["train", "test"], "variants": ["*_he"],
                           "columns": "depth"})  # fmt: skip
    assert figure.variants_named() == ("*_he",)
    assert figure.metrics_named() == {("train", "loss"), ("test", "loss")}
    assert figure.axes_named() == {"depth"}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"kind": "curves", "metric": "loss", "variants": ["adma"]}, ["adma", "adam"]),
        ({"kind": "curves", "metric": "lost"}, ["lost", "batch loss"]),
        ({"kind": "curves", "metric": "loss", "columns": "deep"}, ["deep", "depth"]),
        ({"kind": "curves", "metric": "loss", "columns": "depth", "lines": "optimizer"}, ["sgd_rate-1_depth-2"]),
        ({"kind": "curves", "metric": "loss", "colour": "red"}, ["colour", "columns"]),
        ({"kind": "pie"}, ["pie", "curves"]),
    ],
)
def test_mistakes_name_value_and_choices(sweep, spec, words):
    if spec.get("variants"):
        sweep = sweep | {"settings": sweep["settings"].replace("sgd_rate-1_depth-2", "adam")}
    with pytest.raises(StudyError) as error:
        Figure.build(spec).draw(sweep)
    assert all(word in str(error.value) for word in words)


def test_drawing_in_the_studys_theme_does_not_wait_for_seaborn():
    code = "import sys\nfrom chapter6.figures.style import theme\nwith theme(): print('seaborn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_importing_the_recipes_loads_no_heavy_library():
    code = "import sys, chapter6.figures.recipes; print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = ["pandas", "matplotlib", "seaborn", "scipy", "pydantic", "chapter6.engine"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
