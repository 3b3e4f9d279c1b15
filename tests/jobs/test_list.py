import pytest

from chapter6.registry import StudyError

from .small import call, write_study


@pytest.fixture(autouse=True)
def _study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_study()


def test_experiments_with_question_and_variants(capsys):
    call("list")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=1) == ["6.1-bowl", "Which rule swings less?"]
    assert [line.split()[0] for line in lines] == ["6.1-bowl", "sgd", "adam", "6.2-noise", "he", "small"]
    assert "2 replicates" in lines[-1]


def test_one_experiment(capsys):
    call("list", "6.2-noise")
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["6.2-noise", "he", "small"]


def test_an_unknown_experiment():
    with pytest.raises(StudyError, match=r"unknown experiment '6\.9'; choose from \['6\.1-bowl', '6\.2-noise'\]"):
        call("list", "6.9")
