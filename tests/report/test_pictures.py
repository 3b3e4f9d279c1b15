import re
from xml.etree import ElementTree

import pytest

from chapter6.registry import StudyError
from chapter6.report.pictures import inlined

NAMES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def drawn(inner: str, attributes: str = 'width="72pt" height="36pt"') -> ElementTree.Element:
    root = ElementTree.fromstring(inlined(f"<svg {NAMES} {attributes}>{inner}</svg>", "f1.", "a name"))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


@pytest.mark.parametrize(
    "inner",
    [
        "<script>alert(1)</script>",
        "<foreignObject><p>x</p></foreignObject>",
        "<style>* {fill: red}</style>",
        "<title>t</title><metadata>m</metadata>",
        '<a href="http://example.com"><text>x</text></a>',
        '<animate attributeName="x"/>',
    ],
)
def test_only_what_draws_is_kept(inner):
    assert [e.tag for e in drawn(inner).iter()] == ["svg"]


@pytest.mark.parametrize(
    "attribute",
    [
        'onclick="alert(1)"',
        'style="background: url(http://example.com/x)"',
        'fill="url(http://example.com/x)"',
        'style="fill: url(&quot;http://example.com/x&quot;)"',
        'xlink:href="http://example.com/x"',
        'href="javascript:alert(1)"',
        'href="data:text/html;base64,AAAA"',
        'class="banner"',
    ],
)
def test_attributes_that_run_load_or_restyle_are_dropped(attribute):
    assert drawn(f"<image {attribute}/>")[0].attrib == {}


def test_ids_and_references_get_the_prefix():
    root = drawn('<g id="a" clip-path="url(#b)" style="mask: url(\'#c\')"><use xlink:href="#a"/></g>')
    assert root[0].attrib == {"id": "f1.a", "clip-path": "url(#f1.b)", "mask": "url(#f1.c)"}
    assert root[0][0].attrib == {"href": "#f1.a"}


def test_styles_become_attributes():
    text = "<text style=\"font: italic 700 9.5px 'DejaVu Sans', sans-serif; text-anchor: end; --x: 1\">a</text>"
    assert drawn(text)[0].attrib == {
        "font-size": "9.5px",
        "font-family": "'DejaVu Sans', sans-serif",
        "font-style": "italic",
        "font-weight": "700",
        "text-anchor": "end",
    }


def test_size_in_pixels_and_a_view_box_for_scaling():
    root = drawn("")
    assert (root.get("width"), root.get("height")) == ("96", "48")
    assert root.get("viewBox") == "0 0 96 48"
    assert drawn("", 'viewBox="0 0 30 20"').get("width") == "30"


@pytest.mark.parametrize("svg", ['<!DOCTYPE x [<!ENTITY a "b">]><svg/>', "<svg>", "<html/>"])
def test_what_is_no_drawing_is_refused(svg):
    with pytest.raises(StudyError, match="figure"):
        inlined(svg, "f", "")


def test_real_figures_of_matplotlib_survive(tmp_path):
    import matplotlib.figure

    with __import__("matplotlib").rc_context({"svg.fonttype": "none"}):
        figure = matplotlib.figure.Figure()
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], marker="o", label="a < b & c")
        axes.legend()
        figure.savefig(tmp_path / "f.svg")
    markup = inlined((tmp_path / "f.svg").read_text(), "f1.", "line")
    root = ElementTree.fromstring(markup)
    assert "a < b & c" in "".join(root.itertext())
    ids = {e.get("id") for e in root.iter()}
    assert set(re.findall(r"url\(#([^)]+)\)", markup)) <= ids
    assert {e.get("href")[1:] for e in root.iter() if e.get("href")} <= ids
