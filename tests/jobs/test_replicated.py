from dataclasses import replace

import pytest

from chapter6.files import write_json
from chapter6.intervals import Verdict
from chapter6.jobs.replicated import expected_changes
from chapter6.registry import StudyError, plain

from .judged import PART, claim_record
from .small import call, write_study


@pytest.fixture
def studies(tmp_path, monkeypatch):
    """The study and the same one with another seed, neither of them judged yet."""
    monkeypatch.chdir(tmp_path)
    return write_study(), write_study(preset="seed-9")


def judged(study, *verdicts):
    names = ("C00", "C01", "C02", "C02-reader")
    whose = ("source", "source", "source", "reader")
    claims = [
        replace(claim_record(name, "6.1-bowl", PART), verdict=verdict, whose=reading, replication=0.5)
        for name, verdict, reading in zip(names, verdicts, whose, strict=True)
    ]
    write_json(study.paths.claims(), plain(claims))


def said(capsys):
    call("replicated", "--preset", "seed-9")
    return capsys.readouterr().out


YES, NO, OPEN = Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.UNDECIDED


def test_what_changed_is_named_with_its_chance_and_headlines_are_counted(studies, capsys):
    study, fresh = studies
    judged(study, YES, YES, NO, YES)
    judged(fresh, YES, OPEN, NO, NO)
    assert said(capsys) == (
        "C01: supported, now undecided; the chance of another verdict was 50 %\n"
        "C02-reader: supported, now contradicted; the chance of another verdict was 50 %\n"
        "1 of 3 headline verdicts changed; 0 to 3 were to be expected (95 %).\n"
    )


def test_nothing_changed(studies, capsys):
    for study in studies:
        judged(study, YES, YES, NO, YES)
    assert said(capsys).startswith("0 of 3 headline verdicts changed;")


def test_a_study_that_is_not_there_is_told_with_the_way_to_it(studies, capsys):
    study, _ = studies
    with pytest.raises(StudyError, match=r"results/claims\.json: .* `make study` makes it"):
        said(capsys)
    judged(study, YES, YES, NO, YES)
    with pytest.raises(StudyError, match=r"claims\.json: .* `make replicate SEED=9` makes it"):
        said(capsys)


@pytest.mark.parametrize(
    ("chances", "range_"),
    [([], (0, 0)), ([0, 0, 0], (0, 0)), ([1, 1, 0], (2, 2)), ([0.5] * 2, (0, 2)), ([0.01] * 2, (0, 0))],
)
def test_expected_changes(chances, range_):
    assert expected_changes(chances) == range_
