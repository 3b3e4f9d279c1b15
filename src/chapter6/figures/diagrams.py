"""Drawn diagrams of section 6.3: where batch normalization stands in a network, and its computational graph."""

# ruff: noqa: RUF001 (formulas are written in the letters of the field)
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from chapter6.figures import panels, style
from chapter6.figures.base import Figure

if TYPE_CHECKING:
    import matplotlib.figure
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from pandas import DataFrame


class Node(NamedTuple):
    """A box, a circle or a bare symbol at (x, y), in inches."""

    name: str
    text: str
    kind: str  # layer, normalization (a layer of its own colour), operation, value
    x: float
    y: float


class Edge(NamedTuple):
    """An arrow from node to node, by way of corners, with the value that flows forward and its gradient."""

    source: str
    target: str
    forward: str = ""
    backward: str = ""
    via: tuple[tuple[float, float], ...] = ()
    labelled: int = 0  # the segment at which the labels stand


@dataclass(frozen=True, kw_only=True)
class Diagram:
    """A drawn diagram; the tables are not looked at."""

    nodes: ClassVar[tuple[Node, ...]]
    edges: ClassVar[tuple[Edge, ...]]

    def data(self, tables: Mapping[str, DataFrame]) -> DataFrame:
        """Return the nodes (part, name, text, kind, x, y) and the edges (part, source, target, forward, backward)."""
        from pandas import DataFrame

        rows: list[dict[str, Any]] = [{"part": "node", **node._asdict()} for node in self.nodes]
        return DataFrame(rows + [{"part": "edge", **edge._asdict()} for edge in self.edges])


def _parts(data: DataFrame) -> tuple[dict[str, Node], list[Edge]]:
    nodes = data.loc[data["part"] == "node", list(Node._fields)]
    edges = data.loc[data["part"] == "edge", list(Edge._fields)].astype({"labelled": int})
    return {row[0]: Node(*row) for row in nodes.to_numpy().tolist()}, [Edge(*row) for row in edges.to_numpy().tolist()]


def _canvas(height: float, title: str) -> tuple[matplotlib.figure.Figure, Axes]:
    """Return a figure whose one axes is measured in inches, without frame; a title gets room above."""
    total = height + (0.4 if title else 0.0)
    figure = panels.sheet(total)
    ax = figure.add_axes((0, 0, 1, height / total), xlim=(0, style.WIDTH), ylim=(0, height))
    ax.set_axis_off()
    return figure, ax


FILLS = {"layer": "#f4f4f4", "normalization": "#cfe4f2", "operation": "#ffffff"}
HALF_WIDTHS = {"layer": 0.37, "normalization": 0.37, "operation": 0.27, "value": 0.15}


def _draw_node(ax: Axes, node: Node) -> None:
    from matplotlib.patches import Circle, FancyBboxPatch, Patch

    half = HALF_WIDTHS[node.kind]
    special = node.kind == "normalization"
    line: dict[str, Any] = {"edgecolor": style.BLUE if special else style.MUTED, "linewidth": 1.8 if special else 1.1}
    if node.kind == "operation":
        patch: Patch = Circle((node.x, node.y), half, facecolor=FILLS[node.kind], zorder=4, **line)
        ax.add_patch(patch)
    elif node.kind != "value":
        corner, rounded = (node.x - half, node.y - 0.3), "round,pad=0,rounding_size=0.08"
        patch = FancyBboxPatch(corner, 2 * half, 0.6, rounded, facecolor=FILLS[node.kind], zorder=4, **line)
        ax.add_patch(patch)
    weight = "bold" if special or node.kind == "value" else "normal"
    ax.text(node.x, node.y, node.text, ha="center", va="center", fontsize=9.5, weight=weight, zorder=5)


def _corners(edge: Edge, nodes: Mapping[str, Node]) -> NDArray[np.float64]:
    """Return the corners of an arrow, which starts and ends at the rims of its nodes; shape (corners, 2)."""
    source, target = nodes[edge.source], nodes[edge.target]
    points = np.array([(source.x, source.y), *edge.via, (target.x, target.y)], dtype=float)
    points[0] += _direction(points[0], points[1]) * HALF_WIDTHS[source.kind]
    points[-1] -= _direction(points[-2], points[-1]) * HALF_WIDTHS[target.kind]
    return points


def _direction(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit vector from ``start`` to ``end``."""
    return np.asarray((end - start) / np.hypot(*(end - start)))


def _normals(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit vector to the left of each segment."""
    along = np.array([_direction(start, end) for start, end in pairwise(points)])
    return np.stack([-along[:, 1], along[:, 0]], axis=1)


def _beside(points: NDArray[np.float64], distance: float) -> NDArray[np.float64]:
    """Return a line of right-angled segments, moved to its left by ``distance``."""
    normals = _normals(points)
    shifts = np.concatenate([normals[:1], normals[:-1] + normals[1:], normals[-1:]])
    return np.asarray(points + distance * shifts)


def _draw_arrow(ax: Axes, points: NDArray[np.float64], color: str = style.INK, hollow: bool = False) -> None:
    """Draw a solid arrow with a full head, or a dashed one with a hollow head."""
    angle = float(np.degrees(np.arctan2(*(points[-1] - points[-2])[::-1])))
    head = points[-1] - 0.05 * _direction(points[-2], points[-1])
    line = np.vstack([points[:-1], head])
    ax.plot(line[:, 0], line[:, 1], color=color, linewidth=1.3, linestyle=(0, (4, 2)) if hollow else "-", zorder=2)
    fill = "white" if hollow else color
    options: dict[str, Any] = {"markersize": 6.5, "markerfacecolor": fill, "markeredgecolor": color, "zorder": 3}
    ax.plot(*head, marker=(3, 0, angle - 90), linestyle="", **options)


def _write_beside(ax: Axes, points: NDArray[np.float64], at: int, text: str, left: bool, color: str) -> None:
    """Write ``text`` at the middle of a segment, to its left or right (above or below a level one)."""
    normal = _normals(points)[at] * (1 if left else -1)
    x, y = (points[at] + points[at + 1]) / 2 + 0.11 * normal
    across = "center" if abs(normal[0]) < 0.5 else "left" if normal[0] > 0 else "right"
    along = "center" if abs(normal[1]) < 0.5 else "bottom" if normal[1] > 0 else "top"
    slant = "normal" if left else "italic"
    ax.text(x, y, text, ha=across, va=along, color=color, fontsize=9.5, style=slant, zorder=5)


FORWARD, BACKWARD = style.INK, style.VERMILION


@dataclass(frozen=True, kw_only=True)
class BatchNormGraph(Diagram, Figure, key="batch_norm_graph"):
    """Batch normalization's computational graph: values forward above the arrows, gradients backward beneath."""

    nodes = (
        Node("x", "x", "value", 0.25, 3.6),
        Node("mean", "mean", "operation", 1.2, 4.7),
        Node("subtract", "−", "operation", 2.4, 3.6),
        Node("square", "( )²", "operation", 2.4, 1.5),
        Node("variance", "mean", "operation", 3.5, 1.5),
        Node("epsilon", "+ ε", "operation", 4.5, 1.5),
        Node("root", "√", "operation", 5.95, 1.5),
        Node("reciprocal", "1 / ( )", "operation", 5.95, 2.55),
        Node("normalize", "×", "operation", 5.95, 3.6),
        Node("scale", "×", "operation", 7.15, 3.6),
        Node("shift", "+", "operation", 8.25, 3.6),
        Node("gamma", "γ", "value", 7.15, 4.7),
        Node("beta", "β", "value", 8.25, 4.7),
        Node("y", "y", "value", 8.85, 3.6),
    )
    edges = (
        Edge("x", "mean", "x", "dμ / N", ((0.25, 4.7),), 1),
        Edge("mean", "subtract", "μ", "dμ = −Σ dc", ((2.4, 4.7),), 0),
        Edge("x", "subtract", "x", "dc"),
        Edge("subtract", "square", "c", "2 c dσ² / N"),
        Edge("square", "variance", "c²", "dσ² / N"),
        Edge("variance", "epsilon", "σ²", "dσ²"),
        Edge("epsilon", "root", "σ² + ε", "dσ² = ds / 2s"),
        Edge("root", "reciprocal", "s", "ds = −dr / s²"),
        Edge("reciprocal", "normalize", "r = 1 / s", "dr = Σ c dx̂"),
        Edge("subtract", "normalize", "c = x − μ", "r dx̂"),
        Edge("normalize", "scale", "x̂ = c r", "dx̂ = γ dy"),
        Edge("gamma", "scale", "γ", "dγ = Σ x̂ dy"),
        Edge("scale", "shift", "γ x̂", "dy"),
        Edge("beta", "shift", "β", "dβ = Σ dy"),
        Edge("shift", "y", "y", "dy"),
    )
    sums = (
        "where arrows part, gradients add:   dc = r dx̂ + 2 c dσ² / N,   dx = dc + dμ / N",
        "together:   dx = γ r (dy − mean(dy) − x̂ mean(x̂ dy))",
        "dy: gradient of the loss with respect to y, and so on;   Σ and mean: over the batch of N examples",
    )

    directions = (("forward", "the value"), ("backward", "its gradient, italic"))

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        """Draw every arrow twice: solid forward, dashed backward."""
        figure, ax = _canvas(5.1, self.title)
        nodes, edges = _parts(data)
        for node in nodes.values():
            _draw_node(ax, node)
        for edge in edges:
            points = _corners(edge, nodes)
            _draw_arrow(ax, _beside(points, 0.05), FORWARD)
            _draw_arrow(ax, _beside(points, -0.05)[::-1], BACKWARD, hollow=True)
            _write_beside(ax, points, edge.labelled, edge.forward, True, FORWARD)
            _write_beside(ax, points, edge.labelled, edge.backward, False, BACKWARD)
        for row, text in enumerate(self.sums):
            ax.text(0.15, 0.7 - 0.25 * row, text, fontsize=9.5)
        for row, (direction, text) in enumerate(self.directions):
            sample = np.array([(3.35, 4.85 - 0.3 * row), (3.85, 4.85 - 0.3 * row)])
            hollow = direction == "backward"
            color = BACKWARD if hollow else FORWARD
            _draw_arrow(ax, sample[::-1] if hollow else sample, color, hollow)
            ax.text(4.0, sample[0, 1], f"{direction}: {text}", va="center", fontsize=9.5, color=color)
        return figure


def _layers() -> Iterator[Node]:
    """Yield the nodes of a network with batch normalization in each hidden layer, from left to right."""
    hidden = (("affine", "Affine", "layer"), ("norm", "Batch\nNorm", "normalization"), ("relu", "ReLU", "layer"))
    row = [("x", "x", "value")]
    row += [(f"{name}-{number}", text, kind) for number in (1, 2) for name, text, kind in hidden]
    row += [("more", "⋯", "value"), ("affine-out", "Affine", "layer"), ("softmax", "Softmax", "layer")]
    row += [("y", "y", "value")]
    at = 0.12
    for name, text, kind in row:
        at += HALF_WIDTHS[kind]
        yield Node(name, text, kind, round(at, 3), 0.75)
        at += HALF_WIDTHS[kind] + 0.2


LEARNED = {"affine": "W, b", "norm": "γ, β"}  # parameters, written under the boxes


@dataclass(frozen=True, kw_only=True)
class BatchNormNetwork(Diagram, Figure, key="batch_norm_network"):
    """A network with batch normalization between linear map and activation of every hidden layer."""

    nodes = tuple(_layers())
    edges = tuple(Edge(here.name, there.name) for here, there in pairwise(nodes))
    groups = (
        ("hidden layer 1", "affine-1", "relu-1"),
        ("hidden layer 2", "affine-2", "relu-2"),
        ("output layer", "affine-out", "softmax"),
    )

    def plot(self, data: DataFrame) -> matplotlib.figure.Figure:
        figure, ax = _canvas(1.75, self.title)
        nodes, edges = _parts(data)
        for node in nodes.values():
            _draw_node(ax, node)
            text = LEARNED.get(node.name.partition("-")[0], "")
            ax.text(node.x, node.y - 0.48, text, ha="center", va="center", fontsize=9.5, color=style.MUTED)
        for edge in edges:
            _draw_arrow(ax, _corners(edge, nodes))
        for name, first, last in self.groups:
            left, right = nodes[first].x - 0.37, nodes[last].x + 0.37
            ax.plot([left, left, right, right], [1.17, 1.25, 1.25, 1.17], color=style.MUTED, linewidth=1)
            ax.text((left + right) / 2, 1.33, name, ha="center", va="bottom", fontsize=9.5, color=style.MUTED)
        return figure
