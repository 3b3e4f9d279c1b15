"""Write the configuration in force as one file, for the jobs that follow."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from chapter6.files import write_json
from chapter6.study.spec import load_config


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--config", required=True, type=json.loads, help="the configuration as JSON")
    parser.add_argument("--output", required=True)


def run(args: Namespace) -> None:
    """Validate the configuration once more and write it."""
    write_json(args.output, load_config(args.config, "--config").model_dump(mode="json"))
