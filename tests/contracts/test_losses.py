import numpy as np
import pytest

from chapter6.engine.losses import Loss
from chapter6.registry import build
from reference.differences import central_difference

both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])

BATCH, WIDTH = 5, 4
DIRECTIONS = {"linear"}  # whose targets are no classes
DRAWS = {
    "directions": lambda rng, batch: rng.standard_normal((batch, WIDTH)),
    "labels": lambda rng, batch: rng.integers(0, WIDTH, batch),
    "distributions": lambda rng, batch: rng.dirichlet(np.ones(WIDTH), batch),
}


def forms(kind):
    """Return the forms of target that a loss takes."""
    own = "directions" if kind in DIRECTIONS else "labels"
    return [own, *(["distributions"] if Loss.members[kind].takes_distributions else [])]


every_loss = pytest.mark.parametrize(("kind", "form"), [(kind, form) for kind in Loss.members for form in forms(kind)])


def case(kind, form, batch=BATCH, dtype=np.float64):
    """Return the loss at this batch size, outputs and targets."""
    rng = np.random.default_rng(0)
    outputs = rng.standard_normal((batch, WIDTH)).astype(dtype)
    targets = DRAWS[form](rng, batch)
    return build(Loss, kind).bind(batch, WIDTH, np.dtype(dtype)), outputs, targets


@every_loss
@pytest.mark.parametrize("batch", [2, 5])
def test_the_gradient_equals_the_central_difference(kind, form, batch):
    loss, outputs, targets = case(kind, form, batch)
    gradient = loss.value_and_gradient(outputs, targets)[1].copy()
    expected = central_difference(lambda point: loss.value(point, targets), outputs)
    np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-9)


@both_types
@every_loss
def test_value_alone_is_the_value_beside_the_gradient(kind, form, dtype):
    loss, outputs, targets = case(kind, form, dtype=dtype)
    value, gradient = loss.value_and_gradient(outputs, targets)
    assert type(value) is float
    assert value == loss.value(outputs, targets)
    assert (gradient.shape, gradient.dtype) == (outputs.shape, dtype)


@every_loss
def test_outputs_and_targets_are_left_alone(kind, form):
    loss, outputs, targets = case(kind, form)
    before = outputs.copy(), targets.copy()
    gradient = loss.value_and_gradient(outputs, targets)[1]
    assert not np.shares_memory(gradient, outputs)
    np.testing.assert_array_equal(outputs, before[0])
    np.testing.assert_array_equal(targets, before[1])


@every_loss
def test_a_loss_is_the_mean_of_its_examples(kind, form):
    loss, outputs, targets = case(kind, form)
    single = build(Loss, kind).bind(1, WIDTH, outputs.dtype)
    rows = [slice(row, row + 1) for row in range(BATCH)]
    each, slopes = zip(*(single.value_and_gradient(outputs[row], targets[row]) for row in rows), strict=True)
    assert len(slopes) == BATCH
    value, gradient = loss.value_and_gradient(outputs, targets)
    assert value == pytest.approx(np.mean(each), rel=1e-12)
    for row in rows:
        alone = single.value_and_gradient(outputs[row], targets[row])[1]
        np.testing.assert_allclose(gradient[row], alone / BATCH, rtol=1e-12)


@both_types
@pytest.mark.parametrize("kind", [kind for kind, loss in Loss.members.items() if loss.takes_distributions])
def test_a_label_is_the_distribution_with_all_of_its_weight_there(kind, dtype):
    loss, outputs, labels = case(kind, "labels", dtype=dtype)
    value, gradient = loss.value_and_gradient(outputs, labels)
    gradient = gradient.copy()
    as_distribution, its_gradient = loss.value_and_gradient(outputs, np.eye(WIDTH)[labels])
    assert as_distribution == pytest.approx(value, rel=float(np.finfo(dtype).eps))
    np.testing.assert_allclose(its_gradient, gradient, rtol=np.finfo(dtype).eps)
