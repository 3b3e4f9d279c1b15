"""Say where the page is and how to open the MLflow UI."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from chapter6.files import read_json
from chapter6.jobs.common import add_overrides, overridden_study


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_overrides(parser)


def run(args: Namespace) -> None:
    """Print both, and how the verdicts are spread."""
    study = overridden_study(args)
    page, claims = Path(study.paths.page), Path(study.paths.claims())
    if not page.exists():
        sys.stdout.write("\nThere is no report yet.\n")
        return
    sys.stdout.write(f"\nThe report: {page.resolve().as_uri()}\n")
    if claims.exists():
        verdicts = [claim["verdict"] for claim in read_json(claims)]
        counts = ", ".join(f"{verdicts.count(v)} {v}" for v in ("supported", "contradicted", "undecided"))
        sys.stdout.write(f"Claims: {counts}{' (a preview at reduced budgets)' if study.is_preview else ''}\n")
    if study.config.tracking.enabled:
        database = f" DB={study.paths.database}" if study.is_preview else ""
        view = "http://127.0.0.1:5000/#/experiments?workflowType=machine_learning"
        server = None if study.tracking_uri.startswith("sqlite:") else study.tracking_uri
        sys.stdout.write(f"The runs: {server or f'make ui{database}, then {view}'}\n")
