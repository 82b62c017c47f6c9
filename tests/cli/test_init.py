"""`penguin init`, on a real terminal and without one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.keys import CTRL_C, CTRL_D, ENTER
from tests.support.program import Program
from tests.support.terminal import Terminal, open_terminal

from penguin.orchestration.config import load_settings


@pytest.fixture
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of programs, for PATH."""
    return tmp_path_factory.mktemp("programs")


def install(programs: Path, name: str) -> None:
    (programs / name).write_text("#!/bin/sh\n")
    (programs / name).chmod(0o755)


@contextmanager
def asking(folder: Path, programs: Path, *arguments: str) -> Iterator[Terminal]:
    """Run `penguin init` on a terminal, where only these agents are installed."""
    path = f"{programs}:{os.defpath}"
    with open_terminal(folder, "init", *arguments, PATH=path, rows=40) as terminal:
        yield terminal


def phases(folder: Path) -> dict[str, Any]:
    return dict(load_settings(folder, environ={}).phases)


def test_three_questions_at_most(tmp_path: Path, programs: Path) -> None:
    install(programs, "claude")
    install(programs, "codex")
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "TODO.md").write_text("- [ ] Add a parser\n- [ ] Write docs\n")
    with asking(tmp_path, programs) as terminal:
        terminal.see("Which agent makes the changes?").see("1 to 3 [1]:").press("2", ENTER)
        terminal.see("How do the tests run?").see("1  pytest -q  pytest.ini").see("1 to 2, or a command [1]:")
        terminal.press(ENTER)
        terminal.see("Where are the tasks?").see("1  import TODO.md").see("a plain checklist, 2 tasks").press(ENTER)
        assert terminal.exit_code() == 0
        assert terminal.text.count("?") == 3
        assert "Try: penguin workflow start add-a-parser" in terminal.text
    found = phases(tmp_path)
    assert found["implement"] == {"agent": "codex"}
    assert [command["run"] for command in found["test"]["run"]] == ["pytest -q"]
    assert (tmp_path / "blueprints" / "TODO.yaml").is_file()


def test_without_an_agent_there_are_two_questions(tmp_path: Path, programs: Path) -> None:
    with asking(tmp_path, programs) as terminal:
        terminal.see("How do the tests run?").press("make check", ENTER)
        terminal.see("Where are the tasks?").press(ENTER)
        assert terminal.exit_code() == 0
        assert "agent" not in terminal.text
    found = phases(tmp_path)
    assert found["implement"] == {"skip": True}
    assert [command["run"] for command in found["test"]["run"]] == ["make check"]
    assert (tmp_path / "blueprints" / "example.md").is_file()


def test_options_answer_their_questions(tmp_path: Path, programs: Path) -> None:
    install(programs, "claude")
    with asking(tmp_path, programs, "--agent", "none", "--test", "tox -q") as terminal:
        terminal.see("Where are the tasks?").press(ENTER)
        assert terminal.exit_code() == 0
        assert terminal.text.count("?") == 1
    assert phases(tmp_path)["implement"] == {"skip": True}


def test_yes_asks_nothing(tmp_path: Path, programs: Path) -> None:
    install(programs, "claude")
    with asking(tmp_path, programs, "--yes") as terminal:
        assert terminal.exit_code() == 0
        assert "?" not in terminal.text
    assert phases(tmp_path)["implement"] == {"agent": "claude"}


def test_a_wrong_answer_is_asked_again(tmp_path: Path, programs: Path) -> None:
    install(programs, "claude")
    with asking(tmp_path, programs) as terminal:
        terminal.see("Which agent makes the changes?").press("7", ENTER).see("'7' is no answer").press("none", ENTER)
        terminal.see("How do the tests run?").press("none", ENTER)
        terminal.see("Where are the tasks?").press("nowhere.md", ENTER)
        terminal.see("nowhere.md: ").wait_until(lambda: terminal.text.count("Where are the tasks?") == 2)
        terminal.press("1", ENTER)
        assert terminal.exit_code() == 0
    found = phases(tmp_path)
    assert (found["implement"], found["test"]) == ({"skip": True}, {})


def test_a_typed_path_is_imported(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "later.md").write_text("- [ ] Add a parser\n")
    with asking(tmp_path, programs) as terminal:
        terminal.see("How do the tests run?").press(ENTER)
        terminal.see("Where are the tasks?").press("notes/later.md", ENTER)
        assert terminal.exit_code() == 0
        assert "from notes/later.md (checklist)" in terminal.text
    assert not (tmp_path / "blueprints" / "example.md").exists()


@pytest.mark.parametrize(("key", "code"), [(CTRL_C, 130), (CTRL_D, 1)])
def test_nothing_is_written_before_the_last_answer(tmp_path: Path, programs: Path, key: str, code: int) -> None:
    with asking(tmp_path, programs) as terminal:
        terminal.see("How do the tests run?").press(ENTER)
        terminal.see("Where are the tasks?").see("import [1]:").press(key)
        assert terminal.exit_code() == code
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_is_not_asked_about(penguin: Program, programs: Path) -> None:
    with asking(penguin.folder, programs) as terminal:
        assert terminal.exit_code() == 0
        assert terminal.text.startswith("kept: penguin.yaml")
        assert "?" not in terminal.text


def test_without_a_terminal_nothing_is_asked(empty: Program) -> None:
    (empty.folder / "go.mod").touch()
    ran = empty("init", script="3\n")
    assert (ran.code, ran.err) == (0, "")
    assert "TEST: go test ./... (go.mod)" in ran.out
    assert empty("blueprint", "lint").code == 0
    assert empty("workflow", "start", "hello-script").code == 0


def test_what_was_imported_runs(empty: Program, programs: Path) -> None:
    (empty.folder / "TODO.md").write_text("- [ ] Add a parser\n")
    (empty.folder / "Makefile").write_text("test:\n\ttrue\n")
    ran = empty("init", "-o", "json", PATH=f"{programs}:{os.defpath}")
    (document,) = ran.documents
    assert (document["test"], document["agent"]) == ("make test", "")
    assert [file["source"] for file in document["imported"]] == ["TODO.md"]
    started = empty(*document["next"].split()[1:])
    # Nobody has said what the task must fulfil: a person approves it.
    assert started.code == 5
    assert "VERIFY is UNVERIFIED" in started.err


def test_a_wrong_agent_is_an_error(empty: Program) -> None:
    ran = empty("init", "--agent", "clade")
    assert ran.code == 2
    assert ran.err.startswith("penguin: unknown agent 'clade'; did you mean claude?")
    assert list(empty.folder.iterdir()) == []


@pytest.mark.parametrize("option", [("--agent", "claude"), ("--test", "tox")])
def test_the_options_are_only_for_init(empty: Program, option: tuple[str, str]) -> None:
    ran = empty("check", *option)
    assert (ran.code, "--agent and --test are for `penguin init`" in ran.err) == (2, True)
