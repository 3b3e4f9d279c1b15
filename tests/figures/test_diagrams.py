"""The drawn diagrams of batch normalization: nodes, edges, and formulas held against the engine's own layer."""

# ruff: noqa: RUF001 (formulas are written in the letters of the field)
from itertools import pairwise

import numpy as np
import pytest

from chapter6.engine.layers import Place
from chapter6.engine.normalization import BatchNormalization, Normalization
from chapter6.engine.parameters import Parameters
from chapter6.figures.diagrams import BatchNormGraph, BatchNormNetwork

EPSILON = BatchNormalization().epsilon


@pytest.fixture(scope="module")
def batch():
    """Every quantity that the graph names, by the formula with which the graph names it, and the engine's answer."""
    rng = np.random.default_rng(3)
    n, width = 7, 4
    declared = BatchNormalization()
    parameters = Parameters(declared.slots("layer-1", (width,)), np.float64)
    place = Place(1, (width,), parameters, n, learns=True, gives_back=True, is_lent=False, rng=lambda _: None)
    layer = declared.bind(place)
    assert isinstance(layer, Normalization)
    layer.gain[:], layer.shift[:] = rng.normal(size=(2, width))
    x, dy = rng.normal(1, 2, size=(2, n, width))
    y = layer.forward(x, training=True).copy()
    dx = layer.backward(dy.copy())
    return {"N": n, "x": x, "dy": dy, "y": y, "dx": dx, "γ": layer.gain, "β": layer.shift,
            "dγ": layer.gain_gradient, "dβ": layer.shift_gradient}  # fmt: skip


def edges():
    data = BatchNormGraph().data({})
    rows = data[data["part"] == "edge"]
    return {(row.source, row.target): row for row in rows.itertuples()}


def test_the_graph_has_every_operation_in_its_place():
    data = BatchNormGraph().data({})
    nodes = data[data["part"] == "node"].set_index("name")["text"]
    known = edges()
    assert {end for pair in known for end in pair} == set(nodes.index)
    assert all(edge.forward and edge.backward for edge in known.values())
    path = ["x", "subtract", "square", "variance", "epsilon", "root", "reciprocal", "normalize", "scale", "shift", "y"]
    rest = [("x", "mean"), ("mean", "subtract"), ("subtract", "normalize"), ("gamma", "scale"), ("beta", "shift")]
    assert set(known) == {*pairwise(path), *rest}


OPERATIONS = {  # node: forward of its inputs, gradient for each of them, sources in order
    "mean": (["x"], lambda x: x.mean(0), lambda d, x: [np.broadcast_to(d / len(x), x.shape)]),
    "subtract": (["x", "mean"], lambda x, m: x - m, lambda d, *_: [d, -d.sum(0)]),
    "square": (["subtract"], lambda c: c**2, lambda d, c: [2 * c * d]),
    "variance": (["square"], lambda q: q.mean(0), lambda d, q: [np.broadcast_to(d / len(q), q.shape)]),
    "epsilon": (["variance"], lambda v: v + EPSILON, lambda d, _: [d]),
    "root": (["epsilon"], np.sqrt, lambda d, v: [d / (2 * np.sqrt(v))]),
    "reciprocal": (["root"], lambda s: 1 / s, lambda d, s: [-d / s**2]),
    "normalize": (["subtract", "reciprocal"], lambda c, r: c * r, lambda d, c, r: [d * r, (d * c).sum(0)]),
    "scale": (["normalize", "gamma"], lambda h, g: h * g, lambda d, h, g: [d * g, (d * h).sum(0)]),
    "shift": (["scale", "beta"], lambda a, b: a + b, lambda d, *_: [d, d.sum(0)]),
}  # fmt: skip


def run_graph(batch):
    """Run the drawn graph forward and backward; return values by node and gradients by edge."""
    values = {"x": batch["x"], "gamma": batch["γ"], "beta": batch["β"]}
    for node, (sources, forward, _) in OPERATIONS.items():
        values[node] = forward(*(values[source] for source in sources))
    arriving = {"shift": [batch["dy"]]}
    gradients = {("shift", "y"): batch["dy"]}
    for node, (sources, _, backward) in reversed(OPERATIONS.items()):
        parts = backward(sum(arriving[node]), *(values[source] for source in sources))
        for source, part in zip(sources, parts, strict=True):
            gradients[source, node] = part
            arriving.setdefault(source, []).append(part)
    return values, gradients, {node: sum(parts) for node, parts in arriving.items()}


def test_the_drawn_graph_is_the_engines_layer(batch):
    values, gradients, totals = run_graph(batch)
    assert set(gradients) == set(edges())
    np.testing.assert_allclose(values["shift"], batch["y"], rtol=1e-10)
    np.testing.assert_allclose(totals["x"], batch["dx"], atol=1e-10)
    np.testing.assert_allclose(totals["gamma"], batch["dγ"], rtol=1e-10)
    np.testing.assert_allclose(totals["beta"], batch["dβ"], rtol=1e-10)


def written(batch):
    """The graph's formulas as written, each computed from the ones before it."""
    n, x, dy, gamma = batch["N"], batch["x"], batch["dy"], batch["γ"]
    mu = x.sum(0) / n
    c = x - mu
    variance = (c**2).sum(0) / n
    s = np.sqrt(variance + EPSILON)
    r = 1 / s
    normalized = c * r
    dxhat = gamma * dy
    dr = (c * dxhat).sum(0)
    ds = -dr / s**2
    dvariance = ds / (2 * s)
    dc = r * dxhat + 2 * c * dvariance / n
    dmu = -dc.sum(0)
    forward = {"x": x, "μ": mu, "c": c, "c = x − μ": c, "c²": c**2, "σ²": variance, "σ² + ε": variance + EPSILON,
               "s": s, "r = 1 / s": r, "x̂ = c r": normalized, "γ x̂": gamma * normalized, "γ": gamma, "β": batch["β"],
               "y": gamma * normalized + batch["β"]}  # fmt: skip
    backward = {"dy": dy, "dβ = Σ dy": dy.sum(0), "dγ = Σ x̂ dy": (normalized * dy).sum(0), "dx̂ = γ dy": dxhat,
                "r dx̂": r * dxhat, "dr = Σ c dx̂": dr, "ds = −dr / s²": ds, "dσ² = ds / 2s": dvariance,
                "dσ²": dvariance, "dσ² / N": dvariance / n, "2 c dσ² / N": 2 * c * dvariance / n, "dc": dc,
                "dμ = −Σ dc": dmu, "dμ / N": dmu / n}  # fmt: skip
    return forward, backward


def test_every_formula_on_an_arrow_is_right(batch):
    values, gradients, _ = run_graph(batch)
    forward, backward = written(batch)
    for (source, target), edge in edges().items():
        np.testing.assert_allclose(forward[edge.forward], values[source], rtol=1e-10, atol=1e-12, err_msg=source)
        there = np.broadcast_to(backward[edge.backward], np.shape(gradients[source, target]))
        np.testing.assert_allclose(there, gradients[source, target], rtol=1e-9, atol=1e-12, err_msg=source)


def test_the_formulas_below_the_graph_are_right(batch):
    forward, backward = written(batch)
    dc, dmu, normalized, dy = backward["dc"], backward["dμ = −Σ dc"], forward["x̂ = c r"], batch["dy"]
    together = batch["γ"] * forward["r = 1 / s"] * (dy - dy.mean(0) - normalized * (normalized * dy).mean(0))
    np.testing.assert_allclose(together, batch["dx"], atol=1e-10)
    np.testing.assert_allclose(dc + dmu / batch["N"], batch["dx"], atol=1e-10)
    texts = " ".join(text.get_text() for text in BatchNormGraph().draw({}).axes[0].texts)
    assert "dc = r dx̂ + 2 c dσ² / N,   dx = dc + dμ / N" in texts
    assert "dx = γ r (dy − mean(dy) − x̂ mean(x̂ dy))" in texts


def test_directions_differ_by_more_than_colour():
    ax = BatchNormGraph().draw({}).axes[0]
    of = {"-": [], "--": []}
    for line in ax.lines:
        if line.get_linestyle() in of:
            of[line.get_linestyle()].append(line)
    assert len(of["-"]) == len(of["--"]) == len(edges()) + 1  # and one sample each
    heads = {line.get_markerfacecolor() for line in ax.lines if line.get_linestyle() == "None"}
    assert "white" in heads
    assert {text.get_style() for text in ax.texts} == {"normal", "italic"}


def test_no_text_covers_another():
    for kind in (BatchNormGraph, BatchNormNetwork):
        figure = kind().draw({})
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
        for place, box in enumerate(boxes):
            assert figure.bbox.containsx(box.x0)
            assert figure.bbox.containsx(box.x1)
            assert not any(box.overlaps(other) for other in boxes[:place])


def test_batch_normalization_stands_between_linear_map_and_activation():
    data = BatchNormNetwork().data({})
    nodes, arrows = data[data["part"] == "node"], data[data["part"] == "edge"]
    words = dict(zip(nodes["name"], nodes["text"].str.replace("\n", " "), strict=True))
    assert list(words.values()) == ["x", *["Affine", "Batch Norm", "ReLU"] * 2, "⋯", "Affine", "Softmax", "y"]
    assert [(words[a], words[b]) for a, b in zip(arrows["source"], arrows["target"], strict=True)][1:3] == [
        ("Affine", "Batch Norm"), ("Batch Norm", "ReLU")]  # fmt: skip
    assert nodes["x"].is_monotonic_increasing


def test_diagrams_name_nothing_of_the_experiment():
    for figure in (BatchNormGraph(), BatchNormNetwork()):
        assert not figure.metrics_named() | figure.axes_named() | set(figure.variants_named())
        assert "atch normalization" in figure.alt
