"""The sources of the output style: options, then the environment, then preferences, then the terminal."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest
from tests.support.program import Program

from penguin_commands.preferences import Preferences
from penguin_commands.results.help import SettingsTable
from penguin_repl.cli import terminal_style as manner
from penguin_repl.cli.options import parse_options
from penguin_repl.output.screen import Screen, Style
from penguin_repl.render import render
from penguin_repl.text.ascii import json_to_ascii, to_ascii

XTERM = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}


def style(*arguments: str, taste: Preferences | None = None, **environ: str) -> Style:
    return manner.choose_style(parse_options(arguments), lambda: taste or Preferences(), {**XTERM, **environ})


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "isatty", lambda descriptor: True)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("arguments", "environ", "taste", "color", "plain"),
    [
        ((), {}, Preferences(), True, False),
        ((), {}, Preferences(color="never"), False, False),
        ((), {}, Preferences(accessible=True), False, True),
        ((), {"TERM": "dumb"}, Preferences(), False, True),
        ((), {"TERM": ""}, Preferences(), False, True),
        ((), {"NO_COLOR": "1"}, Preferences(), False, True),
        ((), {"NO_COLOR": ""}, Preferences(), True, False),
        ((), {"ACCESSIBLE": "1"}, Preferences(), False, True),
        ((), {"ACCESSIBLE": "0"}, Preferences(), True, False),
        ((), {"CLICOLOR_FORCE": "1"}, Preferences(color="never"), True, False),
        ((), {"CLICOLOR_FORCE": "0"}, Preferences(color="never"), False, False),
        ((), {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, Preferences(), False, True),
        (("--color", "always"), {"NO_COLOR": "1"}, Preferences(), True, False),
        (("--color", "always"), {"TERM": "dumb"}, Preferences(), True, True),
        (("--color", "never"), {"CLICOLOR_FORCE": "1"}, Preferences(), False, False),
        (("--color", "never"), {"NO_COLOR": "1"}, Preferences(), False, False),
    ],
)
def test_style_on_a_terminal(
    arguments: tuple[str, ...], environ: dict[str, str], taste: Preferences, color: bool, plain: bool
) -> None:
    found = style(*arguments, taste=taste, **environ)
    assert (found.color, found.plain, found.terminal) == (color, plain, True)


@pytest.mark.parametrize(
    ("arguments", "environ", "drawn"),
    [
        ((), {}, False),
        ((), {"CLICOLOR_FORCE": "1"}, True),
        ((), {"CLICOLOR_FORCE": "0"}, False),
        ((), {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
        (("--color", "always"), {}, True),
    ],
)
def test_style_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], environ: dict[str, str], drawn: bool
) -> None:
    monkeypatch.setattr(os, "isatty", lambda descriptor: False)

    def unasked() -> Preferences:
        raise AssertionError("no file decides on what goes into a pipe")

    found = manner.choose_style(parse_options(arguments), unasked, {**XTERM, **environ})
    assert (found.color, found.terminal) == (drawn, drawn)


def test_the_option_overrides_the_style_of_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    table = SettingsTable((("a", 1, "default"),))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[2m" in render(table, terminal=True, color=True)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in render(table, terminal=True, color=False)


def test_a_dumb_terminal_has_its_real_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    long = SettingsTable((("a", "word " * 30, "default"),))
    for width in (40, 120):
        widest = max(map(len, render(long, terminal=True, width=width, color=False).splitlines()))
        assert width - 10 <= widest <= width


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("environ", "ascii"),
    [
        ({"LANG": "C"}, True),
        ({"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, True),
        ({"LANG": "de_DE.UTF-8"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
    ],
)
def test_the_locale_decides_on_arrows(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], ascii: bool) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert style(**environ).ascii is ascii


def test_every_drawing_character_has_an_ascii_form() -> None:
    assert to_ascii("a → b … └── █░ ✓ ö") == "a -> b ... `-- #- + ö"


def test_json_means_the_same_in_ascii() -> None:
    text = json.dumps({"a": "ö → 漢字 😀 \\ \n"}, ensure_ascii=False)
    assert json_to_ascii(text).isascii()
    assert json.loads(json_to_ascii(text)) == json.loads(text)


def test_any_character_can_be_printed_without_utf8(penguin: Program) -> None:
    blueprint = penguin.folder / "tasks.md"
    blueprint.write_text(blueprint.read_text().replace("### 1. Quick", "### 1. Schön 漢字 😀 →"))
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LANG": "C"}
    shown = penguin("-c", "/task list", "-c", "/task graph", **environment)
    assert shown.code == 0
    assert shown.out.isascii()
    assert "Sch\\xf6n" in shown.out
    assert "`- after" in shown.out
    listed = penguin("-o", "json", "-c", "/task list", **environment)
    assert listed.out.isascii()
    assert listed.documents[0]["tasks"][0]["title"] == "Schön 漢字 😀 →"
    failed = penguin("-c", "/task show sch→n", **environment)
    assert failed.code == 2
    assert failed.err.isascii()


def test_preferences_apply_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from penguin_commands.session import Session

    (tmp_path / "penguin").mkdir()
    (tmp_path / "penguin" / "config.yaml").write_text("ui: {color: never}")
    monkeypatch.setenv("XDG_CONFIG_HOME", os.fspath(tmp_path))
    monkeypatch.setattr(os, "isatty", lambda descriptor: True)
    session = Session(tmp_path)
    assert not manner.choose_style(parse_options(()), lambda: session.preferences, XTERM).color
    Screen(Style(ascii=True)).narrate("a → b")
    assert capsys.readouterr().err == "a -> b\n"
