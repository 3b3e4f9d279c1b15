# ruff: noqa: RUF001  (the page's typography: multiplication signs)

from chapter6.report.searches import (
    Tuned,
    edge_notes,
    search_settings,
    tuning_notes,
    tuning_view,
)
from chapter6.report.strings import strings

WORDS = strings("en")
RATE = "optimizer.learning_rate"
SPACE = {RATE: {"low": 1e-6, "high": 1e-2, "scale": "log"}}
SEARCH = {"space": SPACE, "trials": 40, "metric": "accuracy", "retrains": 5, "strategy": None, "replay": None}


def chosen(*edges):
    return list(edges)


def tuned(label="SGD", at_edge=False, losses=(0.9, 0.5, None), own=0.01):
    candidates = [
        {"value": own * factor, "loss": loss, "outcome": "diverged" if loss is None else "finished"}
        for factor, loss in zip((0.1, 1, 10), losses, strict=True)
    ]
    return Tuned(label, own, {"value": own, "at_edge": at_edge, "candidates": candidates})


def test_edges_are_counted_by_setting_and_end():
    records = [chosen((RATE, "upper")), chosen((RATE, "upper"), ("penalties.l2.strength", "lower")), chosen()]
    assert list(edge_notes({"random": records}, WORDS)) == [
        "In 2 of 3 searches the best learning rate lies at the upper end of its range: the optimum may lie outside.",
        "In 1 of 3 searches the best λ lies at the lower end of its range: the optimum may lie outside.",
    ]


def test_of_several_strategies_each_is_named():
    notes = edge_notes({"grid": [chosen()], "random": [chosen((RATE, "upper"))]}, WORDS)
    assert list(notes) == [
        "random: in the only search the best learning rate lies at the upper end of its range: "
        "the optimum may lie outside."
    ]


def test_settings_of_a_strategy_and_of_a_replay():
    strategy = SEARCH | {"strategy": {"kind": "narrowing", "keep": 5}}
    assert search_settings(strategy, [20, 20]) == {
        "search.trials": 40,
        "strategy": "narrowing",
        "strategy.keep": 5,
        "search.rounds": [20, 20],
        "search.metric": "accuracy",
        "search.retrains": 5,
    }
    replay = SEARCH | {"replay": {"of": "grid", "rule": {"kind": "median", "grace": 0.2}}}
    assert search_settings(replay, [])["replay.rule.grace"] == 0.2
    assert "search.trials" not in search_settings(replay, [])


def test_tuning_shows_every_candidate_the_choice_and_the_edge():
    both = [tuned(), tuned("Adam", at_edge=True, losses=(0.1, 0.2, 0.3), own=0.001)]
    view = tuning_view(RATE, 1000, 1 / 6, both, WORDS)
    assert view.summary == "Tuning: the learning rate of 2 variants"
    assert "1000 updates" in view.text
    assert "16.7\u202f%" in view.text
    assert view.table.columns == (
        "Variant",
        "Own learning rate",
        "× 0.1",
        "× 1",
        "× 10",
        "Chosen",
        "At the edge of what was tried",
    )
    assert view.table.rows == (
        ("SGD", "0.01", "0.900", "0.500", "diverged", "0.01", "no"),
        ("Adam", "0.001", "0.100", "0.200", "0.300", "0.001", "yes"),
    )


def test_tuned_values_at_the_edge_are_noted():
    assert list(tuning_notes(RATE, [], 1, WORDS)) == []
    (note,) = tuning_notes(RATE, ["Adam"], 2, WORDS)
    assert "for 1 of 2 variants (Adam) the best learning rate lies at the edge" in note
