"""Checks on runs: known answers on tables made by hand."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chapter6.analysis.checks import Check
from chapter6.analysis.comparisons import deciding
from chapter6.intervals import Verdict
from chapter6.quantities import Quantity
from chapter6.records import PartRecord, Side
from chapter6.registry import StudyError

from .hand_made import outcomes, tables, verdicts

LOSSES = ("batch", "loss", {"sgd": [0.61, 0.59, 0.60, 0.62], "adam": [0.30, 0.31, 0.29, 0.30]})


def ordering(**fields):
    return Check.build({"kind": "ordering", "metric": "loss", "lower": "adam", "than": "sgd", **fields})


def test_importing_the_checks_needs_no_slow_library():
    code = "import sys, chapter6.analysis.claims; print([m for m in ('pandas', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({}, "supported"),
        ({"margin": 0.25}, "supported"),
        ({"margin": 0.305}, "undecided"),
        ({"margin": 0.4}, "contradicted"),
        ({"lower": "sgd", "than": "adam"}, "contradicted"),
        ({"lower": "sgd", "than": "adam", "margin": -0.4}, "supported"),
        ({"scale": "ratio"}, "supported"),
        ({"scale": "ratio", "margin": 1.8}, "supported"),
        ({"scale": "ratio", "margin": 3}, "contradicted"),
    ],
)
def test_ordering_of_a_pair(fields, verdict):
    assert verdicts(ordering(**fields), tables(LOSSES)) == [verdict]


def test_the_part_says_everything_behind_the_verdict():
    made = tables(LOSSES, tracks={"sgd": "tuned", "adam": "tuned"})
    [part] = ordering(margin=0.05).evaluate(made)
    record = part.record()
    assert record.estimate == pytest.approx(-0.305)
    assert record.low < record.estimate < record.high < -0.05
    assert replace(record, estimate=None, low=None, high=None) == PartRecord(
        kind="ordering",
        quantity=Quantity("loss"),
        subject=Side("variant", ("adam",)),
        rival=Side("variant", ("sgd",)),
        scale="difference",
        unit="nats",
        margin=0.05,
        most=-0.05,
        variants=("adam", "sgd"),
        track="tuned",
        verdict=Verdict.SUPPORTED,
        confidence=0.95,
        replicates=4,
    )


def test_an_undecided_part_says_how_many_replicates_would_decide():
    [part] = ordering(margin=0.3).evaluate(tables(LOSSES))
    assert part.verdict == "undecided"
    assert 4 < part.record().decides_at < 100


def test_one_replicate_decides_only_where_nothing_is_random():
    made = tables(("train", "y", {"sgd": [{0: 2.0, 1: -2.0, 2: 2.0}], "adam": [{0: 2.0, 1: 1.0, 2: 1.0}]}))
    fields = {"metric": "y", "summary": "total_variation", "scale": "ratio", "margin": 2}
    [part] = ordering(**fields).evaluate(made)
    assert part.verdict == "undecided"
    assert (part.record().low, part.record().high, part.record().decides_at) == (0.0, None, None)
    [part] = ordering(**fields, exact=True).evaluate(made)
    assert part.verdict == "supported"
    assert part.record().low == part.record().high == 0.125


@pytest.mark.parametrize(
    ("replicates", "exact", "verdict"), [(5, False, "undecided"), (6, False, "contradicted"), (2, True, "contradicted")]
)
def test_replicates_that_all_agree_are_exact_only_where_nothing_is_random(replicates, exact, verdict):
    """As in a sign test: half to the power of their number, on either side."""
    made = tables(("test", "accuracy", {"sgd": [0.1] * replicates, "adam": [0.1] * replicates}))
    assert verdicts(ordering(metric="accuracy", exact=exact), made) == [verdict]


def test_several_names_make_all_pairs_and_the_weakest_decides():
    made = tables(("batch", "loss", {"sgd": [2.0, 2.1, 2.0], "adam": [0.1, 0.21, 0.1], "momentum": [2.5, 2.6, 2.6]}))
    parts = ordering(lower=["adam", "momentum"]).evaluate(made)
    assert [part.verdict for part in parts] == ["supported", "contradicted"]
    assert deciding(parts).comparison.variants == ("momentum", "sgd")
    assert deciding(parts, 1).comparison.variants == ("adam", "sgd")


def test_a_pattern_of_layers_makes_a_part_a_layer():
    made = tables(
        *(
            ("train", f"activation_mean/layer-{n}", {"tanh": [0.01, -0.01, 0.0], "sigmoid": [0.5, 0.52, 0.51]})
            for n in (1, 2)
        )
    )
    check = ordering(metric="activation_mean/layer-*", lower="tanh", than="sigmoid", margin=0.1)
    parts = check.evaluate(made)
    assert [part.comparison.quantity.metric for part in parts] == ["activation_mean/layer-1", "activation_mean/layer-2"]
    assert {part.verdict for part in parts} == {"supported"}
    assert check.metrics_named() == {("train", "activation_mean/layer-*")}


def test_a_diverged_run_stays_in_the_comparison():
    made = tables(
        ("test", "accuracy", {"sgd": [0.9, 0.9, 0.91], "adam": [0.95, 0.96, {1: 0.95}]}), diverged=[("adam", 2)]
    )
    [part] = ordering(metric="accuracy", lower=None, higher="adam").evaluate(made)
    assert part.verdict == "undecided"
    assert part.interval.replicates == 3
    assert part.interval.estimate == pytest.approx((0.05 + 0.06 - 0.81) / 3)
    assert outcomes(part) == [("diverged", "adam", 1, 3)]


INFINITE = ("infinite", "", 0, 0)
NEITHER = ("neither_learned", "", 0, 0)
LOST = tables(
    (
        "batch",
        "loss",
        {
            "sgd": [{1: 2.0, 2: 1.9}, {1: 2.1, 2: 2.0}, {1: 2.2}, *[{1: 2.1, 2: 2.0}] * 3],
            "adam": [{1: 1.0, 2: 1.0}] * 6,
        },
    ),
    diverged=[("sgd", 2)],
    axes={"sgd": {"rate": 1}, "adam": {"rate": 0.1}},
)


@pytest.mark.parametrize(
    "check",
    [
        {"kind": "ordering", "lower": "adam", "than": "sgd"},
        {"kind": "ordering", "lower": "adam", "than": "sgd", "scale": "ratio"},
        {"kind": "level", "variants": "sgd", "below": 3.0},
        {"kind": "equivalence", "variants": "adam", "than": "sgd", "margin": 1.0},
        {"kind": "interaction", "larger": ["sgd", "adam"], "than": ["sgd", "adam"]},
        {"kind": "trend", "along": "rate", "direction": "rises"},
        {"kind": "spread", "along": "rate", "lower": ["adam", "sgd"], "than": ["sgd", "adam"]},
    ],
    ids=lambda check: check["kind"],
)
def test_a_mean_loss_with_a_diverged_run_is_undecided_for_that_reason(check):
    (part,) = Check.build({"metric": "loss", **check}).evaluate(LOST)
    assert part.verdict.value == "undecided"
    assert part.record().estimate is None
    assert ("diverged", "sgd", 1, 6) in outcomes(part)
    assert outcomes(part)[-1] == INFINITE


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        ({"kind": "trend", "metric": "loss", "along": "rate", "direction": "rises", "by": "rank"}, "supported"),
        ({"kind": "time_to_target", "metric": "loss", "at_most": 1.5, "sooner": "adam", "than": "sgd"}, "supported"),
        ({"kind": "ordering", "metric": "loss", "summary": "minimum", "lower": "adam", "than": "sgd"}, "supported"),
    ],
    ids=["rank", "time", "minimum"],
)
def test_what_reads_only_the_order_of_losses_is_judged_though_a_run_diverged(check, verdict):
    (part,) = Check.build(check).evaluate(LOST)
    assert part.verdict.value == verdict
    assert INFINITE not in outcomes(part)


@pytest.mark.parametrize("scale", ["difference", "ratio"])
@pytest.mark.parametrize("exact", [True, False])
def test_an_infinite_loss_is_no_exact_answer_and_no_ratio_of_zero(scale, exact):
    runs = 1 if exact else 3
    losses = {"sgd": [{1: 2.0}] * runs, "adam": [{1: 2.0, 9: 0.5}] * runs}
    made = tables(("batch", "loss", losses), diverged=[("sgd", replicate) for replicate in range(runs)])
    [part] = ordering(lower="adam", than="sgd", scale=scale, exact=exact).evaluate(made)
    assert (part.verdict, part.record().estimate) == ("undecided", None)
    assert outcomes(part)[-1] == INFINITE


def test_a_number_that_diverged_runs_do_not_have_is_undecided():
    made = tables(("train", "deaths", {"sgd": [3.0, 3.0], "adam": [1.0, {1: 1.0}]}), diverged=[("adam", 1)])
    [part] = ordering(metric="deaths").evaluate(made)
    assert (part.verdict, part.record().estimate) == ("undecided", None)
    assert ("undefined", "adam", 1, 2) in outcomes(part)


def test_missing_data_is_undecided_and_named():
    made = tables(LOSSES, also=["momentum"])
    [part] = ordering(lower="momentum").evaluate(made)
    record = part.record()
    assert (record.verdict, record.replicates, record.estimate) == ("undecided", 0, None)
    assert outcomes(part) == [("no_data", "momentum", 0, 0)]
    [part] = ordering(lower="sgd*", than="sgd").evaluate(made)
    assert (part.verdict, outcomes(part)) == ("undecided", [("no_data", "sgd", 0, 0), ("no_data", "sgd*", 0, 0)])


def test_neither_learned_is_an_outcome_of_its_own():
    runs = {"sgd": [0.10, 0.11, 0.12], "adam": [0.11, 0.12, 0.131]}
    made = tables(("test", "accuracy", runs))
    learned = {"metric": "accuracy", "at_least": 0.2}
    fields = {"metric": "accuracy", "lower": None, "higher": "adam"}
    [part] = ordering(**fields, learned=learned).evaluate(made)
    assert (part.verdict, part.decides_at, outcomes(part)) == ("undecided", None, [NEITHER])
    [part] = ordering(**fields, learned=learned, neither_learned="contradicted").evaluate(made)
    assert (part.verdict, outcomes(part)) == ("contradicted", [NEITHER])
    one = tables(("test", "accuracy", {**runs, "adam": [0.11, 0.12, 0.21]}))
    [part] = ordering(**fields, learned=learned).evaluate(one)
    assert outcomes(part) == []


def test_a_share_of_settings_is_a_holm_family_over_an_axis():
    stds = (1, 0.1, 0.01, 0.001)
    plain = {f"plain-{std}": [0.5, 0.51, 0.52] for std in stds}
    normed = {f"bn-{std}": [0.9, 0.92, 0.93] for std in stds} | {"bn-1": [0.4, 0.42, 0.41]}
    axes = {name: {"std": float(name.split("-")[1])} for name in (*plain, *normed)}
    made = tables(("train", "accuracy", {**plain, **normed}), axes=axes)
    base = {"metric": "accuracy", "split": "train", "lower": None, "higher": "bn-*", "than": "plain-*", "each": ["std"]}
    for needs, verdict in ((3, "supported"), (4, "contradicted"), (1, "supported")):
        check = ordering(**base, needs=needs)
        parts = check.evaluate(made)
        assert sorted(part.verdict for part in parts) == ["contradicted"] + ["supported"] * 3
        assert {part.correction for part in parts} == {"holm"}
        assert deciding(parts, needs).verdict == verdict
    assert check.axes_named() == {"std"}
    assert deciding(ordering(**base, needs=5).evaluate(made), 5).verdict == "contradicted"
    assert (
        deciding(ordering(**{**base, "lower": "x", "higher": None}, needs=2).evaluate(made), 2).verdict == "undecided"
    )


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ({"above": 0.5}, "supported"),
        ({"above": 0.9}, "undecided"),
        ({"above": 0.99}, "contradicted"),
        ({"below": 0.99}, "supported"),
        ({"at_most": 0.5}, "contradicted"),
    ],
)
def test_level_of_a_share_is_judged_by_its_log_odds(bound, verdict):
    made = tables(("test", "accuracy", {"adam": [0.90, 0.88, 0.93, 0.91]}))
    [part] = Check.build({"kind": "level", "metric": "accuracy", "variants": "adam", **bound}).evaluate(made)
    assert (part.verdict, part.interval.transform) == (verdict, "logit")


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [({"at_most": 1}, "supported"), ({"below": 1}, "contradicted"), ({"at_least": 1}, "supported")],
)
def test_level_without_variance_is_exact_and_its_end_belongs_to_at_least_and_at_most(bound, verdict):
    made = tables(("train", "deaths", {"zeros": [1.0] * 6}))
    assert verdicts(Check.build({"kind": "level", "metric": "deaths", "variants": "zeros", **bound}), made) == [verdict]


@pytest.mark.parametrize(
    ("values", "margin", "verdict"),
    [
        ([2.302, 2.3025, 2.303], 0.01, "supported"),
        ([2.302, 2.3025, 2.303], 0.0001, "undecided"),
        ([2.1, 2.11, 2.12], 0.01, "contradicted"),
        ([2.302], 0.01, "undecided"),
    ],
)
def test_equivalence_to_a_constant(values, margin, verdict):
    made = tables(("train", "loss", {"small": values}))
    spec = {"kind": "equivalence", "metric": "loss", "split": "train", "variants": "small", "constant": math.log(10)}
    assert verdicts(Check.build({**spec, "margin": margin}), made) == [verdict]


def test_equivalence_to_any_of_several():
    runs = {"dropout": [0.80, 0.81, 0.82], "two": [0.75, 0.76, 0.78], "five": [0.801, 0.811, 0.8211]}
    spec = {
        "kind": "equivalence",
        "metric": "accuracy",
        "variants": "dropout",
        "than": ["two", "five"],
        "margin": 0.005,
    }
    made = tables(("test", "accuracy", runs))
    parts = Check.build({**spec, "needs": 1}).evaluate(made)
    assert [part.verdict for part in parts] == ["contradicted", "supported"]
    assert deciding(parts, 1).verdict == "supported"
    assert deciding(Check.build(spec).evaluate(made)).verdict == "contradicted"


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ({"within": 1.25}, "supported"),
        ({"below": 0.8}, "contradicted"),
        ({"above": 0.9}, "supported"),
        ({"within": 1.01}, "contradicted"),
    ],
)
def test_layer_ratio(bound, verdict):
    made = tables(
        ("train", "unit_std/layer-1", {"he": [1.0, 2.0, 4.0]}),
        ("train", "unit_std/layer-5", {"he": [0.95, 1.9, 3.81]}),
    )
    spec = {"kind": "layer_ratio", "metric": "unit_std", "variants": "he", "reference": "layer-1"}
    assert verdicts(Check.build({**spec, "layer": "layer-5", **bound}), made) == [verdict]
    parts = Check.build({**spec, "layer": "layer-*", **bound}).evaluate(made)
    assert [part.comparison.quantity.metric for part in parts] == ["unit_std/layer-5"]


def test_a_negative_number_under_a_ratio_is_undecided_with_its_reason():
    made = tables(
        ("train", "slope/layer-1", {"he": [1.0, 2.0]}),
        ("train", "slope/layer-2", {"he": [1.0, -2.0]}),
    )
    spec = {"kind": "layer_ratio", "metric": "slope", "variants": "he", "layer": "layer-2", "reference": "layer-1"}
    [part] = Check.build({**spec, "below": 1}).evaluate(made)
    assert part.verdict == "undecided"
    assert "needs positive values" in part.comparison.outcomes[-1].problem


def reaching(*steps):
    return [{0: 0.1, **({step: 0.95} if step else {}), 1000: 0.95 if step else 0.5} for step in steps]


@pytest.mark.parametrize(
    ("adam", "sgd", "verdict"),
    [
        ((10, 11, 12), (100, 120, 110), "supported"),
        ((100, 120, 110), (10, 11, 12), "contradicted"),
        ((10, 11, 12), (100, 120, None), "supported"),
        ((10, 11, None), (10, 11, 12), "undecided"),
        ((None, None, None), (10, 11, 12), "contradicted"),
        ((None, None, None), (None, None, None), "undecided"),
    ],
)
def test_time_to_target(adam, sgd, verdict):
    made = tables(("test", "accuracy", {"adam": reaching(*adam), "sgd": reaching(*sgd)}))
    spec = {"kind": "time_to_target", "metric": "accuracy", "at_least": 0.9, "sooner": "adam", "than": "sgd"}
    [part] = Check.build(spec).evaluate(made)
    assert part.verdict == verdict
    assert (("unreached", "sgd", sgd.count(None), 3) in outcomes(part)) == (None in sgd)


def test_time_to_target_asks_for_its_factor():
    made = tables(("test", "accuracy", {"adam": reaching(10, 11, 12), "sgd": reaching(30, 31, 35)}))
    spec = {"kind": "time_to_target", "metric": "accuracy", "at_least": 0.9, "sooner": "adam", "than": "sgd"}
    assert verdicts(Check.build({**spec, "margin": 2}), made) == ["supported"]
    assert verdicts(Check.build({**spec, "margin": 4}), made) == ["contradicted"]


PAIRS = [[["a-1", "b-1"], ["b-2", "a-2"]], [["c-1", "d-1"], ["d-2", "c-2"]]]
SOON, LATE, NEVER = (10, 11, 12), (100, 120, 110), (None, None, None)
HERE, THERE = {"a-1": SOON, "b-1": LATE}, {"a-2": LATE, "b-2": SOON}
NO_TRADE = {"c-1": SOON, "d-1": LATE, "c-2": SOON, "d-2": LATE}


def reversal(runs, **more):
    spec = {"kind": "reversal", "metric": "accuracy", "at_least": 0.9, "pairs": PAIRS}
    return Check.build(spec | more), tables(("test", "accuracy", {name: reaching(*of) for name, of in runs.items()}))


@pytest.mark.parametrize(
    ("runs", "verdict"),
    [
        (HERE | THERE | NO_TRADE, "supported"),  # one pair is enough
        (HERE | {"a-2": NEVER, "b-2": SOON} | NO_TRADE, "supported"),
        (HERE | {"a-2": SOON, "b-2": LATE} | NO_TRADE, "contradicted"),
        (
            HERE | {"a-2": (200, 201, 202), "b-2": (200, 202, 201)} | NO_TRADE,
            "contradicted",
        ),  # not sooner by the factor
        (HERE | {"a-2": NEVER, "b-2": NEVER} | NO_TRADE, "undecided"),
        (HERE | {"a-2": (10, 30, 90), "b-2": (11, 28, 60)} | NO_TRADE, "undecided"),
        (HERE | THERE, "supported"),  # a pair without runs does not keep the other from holding
        (NO_TRADE, "undecided"),
    ],
)
def test_one_pair_that_trades_places_is_a_reversal(runs, verdict):
    check, made = reversal(runs, margin=1.1)
    assert deciding(check.evaluate(made)).verdict == verdict


def test_a_reversal_tells_the_two_sides_of_its_strongest_pair_weaker_first_corrected_by_holm():
    check, made = reversal(HERE | {"a-2": LATE, "b-2": (80, 90, 85)} | NO_TRADE)
    parts = check.evaluate(made)
    assert [part.comparison.variants for part in parts] == [("b-2", "a-2"), ("a-1", "b-1")]
    assert {(part.interval.confidence, part.correction) for part in parts} == {(0.975, "holm")}


def test_a_reversal_names_two_variants_a_setting_and_takes_no_number_of_parts():
    with pytest.raises(StudyError, match="reversal: needs"):
        reversal({}, needs=1)
    with pytest.raises(StudyError, match=r"reversal: pairs: two variants are compared, the sooner first, not \['a'\]"):
        reversal({}, pairs=[[["a"], ["b", "a"]]])
    assert reversal({})[0].variants_named() == {f"{method}-{place}" for method in "abcd" for place in (1, 2)}


def test_interaction_is_the_difference_of_differences():
    runs = {
        "dropout": [0.82, 0.84, 0.83],
        "none": [0.70, 0.71, 0.70],
        "bn-dropout": [0.81, 0.82, 0.83],
        "bn": [0.81, 0.82, 0.82],
    }
    made = tables(("test", "accuracy", runs))
    spec = {"kind": "interaction", "metric": "accuracy", "larger": ["dropout", "none"], "than": ["bn-dropout", "bn"]}
    [part] = Check.build({**spec, "margin": 0.05}).evaluate(made)
    assert part.verdict == "supported"
    assert part.interval.estimate == pytest.approx((0.12 + 0.13 + 0.12) / 3)
    assert verdicts(Check.build({**spec, "margin": 0.2}), made) == ["contradicted"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "ordering", "metric": "loss", "than": "sgd"}, "ordering: give exactly one of lower, higher"),
        ({"kind": "ordering", "metric": "loss", "lower": "a", "higher": "b", "than": "c"}, "exactly one of"),
        ({"kind": "ordering", "metric": "gap", "lower": "a", "than": "b", "margin": 5}, "write 0.05 for 5 points"),
        ({"kind": "ordering", "metric": "gap", "lower": "a", "than": "b", "scale": "ratio"}, "ratio does not fit"),
        ({"kind": "ordering", "metric": "loss", "lower": "a", "than": "b", "scale": "ratio", "margin": 0}, "factor"),
        ({"kind": "ordering", "metric": "loss", "lower": "a", "than": "b", "summary": "end"}, "unknown summary"),
        (
            {"kind": "level", "metric": "accuracy", "variants": "a", "above": 50},
            "level: margin or level 50: accuracy is a share",
        ),
        ({"kind": "level", "metric": "loss", "variants": "a", "above": -1}, "never negative"),
        ({"kind": "level", "metric": "loss", "variants": "a"}, "level: give exactly one of above, below"),
        ({"kind": "equivalence", "metric": "loss", "variants": "a", "margin": 1}, "one of constant, than"),
        ({"kind": "time_to_target", "metric": "loss", "sooner": "a", "than": "b"}, "at_least, at_most"),
        (
            {"kind": "layer_ratio", "metric": "deaths", "variants": "a", "layer": "x", "reference": "y", "within": 1},
            "above 1",
        ),
        (
            {
                "kind": "layer_ratio",
                "metric": "activation_mean",
                "variants": "a",
                "layer": "x",
                "reference": "y",
                "below": 1,
            },
            "'activation_mean' does not fit",
        ),
    ],
)
def test_a_check_that_does_not_fit_is_refused_when_it_is_built(spec, message):
    with pytest.raises(StudyError, match=message):
        Check.build(spec)


MIRROR = {"supported": "contradicted", "contradicted": "supported", "undecided": "undecided"}
NUMBERS = st.lists(st.integers(-20, 20).map(lambda n: n / 8), min_size=6, max_size=6)


@settings(max_examples=50)
@given(NUMBERS, NUMBERS)
def test_claiming_the_opposite_mirrors_the_verdict(a, b):
    made = tables(("train", "x", {"sgd": a, "adam": b}))
    [lower] = verdicts(ordering(metric="x"), made)
    [higher] = verdicts(ordering(metric="x", lower=None, higher="adam"), made)
    [swapped] = verdicts(ordering(metric="x", lower=None, higher="sgd", than="adam"), made)
    assert lower == swapped
    differences = {y - x for x, y in zip(a, b, strict=True)}
    assert higher == ("contradicted" if differences == {0.0} else MIRROR[lower])


@settings(max_examples=50)
@given(NUMBERS, NUMBERS, st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_larger_margin_never_turns_a_verdict_in_favour(a, b, margin, more):
    made = tables(("train", "x", {"sgd": a, "adam": b}))
    order = ["contradicted", "undecided", "supported"]
    small, large = (order.index(verdicts(ordering(metric="x", margin=m), made)[0]) for m in (margin, margin + more))
    assert large <= small
