import json
from pathlib import Path

import pytest

from chapter6.files import write_json

from .small import call, write_study


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = write_study()
    write_json(study.paths.claims("6.1-bowl"), [{"id": "C02"}, {"id": "C01"}])
    return study


def collected(study, *arguments):
    call("collect", *arguments)
    return [claim["id"] for claim in json.loads(Path(study.paths.claims()).read_text())]


def test_verdicts_stand_in_the_order_of_their_ids(study):
    write_json(study.paths.claims("6.2-noise"), [{"id": "C00"}, {"id": "C10"}])
    assert collected(study) == ["C00", "C01", "C02", "C10"]


def test_after_a_failure_what_exists_is_taken(study):
    assert collected(study, "--incomplete") == ["C01", "C02"]


def test_nothing_is_written_over_by_half(study):
    write_json(study.paths.claims(), [{"id": "old"}])
    with pytest.raises(FileNotFoundError, match=r"6\.2-noise\.json"):
        collected(study)
    assert json.loads(Path(study.paths.claims()).read_text()) == [{"id": "old"}]
