"""Two hundred updates with batch normalization, dropout, penalties and all of them together, beside the textbook.

Compared are, after every update: the loss of the training pass, the parameters, the running averages and the loss
after the update (a second training pass, with masks of its own, that must leave no trace in the averages); and in
evaluation mode the logits of all test examples after every fiftieth. The masks are the engine's: its streams are
drawn a second time here and handed to the textbook. Errors and DOUBLE are those of ``trajectories``.

Batches hold 16 examples: of 6, a ReLU that is off for all but one leaves a variance near zero to normalize by, which
multiplies rounding by up to 1000 a layer and update. SINGLE is for float32, with one exception. A bias before batch
normalization is taken out again with the mean, so its gradient is zero but for rounding, and a rule that divides by
the gradient's own size makes steps of that: such a bias, the running mean that follows it and the logits of
evaluation are held to DRIFT.
"""

from functools import cache

import numpy as np
import pytest

from chapter6.engine.examples import draw_indices
from chapter6.engine.masking import Dropout
from chapter6.engine.streams import Streams
from engine.combinations import normalized
from engine.small import affine_shapes, architecture, gaussians, network_problem, normal_draws, trained
from reference import textbook, textbook_regularized
from reference.trajectories import (
    DOUBLE,
    RULES,
    UPDATES,
    assert_close,
    both_types,
    drawn_masks,
    every_initializer,
    every_rule,
    flat,
)

SINGLE = 2e-4
DRIFT = 5e-2
DIVIDING = {"adagrad", "rmsprop", "adam"}
LOOK = 50
BATCH, WIDTH = 16, 8
LAYERS = ("layer-1", "layer-2")

NOTHING = {"normalization": None, "dropout": None, "penalty": None}
BOTH_BEFORE = {"normalization": "before", "dropout": ("standard", 0.3)}
BOTH_AFTER = {"normalization": "after", "dropout": ("inverted", 0.3)}
PARTS = {
    "bn-before": {"normalization": "before"},
    "bn-after": {"normalization": "after"},
    "dropout-standard": {"dropout": ("standard", 0.3)},
    "dropout-inverted": {"dropout": ("inverted", 0.3)},
    "both-before": BOTH_BEFORE,
    "both-after": BOTH_AFTER,
    "both-before-l1": {**BOTH_BEFORE, "penalty": ("l1", 0.01)},
    "both-after-l2": {**BOTH_AFTER, "penalty": ("l2", 0.01)},
}

RECORDED = ("loss", "values", "loss after", "means", "variances", "logits")

every_part = pytest.mark.parametrize("parts", PARTS)


@both_types
@pytest.mark.parametrize("activation", textbook.OF_THE_CHAPTER)
@every_part
@every_rule
def test_every_update_equals_the_textbooks(rule, parts, activation, dtype):
    compare(rule, "he", activation, parts, dtype)


@every_part
@pytest.mark.parametrize("activation", textbook.LATER)
def test_every_later_activation_with_every_part_equals_the_textbooks(activation, parts):
    compare("nesterov", "he", activation, parts, np.float64)


@every_part
@every_initializer
def test_every_initializer_with_every_part_equals_the_textbooks(initializer, parts):
    """In float64: from zero and constant weights rounding is all that tells units apart, see test_trajectories."""
    compare("nesterov", initializer, "tanh", parts, np.float64)


def compare(rule, initializer, activation, parts, dtype):
    expected = textbook_trajectory(rule, initializer, activation, parts)
    actual = engine_trajectory(rule, initializer, activation, parts, dtype)
    limit = loose = DOUBLE if dtype == np.float64 else SINGLE
    if dtype == np.float32 and rule in DIVIDING and PARTS[parts].get("normalization") == "before":
        loose = DRIFT
    values, book_values = actual["values"].copy(), expected["values"].copy()
    assert_close((actual["loss"], values), (expected["loss"], book_values), loose)
    for each in (values, book_values):
        each[:, hidden_biases(parts)] = 0
    assert_close((actual["loss"], values), (expected["loss"], book_values), limit)
    limits = {"loss after": limit, "means": loose, "variances": limit, "logits": loose}
    for name, bound in limits.items():
        error, size = np.abs(actual[name] - expected[name]).max(initial=0), np.abs(expected[name]).max(initial=0)
        assert error <= bound * size, f"{name}: {error / size:.1e}"


def engine_trajectory(rule, initializer, activation, parts, dtype):
    """Return losses, parameters, running averages and logits of the test examples on the way."""
    design = NOTHING | PARTS[parts]
    penalty = {"kind": design["penalty"][0], "strength": design["penalty"][1]} if design["penalty"] else None
    form, ratio = design["dropout"] or (None, 0.0)
    problem = network_problem(
        gaussians(40),
        steps=UPDATES,
        batch_size=BATCH,
        dtype=dtype,
        penalty=penalty,
        activation=activation,
        initializer=initializer,
        dropout=Dropout(ratio, form) if form else None,
        **(normalized(design["normalization"]) if design["normalization"] else {}),
    )
    seen = {name: [] for name in RECORDED}

    def note(step, loss):
        seen["loss"].append(loss)
        seen["values"].append(problem.values.copy())
        seen["loss after"].append(problem.loss_after_update())
        statistics = problem.parameters.statistics
        for kind in ("mean", "variance"):
            seen[f"{kind}s"].append(np.array([statistics[f"{kind}/{name}"] for name in LAYERS if statistics]))
        if step % LOOK == 0:
            images = problem.splits["test"].images * problem.splits["test"].scale
            seen["logits"].append(problem.evaluator(len(images)).forward(images.astype(dtype)).copy())

    outcome = trained(problem, {"kind": rule, **RULES[rule]}, UPDATES, (), note)
    assert outcome.status == "finished"
    assert problem.values.dtype == dtype
    return {name: np.array(each) for name, each in seen.items()}


@cache
def textbook_trajectory(rule, initializer, activation, parts):
    """Return the same from the textbook, given the same draws, the same batches and the same masks."""
    design = NOTHING | PARTS[parts] | {"activation": activation}
    parameters = textbook_regularized.all_initial_parameters(normal_draws(architecture()), initializer, design)
    examples, test = gaussians(40), network_problem().splits["test"]
    order = draw_indices(Streams(6, 0)("batches"), len(examples), UPDATES, BATCH, "replacement")
    batches = [(examples.images[rows], examples.targets[rows]) for rows in order]
    masks, second_masks = masks_of(Streams(6, 0), design), masks_of(second_pass(), design)
    seen = {name: [] for name in RECORDED}
    steps = textbook_regularized.train(parameters, batches, design, rule, RULES[rule], masks)
    for step, (loss, after, averages) in enumerate(steps, start=1):
        seen["loss"].append(loss)
        seen["values"].append(flat(after))
        seen["loss after"].append(textbook_regularized.loss(after, *batches[step - 1], design, second_masks[step - 1]))
        seen["means"].append(np.array([mean for mean, _ in averages]))
        seen["variances"].append(np.array([variance for _, variance in averages]))
        if step % LOOK == 0:
            seen["logits"].append(textbook_regularized.evaluate(after, test.images / 255, design, averages))
    return {name: np.array(each) for name, each in seen.items()}


def second_pass():
    """Return the streams of the network that looks on at training batches."""
    return Streams(6, 0).within(f"evaluator-{BATCH}")


def masks_of(streams, design):
    if not design["dropout"]:
        return [None] * UPDATES
    return drawn_masks(streams, LAYERS, (BATCH, WIDTH), design["dropout"][1], UPDATES)


def hidden_biases(parts):
    """Return where the biases of the hidden layers lie in the flat parameters."""
    weights = sum(inputs * outputs for _, inputs, outputs in affine_shapes(architecture()))
    beside = 3 if PARTS[parts].get("normalization") else 1  # a gain and a shift follow each bias
    starts = [weights + number * beside * WIDTH for number in range(len(LAYERS))]
    return np.concatenate([np.arange(start, start + WIDTH) for start in starts])


def test_the_masks_of_the_two_forms_differ_by_their_scale_alone():
    mask = np.array([[1.0, 0.0, 1.0]])
    scale = textbook_regularized.training_scale
    np.testing.assert_array_equal(scale(mask, ("standard", 0.5)), mask)
    np.testing.assert_array_equal(scale(mask, ("inverted", 0.5)), 2 * mask)
