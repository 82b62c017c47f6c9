"""Text by the cells that it takes: wide letters, accents, families and flags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from penguin_repl.text.width import clusters, columns, cut, cut_front, wrapped

FAMILY, FLAG, HAND, HEART, KEY = "👨\u200d👩\u200d👧", "🇩🇪", "👍🏽", "❤\ufe0f", "1\ufe0f\u20e3"
SIGNS = st.sampled_from(["a", "é", "e\u0301", "漢", "한", FAMILY, FLAG, HAND, HEART, KEY, " ", "→", "ß"])
ANYTHING = st.lists(SIGNS).map("".join)


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("abc", 3),
        ("漢字", 4),
        ("한글", 4),
        ("ｶﾅ", 2),
        ("e\u0301", 1),
        ("→…█", 3),
        (FAMILY, 2),
        (FLAG, 2),
        (FLAG + "🇫🇷", 4),
        (HAND, 2),
        (HEART, 2),
        (KEY, 2),
        ("a\u200bb", 2),
    ],
)
def test_width(text: str, width: int) -> None:
    assert columns(text) == width == wcswidth(text)


@given(st.lists(st.sampled_from(["a", "漢", "한", FAMILY, FLAG, HAND, HEART, " ", "ß"])))
def test_width_is_that_which_terminals_agree_on(parts: list[str]) -> None:
    text = "".join(parts)
    assert list(clusters(text)) == parts
    assert columns(text) == wcswidth(text)


@given(ANYTHING, st.integers(0, 30))
def test_what_is_cut_fits_and_is_whole(text: str, room: int) -> None:
    found = cut(text, room)
    assert columns(found) <= room
    assert found == text or columns(text) > room
    if found != text and room:
        assert found.endswith("…")
        kept = list(clusters(found[:-1]))
        assert kept == list(clusters(text))[: len(kept)]
    front = cut_front(text, room)
    assert columns(front) <= room
    if front != text and room:
        kept = list(clusters(front[1:]))
        assert front[0] == "…"
        assert kept == list(clusters(text))[len(list(clusters(text))) - len(kept) :]


def test_a_cut_is_marked() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("漢字漢字", 6) == "漢字…"
    assert cut_front("abcdef", 4) == "…def"
    assert cut(f"{FAMILY}{FAMILY}", 3) == f"{FAMILY}…"


@given(ANYTHING, st.integers(2, 30))
def test_what_is_wrapped_fits_and_is_all_there(text: str, room: int) -> None:
    lines = wrapped(text, room)
    assert all(columns(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_lines_end_between_words() -> None:
    assert wrapped("one two three", 8) == ["one two", "three"]
    assert wrapped("ab 漢字漢字", 5) == ["ab", "漢字", "漢字"]
    assert wrapped("", 5) == [""]
