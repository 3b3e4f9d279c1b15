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
    verdicts = [claim["verdict"] for claim in read_json(study.paths.claims())]
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in ("supported", "contradicted", "undecided"))
    sys.stdout.write(f"\nThe report: {Path(study.paths.page).resolve().as_uri()}\n")
    sys.stdout.write(f"Claims: {counts}{' (a preview at reduced budgets)' if study.is_preview else ''}\n")
    if study.config.tracking.enabled:
        sys.stdout.write("The runs: make ui, then http://127.0.0.1:5000\n")
