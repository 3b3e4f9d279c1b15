from itertools import combinations, product

import numpy as np
import pytest

from chapter6.engine.streams import Streams
from engine.small import affine_shapes, architecture, normal_draws


def numbers(seed, replicate, purpose):
    return Streams(seed, replicate)(purpose).standard_normal(64)


def test_the_same_key_gives_the_same_numbers():
    np.testing.assert_array_equal(numbers(6, 3, "batches"), numbers(6, 3, "batches"))


def test_seed_replicate_and_purpose_each_change_every_number():
    keys = product([6, 7], [0, 1, 2**31], ["batches", "weights/layer-1", "weights/layer-2", ""])
    for one, other in combinations([numbers(*key) for key in keys], 2):
        assert not np.isin(one, other).any()


def test_a_stream_starts_anew_each_time_and_minds_no_other():
    streams = Streams(6, 0)
    first = streams("batches").random(5)
    streams("weights/layer-1").random(1000)
    np.testing.assert_array_equal(streams("batches").random(5), first)


def test_streams_within_a_name_are_those_of_the_purposes_behind_it():
    streams = Streams(6, 3).within("member-1").within("evaluator-6")
    assert streams == Streams(6, 3, "member-1/evaluator-6/")
    np.testing.assert_array_equal(streams("batches").standard_normal(64), numbers(6, 3, "member-1/evaluator-6/batches"))


def test_streams_of_many_replicates_are_uncorrelated():
    draws = np.array([Streams(6, replicate)("batches").standard_normal(1000) for replicate in range(40)])
    correlations = np.corrcoef(draws)[np.triu_indices(40, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(1000)


def test_the_streams_are_those_that_the_published_results_used():
    """Raw words of the generator: a change here changes every number of the study."""
    assert list(Streams(6, 0)("batches").bit_generator.random_raw(2)) == [16406188100610504014, 6419964293526447090]


@pytest.mark.parametrize(("one", "other", "ratio"), [("he", "xavier", np.sqrt(2)), ("normal", "xavier", 0.01)])
def test_variants_share_the_draws_of_their_weights(one, other, ratio):
    first, second = (
        architecture(initializer=kind).initial_parameters(Streams(6, 4), np.float64) for kind in (one, other)
    )
    for name, inputs, _ in affine_shapes(architecture()):
        scale = ratio * (np.sqrt(inputs) if one == "normal" else 1)
        weights = first.value_of[f"weights/{name}"]
        np.testing.assert_allclose(weights, scale * second.value_of[f"weights/{name}"], rtol=1e-14)


def test_each_layer_draws_from_a_stream_of_its_own():
    shallow, deep = normal_draws(architecture(hidden=(8,), outputs=8)), normal_draws(architecture(hidden=(8, 8)))
    np.testing.assert_array_equal(shallow[0], deep[0])
    np.testing.assert_array_equal(shallow[1], deep[1])
    assert not np.isin(deep[1], deep[2]).any()
