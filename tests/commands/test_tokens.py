"""Splitting a line into words."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin_commands.errors import UsageError
from penguin_commands.grammar.tokens import BLANK, quote, split_words

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def words(line: str, *, comments: bool = False) -> list[str]:
    return [word.text for word in split_words(line, comments=comments)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        (" \t ", []),
        ("/workflow list", ["/workflow", "list"]),
        ("/workflow list\r", ["/workflow", "list"]),
        ("a 'b c' \"d e\"", ["a", "b c", "d e"]),
        ("a'b'\"c\"d", ["abcd"]),
        ("a\\ b \\# \\'", ["a b", "#", "'"]),
        ('"a\\"b\\\\c\\d"', ['a"b\\c\\d']),
        ("'a\\b'", ["a\\b"]),
        ("'' \"\"", ["", ""]),
        ("$HOME `x` *", ["$HOME", "`x`", "*"]),
        ("fix #12", ["fix", "#12"]),
    ],
)
def test_words_are_split_as_in_a_shell(line: str, expected: list[str]) -> None:
    assert words(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# all", []),
        ("a # b", ["a"]),
        ("a#b", ["a#b"]),
        ("'#' \"#\" \\#", ["#", "#", "#"]),
        ("a 'b # c'", ["a", "b # c"]),
    ],
)
def test_comments_end_a_line_of_a_script(line: str, expected: list[str]) -> None:
    assert words(line, comments=True) == expected


@pytest.mark.parametrize(
    ("line", "start", "end"), [("a 'b", 2, 4), ('say "x', 4, 6), ("a\\", 1, 2), ("a \0", 2, 3), ("\udc80", 0, 1)]
)
def test_a_syntax_error_has_a_position(line: str, start: int, end: int) -> None:
    with pytest.raises(UsageError) as caught:
        split_words(line)
    assert (caught.value.start, caught.value.end) == (start, end)


@given(TEXT)
def test_quoting_is_reversible(text: str) -> None:
    assert words(quote(text), comments=True) == [text]


@given(TEXT)
def test_any_line_is_split_or_a_usage_error(line: str) -> None:
    try:
        found = split_words(line)
    except UsageError:
        return
    assert all(line[word.start : word.end].strip(BLANK) for word in found)


@given(st.lists(st.text("ab '\"\\#-", max_size=8), max_size=4))
def test_splitting_agrees_with_shlex(parts: list[str]) -> None:
    assert words(shlex.join(parts), comments=True) == parts
