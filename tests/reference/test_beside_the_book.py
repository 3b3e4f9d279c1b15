"""The book's networks in float64 beside the textbook, over 601 updates: its 201 epochs of three.

Both have the same initial weights, batches and masks; only the order in which sums are rounded may tell them apart.
Held are the parameters after every update, and the training accuracy at each of the book's epochs, which is equal.
:mod:`reference.test_trajectories` and its sibling hold more combinations, for fewer updates and to a coarser limit.
"""

from functools import partial

import numpy as np
import pytest

from chapter6.engine.examples import Examples, draw_indices
from chapter6.engine.masking import Dropout
from chapter6.engine.streams import Streams
from engine.combinations import normalized
from engine.small import network_problem, normal_draws, trained
from reference import textbook, textbook_regularized
from reference.trajectories import drawn_masks, flat

UPDATES, EPOCH = 601, 3
EXAMPLES, BATCH = 300, 100
LIMIT = 1e-13  # of the largest parameter

SMALL = {"inputs": 36, "hidden": (20,) * 6, "outputs": 10}
BOOK = {"inputs": 784, "hidden": (100,) * 6, "outputs": 10}

PLAIN = {
    "rule": "sgd",
    "initializer": "he",
    "activation": "relu",
    "normalization": None,
    "dropout": None,
    "penalty": None,
}
RATES = dict.fromkeys(textbook.RULES, 0.01) | {"adam": 0.001, "rmsprop": 0.001}  # at 0.01 RMSProp explodes here
CASES = {
    **{rule: {"rule": rule} for rule in textbook.RULES},
    **{initializer: {"initializer": initializer} for initializer in textbook.INITIALIZERS},
    "constant": {"initializer": "constant", "activation": "tanh"},  # under ReLU the logits outgrow float64's softmax
    "decay": {"penalty": ("l2", 0.1)},
    "dropout": {"dropout": ("standard", 0.2)},
    "batch-normalization": {"normalization": "before"},
}


@pytest.mark.parametrize("case", CASES)
def test_six_hundred_updates_equal_the_textbooks(case):
    assert_equal(*trained_side_by_side(PLAIN | CASES[case], SMALL))


def test_six_hundred_updates_of_the_books_own_network_equal_the_textbooks():
    assert_equal(*trained_side_by_side(PLAIN | CASES["dropout"], BOOK))


def test_a_hundredth_of_the_rate_is_noticed():
    with pytest.raises(AssertionError):
        assert_equal(*trained_side_by_side(PLAIN, SMALL, slower=0.99))


def assert_equal(errors, accuracies, book_accuracies):
    assert len(errors) == UPDATES
    assert max(errors) <= LIMIT, f"{max(errors):.1e} after update {1 + np.argmax(errors)}"
    assert accuracies == book_accuracies
    assert max(accuracies) > min(accuracies)


def trained_side_by_side(design, shape, slower=1.0):
    """Return the largest error of a parameter after each update, and both sides' accuracies at each epoch."""
    problem, rule = problem_of(design, shape), design["rule"]
    book = textbook_steps(problem, design, shape)
    errors, accuracies, book_accuracies = [], [], []

    def note(step, _):
        expected, guesses = next(book)
        errors.append(np.abs(problem.values - expected).max() / np.abs(expected).max())
        if step % EPOCH == 1:
            accuracies.append(problem.evaluate("train")[1])
            book_accuracies.append(np.mean(guesses() == problem.splits["train"].targets))

    settings = {"kind": rule, "learning_rate": slower * RATES[rule]}
    assert trained(problem, settings, UPDATES, (), note).status == "finished"
    return errors, accuracies, book_accuracies


def textbook_steps(problem, design, shape):
    """Yield the textbook's parameters after each update and a way to its guesses, given the problem's draws."""
    examples = problem.splits["train"]
    images, rule = examples.images / 255, design["rule"]
    draws = normal_draws(problem.architecture)
    parameters = textbook_regularized.all_initial_parameters(draws, design["initializer"], design)
    order = draw_indices(Streams(6, 0)("batches"), EXAMPLES, UPDATES, BATCH, "replacement")
    batches = ((images[rows], examples.targets[rows]) for rows in order)
    settings, masks = {"learning_rate": RATES[rule]}, masks_of(design, shape)
    for _, after, averages in textbook_regularized.train(parameters, batches, design, rule, settings, masks):
        logits = partial(textbook_regularized.evaluate, after, images, design, averages)
        yield flat(after), lambda logits=logits: logits().argmax(axis=1)


def problem_of(design, shape):
    penalty, dropout = design["penalty"], design["dropout"]
    return network_problem(
        digits(shape["inputs"]),
        steps=UPDATES,
        batch_size=BATCH,
        penalty={"kind": penalty[0], "strength": penalty[1]} if penalty else None,
        dropout=Dropout(dropout[1], dropout[0]) if dropout else None,
        initializer=design["initializer"],
        activation=design["activation"],
        **(normalized(design["normalization"]) if design["normalization"] else {}),
        **shape,
    )


def masks_of(design, shape):
    if not design["dropout"]:
        return [None] * UPDATES
    hidden = shape["hidden"]
    layers = [f"layer-{number}" for number in range(1, len(hidden) + 1)]
    return drawn_masks(Streams(6, 0), layers, (BATCH, hidden[0]), design["dropout"][1], UPDATES)


def digits(inputs):
    """Return images that can be learned: one of ten patterns and noise, dark where there is little.

    Classes differ in size, so that zero weights, which learn their shares alone, prefer one.
    """
    rng = np.random.default_rng(6)
    labels = np.minimum(rng.geometric(0.2, EXAMPLES) - 1, 9)
    light = rng.random((10, inputs))[labels] + 0.4 * rng.standard_normal((EXAMPLES, inputs))
    return Examples((255 * np.where(light > 0.5, light, 0).clip(0, 1)).astype(np.uint8), labels, 1 / 255)
