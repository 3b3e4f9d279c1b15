"""Prose: Markdown with formulas, rendered when the page is built, and the places of experiments and verdicts.

``$...$`` and ``$$...$$`` become MathML. An experiment stands where the text says

    ::: experiment 6.1-paths
    How to read its figures, in Markdown; may be empty.
    :::

and a list of claims with their verdicts, each linked to where it is judged, where it says

    ::: claims C01 C02
    :::

Raw HTML is shown as text and images are left out: prose can neither load nor run anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.container import container_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from chapter6.registry import StudyError
from chapter6.report.numbers import MINUS

INLINE_FORMULA = re.compile(r'<span class="math inline">(?:(?!</span>).)*</span>[.,;:!?)]+')

EXPERIMENT, CLAIMS = "experiment", "claims"  # what may have a place in the text
SIGNS, CLOSERS = ("+", "\N{MINUS SIGN}", "±"), (")", "]", "}", "|", "!", "\N{PRIME}")


@dataclass(frozen=True)
class Link:
    """An entry of the contents, a heading or an experiment, with the entries below it."""

    anchor: str
    text: str
    children: tuple[Link, ...] = ()
    is_experiment: bool = False


@dataclass(frozen=True)
class Block:
    """A stretch of text with the headings in it, the place of an experiment with its reading guide, or of claims."""

    html: str
    headings: tuple[Link, ...] = ()
    experiment: str = ""
    claims: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prose:
    """A Markdown file: its first-level heading and what follows."""

    title: str
    blocks: tuple[Block, ...]


def read(markdown: str, prefix: str, take: Callable[[str], str] = str) -> Prose:
    """Split a file into text and places; anchors of headings start with ``prefix`` and go through ``take``.

    The file's ``#`` is the section's heading (``h2`` of the page), so its ``##`` becomes ``h3``, and so on.
    """
    tokens = _parser().parse(markdown)
    title = ""
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        title, tokens = _text(tokens[1]), tokens[3:]
    blocks = []
    for part in _parts(tokens):
        headings = _shift_headings(part.tokens, 2 if part.place else 1, lambda text: take(f"{prefix}-{_slug(text)}"))
        html = _render(part.tokens)
        if part.place == EXPERIMENT:
            blocks.append(Block(html, experiment=part.names[0]))
        elif part.place == CLAIMS:
            blocks.append(Block("", claims=part.names))
        elif html:
            blocks.append(Block(html, tuple(headings)))
    return Prose(title, tuple(blocks))


def places_experiments(markdown: str) -> bool:
    """Say whether a text is about experiments of its own; a summary is not."""
    return any(part.place == EXPERIMENT for part in _parts(_parser().parse(markdown)))


def to_html(markdown: str) -> str:
    """Render Markdown without headings or places of its own."""
    return tied(_parser().render(markdown))


def inline(text: str) -> str:
    """Render one line: emphasis, code, formulas, links."""
    return tied(_parser().renderInline(text))


def tied(text: str) -> str:
    """Set signs as print does: per cent and punctuation stay with what they follow, and minus is no hyphen."""
    text = re.sub(r"(?<=\d) %", "\u202f%", text)
    text = re.sub(r"(?<=[ (])-(?=\d)", MINUS, text)
    return INLINE_FORMULA.sub(r'<span class="whole">\g<0></span>', text)


def remarks(markdown: str) -> dict[str, str]:
    """Return what stands below each second-level heading, by the heading: a claim's id."""
    lines = markdown.splitlines()
    tokens = _parser().parse(markdown)
    heads = [
        (_text(tokens[i + 1]), token.map)
        for i, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == "h2" and token.map
    ]
    ends = [place[0] for _, place in heads[1:]] + [len(lines)]
    return {name: "\n".join(lines[place[1] : end]).strip() for (name, place), end in zip(heads, ends, strict=False)}


@cache
def math(latex: str, is_display: bool = False) -> str:
    """Return a formula as MathML, or raise a :class:`StudyError` that quotes it."""
    try:
        mathml = convert(latex, xmlns="", display="block" if is_display else "inline")
        root = ElementTree.fromstring(mathml.replace(' xmlns=""', ""))
    except Exception as error:  # the converter raises what it likes
        raise StudyError(f"formula {latex!r} cannot be read: {error}") from None
    braces = re.sub(r"\\[{}]|[^{}]", "", latex)
    if braces.count("{") != braces.count("}"):
        raise StudyError(f"formula {latex!r}: braces do not match")
    if unknown := re.search(r">(\\[A-Za-z]+)", mathml):
        raise StudyError(f"formula {latex!r}: unknown command {unknown[1]}")
    for row in root.iter():
        _space(row)
    return ElementTree.tostring(root, encoding="unicode")


def _space(row: ElementTree.Element) -> None:
    """Space a row as TeX does: signs cling to what they sign, a slash to both sides, "log" keeps away."""
    before: ElementTree.Element | None = None
    for child in list(row):
        if child.tag == "mspace":
            continue
        if child.tag == "mo" and child.text == "/":
            child.attrib |= {"lspace": "0", "rspace": "0"}
        if child.tag == "mo" and child.text in SIGNS and before is not None and _is_opening(before):
            child.set("form", "prefix")
        if child.tag != "mo" and before is not None and before.tag == "mi" and len(before.text or "") > 1:
            row.insert(list(row).index(child), ElementTree.Element("mspace", {"width": "0.167em"}))
        before = child


def _is_opening(element: ElementTree.Element) -> bool:
    return element.tag == "mo" and element.text not in CLOSERS


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True, "typographer": True})
    parser.enable(["table", "smartquotes", "replacements"]).disable("image")
    dollarmath_plugin(
        parser,
        allow_labels=False,
        allow_digits=False,
        renderer=lambda latex, options: math(latex, bool(options["display_mode"])),
    )
    for place in (EXPERIMENT, CLAIMS):
        container_plugin(parser, place)
    parser.add_render_rule("table_open", lambda *_: '<div class="scroll"><table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return parser


def _render(tokens: Sequence[Token]) -> str:
    parser = _parser()
    return tied(parser.renderer.render(tokens, parser.options, {})).strip()


@dataclass(frozen=True)
class _Part:
    """Tokens that stand together: running text, or what stands inside a place (``place`` given)."""

    tokens: list[Token]
    place: str = ""
    names: tuple[str, ...] = ()


def _parts(tokens: Sequence[Token]) -> list[_Part]:
    """Cut a file's tokens at its places."""
    parts = [_Part([])]
    for token in tokens:
        match = re.fullmatch(rf"container_({EXPERIMENT}|{CLAIMS})_(open|close)", token.type)
        if not match:
            parts[-1].tokens.append(token)
        elif match[2] == "open":
            parts.append(_place(token, match[1], parts[-1]))
        else:
            parts.append(_Part([]))
        if parts[-1].place == CLAIMS and parts[-1].tokens:
            raise StudyError(
                f"prose: '::: {CLAIMS} {' '.join(parts[-1].names)}' must be closed by ':::' on the next line"
            )
    return parts


def _place(token: Token, place: str, before: _Part) -> _Part:
    """Open a place, or refuse one without names or inside another."""
    names = tuple(token.info.split()[1:])
    if before.place or not names or (place == EXPERIMENT and len(names) > 1):
        wanted = "one experiment" if place == EXPERIMENT else "one claim or more"
        raise StudyError(
            f"prose: '{token.markup}{token.info}' must name {wanted}, and the place before it must have been closed "
            f"by '{token.markup}'"
        )
    return _Part([], place, names)


def _shift_headings(tokens: Sequence[Token], by: int, anchor_of: Callable[[str], str]) -> list[Link]:
    """Lower headings in place, give them anchors, and return those a table of contents lists."""
    listed = []
    for i, token in enumerate(tokens):
        if token.type == "heading_open":
            text = _text(tokens[i + 1])
            anchor = anchor_of(text)
            token.attrSet("id", anchor)
            if token.tag == "h2":
                listed.append(Link(anchor, text))
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + by)}"
    return listed


def _text(token: Token) -> str:
    """Return an inline token's text without its markup."""
    return "".join(child.content for child in token.children or [] if child.content) or token.content


def _slug(text: str) -> str:
    return "-".join(re.findall(r"\w+", text.lower())) or "part"
