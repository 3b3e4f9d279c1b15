import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chapter6.engine.examples import Batches, Examples, draw_indices
from chapter6.engine.streams import Streams
from engine.small import gaussians, pictures

BYTES = Examples(np.arange(256, dtype=np.uint8).reshape(-1, 1), np.arange(256), 1 / 255)


def draw(examples, steps, batch_size, sampling, seed=0):
    return draw_indices(np.random.default_rng(seed), examples, steps, batch_size, sampling)


@pytest.mark.parametrize("examples", [pictures(30), gaussians(30)], ids=["bytes", "floats"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_batch_equals_plain_indexing_and_scaling(examples, dtype):
    indices = draw(30, 8, 5, "replacement")
    batches = Batches(examples, indices, dtype)
    for step, rows in enumerate(indices):
        images, targets = batches[step]
        assert images.dtype == dtype
        np.testing.assert_allclose(images, examples.images[rows] * examples.scale, rtol=np.finfo(dtype).eps)
        np.testing.assert_array_equal(targets, examples.targets[rows])


def test_batches_may_be_read_in_any_order():
    examples, indices = pictures(30), draw(30, 4, 5, "replacement")
    batches = Batches(examples, indices, np.float64)
    first = batches[0][0].copy()
    batches[3]
    np.testing.assert_array_equal(batches[0][0], first)


def test_targets_may_be_arrays():
    examples = Examples(np.eye(4), np.arange(8.0).reshape(4, 2))
    np.testing.assert_array_equal(Batches(examples, np.array([[2, 0]]), np.float64)[0][1], [[4, 5], [0, 1]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_and_evaluation_see_the_same_pixels(dtype):
    """Every byte of an image becomes the same float, gathered into a batch or read in order."""
    gathered, _ = Batches(BYTES, np.arange(256)[None], dtype)[0]
    read, _ = next(BYTES.chunks(256, dtype))
    np.testing.assert_array_equal(gathered, read)


def test_pixels_are_scaled_in_the_networks_type():
    """Rounding a float64 product to float32 would give some bytes another last bit."""
    images, _ = next(BYTES.chunks(256, np.float32))
    expected = np.arange(256, dtype=np.float32) * np.float32(1 / 255)
    np.testing.assert_array_equal(images[:, 0], expected)
    assert (expected != (np.arange(256) / 255).astype(np.float32)).any()


def test_pixels_span_zero_to_one():
    images, _ = next(BYTES.chunks(256, np.float32))
    assert (images[0, 0], images[255, 0]) == (0, 1)


@given(st.integers(1, 30), st.integers(1, 40))
def test_chunks_put_together_are_the_whole(count, size):
    examples = pictures(count)
    chunks = [(images.copy(), targets) for images, targets in examples.chunks(size, np.float64)]
    assert [len(images) for images, _ in chunks[:-1]] == [size] * (len(chunks) - 1)
    np.testing.assert_array_equal(np.concatenate([images for images, _ in chunks]), examples.images * examples.scale)
    np.testing.assert_array_equal(np.concatenate([targets for _, targets in chunks]), examples.targets)


def test_the_first_examples_are_a_view_and_keep_the_scale():
    examples = pictures(10)
    first = examples.first(4)
    assert (len(first), first.inputs, first.scale) == (4, 12, examples.scale)
    assert np.shares_memory(first.images, examples.images)
    np.testing.assert_array_equal(first.targets, examples.targets[:4])
    assert len(examples.first(99)) == len(examples.first(None)) == 10


@given(st.integers(1, 30), st.floats(0, 1))
def test_a_split_holds_out_its_share_and_keeps_the_order_of_both_parts(count, share):
    examples = pictures(count)
    held_out, rest = examples.split(share, np.random.default_rng(count))
    assert len(held_out) == round(share * count)
    numbered = Examples(examples.images, np.arange(count), examples.scale).split(share, np.random.default_rng(count))
    assert sorted(np.concatenate([part.targets for part in numbered])) == list(range(count))
    for part, numbers in zip((held_out, rest), (part.targets for part in numbered), strict=True):
        assert (np.diff(numbers) > 0).all()
        assert part.scale == examples.scale
        np.testing.assert_array_equal(part.images, examples.images[numbers])
        np.testing.assert_array_equal(part.targets, examples.targets[numbers])


def test_a_split_is_random():
    parts = [Examples(BYTES.images, np.arange(256)).split(0.5, np.random.default_rng(seed))[0] for seed in (0, 1)]
    assert (parts[0].targets != parts[1].targets).any()


@pytest.mark.parametrize(
    ("sampling", "first"),
    [("replacement", [[22296, 53362], [41797, 20881]]), ("epochs", [[23272, 25964], [7680, 37002]])],
)
def test_the_batches_are_those_that_the_published_results_used(sampling, first):
    """A change here changes every number of the study; an index takes four bytes."""
    indices = draw_indices(Streams(6, 0)("batches"), 60_000, 2, 2, sampling)
    assert indices.tolist() == first
    assert indices.dtype == np.uint32


def test_the_held_out_examples_are_those_that_the_published_results_used():
    held_out, _ = Examples(np.arange(10)[:, None], np.arange(10)).split(0.25, Streams(6, 0)("validation"))
    assert held_out.targets.tolist() == [2, 8]


@pytest.mark.parametrize("sampling", ["replacement", "epochs"])
@given(st.integers(5, 40), st.integers(1, 5), st.integers(1, 30), st.integers(0, 30))
def test_a_shorter_run_draws_the_beginning_of_a_longer_ones(sampling, examples, batch_size, steps, more):
    shorter, longer = (draw(examples, count, batch_size, sampling) for count in (steps, steps + more))
    assert shorter.shape == (steps, batch_size)
    np.testing.assert_array_equal(shorter, longer[:steps])


@given(st.integers(5, 40), st.integers(1, 5))
def test_epochs_visit_no_example_twice_and_drop_only_the_incomplete_batch(examples, batch_size):
    per_epoch = examples // batch_size
    order = draw(examples, 3 * per_epoch, batch_size, "epochs").reshape(3, -1)
    for epoch in order:
        assert len(set(epoch.tolist())) == per_epoch * batch_size
        assert epoch.max() < examples
    if examples > 10:
        assert (order[0] != order[1]).any()


def test_replacement_draws_every_example_equally_often():
    counts = np.bincount(draw(10, 2000, 50, "replacement").ravel(), minlength=10)
    assert np.abs(counts - 10_000).max() < 5 * np.sqrt(10_000)


def test_replacement_repeats_examples_within_a_batch():
    assert any(len(set(rows)) < 50 for rows in draw(60, 5, 50, "replacement").tolist())


@pytest.mark.parametrize("sampling", ["replacement", "epochs"])
def test_no_steps_draw_nothing(sampling):
    assert draw(10, 0, 5, sampling).shape == (0, 5)
