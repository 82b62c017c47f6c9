"""The filter that makes output of programs harmless for a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penguin_repl.text.ansi_filter import AnsiFilter


def filtered(*pieces: bytes, color: bool = True) -> str:
    ansi_filter = AnsiFilter(color)
    return "".join([*(ansi_filter.feed(piece) for piece in pieces), ansi_filter.finish()])


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"plain\n\ttext\n", "plain\n\ttext\n"),
        (b"\x1b[1;31mred\x1b[0m\n", "\x1b[1;31mred\x1b[0m\n\x1b[0m"),
        (b"\x1b[2J\x1b[H\x1b[?1049hx", "x"),
        (b"\x1b]0;title\x07x\x1b]52;c;ZXZpbA==\x1b\\y", "xy"),
        (b"\x1bP+q\x1b\\x\x1bcy\x1b(B", "xy"),
        (b"10%\r20%\r\n", "10%\n20%\n"),
        (b"bell\x07 back\x08", "bell\\x07 back\\x08"),
        (b"\xc2\x9b31m", "\\x9b31m"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("é漢".encode(), "é漢"),
        (b"end \x1b", "end \\x1b"),
        ("\u202egnp".encode(), "\\u202egnp"),
    ],
)
def test_only_colours_are_kept(output: bytes, expected: str) -> None:
    assert filtered(output) == expected


def test_without_colours_nothing_is_kept() -> None:
    assert filtered(b"\x1b[31mred\x1b[0m", color=False) == "red"


OUTPUT = st.lists(
    st.one_of(
        st.sampled_from(
            [b"\x1b", b"[", b"]", b"0;", b"\x07", b"\\", b"31m", b"\r", b"\n", b"\xc3", b"\xa9", b"a", b"\x9b"]
        ),
        st.binary(max_size=4),
    ),
    max_size=20,
)


@given(OUTPUT)
def test_no_control_sequence_is_kept(pieces: list[bytes]) -> None:
    shown = filtered(*pieces)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", re.sub(r"\x1b\[[0-9;:]*m", "", shown))
    assert "\x1b" not in filtered(*pieces, color=False)


@given(OUTPUT)
def test_chunk_borders_do_not_matter(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert filtered(whole) == filtered(*(whole[i : i + 1] for i in range(len(whole))))
