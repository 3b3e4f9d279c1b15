"""A tuning as a pure function of what its trainings come to: phases, edges, diverged seeds, ties, no choice."""

import json
from dataclasses import replace
from math import log10

import pytest

from chapter6.registry import plain
from chapter6.study.loading import load_study
from chapter6.study.results import UnreadableError
from chapter6.study.scores import Judged
from chapter6.study.tunings import Candidate, Coarse, Knob, Phase, Procedure, Strength, read_tuned

LOSS = Judged("loss", "batch", "mean")
TIME = Judged("loss", "batch", at_most=0.2)
RATE = Knob("rate", 0.01, -9, 9)
PROCEDURE = Procedure(RATE, None, {"tuned": LOSS}, {"coarse": Coarse(), "fine": Phase()}, 0.2)


def bowl(*lowest):
    """Return a training whose loss is least at so many decades above the own rate, and who asked for what."""
    asked = []

    def train(phase, values, accuracy=0.9):
        asked.append((phase, *values))
        distance = sum(abs(log10(value / 0.01) - low) for value, low in zip(values, lowest, strict=False))
        seeds = PROCEDURE.phases.get(phase, Phase()).seeds
        return Candidate(phase, values, 10 * seeds, {"tuned": ((distance,),) * seeds}, (accuracy,) * seeds)

    return train, asked


def test_half_decades_come_first_and_then_a_quarter_on_either_side_of_the_best():
    train, asked = bowl(0.2)
    tuned = PROCEDURE.run(train)
    assert asked == [
        *(("coarse", value) for value in (0.00316, 0.01, 0.0316)),
        *(("fine", value) for value in (0.00562, 0.01, 0.0178)),
        ("fine", 0.0316),
    ]
    choice = tuned.choices["tuned"]
    assert (choice.value, choice.strength, choice.at_edge, choice.learned) == (0.0178, None, False, True)
    assert tuned.updates == 3 * 20 + 4 * 30
    assert [each.values[0] for each in tuned.candidates if each.phase == "fine"] == [0.00562, 0.01, 0.0178, 0.0316]


def test_without_a_second_phase_the_first_one_chooses():
    train, asked = bowl(1.2)
    wide = replace(PROCEDURE, phases={"coarse": Coarse(spacing=1, adds=1)})
    choice = wide.run(train).choices["tuned"]
    assert sorted(asked) == [("coarse", value) for value in (0.001, 0.01, 0.1, 1.0)]
    assert (choice.value, choice.at_edge) == (0.1, False)


@pytest.mark.parametrize(("lowest", "coarse"), [(1.1, [-0.5, 0, 0.5, 1, 1.5]), (-0.9, [-1.5, -1, -0.5, 0, 0.5])])
def test_a_best_point_at_the_edge_adds_two_points_beyond_it(lowest, coarse):
    train, asked = bowl(lowest)
    choice = PROCEDURE.run(train).choices["tuned"]
    assert sorted(value for phase, value in asked if phase == "coarse") == [RATE.at(point) for point in coarse]
    assert abs(log10(choice.value / 0.01) - lowest) < 0.13
    assert not choice.at_edge


@pytest.mark.parametrize("side", [-1, 1])
def test_after_four_extensions_it_is_the_best_of_those_tried(side):
    train, asked = bowl(side * 9)
    choice = PROCEDURE.run(train).choices["tuned"]
    assert len([each for each in asked if each[0] == "coarse"]) == 3 + 4 * 2
    assert len([each for each in asked if each[0] == "fine"]) == 3 + 4
    assert choice.value == RATE.at(side * (4.5 + 1.25))
    assert choice.at_edge


def test_points_beyond_what_a_setting_may_be_are_left_out_and_the_best_is_marked():
    train, asked = bowl(3)
    choice = replace(PROCEDURE, rate=Knob("rate", 0.01, -9, 0.75)).run(train).choices["tuned"]
    assert max(value for _, value in asked) == choice.value == RATE.at(0.75)
    assert choice.at_edge


def test_of_equal_points_the_middle_one_is_taken_and_where_all_diverged_lower_ones_are_tried():
    train, _ = bowl(0.0)

    def flat(phase, values):
        each = train(phase, values)
        return replace(each, scores={"tuned": ((1.0,),) * len(each.accuracies)})

    def explosive(phase, values):
        each = train(phase, values)
        worst = {"tuned": (None,) * len(each.accuracies)}
        return each if values[0] < 0.001 else replace(each, scores=worst, accuracies=(None,) * len(each.accuracies))

    level = PROCEDURE.run(flat)
    assert (level.choices["tuned"].value, level.choices["tuned"].at_edge) == (0.01, False)
    assert len(level.candidates) == 6
    found = PROCEDURE.run(explosive).choices["tuned"]
    assert (found.value, found.learned, found.at_edge) == (RATE.at(-1.25), True, False)


def test_one_diverged_seed_of_three_does_not_decide_and_two_do():
    train, _ = bowl(0.0)

    def shaky(broken):
        def trained(phase, values):
            each = train(phase, values)
            if values != (0.01,) or phase == "coarse":
                return each
            scores = (None,) * broken + each.scores["tuned"][broken:]
            return replace(each, scores={"tuned": scores})

        return PROCEDURE.run(trained).choices["tuned"].value

    assert shaky(1) == 0.01
    assert shaky(2) == 0.00562


def test_a_choice_among_runs_of_which_none_learned_is_none():
    train, _ = bowl(0.2)
    choice = PROCEDURE.run(lambda phase, values: train(phase, values, accuracy=0.2)).choices["tuned"]
    assert (choice.value, choice.learned) == (0.01, False)
    assert PROCEDURE.run(lambda phase, values: train(phase, values, accuracy=0.21)).choices["tuned"].learned


def plateau(needed, from_updates):
    """Return a training that learns at rates of so many decades above the own one and more, in enough updates.

    Elsewhere the loss stays that of chance, and is least at the own rate.
    """
    asked = []

    def train(phase, values):
        asked.append((phase, *values))
        decades, seeds = log10(values[0] / 0.01), PROCEDURE.phases[phase].seeds
        learns = decades > needed - 0.01 and (phase == "fine" or from_updates <= 300)
        loss, accuracy = (1 + abs(decades - needed - 0.5), 0.9) if learns else (2.3 + 0.001 * abs(decades), 0.1)
        return Candidate(phase, values, 10 * seeds, {"tuned": ((loss,),) * seeds}, (accuracy,) * seeds)

    return train, asked


@pytest.mark.parametrize("from_updates", [300, 1000])
def test_where_nothing_learned_the_loss_does_not_tell_where_to_look(from_updates):
    """A sigmoid network in its plateau: the least loss is that of a rate at which it will never learn."""
    train, asked = plateau(2, from_updates)
    choice = PROCEDURE.run(train).choices["tuned"]
    assert (choice.value, choice.learned, choice.at_edge) == (RATE.at(2.5), True, False)
    assert len([each for each in asked if each[0] == "fine"]) == (3 if from_updates == 300 else 3 + 2 * 4 + 2 + 2)
    assert min(value for _, value in asked) < RATE.at(-1)


def test_a_rate_that_diverges_is_no_edge_to_look_beyond():
    train, asked = plateau(-4, 300)

    def steep(phase, values):
        each = train(phase, values)
        return each if values[0] < 0.0001 else replace(each, scores={"tuned": (None,) * len(each.accuracies)},
                                                       accuracies=(None,) * len(each.accuracies))  # fmt: skip

    choice = PROCEDURE.run(steep).choices["tuned"]
    assert choice.learned
    assert max(value for _, value in asked) == RATE.at(0.5)


def test_each_quantity_has_its_own_choice_off_the_same_runs():
    asked = []

    def train(phase, values):
        asked.append((phase, *values))
        place, seeds = log10(values[0] / 0.01), PROCEDURE.phases[phase].seeds
        scores = {"tuned": ((abs(place),),) * seeds, "tuned-time": ((301.0, abs(place - 0.5)),) * seeds}
        return Candidate(phase, values, 10, scores, (0.9,) * seeds)

    tuned = replace(PROCEDURE, by={"tuned": LOSS, "tuned-time": TIME}).run(train)
    assert {name: choice.value for name, choice in tuned.choices.items()} == {"tuned": 0.01, "tuned-time": 0.0316}
    assert len(asked) == len(set(asked)) == len(tuned.candidates)


def test_a_strength_is_chosen_at_the_chosen_rate():
    train, asked = bowl(0.2, 0.5)
    both = replace(
        PROCEDURE,
        strength=Knob("strength", 0.01, -9, 9),
        phases={**PROCEDURE.phases, "strength": Strength()},
    )
    choice = both.run(train).choices["tuned"]
    assert (choice.value, choice.strength) == (0.0178, 0.0316)
    assert {values[1] for phase, *values in asked if phase != "strength"} == {0.01}
    strengths = [values for phase, *values in asked if phase == "strength"]
    assert strengths == [[0.0178, value] for value in (0.00316, 0.01, 0.0316, 0.1)]


@pytest.fixture
def planned(project):
    changes = {"claims": [], "tuning": {"of": ["fast"]}}
    return load_study(root=project(changes)).experiments["9.9-demo"].tunings["fast"]


@pytest.mark.parametrize(("preset", "judged"), [("full", 7), ("small", 2)])
def test_of_what_is_judged_there_may_be_more_replicates_than_of_what_is_only_shown(project, preset, judged):
    changes = {"claims": [], "replicates": 3, "tuning": {"of": ["fast"], "replicates": 7}}
    config = {"preset": preset, "presets": {"full": {}, "small": {"replicates": 2}}}
    variants = load_study(root=project(changes, config=config)).experiments["9.9-demo"].variants
    assert [variants[name].replicates for name in ("fast", "fast-tuned")] == [min(3, judged), judged]


def read(planned, content):
    return read_tuned({"t.json": json.dumps(content).encode()}, "t.json", planned)


def test_what_a_tuning_left_is_read_where_its_scores_are_those_of_the_plan(planned):
    train, _ = bowl(1.2)
    tuned = planned.procedure.run(train)
    assert read(planned, plain(tuned)) == tuned


DAMAGES = {
    "another candidate": lambda told: told["candidates"][0].update(values=[0.5]),
    "one too few": lambda told: told["candidates"].pop(),
    "one too many": lambda told: told["candidates"].append({**told["candidates"][0], "values": [77.0]}),
    "a choice by another name": lambda told: told["choices"].update(other=told["choices"].pop("tuned")),
    "none": lambda told: told.clear(),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_tuning_of_other_candidates_is_refused_by_name(planned, damage):
    train, _ = bowl(1.2)
    told = plain(planned.procedure.run(train))
    damage(told)
    with pytest.raises(UnreadableError, match=r"^t\.json: ") as error:
        read(planned, told)
    assert error.value.file == "t.json"
