"""Say where the page is and how to open the MLflow UI."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from operator import eq, ne
from pathlib import Path
from typing import Any

from chapter6.files import read_json
from chapter6.intervals import Verdict
from chapter6.jobs.common import add_overrides, overridden_study
from chapter6.records import headline_of
from chapter6.report.views import RunsView
from chapter6.study.plan import Study
from chapter6.terminal import say

UI = "http://127.0.0.1:5000"  # where `make ui` opens it

add_arguments = add_overrides


def run(args: Namespace) -> None:
    """Print both, and how the verdicts are spread."""
    study = overridden_study(args)
    page, claims = Path(study.paths.page), Path(study.paths.claims())
    if not page.exists():
        say("\nThere is no report yet.\n")
        return
    say(f"\nThe report: {page.resolve().as_uri()}\n")
    if claims.exists():
        say(f"{_spread(read_json(claims))}{' (a preview at reduced budgets)' if study.is_preview else ''}\n")
    if study.config.tracking.enabled:
        runs = runs_in_mlflow(study)
        told = runs.address if runs else without_account(study.tracking_uri)
        if runs and runs.command:
            told = f"{runs.command}, then {told}/#/experiments?workflowType=machine_learning"
        say(f"The runs: {told}\n")


def _spread(claims: Sequence[Mapping[str, Any]]) -> str:
    """Count the verdicts of the claims, and apart from them those of further readings."""
    told = []
    for name, is_asked in (("Claims", eq), ("Further readings of them", ne)):
        verdicts = [claim["verdict"] for claim in claims if is_asked(claim["id"], headline_of(claim["id"]))]
        told += [f"{name}: " + ", ".join(f"{verdicts.count(v)} {v}" for v in Verdict)] * bool(verdicts)
    return "\n".join(told)


def runs_in_mlflow(study: Study) -> RunsView | None:
    """Return where MLflow shows the runs; None where they are not mirrored, or to a store without a UI of its own."""
    uri = study.tracking_uri
    names = {experiment: study.mirrored_as(experiment) for experiment in study.experiments}
    if not study.config.tracking.enabled:
        return None
    if uri.startswith("sqlite:///"):
        database = uri.removeprefix("sqlite:///")
        return RunsView(UI, names, "make ui" if database == "mlflow.db" else f"make ui DB={database}")
    if uri.startswith(("http://", "https://")):
        return RunsView(re.split("[?#]", without_account(uri))[0].rstrip("/"), names)
    return None


def without_account(uri: str) -> str:
    """Return an address without the user and the password that may stand in it."""
    return re.sub(r"(?<=://).*@", "", uri)
