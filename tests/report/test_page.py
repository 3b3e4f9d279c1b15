"""The page by its parsed structure: it is well-formed XML, so the standard library reads it."""

# ruff: noqa: RUF001  (the page's typography: minus and multiplication signs, dashes)

import base64
import hashlib
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from chapter6.report import render_page
from chapter6.report.strings import languages, strings
from chapter6.report.views import (
    ChoicesView,
    ClaimView,
    ExperimentView,
    FigureView,
    PageView,
    PartView,
    PrintedView,
    RunsView,
    SectionView,
    SettingsView,
    TableView,
)

SVG = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
     width="648pt" height="288pt" viewBox="0 0 648 288">
 <defs><clipPath id="p1"><rect x="0" y="0" width="9" height="9"/></clipPath><path id="m1" d="M0 0"/></defs>
 <g clip-path="url(#p1)"><use xlink:href="#m1" style="fill: #0072b2; stroke: #000"/></g>
 <text style="font: 700 10px 'DejaVu Sans', sans-serif; text-anchor: middle" x="3" y="4">loss</text>
</svg>"""
PART = PartView(
    label="mean loss: Adam against SGD",
    verdict="supported",
    track="book",
    variants=("adam", "sgd"),
    metric="loss",
    unit="nats",
    scale="difference",
    margin=0.05,
    estimate=-0.5213,
    low=-0.5415,
    high=-0.5011,
    confidence=0.95,
    correction="holm",
    replicates=10,
)
CLAIM = ClaimView(
    id="C03",
    statement="Adam learns faster than SGD",
    verdict="supported",
    sentence="Adam's loss is lower.",
    parts=(PART,),
    leading=PART,
)
EXPERIMENT = ExperimentView(
    id="6.1-mnist",
    title="Six rules",
    question="Which is fastest?",
    settings=SettingsView((("updates", "2000"),), TableView(("Variant", "rate"), (("SGD", "0.01"),)), 6, 60),
    figures=(FigureView(SVG, "Loss of six rules", "Loss against updates"),),
    claims=(CLAIM, ClaimView("C04", "No method is best", "contradicted"), ClaimView("C05", "None", "undecided")),
    csv="variant,metric,mean\nsgd,loss,0.512345\n",
    table="results/tables/6.1-mnist.parquet",
)
PROSE = """# 6.1 Updating parameters

A rule $W \\leftarrow W - \\eta g$.

## The rule

::: experiment 6.1-mnist
Look at the *loss*.
:::

After it.
"""
PAGE = PageView(sections=(SectionView("6.1", PROSE, (EXPERIMENT,)),), introduction="# About\n\nText.")


def parsed(page: PageView) -> ElementTree.Element:
    root = ElementTree.fromstring(render_page(page))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def text(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def by_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [e for e in root.iter() if name in e.get("class", "").split()]


def by_id(root: ElementTree.Element, name: str) -> ElementTree.Element:
    found = [e for e in root.iter() if e.get("id") == name]
    assert len(found) == 1, f"{name}: {len(found)}"
    return found[0]


def test_policy_allows_only_the_page_s_own_style_and_data_images():
    html = render_page(PAGE)
    policy = next(
        e.get("content") for e in parsed(PAGE).iter("meta") if e.get("http-equiv") == "Content-Security-Policy"
    )
    style = html.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_nothing_is_loaded_and_nothing_can_run():
    root = parsed(PAGE)
    assert not {e.tag for e in root.iter()} & {"script", "link", "iframe", "img", "object", "embed", "base"}
    for element in root.iter():
        assert not [name for name in element.attrib if name in ("src", "style") or name.startswith("on")]
    style = "".join(e.text or "" for e in root.iter("style"))
    assert "url(" not in style
    assert "@import" not in style
    for link in (e.get("href") for e in root.iter("a")):
        assert link.startswith(("#", "data:text/csv", "http://127.0.0.1:5000/"))


def test_ids_are_unique_and_every_inner_link_leads_somewhere():
    two = replace(EXPERIMENT, id="6.1-two", claims=(replace(CLAIM, sentence="Again."),))
    page = replace(PAGE, sections=(SectionView("6.1", PROSE + "\n## The rule\n", (EXPERIMENT, two)),))
    root = parsed(page)
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    assert {"6.1-mnist", "C03", "C03-2"} <= set(ids)
    targets = [e.get("href")[1:] for e in root.iter() if e.get("href", "").startswith("#")]
    references = re.findall(r"url\(#([^)]+)\)", render_page(page))
    named = [name for e in root.iter() for name in e.get("aria-labelledby", "").split()]
    assert set(targets + references + named) <= set(ids)


def test_contents_list_sections_headings_and_experiments():
    contents = by_class(parsed(PAGE), "contents")[0]
    listed = [(a.get("href"), a.text) for a in contents.iter("a")]
    assert ("#section-6.1", "6.1 Updating parameters") in listed
    assert ("#section-6.1-the-rule", "The rule") in listed
    assert ("#6.1-mnist", "Six rules") in listed


def test_headings_descend_one_level_at_a_time():
    levels = [int(e.tag[1]) for e in parsed(PAGE).iter() if re.fullmatch("h[1-6]", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_overview_shows_all_three_verdicts_alike():
    columns = {
        name: next(e for e in by_class(parsed(PAGE), "verdict") if name in e.get("class"))
        for name in ("supported", "contradicted", "undecided")
    }
    for name, claim in zip(columns, ("C03", "C04", "C05"), strict=True):
        assert [(a.get("href"), a.text) for a in columns[name].iter("a")] == [(f"#{claim}", claim)]
        assert name.capitalize() in text(columns[name])


def with_claims(*names, whose="ours"):
    """Return an experiment of these claims, readings being ``whose``."""
    claims = [ClaimView(name, "?", "undecided", whose=whose if "-" in name else "source") for name in names]
    return replace(EXPERIMENT, claims=tuple(claims))


def test_overview_counts_headlines_in_the_order_of_the_page_and_shows_their_readings_below_them():
    experiments = (with_claims("C52", "C06-slope", "C06"), replace(with_claims("C26", "C06-end"), id="6.1-two"))
    page = replace(PAGE, sections=(SectionView("6.1", "", experiments),))
    column = next(e for e in by_class(parsed(page), "verdict") if "undecided" in e.get("class"))
    assert [a.text for a in column.iter("a")] == ["C52", "C06", "C06-slope", "C06-end", "C26"]
    assert [text(e) for e in by_class(column, "count")] == ["3"]
    assert [text(e) for e in by_class(column, "whose")] == ["our reading:"] * 2


def test_a_claims_readings_stand_within_it_wherever_they_are_judged():
    experiments = (with_claims("C06-slope", "C06"), replace(with_claims("C06-end", whose="reader"), id="6.1-two"))
    root = parsed(replace(PAGE, sections=(SectionView("6.1", "", experiments),)))
    one, two = (e for e in by_class(root, "experiment") if e.tag == "article")
    assert [text(e) for e in by_class(one, "claim-id")] == ["C06", "C06-slope", "C06-end"]
    assert [text(e) for e in by_class(one, "whose")] == ["our reading:", "a reader's reading:"]
    assert "Judged in: Six rules" in text(one)
    assert not by_class(two, "claim-id")
    assert [a.get("href") for listed in by_class(two, "verdict-list") for a in listed.iter("a")] == ["#C06-end"]


def test_a_reading_without_its_claim_stands_by_itself():
    root = parsed(replace(PAGE, sections=(SectionView("6.1", "", (with_claims("C06-slope"),)),)))
    assert [text(e) for e in by_class(root, "claim-id")] == ["C06-slope"]
    assert [text(e) for e in by_class(root, "count")] == ["0", "0", "1"]


def on_tracks(*verdicts, **changes):
    parts = tuple(PartView("p", verdict, track) for track, verdict in verdicts)
    return replace(CLAIM, parts=parts, **changes)


BOTH = [("book", "supported"), ("book", "undecided"), ("tuned", "contradicted"), ("tuned", "supported")]


@pytest.mark.parametrize(
    ("claim", "tracks"),
    [
        (on_tracks(*BOTH), (("book", "undecided"), ("tuned", "contradicted"))),
        (on_tracks(*BOTH, combine="any_of"), ()),
        (on_tracks(*BOTH[:3], combine="any_of"), (("book", "supported"), ("tuned", "contradicted"))),
        (on_tracks(*BOTH, combine=""), ()),
        (on_tracks(("book", "supported"), ("tuned", "supported")), ()),
        (on_tracks(("book", "supported"), ("book", "contradicted")), ()),
        (on_tracks(("book", "supported"), ("book and tuned", "contradicted"), ("", "undecided")), ()),
    ],
)
def test_tracks_that_disagree(claim, tracks):
    assert claim.tracks == tracks


def test_disagreement_of_tracks_stands_beside_the_verdict():
    claim = on_tracks(("book", "supported"), ("tuned", "contradicted"), verdict="contradicted")
    root = parsed(replace(PAGE, sections=(SectionView("6.1", "", (replace(EXPERIMENT, claims=(claim,)),)),)))
    assert [text(e) for e in by_class(root, "tracks")] == ["book: supported, tuned: contradicted"] * 2
    result = by_class(root, "result")[0]
    assert "Contradicted book: supported, tuned: contradicted" in text(result)
    table = next(e for e in root.iter("table") if "parts" in e.get("class", ""))
    assert [[text(cell) for cell in row][:2] for row in table.iter("tr")] == [
        ["Comparison", "Track"],
        ["p", "book"],
        ["p", "tuned"],
    ]


def test_a_summary_lists_claims_with_their_verdicts():
    summary = "# 6.6 Summary\n\n## One\n\nA lesson.\n\n::: claims C04 C99 C03\n:::\n\n::: claims C98\n:::\n"
    root = parsed(replace(PAGE, sections=(*PAGE.sections, SectionView("6.6", summary))))
    (listed,) = by_class(root, "verdict-list")
    assert [(a.get("href"), a.text) for a in listed.iter("a")] == [("#C04", "C04"), ("#C03", "C03")]
    assert "Contradicted" in text(listed[0])
    assert "Adam learns faster than SGD" in text(listed[1])


def test_a_table_for_readers_is_folded_with_its_rounded_numbers_and_its_csv():
    csv = "update,SGD\n1,2.405931\n101,\n"
    printed = PrintedView("Losses", csv, "Means.", "6.1-mnist-progress.csv")
    root = parsed(replace(PAGE, sections=(SectionView("6.1", "", (replace(EXPERIMENT, printed=(printed,)),)),)))
    (folded,) = by_class(root, "narrow")
    assert folded.tag == "details"
    assert "open" not in folded.attrib
    rows = [[text(cell) for cell in row] for row in folded.iter("tr")]
    assert rows == [["update", "SGD"], ["1", "2.406"], ["101", "–"]]
    (link,) = folded.iter("a")
    assert link.get("download") == "6.1-mnist-progress.csv"
    assert base64.b64decode(link.get("href").rpartition(",")[2]).decode() == csv


def test_a_summary_lists_readings_once_below_their_claim():
    summary = SectionView("6.6", "# 6.6 Summary\n\n::: claims C06-slope C06\n:::\n\n::: claims C06-slope\n:::\n")
    root = parsed(replace(PAGE, sections=(SectionView("6.1", "", (with_claims("C06", "C06-slope"),)), summary)))
    listed = [[a.text for a in each.iter("a")] for each in by_class(root, "verdict-list")]
    assert listed == [["C06", "C06-slope"], ["C06-slope"]]


def test_tuning_stands_with_the_settings():
    tuning = ChoicesView("Tuning: the rate", "How.", TableView(("Variant", "Chosen"), (("SGD", "0.1"),)))
    page = replace(PAGE, sections=(SectionView("6.1", "", (replace(EXPERIMENT, choices=(tuning,)),)),))
    settings, shown = (e for e in by_class(parsed(page), "settings"))
    assert "Settings" in text(settings)
    assert text(shown) == "Tuning: the rate How. VariantChosen SGD0.1"


def test_claims_that_were_not_judged_are_named():
    page = replace(PAGE, sections=(SectionView("6.1", "", (replace(EXPERIMENT, claims=(ClaimView("C09", "?"),)),)),))
    assert "C09" in text(next(e for e in by_class(parsed(page), "not_judged")))


def test_a_claim_shows_verdict_numbers_sentence_remark_and_parts():
    page = replace(
        PAGE,
        sections=(
            SectionView(
                "6.1",
                "",
                (replace(EXPERIMENT, claims=(replace(CLAIM, remark="Not a *bug*: $g = 0$."),)),),
            ),
        ),
    )
    claim = next(e for e in by_class(parsed(page), "claim") if e.tag == "section")
    said = text(claim)
    assert "✓ Supported" in said
    assert "mean loss: Adam against SGD: −0.521 [−0.541, −0.501] nats, 10 replicates" in said
    assert "Adam's loss is lower." in said
    assert [text(e) for e in claim.iter("em")] == ["bug"]
    assert list(claim.iter("math"))
    heads = [text(e) for e in claim.iter("th") if e.get("scope") == "col"]
    cells = [text(e) for row in claim.iter("tr") for e in row][len(heads) :]
    shown = dict(zip(heads, cells, strict=True))
    assert shown["Margin"] == "0.05 nats"
    assert shown["Correction"] == "Holm"
    assert shown["Variants"] == "adam, sgd"


@pytest.mark.parametrize(
    ("unit", "scale", "shown"),
    [
        ("share", "value", "43.2 [41.0, 45.4] %"),
        ("share", "difference", "43.2 [41.0, 45.4] points"),
        ("", "ratio", "0.432 [0.410, 0.454] times"),
        ("updates", "value", "0.432 [0.410, 0.454] updates"),
    ],
)
def test_numbers_carry_their_unit(unit, scale, shown):
    part = replace(PART, unit=unit, scale=scale, estimate=0.432, low=0.41, high=0.454)
    experiment = replace(EXPERIMENT, claims=(replace(CLAIM, parts=(part,), leading=part),))
    assert shown in text(parsed(replace(PAGE, sections=(SectionView("6.1", "", (experiment,)),))))


def test_hostile_text_is_shown_as_text():
    bad = '<script>alert("1")</script>'
    experiment = ExperimentView(
        id=f"6.1{bad}",
        title=bad,
        question=bad,
        settings=SettingsView(((bad, bad),), TableView((bad,), ((bad,),)), 1, 1),
        figures=(FigureView(SVG, bad, bad),),
        claims=(replace(CLAIM, id=bad, statement=bad, sentence=bad, remark=bad, parts=(replace(PART, label=bad),)),),
        csv=f"{bad}\n{bad}\n",
        table=bad,
        missing=(bad,),
        notes=(bad,),
        choices=(ChoicesView(bad, bad, TableView((bad,), ((bad,),))),),
    )
    page = PageView(
        sections=(SectionView(bad, f"# {bad}\n\n{bad}\n\n## {bad}\n", (experiment,)),),
        introduction=bad,
        method=f"[a](javascript:alert(1)) ![b](http://evil.example/x.png) {bad}",
        facts=((bad, ((bad, bad),)),),
        commit=bad,
        selection=(bad,),
    )
    root = parsed(page)
    assert not list(root.iter("script"))
    assert not list(root.iter("img"))
    assert not [e for e in root.iter("a") if e.get("href").startswith("javascript")]
    assert bad in text(root)


def test_an_experiment_stands_where_the_text_places_it():
    section = next(e for e in by_class(parsed(PAGE), "part") if "6.1" in e.get("aria-labelledby"))
    children = list(section)
    place = next(i for i, e in enumerate(children) if e.tag == "article")
    assert "The rule" in text(children[place - 1])
    assert "After it." in text(children[place + 1])
    assert [text(e) for e in children[place].iter("em")] == ["loss"]


def test_experiments_that_no_text_places_follow_at_the_end_of_their_section():
    new = replace(EXPERIMENT, id="6.1-new", claims=())
    page = replace(
        PAGE,
        sections=(SectionView("6.1", PROSE, (new, EXPERIMENT)), SectionView("Z", "", (replace(new, id="Z-1"),))),
    )
    articles = [e.get("aria-labelledby") for e in parsed(page).iter("article")]
    assert articles == ["6.1-mnist", "6.1-new", "Z-1"]


def test_places_of_experiments_that_are_not_there_are_skipped():
    page = PageView(sections=(SectionView("6.1", PROSE.replace("6.1-mnist", "6.1-other"), (EXPERIMENT,)),))
    assert [e.get("aria-labelledby") for e in parsed(page).iter("article")] == ["6.1-mnist"]


def test_figures_are_inlined_with_text_and_a_name():
    drawing = next(parsed(PAGE).iter("svg"))
    assert drawing.get("aria-label") == "Loss of six rules"
    assert drawing.get("role") == "img"
    assert [e.text for e in drawing.iter("text")] == ["loss"]
    assert text(next(parsed(PAGE).iter("figcaption"))) == "Loss against updates"


def test_the_summary_can_be_downloaded_and_the_runs_found():
    page = replace(PAGE, runs=RunsView("https://lab.example", {"6.1-mnist": "our 6.1-mnist"}))
    links = {e.get("download", "runs"): e.get("href") for e in by_class(parsed(page), "outputs")[0].iter("a")}
    data = links["6.1-mnist.csv"].removeprefix("data:text/csv;charset=utf-8;base64,")
    assert base64.b64decode(data).decode() == EXPERIMENT.csv
    assert links["runs"] == "https://lab.example/#/experiments?experimentSearchFilter=our%206.1-mnist"


def test_banners():
    assert not by_class(parsed(PAGE), "banner")
    missing = replace(EXPERIMENT, missing=("figure curves",))
    page = PageView(
        sections=(SectionView("6.1", "", (missing,)),),
        is_preview=True,
        is_incomplete=True,
        selection=("6.1-mnist",),
    )
    preview, incomplete, selection, _ = by_class(parsed(page), "banner")
    assert "Preview" in text(preview)
    assert "6.1-mnist: figure curves" in text(incomplete)
    assert [a.get("href") for a in incomplete.iter("a")] == ["#6.1-mnist"]
    assert "6.1-mnist" in text(selection)


@pytest.mark.parametrize(
    ("preset", "command"),
    [("full", "make study"), ("quick", "make quick"), ("small", "snakemake --cores all --config preset=small")],
)
@pytest.mark.parametrize("is_changed", [False, True])
def test_the_commands_that_make_the_page_again_can_be_given(preset, command, is_changed):
    commit = "0123abcd" + "-dirty" * is_changed
    colophon = by_class(parsed(replace(PAGE, commit=commit, preset=preset, is_preview=preset != "full")), "colophon")[0]
    assert [e.text for e in colophon.iter("code")] == [f"git checkout 0123abcd\n{command}"]
    assert ("files had been changed since this commit" in text(colophon)) == is_changed


def test_an_empty_page_is_a_page():
    root = parsed(PageView())
    assert "No experiment" in text(by_class(root, "overview")[0])
    assert not list(root.iter("article"))


def keys(table: dict, prefix: str = "") -> set[str]:
    return {
        name
        for key, value in table.items()
        for name in (keys(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key})
    }


def test_all_languages_have_the_same_words():
    assert "en" in languages()
    for language in languages():
        assert keys(strings(language)) == keys(strings("en"))
        assert strings(language)["language"] == language
