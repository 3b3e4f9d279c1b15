"""Write the reference pages that are generated from the code."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from chapter6.files import write_text
from chapter6.study.config_docs import readme, schema


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, default=Path("config"))


def run(args: Namespace) -> None:
    """Write README.md and schema.json."""
    write_text(args.folder / "README.md", readme())
    write_text(args.folder / "schema.json", schema())
