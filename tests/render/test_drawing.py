"""Parts as a terminal and a pipe show them, and the themes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth
from rich.cells import cell_len

from penguin.orchestration.config.theme import MEANINGS
from penguin_repl.render.parts import (
    Bar,
    Chart,
    ChartRow,
    Code,
    Grid,
    Hunk,
    Panel,
    Part,
    Span,
    Tree,
    field,
    heading,
    line,
)
from penguin_repl.render.plain import plain_text
from penguin_repl.terminal.draw import Drawer
from penguin_repl.terminal.theme import make_styles
from penguin_repl.text.width import single_characters

EVIL = "[bold]bad[/bold] :smile: \x1b[31m\x07\u202e"
PARTS: list[Part] = [
    heading("Heading"),
    field("Name", Span("value", "id")),
    Grid(("A", "B"), (("1", EVIL), ("2", line("x ", Span("PASSED", "verdict.passed")))), right_aligned=(0,)),
    Tree("root", (Tree(Span("one", "id"), (Tree("two"),)), Tree(EVIL))),
    Chart(
        (
            ChartRow("TEST", (Bar(0, 5, "verdict.passed"),), "5s"),
            ChartRow("wait", (Bar(5, 10, "dim", waiting=True),), "5s"),
        )
    ),
    Code(("a: [1]  # \x1b[31m", "b: 2"), "a.yaml"),
    Hunk((" a", "-b\x1b[31m", "+c"), "a.py"),
    Panel("Box", (line("inside"), Panel("Inner", (Span("deep", "id").text,)))),
]


def drawn(*parts: Part, width: int = 60, color: bool = False, wrap: bool = True) -> list[str]:
    return Drawer(color=color).draw(parts, width, wrap=wrap).splitlines()


def test_every_part_has_a_plain_form() -> None:
    assert plain_text(PARTS) == (
        "Heading\n"
        "Name: value\n"
        "A  B\n"
        "1  [bold]bad[/bold] :smile: \\x1b[31m\\x07\\u202e\n"
        "2  x PASSED\n"
        "root\n"
        "├── one\n"
        "│   └── two\n"
        "└── [bold]bad[/bold] :smile: \\x1b[31m\\x07\\u202e\n"
        "TEST  5s\n"
        "wait  5s\n"
        "a: [1]  # \\x1b[31m\n"
        "b: 2\n"
        " a\n"
        "-b\\x1b[31m\n"
        "+c\n"
        "Box\n"
        "inside\n"
        "Inner\n"
        "deep\n"
    )


def test_every_part_can_be_drawn() -> None:
    lines = drawn(*PARTS)
    assert lines[:5] == plain_text(PARTS).splitlines()[:5]
    assert "TEST  " + "█" * 25 + " " * 25 + "  5s" in lines
    assert "wait  " + " " * 25 + "░" * 25 + "  5s" in lines
    assert any(text.startswith("╭─ Box ─") for text in lines)
    assert all(cell_len(text) <= 60 for text in lines)


@pytest.mark.parametrize("color", [False, True])
def test_text_is_neither_markup_nor_an_escape_sequence(color: bool) -> None:
    text = Drawer(color=color).draw(PARTS, 60)
    assert "[bold]bad[/bold] :smile: \\x1b[31m\\x07\\u202e" in text
    assert ("\x1b" in text) is color
    assert not re.search("[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e]", text)


def test_a_command_stays_on_one_line() -> None:
    shown = drawn(line("It waits for a person. Next: ", Span("/workflow approve a --by ada", "command")), width=40)
    assert shown == ["It waits for a person. Next:", "  /workflow approve a --by ada"]
    assert drawn(line("Type ", Span("/workflow approve a", "command")), width=12) == [
        "Type",
        "  /workflow",
        "  approve a",
    ]


def test_a_long_word_stays_whole_behind_its_name() -> None:
    assert drawn(field("File", "a/" * 20), width=20) == ["File: " + "a/" * 20]


@given(
    st.lists(st.sampled_from(["word", "漢字", "a-longer-word", "👨\u200d👩\u200d👧", "x"]), max_size=20),
    st.integers(20, 80),
)
def test_lines_wrap_between_words_and_lose_nothing(words: list[str], width: int) -> None:
    lines = drawn(line(" ".join(words)), width=width)
    assert " ".join(lines).split() == words
    assert all(cell_len(text) <= width for text in lines)


@given(
    st.text(st.sampled_from("ab 漢字👨\u200d👩🇩🇪👍🏽❤\ufe0f\u1112\u1161\u11abe\u0301🏳🌈\n\x1b"), max_size=40),
    st.integers(1, 60),
)
def test_a_line_that_is_cut_fits_by_the_measure_of_prompt_toolkit_too(text: str, width: int) -> None:
    drawer = Drawer(color=False, single_characters=True)
    parts: list[Part] = [line(text, Span(text, "id")), Grid(("A", "B"), ((text, text),))]
    for shown in drawer.draw(parts, width, wrap=False).splitlines():
        assert get_cwidth(shown) == cell_len(shown) <= width


def test_an_emoji_sequence_becomes_one_character() -> None:
    assert (
        single_characters("👨\u200d👩\u200d👧 🇩🇪 👍🏽 ❤\ufe0f 1\ufe0f\u20e3 🏳\ufe0f\u200d🌈 é")
        == "👨 DE 👍 ❤ 1\u20e3 🏳 é"
    )


def test_a_chart_shows_even_the_shortest_period() -> None:
    chart = Chart(
        (ChartRow("a", (Bar(100, 200, "status.running"),)), ChartRow("b", (Bar(200, 200, "status.failed"),), "0s"))
    )
    assert drawn(chart, width=20) == ["a  █████████████  ", "b              █  0s"]


def test_a_chart_shows_waits_hatched_before_what_they_delayed_and_a_scale() -> None:
    bars = (Bar(2, 6, "status.blocked", waiting=True), Bar(6, 10, "verdict.passed"))
    chart = Chart((ChartRow("a", (Bar(0, 2, "verdict.failed"),)), ChartRow("b", bars)), ("10:00", "9s", "10:09"))
    assert drawn(chart, width=25) == [
        "a  ████                  ",
        "b      ░░░░░░░░████████  ",
        "   10:00 ── 9s ── 10:09",
    ]
    assert drawn(chart, width=20)[2] == "   10:00 ─── 10:09"


def test_a_theme_has_styles_for_its_background_and_single_meanings() -> None:
    def shown(theme: object, truecolor: bool = False) -> str:
        drawer = Drawer(color=True, truecolor=truecolor, theme=theme)  # type: ignore[arg-type]
        return drawer.draw([line(Span("a", "status.blocked"), Span("b", "id"))], 20)

    assert shown("auto") == shown("dark") == "\x1b[1;33ma\x1b[0m\x1b[36mb\x1b[0m\n"
    assert shown("light") == "\x1b[1;35ma\x1b[0m\x1b[34mb\x1b[0m\n"
    assert shown("mono") == "\x1b[1ma\x1b[0mb\n"
    assert shown("auto", truecolor=True) == shown("auto")
    assert shown("dark", truecolor=True) == "\x1b[1;38;2;227;179;65ma\x1b[0m\x1b[38;2;118;217;230mb\x1b[0m\n"
    assert shown({"base": "mono", "id": "#ff8800 on black"}) == "\x1b[1ma\x1b[0m\x1b[91;40mb\x1b[0m\n"


def test_the_background_of_the_terminal_decides_on_the_default_theme() -> None:
    light, dark = (make_styles("auto", truecolor=False, environ={"COLORFGBG": f"0;{color}"}) for color in (15, 0))
    assert light == make_styles("light", truecolor=False)
    assert dark == make_styles("dark", truecolor=False)
    assert light.keys() == set(MEANINGS)
