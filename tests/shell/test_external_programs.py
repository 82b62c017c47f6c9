"""Programs that use the terminal of a shell temporarily: the pager and the editor."""

from __future__ import annotations

import shlex
import shutil
import signal
from pathlib import Path

import pytest
from tests.support.keys import CTRL_C
from tests.support.terminal import Terminal, open_terminal
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.store.queries import WorkflowReader
from penguin_repl.shell.pager import pager_command

pytestmark = pytest.mark.acceptance

LONG = "/help"
"""A command whose output is longer than the screen."""


@pytest.fixture
def stuck(workspace: SampleWorkspace) -> SampleWorkspace:
    """A workspace in which a task blocks and accepts feedback."""
    workspace.configure(retry={"max_attempts": 1, "initial_delay_sec": 0})
    config = (workspace.root / "penguin.yaml").read_text()
    (workspace.root / "penguin.yaml").write_text(
        config.replace('"test": {"run": ["true"]}', '"test": {"run": ["echo one is wrong; false"]}')
    )
    return workspace


def program(folder: Path, name: str, script: str) -> str:
    """The path of a program."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


def advice(workspace: SampleWorkspace) -> list[str]:
    reader = WorkflowReader(workspace.root / ".penguin" / "penguin.db")
    try:
        (info,) = reader.list(limit=1)
        return [
            str(entry.data["advice"]["text"])
            for entry in reader.history(info.workflow_id)
            if entry.kind == "FeedbackQueued"
        ]
    finally:
        reader.close()


# --- pages ----------------------------------------------------------------------------------------------------------


def test_the_pager_command() -> None:
    assert pager_command(None, {"PAGER": "more -s"}) == "more -s"
    assert pager_command("mine", {"PAGER": "more"}) == "mine"
    assert pager_command(None, {}) == ("less" if shutil.which("less") else "")
    for none in ({"PAGER": ""}, {"PAGER": " cat "}):
        assert pager_command(None, none) == pager_command("", {}) == ""


def test_only_long_results_open_the_pager(workspace: SampleWorkspace) -> None:
    pager = program(workspace.root, "pager", 'wc -l | sed "s/^ */paged /"; echo "LESS=$LESS"; read answer </dev/tty')
    with open_terminal(workspace.root, rows=24, PAGER=pager) as terminal:
        terminal.enter("/task list").see("Send mail").wait_until(lambda: terminal.typed == "")
        assert "paged" not in terminal.text
        terminal.enter(LONG).see("LESS=FRX")
        assert "/workflow start" not in terminal.text
        terminal.press("\r")
        terminal.wait_until(lambda: terminal.typed == "")
        terminal.enter("/task show nosuch").see("nosuch").wait_until(lambda: terminal.typed == "")


def test_the_pager_gets_ctrl_c_and_delays_notices(workspace: SampleWorkspace) -> None:
    script = 'trap "echo heard" INT; echo paging now; until test -e left; do sleep 0.05; done; exit 130'
    with open_terminal(workspace.root, rows=24, PAGER=program(workspace.root, "pager", script)) as terminal:
        terminal.enter("/workflow start auth").see("COMPLETED").wait_until(lambda: terminal.typed == "")
        terminal.enter(LONG).see("paging now")
        terminal.press_until(CTRL_C, lambda: "heard" in terminal.text)
        assert "stopped" not in terminal.text
        (workspace.root / "left").touch()
        terminal.wait_until(lambda: terminal.typed == "")
        assert "the pager" not in terminal.text, "it was left, it did not fail"


@pytest.mark.skipif(shutil.which("less") is None, reason="less is not installed")
def test_less_is_the_default_pager(workspace: SampleWorkspace) -> None:
    with open_terminal(workspace.root, rows=12, PAGER="less") as terminal:
        terminal.enter(LONG).wait_until(lambda: terminal.text.splitlines()[-1].startswith(":"))
        terminal.press("q")
        terminal.wait_until(lambda: terminal.typed == "")


@pytest.mark.parametrize(("pager", "code"), [("no-such-pager", 127), ("false", 1)])
def test_a_broken_pager_is_reported_and_the_text_shown(workspace: SampleWorkspace, pager: str, code: int) -> None:
    with open_terminal(workspace.root, rows=60, columns=120, PAGER=pager) as terminal:
        terminal.enter("/config").enter("/config").wait_until(lambda: terminal.typed == "")
        terminal.enter("/health").see("active workflows")
        # 60 rows are enough for the whole result.
        assert "the pager" not in terminal.text
    with open_terminal(workspace.root, rows=20, columns=120, PAGER=pager) as terminal:
        terminal.enter(LONG).see(f"the pager '{pager}' ended with exit code {code}; the text is above")
        assert "/quit" in terminal.text


def test_scripts_and_plain_terminals_have_no_pager(workspace: SampleWorkspace) -> None:
    pager = program(workspace.root, "pager", "echo paged")
    with open_terminal(workspace.root, "-c", LONG, rows=20, PAGER=pager) as terminal:
        assert terminal.exit_code() == 0
        assert "paged" not in terminal.text
    (workspace.root / "lines").write_text(f"{LONG}\n")
    for arguments, line in (((), "/source lines"), (("-o", "json"), LONG)):
        with open_terminal(workspace.root, *arguments, rows=20, PAGER=pager) as terminal:
            terminal.enter(line).see("quit").wait_until(lambda: terminal.typed == "")
            assert "paged" not in terminal.text
    with open_terminal(workspace.root, rows=20, PAGER=pager, ACCESSIBLE="1") as terminal:
        terminal.enter(LONG).see("/quit").wait_until(lambda: terminal.typed == "")
        assert "paged" not in terminal.text


# --- the editor -----------------------------------------------------------------------------------------------------


def blocked(terminal: Terminal) -> Terminal:
    return terminal.enter("/workflow start auth").see("BLOCKED").wait_until(lambda: terminal.typed == "")


def test_the_editor_shows_the_failure_for_feedback(stuck: SampleWorkspace) -> None:
    editor = program(stuck.root, "editor", 'cp "$2" seen; printf "Use bcrypt.\\n\\nNot md5.\\n" >> "$2"')
    with open_terminal(stuck.root, VISUAL=f"{editor} -w", EDITOR="false") as terminal:
        blocked(terminal).enter("/workflow feedback auth").see("is queued for its next IMPLEMENT attempt")
    assert advice(stuck) == ["Use bcrypt.\n\nNot md5."]
    seen = (stuck.root / "seen").read_text()
    assert "BLOCKED at TEST" in seen
    assert "one is wrong" in seen
    assert not [line for line in seen.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"EDITOR": "true"}, "Nothing was sent"),
        ({"EDITOR": "no-such-editor"}, "error: the editor 'no-such-editor' can't be run; nothing was sent"),
        ({"EDITOR": "sh -c 'exit 3'"}, "ended with exit code 3; nothing was sent"),
        ({"EDITOR": "", "VISUAL": ""}, "error: no editor is set in VISUAL or EDITOR"),
        ({"EDITOR": "sh -c 'kill -9 $$' sh"}, "was ended by SIGKILL; nothing was sent"),
        ({"EDITOR": "rm"}, "left no text: No such file or directory; nothing was sent"),
        ({"EDITOR": 'sh -c \'rm "$1"; mkfifo "$1"\' sh'}, "left something that is no file; nothing was sent"),
        ({"EDITOR": 'sh -c \'rm "$1"; mkdir "$1"\' sh'}, "nothing was sent"),
        ({"EDITOR": "sh -c 'head -c 2000000 /dev/zero > \"$1\"' sh"}, "left more than 1,000,000 bytes"),
        ({"EDITOR": "vi 'it is"}, "nothing was sent"),
        ({"EDITOR": "/"}, "nothing was sent"),
    ],
    ids=[
        *("nothing", "missing", "failed", "none", "signal", "removed", "pipe", "folder", "huge", "quote"),
        "not a program",
    ],
)
def test_empty_feedback_is_not_sent(stuck: SampleWorkspace, environment: dict[str, str], message: str) -> None:
    with open_terminal(stuck.root, columns=250, **{"VISUAL": "", **environment}) as terminal:
        blocked(terminal).enter("/workflow feedback auth").see(message).wait_until(lambda: terminal.typed == "")
    assert advice(stuck) == []


def test_an_editor_may_have_blanks_and_quotes_in_its_name(stuck: SampleWorkspace) -> None:
    program(stuck.root, 'my "own" editor\'s', 'echo "Use bcrypt." >> "$2"')
    path = str(stuck.root / 'my "own" editor\'s')
    with open_terminal(stuck.root, columns=200, VISUAL=f"{shlex.quote(path)} -w") as terminal:
        blocked(terminal).enter("/workflow feedback auth").see("is queued for its next IMPLEMENT attempt")
    assert advice(stuck) == ["Use bcrypt."]


def test_an_editor_that_leaves_the_terminal_in_disorder_leaves_a_shell_that_works(stuck: SampleWorkspace) -> None:
    script = "stty raw -echo; printf '\\033[?1000h\\033[31m\\033]0;owned\\007\\033[?25l'; kill -9 $$"
    editor = program(stuck.root, "editor", script)
    with open_terminal(stuck.root, VISUAL=editor) as terminal:
        blocked(terminal).enter("/workflow feedback auth").see("nothing was sent")
        terminal.wait_until(lambda: terminal.typed == "")
        terminal.enter("/health").see("active workflows").wait_until(lambda: terminal.typed == "")
        terminal.enter("/quit")
        assert terminal.exit_code() == 0


def test_control_characters_from_an_editor_are_text(stuck: SampleWorkspace) -> None:
    editor = program(stuck.root, "editor", "printf '\\033[2Jred\\302\\2330m' > \"$1\"")
    with open_terminal(stuck.root, VISUAL=editor) as terminal:
        blocked(terminal).enter("/workflow feedback auth").see("is queued for its next IMPLEMENT attempt")
        terminal.enter("/workflow history auth --events").see("\\x1b[2Jred\\x9b0m")
    assert advice(stuck) == ["\x1b[2Jred\x9b0m"]


def test_a_closed_terminal_ends_a_shell_whose_editor_hangs(stuck: SampleWorkspace) -> None:
    script = "trap '' HUP TERM INT; echo $$ > editing; until test -e left; do sleep 0.05; done"
    with open_terminal(stuck.root, VISUAL=program(stuck.root, "editor", script)) as terminal:
        blocked(terminal).enter("/workflow feedback auth")
        terminal.wait_until(lambda: (stuck.root / "editing").exists())
        terminal.process.send_signal(signal.SIGHUP)
        terminal.wait_until(lambda: terminal.process.poll() is not None)
        (stuck.root / "left").touch()
    assert advice(stuck) == []


def test_a_file_of_lines_has_no_editor(stuck: SampleWorkspace) -> None:
    (stuck.root / "lines").write_text("/workflow feedback auth\n")
    with open_terminal(stuck.root, EDITOR="true") as terminal:
        blocked(terminal).enter("/source lines").see("TEXT… is missing").wait_until(lambda: terminal.typed == "")
