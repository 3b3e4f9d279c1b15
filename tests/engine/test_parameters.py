import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chapter6.engine.initializers import He
from chapter6.engine.parameters import Parameters, Slot

SLOTS = [
    Slot("weights/1", (3, 2), decays=True),
    Slot("biases/1", (2,)),
    Slot("gains/1", (2,), 1.0),
    Slot("weights/2", (2, 4), He(), decays=True),
    Slot("biases/2", (4,)),
]


@st.composite
def slot_lists(draw):
    shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
    kinds = draw(st.lists(st.tuples(shapes, st.sampled_from([0.0, 1.0, He()]), st.booleans()), min_size=1, max_size=6))
    return [Slot(f"slot-{number}", *kind) for number, kind in enumerate(kinds)]


@given(slot_lists())
def test_weights_come_first_and_nothing_is_lost(slots):
    parameters = Parameters(slots, np.float32)
    decays = [slot.decays for slot in parameters.slots]
    weights = sum(decays)
    assert decays == [True] * weights + [False] * (len(slots) - weights)
    assert sorted(slot.name for slot in parameters.slots) == sorted(slot.name for slot in slots)
    assert parameters.values.size == parameters.gradient.size == sum(int(np.prod(slot.shape)) for slot in slots)
    assert parameters.decayed == sum(slot.size for slot in slots if slot.decays)


@given(slot_lists())
def test_views_tile_the_buffers_in_order(slots):
    parameters = Parameters(slots, np.float64)
    for buffer, view_of in (
        (parameters.values, parameters.value_of),
        (parameters.gradient, parameters.gradient_of),
    ):
        buffer[...] = np.arange(buffer.size)
        assert all(view_of[slot.name].shape == slot.shape for slot in slots)
        tiled = np.concatenate([view_of[slot.name].ravel() for slot in parameters.slots])
        np.testing.assert_array_equal(tiled, buffer)


def test_views_write_through():
    parameters = Parameters(SLOTS, np.float32)
    parameters.value_of["weights/2"][1, 3] = 5
    parameters.gradient_of["biases/1"][:] = 7
    assert list(np.flatnonzero(parameters.values == 5)) == [6 + 7]
    assert list(np.flatnonzero(parameters.gradient == 7)) == [14, 15]


def test_the_decayed_slice_is_the_weights_alone():
    parameters = Parameters(SLOTS, np.float64)
    parameters.values[: parameters.decayed] = 9
    assert (parameters.value_of["weights/1"] == 9).all()
    assert (parameters.value_of["weights/2"] == 9).all()
    assert not parameters.value_of["biases/1"].any()
    assert (parameters.value_of["gains/1"] == 1).all()


def test_slots_start_at_their_number_and_what_is_drawn_at_zero():
    parameters = Parameters(SLOTS, np.float32)
    assert parameters.values.sum() == (parameters.value_of["gains/1"] == 1).sum() == 2
    assert not parameters.gradient.any()
    assert parameters.values.dtype == parameters.gradient.dtype == np.float32


def test_values_and_gradient_are_apart():
    parameters = Parameters(SLOTS, np.float32)
    assert not np.shares_memory(parameters.values, parameters.gradient)
