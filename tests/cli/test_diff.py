"""`/workflow diff`, as the real program shows it."""

from __future__ import annotations

import io
import os
import re

from tests.support.git_repository import git
from tests.support.program import Program

from penguin.orchestration.config.theme import ThemeSetting
from penguin_commands.results.output import DiffResult
from penguin_repl.output.print_result import show_result
from penguin_repl.output.screen import Screen, Style


def test_a_diff_as_text_and_as_json(penguin: Program) -> None:
    tasks = penguin.folder / "tasks.md"
    tasks.write_text(tasks.read_text().replace("check: false", "check: echo 1 >> new.txt; false"))
    git(penguin.folder, "init", "-q")
    penguin("-c", "/workflow start wrong --wait")
    text = penguin("-c", "/workflow diff wrong")
    assert text.code == 0
    assert text.out.startswith("diff --git a/new.txt b/new.txt\n")
    assert text.out.endswith("@@ -0,0 +1,2 @@\n+1\n+1\n")
    (document,) = penguin("-o", "json", "-c", "/workflow diff wrong --phase verify").documents
    assert document["files"] == ["new.txt"]
    assert document["diff"].endswith("@@ -1 +1,2 @@\n 1\n+1\n")
    restored = penguin("-c", "/workflow retry wrong --restore")
    assert restored.code == 5
    assert (penguin.folder / "new.txt").read_text() == "1\n1\n"


def test_errors_for_missing_diffs(penguin: Program) -> None:
    penguin("--detach", "-c", "/workflow start quick")
    none = penguin("-c", "/workflow diff quick")
    assert none.code == 1
    assert "diff needs a git repository" in none.err
    git(penguin.folder, "init", "-q")
    unbegun = penguin("-c", "/workflow diff quick")
    assert unbegun.code == 1
    assert "it has not begun" in unbegun.err


def test_a_missing_checkpoint_is_named(penguin: Program) -> None:
    tasks = penguin.folder / "tasks.md"
    tasks.write_text(tasks.read_text().replace("check: false", "check: git init -q; echo 1 >> new.txt; true"))
    assert penguin("-c", "/workflow start wrong --wait").code == 0
    for words in ("", " --phase implement"):
        whole = penguin("-c", f"/workflow diff wrong{words}")
        assert whole.code == 1
        assert not whole.out
        assert "the checkpoint start of ituv-wrong-" in whole.err
        assert "not a git repository" in whole.err
    verify = penguin("-c", "/workflow diff wrong --phase verify")
    assert verify.code == 1
    assert "the checkpoint 2-test of ituv-wrong-" in verify.err


def test_git_is_missing_at_the_end_of_an_attempt(penguin: Program) -> None:
    tasks = penguin.folder / "tasks.md"
    check = "echo 1 >> new.txt; test ! -d .git || mv .git away"
    tasks.write_text(tasks.read_text().replace("check: false", f"check: {check}"))
    git(penguin.folder, "init", "-q")
    assert penguin("-c", "/workflow start wrong --wait").code == 0
    (penguin.folder / "away").rename(penguin.folder / ".git")
    shown = penguin("-c", "/workflow diff wrong")
    assert shown.code == 1
    assert "the checkpoint 5-verify of ituv-wrong-" in shown.err
    assert "--phase IMPLEMENT" in shown.err
    assert penguin("-c", "/workflow diff wrong --phase implement").code == 0


def test_a_diff_cannot_control_the_terminal() -> None:
    name = b"\x1b[2Jx.py"
    added = b"a = '\x1b]0;evil\x07\x1b[31m\xe2\x80\xaetitle'\r\n"
    diff = b"--- a/" + name + b"\n+++ b/" + name + b"\n@@ -0,0 +1 @@ \x1b[31m\n+" + added
    for color in (True, False):
        shown = on_terminal(diff, color=color)
        assert "+a = '\\x1b]0;evil\\x07\\x1b[31m\\u202etitle'\n" in without_styles(shown)
        assert not re.search("[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e]", shown)
        assert ("\x1b" in shown) is color


SOURCE = """\
diff --git a/shop/users.py b/shop/users.py
index 1111111..2222222 100644
--- a/shop/users.py
+++ b/shop/users.py
@@ -1,4 +1,4 @@ import re
 import re
--- what SQL calls a comment
-def email(): return 'a'
+def email():
+\treturn "b"  # short

\\ No newline at end of file
"""


def test_a_terminal_shows_the_syntax_of_the_changed_file() -> None:
    shown = on_terminal(SOURCE.encode(), color=True)
    assert without_styles(shown).splitlines() == [text.expandtabs(9) or " " for text in SOURCE.splitlines()]
    lines = dict(zip(SOURCE.splitlines(), shown.splitlines(), strict=True))
    assert lines[" import re"] == " \x1b[94mimport\x1b[0m re"
    # The sign and the words without a meaning have the colour of the change.
    assert lines["-def email(): return 'a'"].startswith(
        "\x1b[31m-\x1b[0m\x1b[94mdef\x1b[0m\x1b[31m \x1b[0m\x1b[1;31memail"
    )
    assert "\x1b[33m'" in lines["-def email(): return 'a'"]
    assert "\x1b[2;32m# short" in lines['+\treturn "b"  # short']
    # A removed line is no header, whatever it begins with.
    assert lines["--- what SQL calls a comment"].startswith("\x1b[31m-\x1b[0m")
    assert on_terminal(SOURCE.encode(), color=False) == without_styles(shown)


def test_the_theme_chooses_the_colours_of_a_diff() -> None:
    theme = {"base": "mono", "added": "blue", "code.comment": "red"}
    shown = on_terminal(SOURCE.encode(), color=True, theme=theme)
    assert "\x1b[31m# short" in shown
    assert "\x1b[34m+" in shown


def test_a_diff_of_a_file_without_a_known_language_and_with_a_huge_line() -> None:
    for name, text in (("notes.unknown", "def a"), ("a.py", "def " * 1000)):
        diff = f"--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-b\n+{text}\n"
        shown = on_terminal(diff.encode(), color=True)
        assert f"\x1b[32m+\x1b[0m\x1b[32m{text}\x1b[0m\n" in shown
        assert without_styles(shown) == diff


def test_pieces_of_a_diff_may_end_anywhere() -> None:
    whole = SOURCE.replace("short", "kürzer").encode()
    pieces = [whole[start : start + 3] for start in range(0, len(whole), 3)]
    assert on_terminal(*pieces, color=True) == on_terminal(whole, color=True)


def on_terminal(*pieces: bytes, color: bool, theme: ThemeSetting = "auto") -> str:
    out = io.StringIO()
    screen = Screen(Style(terminal=True, color=color, theme=theme), out, io.StringIO())
    show_result(screen, DiffResult("w", (), lambda: iter(pieces)))
    return out.getvalue()


def without_styles(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_repository_that_is_gone_or_damaged_is_named(penguin: Program) -> None:
    git(penguin.folder, "init", "-q")
    assert penguin("-c", "/workflow start quick --wait").code == 0
    with (penguin.folder / ".git/config").open("a") as config:
        config.write("[broken\n")
    damaged = penguin("-c", "/workflow diff quick")
    assert damaged.code == 1
    assert "the checkpoints of ituv-quick-" in damaged.err
    assert "bad config" in damaged.err
    assert "git status" in damaged.err
    assert "git init" not in damaged.err
    (penguin.folder / ".git").rename(penguin.folder / "away")
    gone = penguin("-c", "/workflow diff quick")
    assert gone.code == 1
    assert "can't be read" in gone.err
    assert f"restore the .git folder of {penguin.folder}" in gone.err
    assert "git init" not in gone.err


def test_git_that_hangs_is_an_error(penguin: Program) -> None:
    git(penguin.folder, "init", "-q")
    assert penguin("-c", "/workflow start quick --wait").code == 0
    os.mkfifo(penguin.folder / "pipe")
    (penguin.folder / ".git/config").write_text("[include]\n\tpath = ../pipe\n")
    for command in ("/workflow diff quick", "/workflow start after"):
        hangs = penguin("--detach", "-c", command)
        assert hangs.code == 1
        assert "did not end within 10 s" in hangs.err
        assert "named pipe" in hangs.err
