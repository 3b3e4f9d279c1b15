"""Text from outside is shown and does nothing."""

import io
import logging
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chapter6.terminal import LogLines, say, shown


@given(st.text())
def test_nothing_is_left_that_moves_the_cursor_or_turns_the_writing(text):
    left = shown(text)
    assert len(left) == len(text)
    assert all(c == "\n" or unicodedata.category(c)[0] != "C" for c in left)
    assert not set(left) & set("\r\t\x1b\x9b\u202e\u2066\u2028\u2029\ufeff")


@pytest.mark.parametrize(
    "text", ["plain", "two\nlines\n", "경사 하강법", "naïve — “quoted” 10⁻³", "全角\u3000空白", "a\u00a0b"]
)
def test_words_of_any_language_stay(text):
    assert shown(text) == shown(text, "utf-8") == text


@given(st.text(), st.sampled_from(["ascii", "euc_jp", "latin-1", "utf-8", "cp1252"]))
def test_every_encoding_takes_what_is_shown(text, encoding):
    assert shown(text, encoding).encode(encoding).decode(encoding) == shown(text, encoding)


def test_say_writes_what_the_terminal_can_show(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", newline=""))
    say("a\x1b[31m \u202e é\n")
    sys.stdout.flush()
    assert written.getvalue() == b"a?[31m ? ?\n"


def test_log_lines_are_shown_with_what_was_put_into_them():
    record = logging.LogRecord("a", logging.INFO, "f", 1, "from %s", ("a\x1b]0;owned\x07",), None)
    assert LogLines("%(levelname)s %(message)s").format(record) == "INFO from a?]0;owned?"
