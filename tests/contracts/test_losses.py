import numpy as np
import pytest

from chapter6.engine.losses import Loss
from chapter6.registry import build
from reference.differences import central_difference

every_loss = pytest.mark.parametrize("kind", Loss.members)
both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])

BATCH, WIDTH = 5, 4
DIRECTIONS = {"linear"}  # whose targets are no classes


def case(kind, batch=BATCH, dtype=np.float64):
    """Return the loss at this batch size, outputs and targets."""
    rng = np.random.default_rng(0)
    outputs = rng.standard_normal((batch, WIDTH)).astype(dtype)
    targets = rng.standard_normal((batch, WIDTH)) if kind in DIRECTIONS else rng.integers(0, WIDTH, batch)
    return build(Loss, kind).bind(batch, WIDTH, np.dtype(dtype)), outputs, targets


@every_loss
@pytest.mark.parametrize("batch", [2, 5])
def test_the_gradient_equals_the_central_difference(kind, batch):
    loss, outputs, targets = case(kind, batch)
    gradient = loss.value_and_gradient(outputs, targets)[1].copy()
    expected = central_difference(lambda point: loss.value(point, targets), outputs)
    np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-9)


@both_types
@every_loss
def test_value_alone_is_the_value_beside_the_gradient(kind, dtype):
    loss, outputs, targets = case(kind, dtype=dtype)
    value, gradient = loss.value_and_gradient(outputs, targets)
    assert type(value) is float
    assert value == loss.value(outputs, targets)
    assert (gradient.shape, gradient.dtype) == (outputs.shape, dtype)


@every_loss
def test_outputs_and_targets_are_left_alone(kind):
    loss, outputs, targets = case(kind)
    before = outputs.copy(), targets.copy()
    gradient = loss.value_and_gradient(outputs, targets)[1]
    assert not np.shares_memory(gradient, outputs)
    np.testing.assert_array_equal(outputs, before[0])
    np.testing.assert_array_equal(targets, before[1])


@every_loss
def test_a_loss_is_the_mean_of_its_examples(kind):
    loss, outputs, targets = case(kind)
    single = build(Loss, kind).bind(1, WIDTH, outputs.dtype)
    rows = [slice(row, row + 1) for row in range(BATCH)]
    each, slopes = zip(*(single.value_and_gradient(outputs[row], targets[row]) for row in rows), strict=True)
    assert len(slopes) == BATCH
    value, gradient = loss.value_and_gradient(outputs, targets)
    assert value == pytest.approx(np.mean(each), rel=1e-12)
    for row in rows:
        alone = single.value_and_gradient(outputs[row], targets[row])[1]
        np.testing.assert_allclose(gradient[row], alone / BATCH, rtol=1e-12)
