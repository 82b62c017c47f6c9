"""The width of text in cells: wide characters, accents, families and flags."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from wcwidth import wcswidth

from penguin_repl.text.width import display_width, fold, graphemes, truncate, truncate_start

FAMILY, FLAG, HAND, HEART, KEY = "👨\u200d👩\u200d👧", "🇩🇪", "👍🏽", "❤\ufe0f", "1\ufe0f\u20e3"
JAMO, RAINBOW, ASTRONAUT = "\u1112\u1161\u11ab", "🏳\ufe0f\u200d🌈", "👨🏽\u200d🚀"
SIGNS = st.sampled_from(
    ["a", "é", "e\u0301", "漢", "한", JAMO, FAMILY, FLAG, HAND, HEART, KEY, RAINBOW, ASTRONAUT, " ", "→", "ß", "ж", "ｶ"]
)
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
    assert display_width(text) == width == wcswidth(text)


@given(ANYTHING)
def test_rich_measures_the_same(text: str) -> None:
    """Lists measure with wcwidth in a pipe and with rich on a terminal."""
    assert display_width(text) == cell_len(text)


@given(st.lists(st.sampled_from(["a", "漢", "한", FAMILY, FLAG, HAND, HEART, " ", "ß"])))
def test_width_agrees_with_terminals(parts: list[str]) -> None:
    text = "".join(parts)
    assert list(graphemes(text)) == parts
    assert display_width(text) == wcswidth(text)


@given(ANYTHING, st.integers(0, 30))
def test_truncated_text_fits_and_splits_no_character(text: str, room: int) -> None:
    found = truncate(text, room)
    assert display_width(found) <= room
    assert found == text or display_width(text) > room
    if found != text and room:
        assert found.endswith("…")
        kept = list(graphemes(found[:-1]))
        assert kept == list(graphemes(text))[: len(kept)]
    front = truncate_start(text, room)
    assert display_width(front) <= room
    if front != text and room:
        kept = list(graphemes(front[1:]))
        assert front[0] == "…"
        assert kept == list(graphemes(text))[len(list(graphemes(text))) - len(kept) :]


def test_truncation_is_marked() -> None:
    assert truncate("abcdef", 4) == "abc…"
    assert truncate("漢字漢字", 6) == "漢字…"
    assert truncate_start("abcdef", 4) == "…def"
    assert truncate(f"{FAMILY}{FAMILY}", 3) == f"{FAMILY}…"


@given(ANYTHING, st.integers(2, 30))
def test_the_parts_of_a_word_fit_and_lose_nothing(text: str, room: int) -> None:
    parts = list(fold(text, room))
    assert all(display_width(part) <= room for part in parts)
    assert "".join(parts) == text


LARGE = [("漢" * 700_000), ("e\u0301" * 300_000), ("漢字 " * 200_000), ("ж" * 1_000_000), (FAMILY * 100_000)]
"""Texts of about 2 MB."""


@pytest.mark.parametrize("text", LARGE, ids=["wide", "accents", "wide words", "Cyrillic", "families"])
@pytest.mark.parametrize("cut", [truncate, truncate_start])
def test_a_large_text_is_cut_without_measuring_all_of_it(cut: Callable[[str, int], str], text: str) -> None:
    started = time.process_time()
    for _ in range(100):
        assert display_width(cut(text, 80)) <= 80
    assert time.process_time() - started < 1
