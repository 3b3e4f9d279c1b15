"""Measure how far the verdicts can be trusted, and write it down as a Markdown page."""

import argparse
import logging
from pathlib import Path

from chapter6.files import write_text

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, default=Path("docs/calibration.md"), help="the page to write")
    parser.add_argument("--simulations", type=int, default=20_000, help="simulated studies a row")
    parser.add_argument("--seed", type=int, default=6)


def run(args: argparse.Namespace) -> None:
    """Simulate every case and write the page."""
    from chapter6.analysis.calibration import page, simulate

    write_text(args.output, page(simulate(args.simulations, args.seed)))
    log.info("wrote %s", args.output)
