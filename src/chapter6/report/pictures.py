"""Drawings inside the page: SVG reduced to what draws, its ids made the page's own.

Inlined, a figure's text stays text: it can be selected, searched and read at any size. What could run, load
or style the page is left out (elements and attributes not listed here), and ``style`` attributes become
presentation attributes, so that the page's security policy need not allow inline styles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from chapter6.registry import StudyError

SVG = "http://www.w3.org/2000/svg"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
ELEMENTS = _names(
    """
    svg g defs symbol use path rect circle ellipse line polyline polygon text tspan clipPath mask marker
    pattern linearGradient radialGradient stop image
    """
)
PRESENTATION = _names(
    """
    fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-dasharray stroke-dashoffset
    stroke-linecap stroke-linejoin stroke-miterlimit opacity color display visibility clip-path
    clip-rule mask marker-start marker-mid marker-end stop-color stop-opacity shape-rendering
    text-rendering image-rendering font-family font-size font-style font-variant font-weight
    font-stretch text-anchor text-decoration dominant-baseline alignment-baseline baseline-shift
    letter-spacing word-spacing writing-mode
    """
)
GEOMETRY = _names(
    """
    id x y x1 y1 x2 y2 dx dy cx cy r rx ry fx fy width height d points transform rotate textLength
    lengthAdjust viewBox preserveAspectRatio offset gradientUnits gradientTransform spreadMethod
    clipPathUnits maskUnits maskContentUnits patternUnits patternContentUnits patternTransform
    markerWidth markerHeight markerUnits refX refY orient
    """
)
PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "in": 96.0, "mm": 96 / 25.4, "cm": 96 / 2.54}
SHORTHAND = re.compile(r"(?P<before>.*?)(?P<size>[\d.]+(?:px|pt|em))(?:/\S+)?\s+(?P<family>.+)")


def inlined(svg: str, prefix: str, alt: str) -> str:
    """Return ``svg`` as markup to stand in a page, its ids starting with ``prefix``; ``alt`` is its name."""
    if "<!ENTITY" in svg:
        raise StudyError("figure: entities are not allowed in SVG")
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise StudyError(f"figure: not valid SVG: {error}") from None
    if _local(root.tag) != "svg":
        raise StudyError(f"figure: expected an svg element, not {_local(root.tag)!r}")
    width, height = _pixels(root, "width", 2), _pixels(root, "height", 3)
    clean = _cleaned(root, prefix)
    own = {"xmlns": SVG, "role": "img", "aria-label": alt, "width": f"{width:g}", "height": f"{height:g}"}
    clean.attrib = {"stroke-linejoin": "round", "stroke-linecap": "butt"} | clean.attrib | own
    clean.attrib.setdefault("viewBox", f"0 0 {width:g} {height:g}")
    return ElementTree.tostring(clean, encoding="unicode")


def _cleaned(element: ElementTree.Element, prefix: str) -> ElementTree.Element:
    clean = ElementTree.Element(_local(element.tag), dict(_attributes(element, prefix)))
    clean.text, clean.tail = element.text, element.tail
    clean.extend(_cleaned(child, prefix) for child in element if _local(child.tag) in ELEMENTS)
    return clean


def _attributes(element: ElementTree.Element, prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in element.attrib.items():
        local = _local(name)
        if name == XML_SPACE:
            yield "xml:space", value
        elif local == "style":
            yield from _declarations(value, prefix)
        elif local == "href" and value.startswith("#"):
            yield "href", f"#{prefix}{value[1:]}"
        elif local == "href" and re.match(r"data:image/(png|jpeg);base64,", value):
            yield "href", value
        elif local == "id":
            yield "id", prefix + value
        elif local in GEOMETRY or local in PRESENTATION:
            yield from _presented(local, value, prefix)


def _declarations(style: str, prefix: str) -> Iterator[tuple[str, str]]:
    for declaration in style.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font":
            yield from _font(value)
        elif name in PRESENTATION:
            yield from _presented(name, value, prefix)


def _font(shorthand: str) -> Iterator[tuple[str, str]]:
    match = SHORTHAND.fullmatch(shorthand)
    if not match:
        return
    yield "font-size", match["size"]
    yield "font-family", match["family"]
    for word in match["before"].split():
        if word in ("italic", "oblique"):
            yield "font-style", word
        elif word != "normal":
            yield "font-weight", word


def _presented(name: str, value: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield an attribute whose references stay inside the figure; one that would load something goes."""
    value = re.sub(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)", rf"url(#{prefix}\1)", value)
    if "url(" not in value.replace(f"url(#{prefix}", ""):
        yield name, value


def _pixels(root: ElementTree.Element, name: str, place: int) -> float:
    """Return the drawing's natural width or height, from the attribute or the viewBox."""
    match = re.fullmatch(r"([\d.]+)\s*([a-z]*)", root.get(name, ""))
    if match and match[2] in PIXELS:
        return round(float(match[1]) * PIXELS[match[2]], 1)
    box = root.get("viewBox", "").replace(",", " ").split()
    return float(box[place]) if len(box) == 4 else 600.0


def _local(name: object) -> str:
    return name.rpartition("}")[2] if isinstance(name, str) else ""
