"""`/workflow diff`, as the real program shows it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

from tests.support.git_repository import git
from tests.support.program import Program

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
    def text(color: bool = False) -> Iterator[bytes]:
        yield b"\x1b[32m+\x1b]0;evil\x07title\x1b[m\n" if color else b"+title\n"

    shown = []
    for color in (True, False):
        out = io.StringIO()
        show_result(Screen(Style(terminal=True, color=color), out, io.StringIO()), DiffResult("w", (), text))
        shown.append(out.getvalue())
    assert shown == ["\x1b[32m+title\x1b[m\n\x1b[0m", "+title\n"]


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
