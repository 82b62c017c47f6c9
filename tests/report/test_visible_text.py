"""Text of tasks and programs, as a report shows it."""

from __future__ import annotations

import pytest

from penguin_repl.report.visible_text import one_line, unwrapped, visible_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\x1b[31mred\x1b[0m\x1b]8;;http://x\x07link\x1b]8;;\x07", "aredlink"),
        ("\x00\x07\x9b\u202e\u2066", "\\x00\\x07\\x9b\\u202e\\u2066"),
        ("tab\tline\r\nend", "tab\tline\nend"),
        ("\udcff", "\\udcff"),
        ("an incomplete sequence \x1b[", "an incomplete sequence "),
    ],
)
def test_control_characters_are_seen(text: str, shown: str) -> None:
    assert visible_text(text) == shown


def test_one_line() -> None:
    assert one_line(" a\n\n b\tc\x1b[1m ") == "a b c"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\ntwo\n\nthree\nfour", "one two\n\nthree four"),
        ("see\n`code` and\n*this* or\n-1", "see `code` and *this* or -1"),
        ("intro\n- a\n- b\n  more\nend", "intro\n- a\n- b\n  more\nend"),
        ("# head\ntext\n1. x\n2. y", "# head\ntext\n1. x\n2. y"),
        ("broken  \nhere\n| a |\n| b |", "broken  \nhere\n| a |\n| b |"),
        ("```\ncode\nmore\n```\nend", "```\ncode\nmore\n```\nend"),
    ],
)
def test_paragraphs_have_one_line(text: str, shown: str) -> None:
    assert unwrapped(text) == shown
