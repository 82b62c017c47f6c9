"""Scripts in this process: any line gives a document and an exit code."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.program import CONFIG, TASKS, Program

from penguin_commands.errors import ExitCode
from penguin_commands.grammar.table import COMMANDS
from penguin_commands.session import Session
from penguin_repl.output.logging_handler import NarratingLogHandler
from penguin_repl.output.screen import Screen, Style
from penguin_repl.scripts.lines import ScriptLine, ScriptLines
from penguin_repl.scripts.runner import ScriptRunner


def run(folder: Path, *lines: str, format: str = "text", keep_going: bool = True) -> tuple[ExitCode, str, str]:
    """Code, data and narration of a script."""
    out, err = io.StringIO(), io.StringIO()
    script = ScriptRunner(Session(folder), Screen(Style(format), out, err), keep_going=keep_going, debug=True)
    # Relative paths of lines, such as `/backup x`, are in the workspace, not in the folder of the test run.
    with contextlib.chdir(folder):
        code = script.run(ScriptLines(ScriptLine(f"x:{number}", line, True) for number, line in enumerate(lines, 1)))
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "penguin.yaml").write_text(CONFIG)
    (folder / "tasks.md").write_text(TASKS)
    return folder


WORDS = st.one_of(
    st.sampled_from([f"--{flag.name}" for command in COMMANDS for flag in command.flags]),
    st.sampled_from(
        ["nope", "shop", "basics", "tasks.md", "@last", "--", "1", "active", "test", "tree", "'a b'", "\x1b[2J"]
    ),
    st.text(max_size=5),
)
NOT_HERE = ("/blueprint run", "/quit", "/source")
LINES = st.builds(
    lambda command, words: " ".join([command, *words]),
    st.sampled_from([command.name for command in COMMANDS if command.name not in NOT_HERE]),
    st.lists(WORDS, max_size=3),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, min_size=1, max_size=5))
def test_every_command_prints_one_document(workspace: Path, lines: list[str]) -> None:
    code, out, err = run(workspace, *lines, format="json")
    documents = [json.loads(line) for line in out.splitlines()]
    errors = [document for document in documents if "error" in document]
    assert len(documents) == len(lines)
    assert len(err.splitlines()) == len(errors)
    assert (code == ExitCode.OK) == (not errors)
    assert "\x1b" not in out + err


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES)
def test_text_on_a_terminal_is_harmless_for_any_line(workspace: Path, line: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    script = ScriptRunner(Session(workspace), Screen(Style("text", True, False), out, err), debug=True)
    script.run(ScriptLines(iter([ScriptLine("x:1", line, True)])))
    assert "\x1b" not in out.getvalue() + err.getvalue()


def test_an_error_is_one_line(workspace: Path) -> None:
    err = io.StringIO()
    screen = Screen(Style(), io.StringIO(), err)
    logger = logging.Logger("test")
    logger.addHandler(NarratingLogHandler(screen, debug=False))
    try:
        raise ValueError("x\x1b[2J\ny")
    except ValueError:
        logger.exception("it broke")
    logger.info("of no interest")
    assert err.getvalue() == "it broke: ValueError: x\\x1b[2J y\n"
    logger.addHandler(NarratingLogHandler(screen, debug=True))
    try:
        raise ValueError("again")
    except ValueError:
        logger.exception("it broke")
    assert "Traceback" in err.getvalue()


def test_a_pipe_closed_while_a_workflow_runs(penguin: Program) -> None:
    process = penguin.begin()
    assert process.stdin
    assert process.stdout
    process.stdin.write("/workflow start gated\n")
    process.stdout.readline()
    process.stdout.readline()
    process.stdout.close()
    process.stdin.write("/workflow list\n")
    _, err = process.communicate(timeout=30)
    assert process.returncode == ExitCode.FAILED
    assert "standard output was closed\nthe next engine continues: ituv-gated-" in err
    (penguin.folder / "go").touch()
    assert penguin("-c", "/workflow resume gated").code == 0
