"""Create the MLflow store and its experiments, once and before anything is mirrored to it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from chapter6.files import write_json


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--uri", required=True, help="sqlite:///FILE, or the address of a tracking server")
    parser.add_argument(
        "--experiment", required=True, action="append", dest="experiments", help="id; may be given again"
    )
    parser.add_argument(
        "--artifacts", type=Path, default=Path("mlartifacts"), help="folder of artifacts (default: %(default)s)"
    )
    parser.add_argument("--output", required=True, help="stamp of the store")


def run(args: Namespace) -> None:
    """Create what is missing, then write the stamp, which changes only with the store."""
    from chapter6.tracking.stores import create_store, shown

    identity = create_store(args.uri, args.experiments, args.artifacts)
    write_json(args.output, {"uri": shown(args.uri), "store": identity})
