import numpy as np
import pytest

from chapter6.engine import problems
from chapter6.engine.examples import draw_indices
from chapter6.engine.network import Network
from chapter6.engine.penalties import Penalty
from chapter6.engine.problems import EnsembleProblem, NetworkProblem
from chapter6.engine.streams import Streams
from chapter6.registry import build
from engine.combinations import layers
from engine.small import affine_shapes, network_problem, pictures, trained, watch
from reference import textbook


def flat_to_textbook(problem):
    """Return the parameters under the textbook's names."""
    views = problem.parameters.value_of
    names = [name for name, _, _ in affine_shapes(problem.architecture)]
    weights = {f"W{number}": views[f"weights/{name}"] for number, name in enumerate(names, 1)}
    return weights | {f"b{number}": views[f"biases/{name}"] for number, name in enumerate(names, 1)}


@pytest.mark.parametrize("chunk", [1, 7, 16, 17, 18, 1000])
def test_evaluation_equals_a_direct_computation_whatever_the_chunk(monkeypatch, chunk):
    monkeypatch.setattr(problems, "EVALUATION_CHUNK", chunk)
    problem = network_problem()
    test = problem.splits["test"]
    x = test.images * test.scale
    _, pre_activations = textbook.forward(flat_to_textbook(problem), x, "relu")
    accuracy = np.mean(pre_activations[-1].argmax(axis=1) == test.targets)
    loss, share = problem.evaluate("test")
    assert loss == pytest.approx(textbook.cross_entropy(pre_activations[-1], test.targets), rel=1e-12)
    assert share == accuracy


def test_evaluation_weighs_the_last_chunk_by_its_size():
    problem = network_problem(pictures(1001))
    x, labels = next(problem.splits["train"].chunks(1001, np.float64))
    direct = Network(problem.architecture, problem.parameters, 1001).loss(x, labels)
    assert problem.evaluate("train")[0] == pytest.approx(direct, rel=1e-12)


def test_evaluation_leaves_out_the_penalty():
    with_penalty = network_problem(penalty={"kind": "l2", "strength": 1.0})
    assert with_penalty.evaluate("test") == network_problem().evaluate("test")


@pytest.mark.parametrize("penalty", Penalty.members)
def test_a_penalty_adds_itself_to_the_loss_and_its_gradient_to_the_weights_alone(penalty):
    plain, penalized = network_problem(), network_problem(penalty=penalty)
    rule = build(Penalty, penalty)
    weights = plain.values[: plain.parameters.decayed]
    assert penalized.differentiate(1) - plain.differentiate(1) == pytest.approx(rule.value(weights), rel=1e-10)
    rule.add_gradient(weights, plain.gradient[: weights.size])
    np.testing.assert_allclose(penalized.gradient, plain.gradient, rtol=1e-12)


def test_penalties_of_a_list_add_up():
    both, plain = network_problem(), network_problem()
    both.penalties = rules = [build(Penalty, kind) for kind in Penalty.members]
    weights = plain.values[: plain.parameters.decayed]
    added = sum(rule.value(weights) for rule in rules)
    assert both.differentiate(1) - plain.differentiate(1) == pytest.approx(added, rel=1e-10)
    assert both.loss_after_update() - plain.loss_after_update() == pytest.approx(added, rel=1e-10)
    for rule in rules:
        rule.add_gradient(weights, plain.gradient[: weights.size])
    np.testing.assert_allclose(both.gradient, plain.gradient, rtol=1e-12)


@pytest.mark.parametrize("penalty", [None, *Penalty.members])
def test_the_loss_after_an_update_is_that_of_the_batch_under_the_new_weights(penalty):
    problem = network_problem(penalty=penalty)
    before = problem.differentiate(3)
    assert problem.batch_loss == problem.loss_after_update() == before
    problem.values *= 1.5
    assert problem.loss_after_update() == problem.differentiate(3) != before


def test_the_second_pass_normalizes_by_the_batch_as_training_does():
    problem = network_problem(**layers("before", None))
    assert problem.differentiate(1) == problem.loss_after_update() != problem.evaluate("train")[0]


def test_there_is_no_batch_before_the_first():
    for problem in (network_problem(), ensemble(2)[0]):
        assert np.isnan(problem.loss_after_update())
        assert np.isnan(problem.batch_loss)


def test_a_snapshot_that_lacks_an_array_is_refused():
    problem = network_problem(**layers("before", None))
    problem.differentiate(1)
    with pytest.raises(ValueError, match="shorter"):
        problem.restore(problem.snapshot()[:-1])


def test_a_float32_network_is_evaluated_on_float32_pixels():
    """To the bit: of pixels in float64 some logits would have another last one."""
    alone, together = network_problem(dtype=np.float32), ensemble(1, np.float32)[0]
    for problem, network in ((alone, alone.evaluator(17)), (together, together.members[0].evaluator(17))):
        problem.evaluate("test")
        seen = network.outputs.copy()
        x, _ = next(problem.splits["test"].chunks(17, np.float32))
        np.testing.assert_array_equal(seen, network.forward(x))


def test_who_looks_on_has_masks_of_its_own():
    """So a second pass takes none away from training, and its own do not depend on what else is looked at."""
    problem = network_problem(**layers(None, "standard"))
    problem.differentiate(1)
    own = Streams(6, 0).within("evaluator-6")
    onlooker = Network(problem.architecture, problem.parameters, 6, own, learns=False)
    assert problem.loss_after_update() == onlooker.loss(*problem.batch, training=True) != problem.batch_loss


def test_update_numbers_name_batches_from_one():
    problem = network_problem()
    problem.differentiate(2)
    expected, labels = problem.batches[1]
    np.testing.assert_array_equal(problem.batch[0], expected)
    np.testing.assert_array_equal(problem.batch[1], labels)


def test_an_evaluator_is_kept_for_its_size_and_leaves_the_training_batch_alone():
    problem = network_problem()
    assert problem.evaluator(6) is problem.evaluator(6)
    assert [problem.evaluator(size).batch_size for size in (6, 7)] == [6, 7]
    problem.differentiate(1)
    loss = problem.loss_after_update()
    problem.evaluator(6).forward(np.zeros((6, 12)))
    assert problem.loss_after_update() == loss


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_float_has_the_networks_type(dtype):
    problem = network_problem(dtype=dtype, penalty="l2")
    assert type(problem.differentiate(1)) is float
    assert problem.dtype == problem.values.dtype == problem.gradient.dtype == problem.batch[0].dtype == dtype
    assert problem.evaluator(6).forward(problem.batch[0]).dtype == dtype


def ensemble(count, dtype=np.float64, **layers):
    """Return an ensemble of the problems of the first ``count`` replicates, and those problems by themselves."""
    alone = [network_problem(replicate=replicate, dtype=dtype, **layers) for replicate in range(count)]
    size = alone[0].values.size
    values, gradient = np.concatenate([problem.values for problem in alone]), np.zeros(count * size, dtype)
    members = []
    for replicate in range(count):
        window = slice(replicate * size, (replicate + 1) * size)
        parameters = alone[replicate].architecture.initial_parameters(
            Streams(6, replicate), dtype, (values[window], gradient[window])
        )
        member = NetworkProblem(alone[0].architecture, parameters, alone[0].splits, streams=Streams(6, replicate))
        member.train_on(draw_indices(Streams(6, replicate)("batches"), 40, 20, 6, "replacement"))
        members.append(member)
    return EnsembleProblem(members, values, gradient), alone


def test_an_ensemble_trains_each_member_as_if_alone():
    together, alone = ensemble(3)
    watch(together, "adam", 20)
    for problem in alone:
        trained(problem, "adam", 20)
    np.testing.assert_array_equal(together.values, np.concatenate([problem.values for problem in alone]))


def test_the_loss_of_an_ensemble_is_the_mean_of_its_members():
    together, alone = ensemble(3)
    before = [problem.differentiate(2) for problem in alone]
    assert together.differentiate(2) == together.batch_loss == pytest.approx(np.mean(before), rel=1e-14)
    for problem in (together, *alone):
        problem.values *= 1.5
    after = [problem.loss_after_update() for problem in alone]
    assert together.loss_after_update() == pytest.approx(np.mean(after), rel=1e-14)


@pytest.mark.parametrize("chunk", [5, 17])
def test_an_ensemble_predicts_by_the_mean_of_probabilities(monkeypatch, chunk):
    monkeypatch.setattr(problems, "EVALUATION_CHUNK", chunk)
    together, alone = ensemble(3)
    test = together.splits["test"]
    logits = [textbook.forward(flat_to_textbook(p), test.images * test.scale, "relu")[1][-1] for p in alone]
    mean = np.mean([textbook.softmax(each) for each in logits], axis=0)
    loss, accuracy = together.evaluate("test")
    assert loss == pytest.approx(-np.log(mean[np.arange(17), test.targets]).mean(), rel=1e-12)
    assert accuracy == (mean.argmax(axis=1) == test.targets).mean()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_ensemble_of_one_is_evaluated_as_its_member_even_at_extreme_logits(dtype):
    """A label of probability zero in floating point still has a finite loss."""
    together, (alone,) = ensemble(1, dtype)
    for scale in (1, 100):
        together.values *= scale
        alone.values *= scale
        assert together.evaluate("test") == pytest.approx(alone.evaluate("test"), rel=1e-5)
