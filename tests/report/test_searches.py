from chapter6.report.searches import (
    DecidedOf,
    Phase,
    Tuned,
    decisions_view,
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


COARSE, FINE = Phase("coarse", 0.5, 300, 2), Phase("fine", 0.25, 1000, 3)


def tuned(label="SGD", at_edge=False, losses=(0.9, 0.5, None), own=0.01, learned=True, track="tuned"):
    coarse, *fine = (
        {"phase": phase, "values": [own * factor], "scores": {track: [None if loss is None else [loss]] * 3}}
        for phase, factor, loss in zip(("coarse", "fine", "fine"), (1, 1, 10), losses, strict=True)
    )
    choice = {"value": own, "strength": None, "at_edge": at_edge, "learned": learned}
    return Tuned(label, own, track, {"choices": {track: choice}, "candidates": [coarse, *fine], "updates": 1500})


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
    both = [tuned(), tuned("Adam", at_edge=True, losses=(0.1, 0.2, 0.3), own=0.001), tuned("Zero", learned=False)]
    view = tuning_view(RATE, [COARSE, FINE], both, WORDS)
    assert view.summary == "Tuning: the learning rate of 3 variants"
    assert "values 0.5 decades apart around the variant's own, each in 300 updates; then values 0.25" in view.text
    assert "; then" not in tuning_view(RATE, [COARSE], both, WORDS).text
    assert "All of it took 4500 updates." in view.text
    assert view.table.columns == (
        "Variant",
        "Track",
        "Own learning rate",
        "Tried in 300 updates, 2 seeds",
        "Tried in 1000 updates, 3 seeds",
        "Chosen",
        "At the edge of what was tried",
    )
    assert view.table.rows == (
        ("SGD", "tuned", "0.01", "0.01: 0.900", "0.01: 0.500; 0.1: diverged", "0.01", "no"),
        ("Adam", "tuned", "0.001", "0.001: 0.100", "0.001: 0.200; 0.01: 0.300", "0.001", "yes"),
        ("Zero", "tuned", "0.01", "0.01: 0.900", "0.01: 0.500; 0.1: diverged", "0.01", "nothing learned"),
    )


def test_what_is_no_more_than_the_best_of_those_tried_is_noted_and_so_is_what_is_no_choice():
    assert list(tuning_notes(RATE, [tuned()], WORDS)) == []
    edge, unlearned = tuning_notes(RATE, [tuned(), tuned("Adam", at_edge=True), tuned("Zero", learned=False)], WORDS)
    assert "in 1 of 3 choices (Adam) the learning rate is the best of those tried" in edge
    assert "in 1 of 3 choices (Zero) no value of the learning rate let the network learn" in unlearned


def test_decisions_show_what_was_chosen_how_often_and_why():
    choices = [("fast", "first that passes")] * 2 + [("slow", "best, since none passes")]
    record = {
        "choices": [{"replicate": n, "variant": name, "reason": why} for n, (name, why) in enumerate(choices)],
        "scores": {"slow": [[41.0], [51.0], [31.0]], "fast": [None, None, [20.0]]},
    }
    rule, labels = {"kind": "first", "at_most": 100, "at_least": None}, {"slow": "rate 0.01", "fast": "rate 0.1"}
    view = decisions_view([DecidedOf("rate", "updates until it learns", rule, labels, record)], WORDS)
    assert view.summary == "Chosen on the way: one decision"
    [row] = view.table.rows
    assert row == (
        "rate",
        "updates until it learns",
        "the first with at most 100",
        "rate 0.1, 2 of 3 times: the first that passes; rate 0.01, 1 of 3 times: the best, since none passes",
        "rate 0.01: 41; rate 0.1: diverged",
    )
    best = DecidedOf("grid", "accuracy", {"kind": "best"}, labels, record)
    assert [row[2] for row in decisions_view([best, best], WORDS).table.rows] == ["the best"] * 2
