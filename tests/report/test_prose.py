from pathlib import Path
from xml.etree import ElementTree

import pytest

from chapter6.registry import StudyError
from chapter6.report import prose

ROOT = Path(__file__).parents[2]
EXPERIMENTS = sorted((ROOT / "config/experiments").glob("6.*.yaml"))
TEXTS = sorted((ROOT / "reports/text").glob("*/*.md"))


def test_formulas_become_mathml():
    block = prose.read("Inline $a < b$ and\n\n$$\\frac{1}{2}$$\n", "x").blocks[0]
    inline, display = ElementTree.fromstring(f"<div>{block.html}</div>").iter("math")
    assert inline.get("display") == "inline"
    assert display.get("display") == "block"
    assert [e.tag for e in display.iter()].count("mfrac") == 1


def test_signs_slashes_and_functions_are_spaced_as_in_tex():
    root = ElementTree.fromstring(prose.math(r"(-7, -x/2) \log 10"))
    signs = [e for e in root.iter("mo") if e.text == "\N{MINUS SIGN}"]
    assert [e.get("form") for e in signs] == ["prefix", "prefix"]
    assert next(e for e in root.iter("mo") if e.text == "/").get("lspace") == "0"
    assert [e.tag for e in root.iter()][-2:] == ["mspace", "mn"]
    minus = next(e for e in ElementTree.fromstring(prose.math("a - b")).iter("mo"))
    assert minus.get("form") is None


@pytest.mark.parametrize("latex", [r"\frac{1", r"\begin{aligned} a &= b \end{aligned}", r"\nosuchthing x"])
def test_a_formula_that_cannot_be_read_is_quoted(latex):
    with pytest.raises(StudyError, match="formula"):
        prose.math(latex)


def test_headings_go_down_one_level_and_get_anchors():
    text = prose.read("# Title\n\n## One *two*\n\n### Deep\n", "section-1")
    assert text.title == "Title"
    (block,) = text.blocks
    assert block.headings == (prose.Link("section-1-one-two", "One two"),)
    assert '<h3 id="section-1-one-two">' in block.html
    assert '<h4 id="section-1-deep">' in block.html


def test_places_split_the_text_and_carry_their_guide():
    text = prose.read("Before.\n\n::: experiment a-1\nGuide.\n:::\n\n::: experiment a-2\n:::\n\nAfter.\n", "x")
    assert [(b.experiment, b.html) for b in text.blocks] == [
        ("", "<p>Before.</p>"),
        ("a-1", "<p>Guide.</p>"),
        ("a-2", ""),
        ("", "<p>After.</p>"),
    ]


@pytest.mark.parametrize("text", ["::: experiment\n:::", "::: experiment a\n::: experiment b\n:::\n:::"])
def test_a_place_without_a_name_or_inside_another_is_refused(text):
    with pytest.raises(StudyError, match="must name one experiment"):
        prose.read(text, "x")


def test_claims_have_a_place_of_their_own():
    text = prose.read("## A lesson\n\nIt says.\n\n::: claims C01 C25-reader\n:::\n\nMore.\n", "x")
    assert [(b.claims, b.html) for b in text.blocks] == [
        ((), '<h3 id="x-a-lesson">A lesson</h3>\n<p>It says.</p>'),
        (("C01", "C25-reader"), ""),
        ((), "<p>More.</p>"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("::: claims\n:::", "must name one claim or more"),
        ("::: claims C01\nswallowed\n:::", "'::: claims C01' must be closed"),
        ("::: claims C01\n\nNever closed.", "must be closed"),
        ("::: experiment a\n::: claims C01\n:::\n:::", "place before it must have been closed"),
    ],
)
def test_a_place_of_claims_holds_names_and_nothing_else(text, message):
    with pytest.raises(StudyError, match=message):
        prose.read(text, "x")


def test_whether_a_text_places_experiments():
    assert prose.places_experiments("# A\n\n::: experiment a-1\n:::\n")
    assert not prose.places_experiments("# A\n\n::: claims C01\n:::\n")


def test_html_and_images_are_not_markup():
    html = prose.to_html("<b>x</b> ![y](http://example.com/y.png)")
    assert "<b>" not in html
    assert "<img" not in html


def test_a_per_cent_sign_stays_with_its_number():
    assert prose.to_html("About 95 % of 2 %") == "<p>About 95\u202f% of 2\u202f%</p>\n"


def test_minus_is_no_hyphen():
    assert prose.tied("(-0.083 to -0.1, C28-edge, 1-2)") == "(\u22120.083 to \u22120.1, C28-edge, 1-2)"


def test_punctuation_stays_with_the_formula_before_it():
    assert prose.inline("so $x$, then $y$ and").count('<span class="whole"><span') == 1


def test_remarks_by_claim():
    said = prose.remarks("How to write these: `## C06`.\n\n## C06\n\nA *surprise*.\n\n- one\n\n## C08\n\nAnother.\n")
    assert said == {"C06": "A *surprise*.\n\n- one", "C08": "Another."}
    assert prose.remarks("") == {}


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_the_report_s_own_prose_can_be_read(path):
    text = prose.read(path.read_text(encoding="utf-8"), path.stem)
    assert path.stem == "remarks" or text.title
    for block in text.blocks:
        ElementTree.fromstring(f"<div>{block.html}</div>")


@pytest.mark.parametrize("path", [path for path in TEXTS if path.stem == "6.6"], ids=str)
def test_the_summary_names_every_claim_of_the_chapter_once(path):
    named = [claim for block in prose.read(path.read_text(encoding="utf-8"), "x").blocks for claim in block.claims]
    lines = [line.split() for file in EXPERIMENTS for line in file.read_text(encoding="utf-8").splitlines()]
    judged = {words[2] for words in lines if words[:2] == ["-", "id:"]}
    assert {f"C{number:02}" for number in range(1, 34)} <= set(named) <= judged
    assert len(named) == len(set(named))
