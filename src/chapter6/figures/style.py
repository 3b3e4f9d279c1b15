"""How figures look: theme, a fixed look for every well-known variant, names along axes, and saving."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chapter6.files import write_text
from chapter6.metrics import metric_of
from chapter6.words import name, parameter_name

if TYPE_CHECKING:
    import matplotlib.figure

WIDTH = 9.0  # inches: 864 CSS pixels, near the width at which pages show a figure
INK, MUTED, FAINT = "#222222", "#666666", "#bbbbbb"

# Okabe and Ito's palette without its yellow, which white paper swallows.
BLACK, GREY, ORANGE, SKY = "#000000", "#7f7f7f", "#e69f00", "#56b4e9"
GREEN, BLUE, VERMILION, PURPLE = "#009e73", "#0072b2", "#d55e00", "#cc79a7"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
SPLIT_DASHES: dict[str, Any] = {
    "batch": "-",
    "train": "-",
    "validation": (0, (5, 2)),
    "test": (0, (5, 2)),
    "noisy": (0, (2, 2)),
}


@dataclass(frozen=True)
class Look:
    """Colour and marker of a line or a row; the dash is left to the split."""

    color: str
    marker: str


LOOKS = {
    "sgd": Look(BLACK, "o"),
    "momentum": Look(BLUE, "s"),
    "nesterov": Look(SKY, "P"),
    "adagrad": Look(GREEN, "^"),
    "rmsprop": Look(ORANGE, "v"),
    "adam": Look(VERMILION, "D"),
    "zeros": Look(BLACK, "X"),
    "constant": Look(GREY, "P"),
    "std-0.01": Look(PURPLE, "v"),
    "std-1": Look(ORANGE, "^"),
    "xavier": Look(BLUE, "s"),
    "he": Look(VERMILION, "D"),
    "sigmoid": Look(PURPLE, "o"),
    "tanh": Look(GREEN, "s"),
    "relu": Look(VERMILION, "^"),
    "plain": Look(GREY, "o"),
    "batchnorm": Look(BLUE, "s"),
    "after": Look(VERMILION, "D"),
    "decay": Look(PURPLE, "^"),
    "l1": Look(GREEN, "v"),
    "dropout": Look(ORANGE, "D"),
    "dropout-0.15": Look(GREEN, "^"),
    "dropout-0.5": Look(PURPLE, "v"),
    "dropout-masks": Look(PURPLE, "v"),
    "inverted": Look(VERMILION, "P"),
    "early": Look(BLACK, "X"),
    "ensemble-2": Look(SKY, "s"),
    "ensemble-5": Look(BLUE, "P"),
    "ensemble-10": Look(VERMILION, "X"),
    "grid-centres": Look(GREY, "s"),
    "grid-ends": Look(BLACK, "X"),
    "random": Look(BLUE, "o"),
    "narrowing": Look(GREEN, "^"),
    "bayesian": Look(VERMILION, "D"),
    "halving": Look(SKY, "v"),
    "median": Look(PURPLE, "P"),
}
_ALIASES = {
    "zero": "zeros",
    "normal": "std-0.01",
    "small": "std-0.01",
    "normal-0.01": "std-0.01",
    "large": "std-1",
    "normal-1": "std-1",
    "std-1.0": "std-1",
    "none": "plain",
    "without": "plain",
    "bn": "batchnorm",
    "before": "batchnorm",
    "with": "batchnorm",
    "l2": "decay",
}

ABSCISSAE = {
    "rate": "learning rate, times the default",
    "multiple": "learning rate, times 1 by the mean square of the inputs",
}
SYMBOLS = {"optimizer.learning_rate": "η", "penalties.l2.strength": "decay"}
SPLIT_NAMES = {
    "batch": "mini-batch",
    "train": "training",
    "validation": "validation",
    "test": "test",
    "noisy": "noisy test",
}


def axis_name(parameter: str) -> str:
    """Return what an axis of a sweep or a dotted parameter is called along an axis."""
    return ABSCISSAE.get(parameter, parameter_name(parameter))


def symbol(parameter: str) -> str:
    """Return the short name of a dotted parameter."""
    return SYMBOLS.get(parameter, name(parameter.rpartition(".")[2]))


def metric_name(metric: str, splits: Sequence[str] = ()) -> str:
    """Return a metric's name for readers, without its layer, with its split where there is one to tell."""
    known = metric_of(metric)
    return f"{SPLIT_NAMES[splits[0]]} {known.name}" if len(splits) == 1 and known.by_split else known.name


def number(value: float, metric: str = "", difference: bool = False) -> str:
    """Write a value with three significant digits; a share in per cent, a difference of shares in points."""
    if metric_of(metric).is_share:
        text = f"{round(100 * value, 1) + 0.0:.1f} {'points' if difference else '%'}"
    else:
        text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.1e}"
    return text.replace("-", "\N{MINUS SIGN}")


def looks(keys: Sequence[str]) -> dict[str, Look]:
    """Give every key the fixed look of what tells it from the others, and unknown keys what is left over.

    Keys of several parts (``relu_he``, ``relu·he``) are told apart by the parts in which they differ. Of two
    keys with one look (``tanh_he`` and ``relu_he``) the second keeps the colour and takes another marker.
    """
    known = {key: look for key, parts in _telling_parts(keys).items() if (look := _known_look(parts))}
    colors = [color for color in PALETTE if color not in {look.color for look in known.values()}] or list(PALETTE)
    given: dict[str, Look] = {}
    for key in keys:
        look = known.get(key) or Look(colors[0], MARKERS[0])
        if key not in known:
            colors = colors[1:] + colors[:1]
        free = (Look(look.color, marker) for marker in (look.marker, *MARKERS))
        given[key] = next((choice for choice in free if choice not in given.values()), look)
    return given


def _telling_parts(keys: Sequence[str]) -> dict[str, list[str]]:
    """Return the parts of each key in which the keys differ; all parts where they cannot be lined up."""
    parts = {key: re.split(r"[_·]", key.lower()) for key in keys}
    if len({len(split) for split in parts.values()}) > 1 or len(parts) == 1:
        return parts
    differ = [len(set(column)) > 1 for column in zip(*parts.values(), strict=True)]
    return {key: [part for part, tells in zip(split, differ, strict=True) if tells] for key, split in parts.items()}


def _known_look(parts: Sequence[str]) -> Look | None:
    """Find the look of the last part that has one, or that starts or ends with what has one (``adam-tuned``)."""
    for part in reversed(parts):
        words = part.split("-")
        spans = [words[:end] for end in range(len(words), 0, -1)] + [words[at:] for at in range(1, len(words))]
        for span in spans:
            look = LOOKS.get(_ALIASES.get("-".join(span), "-".join(span)))
            if look:
                return look
    return None


@contextmanager
def theme() -> Iterator[None]:
    """Draw on a white grid and in this study's sizes; nothing global stays changed."""
    import matplotlib as mpl

    with mpl.rc_context(_RC):
        yield


_RC: Any = {  # seaborn's "whitegrid" for "paper" to begin with: to import it takes half of a drawing job's start-up
    "axes.axisbelow": True,
    "axes.grid": True,
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "white",
    "patch.force_edgecolor": True,
    "patch.linewidth": 0.8,
    "xtick.bottom": False,
    "ytick.left": False,
    **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 4.8),
    **dict.fromkeys(("xtick.major.width", "ytick.major.width"), 1.0),
    **dict.fromkeys(("xtick.minor.size", "ytick.minor.size"), 3.2),
    **dict.fromkeys(("xtick.minor.width", "ytick.minor.width"), 0.8),
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10.5,
    "figure.titlesize": 12.5,
    "figure.titleweight": "bold",
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 10,
    "legend.title_fontsize": 10,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#999999",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.titlelocation": "left",
    "axes.unicode_minus": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.7,
    "lines.markersize": 5,
    "figure.facecolor": "white",
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "path.simplify": True,
}


def save(figure: matplotlib.figure.Figure, path: Path) -> None:
    """Write ``figure`` as SVG; the same figure gives the same bytes.

    The figure's label, its text for those who cannot see it, becomes the SVG's title. The file is written
    under a temporary name and moved.
    """
    import matplotlib as mpl

    buffer = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type")) | {"Title": figure.get_label() or None}
    with theme(), mpl.rc_context({"svg.hashsalt": "/".join(path.parts[-2:])}):
        figure.savefig(buffer, format="svg", metadata=metadata)
    write_text(path, slim(buffer.getvalue()))


def slim(svg: str) -> str:
    """Make Matplotlib's SVG fit to stand in a page beside others, and half as large.

    Coordinates keep two decimals (a hundredth of a point). Ids that nothing refers to go, as two figures of a
    page would share them; so does the style sheet for ``*``, which would style the page: the root's attributes
    say the same, and the fonts. The title stays, the other metadata goes.
    """
    families = ", ".join(f"'{family}'" for family in _RC["font.sans-serif"]) + ", sans-serif"
    root = f'role="img" font-family="{families}" stroke-linejoin="round" stroke-linecap="butt"'
    svg = re.sub(r"<!DOCTYPE.*?>\s*", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"<style[^>]*>\s*\*\{[^}]*\}\s*</style>", "", svg, count=1)
    svg = re.sub(r"<defs>\s*</defs>\s*", "", svg)
    svg = re.sub(r'<g id="[A-Za-z0-9.]+_\d+"', "<g", svg)
    svg = re.sub(r'(<image [^>]*?)id="[^"]*" ?', r"\1", svg)
    svg = svg.replace(f"font-family: {families}; ", "").replace("<svg ", f"<svg {root} ", 1)
    svg = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", svg)
    return re.sub(r' (d|x|y)="([^"]*)"', lambda match: f' {match[1]}="{_rounded(match[2])}"', svg)


def _rounded(numbers: str) -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda match: f"{float(match[0]):.2f}", numbers)
