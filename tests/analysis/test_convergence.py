"""Claims at convergence: decided where the training loss has come to rest, undecided and told where it still falls."""

import numpy as np
import pytest

from chapter6.analysis.checks import Check
from chapter6.analysis.claims import Claim, judge_claim
from chapter6.analysis.convergence import unconverged
from chapter6.analysis.tables import Described, settings_table

from .hand_made import tables

STEPS = 100
GAPS = {"plain": [0.30, 0.31, 0.29], "decay": [0.10, 0.111, 0.089]}
LOWER = Check.build({"kind": "ordering", "metric": "loss", "split": "train", "lower": "decay", "than": "plain"})
EITHER = Check.build(
    {"kind": "ordering", "metric": "loss", "split": "train", "lower": ["decay", "plain"], "than": "worst", "needs": 1}
)


def fifths(before, after):
    """A run's loss by step: steep at first, then one level in the next-to-last fifth and one in the last."""
    levels = np.repeat([9.0, 5.0, 3.0, before, after], STEPS // 5)
    return {step: float(level) for step, level in enumerate(levels)}


def made(gaps=GAPS, diverged=(), **losses):
    runs = {name: [losses.get(name, fifths(1, 1))] * len(values) for name, values in gaps.items()}
    return tables(("batch", "loss", runs), ("train", "loss", gaps), diverged=diverged)


def judged(of, check=LOWER, at_convergence=True):
    return judge_claim(Claim("C25-end", "", (check,), at_convergence=at_convergence), "e", of)


@pytest.mark.parametrize(
    ("before", "after", "rests"),
    [
        (1.0, 1.0, True),
        (1.0, 1.4, True),  # it rises: nothing is to be gained by going on
        (1.0, 0.981, True),
        (1.0, 0.979, False),
        (0.01, 0.0051, True),  # less than half, and by less than 0.005
        (0.01, 0.0049, False),
        (2.30, 1.70, False),
    ],
)
def test_a_loss_at_rest_falls_by_less_than_two_per_cent_or_less_than_0_005(before, after, rests):
    found = unconverged(made(decay=fifths(before, after)), ["plain", "decay"])
    assert found == ([] if rests else ["decay"])


def test_the_loss_is_the_mean_over_replicates():
    falls, rises = fifths(1.0, 0.9), fifths(1.0, 1.1)
    assert unconverged(tables(("batch", "loss", {"net": [falls, rises]})), ["net"]) == []
    assert unconverged(tables(("batch", "loss", {"net": [falls, falls, rises]})), ["net"]) == ["net"]


def test_what_is_not_recorded_up_to_the_end_has_not_converged():
    last_fifth = dict.fromkeys(range(80, STEPS), 1.0)
    assert unconverged(tables(("batch", "loss", {"net": [last_fifth]})), ["net"]) == ["net"]
    assert unconverged(tables(("train", "loss", {"net": [1.0]})), ["net"]) == ["net"]
    assert unconverged(tables(("batch", "loss", {"net": [dict(list(fifths(1, 1).items())[60:])]})), ["net"]) == []


def test_a_run_that_diverged_falls_no_more():
    falling = tables(("batch", "loss", {"net": [fifths(1.0, 0.5), fifths(1.0, 1.0)]}), diverged=[("net", 1)])
    assert unconverged(falling, ["net"]) == ["net"]
    assert unconverged(tables(also=["net"], diverged=[("net", 0)]), ["net"]) == []


@pytest.mark.parametrize("experiment", ["", "6.4-ensemble/"])
def test_what_makes_no_update_is_as_converged_as_what_it_starts_from(experiment):
    def known(loss, steps):
        own = {"starts_from.variant": "ten", "stages.main.steps": steps}
        described = [Described("ten", "", "book", {}), Described("two", "", "book", own)]
        settings = settings_table("e", described)
        settings["variant"] = experiment + settings["variant"]
        made = tables(("batch", "loss", {f"{experiment}ten": [loss]}), also=[f"{experiment}two"])
        return unconverged({**made, "settings": settings}, [f"{experiment}two"])

    assert known(fifths(1, 1), 0) == []
    assert known(fifths(2, 1), 0) == [f"{experiment}two"]
    assert known(fifths(1, 1), 10) == [f"{experiment}two"]


def test_a_claim_at_convergence_is_judged_where_runs_have_converged():
    assert judged(made()).verdict == "supported"
    swapped = {"plain": GAPS["decay"], "decay": GAPS["plain"]}
    assert judged(made(swapped)).verdict == "contradicted"


@pytest.mark.parametrize("gaps", [GAPS, {"plain": GAPS["decay"], "decay": GAPS["plain"]}])
def test_it_is_undecided_where_one_side_still_learns_whatever_its_number(gaps):
    """The unfair comparison: a slow method's gap is small as long as it has not learned."""
    falling = made(gaps, decay=fifths(1.0, 0.5))
    result = judged(falling)
    (part,) = result.parts
    assert (result.verdict, result.at_convergence) == ("undecided", True)
    assert [(each.what, each.variant) for each in part.outcomes] == [("not_converged", "decay")]
    assert abs(part.estimate) == pytest.approx(0.2)
    assert part.decides_at is None
    assert (result.error_level, result.replication) == (None, 0)
    assert judged(falling, at_convergence=False).verdict != "undecided"


def test_a_part_that_has_not_converged_counts_for_nothing_in_a_family():
    gaps = {**GAPS, "worst": [0.5, 0.5, 0.5]}
    assert judged(made(gaps), EITHER).verdict == "supported"
    assert judged(made(gaps, decay=fifths(1.0, 0.5)), EITHER).verdict == "supported"
    assert judged(made(gaps, worst=fifths(1.0, 0.5)), EITHER).verdict == "undecided"
