import json
import os
from pathlib import Path

import pytest

from chapter6.files import write_json
from chapter6.registry import plain

from .judged import PART, claim_record
from .small import call, train, write_study


def judged(study, experiment, *claims):
    records = [claim_record(claim, experiment, PART) for claim in claims]
    write_json(study.paths.claims(experiment), plain(records))


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = write_study()
    judged(study, "6.1-bowl", "C02", "C01")
    return study


def collected(study, *arguments):
    call("collect", *arguments)
    return [claim["id"] for claim in json.loads(Path(study.paths.claims()).read_text())]


def test_verdicts_stand_in_the_order_of_their_ids(study):
    judged(study, "6.2-noise", "C00", "C10")
    assert collected(study) == ["C00", "C01", "C02", "C10"]


@pytest.fixture
def trained(study):
    """The study with its runs, and verdicts later than these."""
    for name, claims in {"6.1-bowl": ["C02", "C01"], "6.2-noise": ["C00"]}.items():
        train(study, name)
        judged(study, name, *claims)
    return study


def test_after_a_failure_what_exists_is_taken(trained):
    assert collected(trained, "--incomplete") == ["C00", "C01", "C02"]
    Path(trained.paths.claims("6.2-noise")).unlink()
    assert collected(trained, "--incomplete") == ["C01", "C02"]


def test_after_a_failure_no_verdict_on_unfinished_runs_is_taken(trained):
    Path(f"{trained.paths.run_folder('6.2-noise', 'he')}/replicate-1.json").unlink()
    assert collected(trained, "--incomplete") == ["C01", "C02"]


def test_after_a_failure_no_verdict_on_runs_of_another_seed_is_taken(trained):
    write_study(study_seed=7)
    assert collected(trained, "--incomplete") == []


def test_after_a_failure_no_verdict_older_than_its_runs_is_taken(trained):
    os.utime(trained.paths.claims("6.2-noise"), (1, 1))
    assert collected(trained, "--incomplete") == ["C01", "C02"]


@pytest.mark.parametrize("content", ["[{", "7", '[{"verdict": "supported"}]', "\xff"])
def test_after_a_failure_unreadable_verdicts_cost_themselves_only(trained, content, caplog):
    Path(trained.paths.claims("6.2-noise")).write_bytes(content.encode("latin-1"))
    assert collected(trained, "--incomplete") == ["C01", "C02"]
    assert "results/claims/6.2-noise.json: cannot be read" in caplog.text


def test_nothing_is_written_over_by_half(study):
    write_json(study.paths.claims(), [{"id": "old"}])
    with pytest.raises(FileNotFoundError, match=r"6\.2-noise\.json"):
        collected(study)
    assert json.loads(Path(study.paths.claims()).read_text()) == [{"id": "old"}]
