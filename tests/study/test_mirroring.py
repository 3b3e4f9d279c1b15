"""Where runs are mirrored to, under which names, and when jobs do so themselves."""

import pytest

from chapter6.registry import StudyError
from chapter6.study.loading import load_study

SERVER = "http://127.0.0.1:5000"


@pytest.fixture
def study(project):
    return lambda tracking=None, **config: load_study(root=project(config={"tracking": tracking or {}} | config))


def test_the_configuration_wins_over_the_environment_and_that_over_the_file(study, monkeypatch):
    assert study().tracking_uri == "sqlite:///mlflow.db"
    assert study(preset="quick", presets={"quick": {}}).tracking_uri == "sqlite:///mlflow-quick.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", SERVER)
    assert study().tracking_uri == SERVER
    assert study({"uri": "http://elsewhere"}).tracking_uri == "http://elsewhere"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert study().tracking_uri == "sqlite:///mlflow.db"


def test_presets_and_studies_have_experiments_of_their_own(study):
    assert study().mirrored_as("6.1-mnist") == "6.1-mnist"
    assert study({"prefix": "anna-"}).mirrored_as("6.1-mnist") == "anna-6.1-mnist"
    assert study(preset="quick", presets={"quick": {}}).mirrored_as("6.1-mnist") == "6.1-mnist-quick"
    with pytest.raises(StudyError, match=r"tracking\.prefix"):
        study({"prefix": "../anna/"})


def test_live_needs_a_server(study, monkeypatch):
    assert not study().is_live
    assert study({"live": True, "uri": SERVER}).is_live
    assert not study({"live": True, "enabled": False}).is_live
    with pytest.raises(StudyError, match=r"tracking\.live: .* not sqlite:///mlflow\.db: set tracking\.uri or MLFLOW"):
        assert study({"live": True}).is_live
    monkeypatch.setenv("MLFLOW_TRACKING_URI", SERVER)
    assert study({"live": True}).is_live
