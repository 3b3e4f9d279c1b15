import json
from pathlib import Path

import pandas as pd
import pytest

from chapter6.study.loading import load_study

from .small import call, train, write_study

KEYS = {"id", "experiment", "whose", "margin_by", "verdict", "estimate", "low", "high", "replicates", "parts"}
PART_KEYS = {
    *("track", "variants", "quantity", "margin", "estimate", "low", "high", "confidence", "correction"),
    *("replicates", "verdict"),
}


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_study()


def judge(study, experiment, *arguments):
    train(study, experiment)
    call("tabulate", "--experiment", experiment, *arguments)
    call("judge", "--experiment", experiment, *arguments)
    return json.loads(Path(study.paths.claims(experiment)).read_text())


def test_verdicts_come_from_the_tables(study):
    claims = judge(study, "6.1-bowl")
    assert [(claim["id"], claim["verdict"]) for claim in claims] == [
        ("C02", "supported"),
        ("C01", "contradicted"),
    ]
    for claim in claims:
        assert claim.keys() >= KEYS
        assert claim["experiment"] == "6.1-bowl"
        assert claim["preview"] is False
        for part in claim["parts"]:
            assert part.keys() >= PART_KEYS
        leading = {name: claim[name] for name in ("estimate", "low", "high", "replicates", "verdict")}
        assert any(leading.items() <= part.items() for part in claim["parts"])
    assert claims[0]["estimate"] == -claims[1]["estimate"] > 0


def test_a_reduced_budget_makes_a_preview(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = write_study(preset="quick")
    (claim,) = judge(study, "6.2-noise")
    assert study.paths.claims("6.2-noise") == "results-quick/claims/6.2-noise.json"
    assert claim["preview"] is True
    assert claim["replicates"] == 1


def test_a_claim_over_two_experiments_is_judged_from_both_tables(study):
    name, text = "6.1-other", Path("config/experiments/6.1-bowl.yaml").read_text()
    claim = "ordering, exact: true, metric: y, split: train, summary: last, higher: sgd, than: 6.1-bowl/sgd}"
    text = text[: text.index("claims:")].replace("id: 6.1-bowl", f"id: {name}").replace("rate: 0.95", "rate: 0.5")
    text += f"claims: [{{id: C09, says: It ends higher., experiments: [6.1-bowl], check: {{kind: {claim}}}]\n"
    Path(f"config/experiments/{name}.yaml").write_text(text)
    study = load_study()
    for experiment in ("6.1-bowl", name):
        train(study, experiment)
        call("tabulate", "--experiment", experiment)
    call("judge", "--experiment", name)
    (judged,) = json.loads(Path(study.paths.claims(name)).read_text())

    def last(experiment):
        table = pd.read_parquet(study.paths.table(experiment)).query("variant == 'sgd' and metric == 'y'")
        return table.sort_values("step")["value"].iloc[-1]

    assert judged["estimate"] == pytest.approx(last(name) - last("6.1-bowl"))
    assert judged["verdict"] == ("supported" if judged["estimate"] > 0 else "contradicted")


def test_an_experiment_without_claims_has_an_empty_list(study):
    path = Path("config/experiments/6.1-bowl.yaml")
    text = path.read_text()
    path.write_text(text[: text.index("claims:")])
    assert judge(study, "6.1-bowl") == []
