"""Text that came from outside, on its way to a terminal or a log: none of it moves the cursor or turns the writing."""

from __future__ import annotations

import logging
import sys
from unicodedata import category

UNPRINTED = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")  # control characters, overrides of direction, and unknown ones


def shown(text: str, encoding: str | None = None) -> str:
    """Return text with a question mark for whatever is no plain character, or has none in the ``encoding``."""
    clean = "".join(c if c == "\n" or category(c) not in UNPRINTED else "?" for c in text)
    return clean.encode(encoding, "replace").decode(encoding) if encoding else clean


class ReaderGoneError(Exception):
    """No one reads the standard output any more, as behind ``| head``."""


def say(text: str) -> None:
    """Write text to the standard output, at once."""
    try:
        sys.stdout.write(shown(text, sys.stdout.encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGoneError from None


class LogLines(logging.Formatter):
    """Log lines that are shown like any other text."""

    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record))
