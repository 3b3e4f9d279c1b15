"""What a tuning leaves is read only where it is the one that is planned."""

import json

import pytest

from chapter6.study.loading import load_study
from chapter6.study.results import UnreadableError
from chapter6.study.tunings import Candidate, Tuned, read_tuned

RATE = "stages.main.optimizer.learning_rate"


@pytest.fixture
def planned(project):
    changes = {"claims": [], "tuning": {"of": ["fast"], "factors": [0.1, 1, 10]}}
    return load_study(root=project(changes)).experiments["9.9-demo"].tunings["fast"]


def record(candidates=(0.01, 0.1, 1.0), parameter=RATE):
    tried = [{"value": value, "loss": 0.5, "outcome": "finished"} for value in candidates]
    return {"parameter": parameter, "value": 0.1, "at_edge": False, "candidates": tried}


def read(planned, content):
    return read_tuned({"t.json": content.encode()}, "t.json", planned)


def test_a_tuning_of_its_own_candidates_is_read(planned):
    found = read(planned, json.dumps(record()))
    assert found == Tuned(RATE, 0.1, False, tuple(Candidate(v, 0.5, "finished") for v in (0.01, 0.1, 1.0)))
    assert read(planned, json.dumps(record((0.01 * (1 + 1e-6), 0.1, 1.0)))).value == 0.1


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(record((0.02, 0.2, 2.0))),
        json.dumps(record((0.01, 0.1))),
        json.dumps(record(())),
        json.dumps(record(parameter="stages.main.optimizer.momentum")),
        json.dumps({}),
        "[]",
        "{",
        "",
    ],
)
def test_a_tuning_of_other_candidates_is_refused_by_name(planned, content):
    with pytest.raises(UnreadableError, match=r"^t\.json: ") as error:
        read(planned, content)
    assert error.value.file == "t.json"


@pytest.mark.parametrize(
    ("losses", "value", "at_edge"),
    [((0.9, 0.5, None), 0.1, False), ((0.1, 0.2, 0.3), 0.01, True), ((None, None, 0.3), 1.0, True)],
)
def test_the_lowest_loss_is_chosen(losses, value, at_edge):
    candidates = [Candidate(v, loss, "x") for v, loss in zip((0.01, 0.1, 1.0), losses, strict=True)]
    tuned = Tuned.of(RATE, candidates)
    assert (tuned.value, tuned.at_edge) == (value, at_edge)
