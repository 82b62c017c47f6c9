"""Files sourced at a prompt, and marks below wrong words."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from tests.support.shell_session import ShellSession, run_shell
from tests.support.workspace import SampleWorkspace

from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio


def write(workspace: SampleWorkspace, **files: str) -> None:
    for name, text in files.items():
        (workspace.root / f"{name}.pen").write_text(text)


def source(workspace: SampleWorkspace, name: str) -> str:
    return f"/source {workspace.root / name}.pen"


async def lines_below(shell: ShellSession, text: str) -> list[str]:
    """Return the line below the first one with this text."""
    await shell.see(text)
    await shell.wait_until(lambda: shell.typed == "")
    lines = shell.screen.lines
    place = next(number for number, line in enumerate(lines) if text in line)
    return lines[place + 1 :]


async def test_a_file_is_run_at_a_prompt(workspace: SampleWorkspace) -> None:
    write(
        workspace, outer=f"# evening\n/workflow start auth\n{source(workspace, 'inner')}\n", inner="/task show mail\n"
    )
    with scripted_phases() as script:
        script.hold("TEST")
        async with run_shell(workspace.root, rows=60) as shell:
            await shell.enter(source(workspace, "outer"))
            await shell.see("workflow_id: ituv-auth-")
            await shell.see("Send mail")
            # The shell continues without waiting.
            await shell.enter("/help quit")
            await shell.see("Example: /quit")
            script.release("TEST")
            await shell.status("auth", "COMPLETED")


async def test_an_error_names_the_locations_and_ends_the_file(workspace: SampleWorkspace) -> None:
    write(
        workspace,
        outer=f"\n{source(workspace, 'inner')}\n/help quit\n",
        inner="/help task\n/workflow strat x\n/help quit\n",
    )
    async with run_shell(workspace.root, columns=1000) as shell:
        await shell.enter(source(workspace, "outer"))
        below = await lines_below(shell, "inner.pen:2: unknown /workflow verb 'strat'; did you mean start?")
        assert below[0].startswith("  sourced at ")
        assert below[0].endswith("outer.pen:2")
        assert below[1:3] == ["  /workflow strat x", "            ^^^^^"]
        assert below[3].startswith("hint: usage: /workflow start ")
        assert "Example: /quit" not in shell.screen.text


async def test_a_missing_file(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as shell:
        await shell.enter("/source nowhere.pen")
        await shell.see("error: can't read the script 'nowhere.pen': No such file or directory")


async def test_a_file_cannot_source_itself_at_a_prompt(workspace: SampleWorkspace) -> None:
    write(workspace, a=f"{source(workspace, 'b')}\n", b=f"{source(workspace, 'a')}\n/help quit\n")
    async with run_shell(workspace.root, columns=1000) as shell:
        await shell.enter(source(workspace, "a"))
        # The path before it may be long enough to wrap the line.
        await shell.see("is already being read")
        assert "Example: /quit" not in shell.screen.text


async def test_quit_in_a_file_ends_the_shell(workspace: SampleWorkspace) -> None:
    write(workspace, outer=f"{source(workspace, 'inner')}\n/help task\n", inner="/quit\n")
    async with run_shell(workspace.root) as shell:
        await shell.enter(source(workspace, "outer"))
        await shell.ended()
        assert "/task graph" not in shell.screen.text


async def test_a_silent_pipe_does_not_block(workspace: SampleWorkspace) -> None:
    pipe = workspace.root / "pipe.pen"
    os.mkfifo(pipe)
    with scripted_phases():
        async with run_shell(workspace.root) as shell:
            await shell.enter("/workflow start auth")
            await shell.enter(f"/source {pipe}")
            # The engine continues while the pipe is silent.
            await shell.status("auth", "COMPLETED")
            await asyncio.to_thread(pipe.write_text, "/help quit\n")
            await shell.see("Example: /quit")


def is_read(pipe: Path, writer: list[int]) -> bool:
    """Return whether a process reads a pipe; then keep its other end open."""
    try:
        writer.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


async def test_ctrl_c_stops_reading_a_file(workspace: SampleWorkspace) -> None:
    pipe = workspace.root / "pipe.pen"
    os.mkfifo(pipe)
    async with run_shell(workspace.root) as shell:
        await shell.enter(f"/source {pipe}")
        writer: list[int] = []
        await shell.wait_until(lambda: writer or is_read(pipe, writer))
        os.kill(os.getpid(), signal.SIGINT)
        await shell.see("interrupted")
        os.write(writer[0], b"/help quit\n")
        os.close(writer[0])
        await shell.enter("/help help")
        await shell.see("Example: /help")
        assert "Example: /quit" not in shell.screen.text


async def test_the_bad_word_of_a_typed_line_is_marked(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as shell:
        await shell.enter("/workflow list --staus failed")
        below = await lines_below(shell, "error: unknown flag '--staus'; did you mean --status?")
        assert below[:2] == ["  /workflow list --staus failed", "                 ^^^^^^^"]
        assert below[2].startswith("hint: usage: /workflow list")


async def test_the_position_of_a_missing_word_is_marked(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as shell:
        await shell.enter("/workflow pause --now")
        below = await lines_below(shell, "error: ID is missing")
        assert below[:2] == ["  /workflow pause --now", "                        ^"]
        assert below[2].startswith("hint: usage: /workflow pause ID")


async def test_a_mark_fits_a_narrow_window(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root, columns=40) as shell:
        await shell.enter(f"/workflow list {'x' * 50} --staus")
        await shell.see("^^^^^^^")
        mark = next(line for line in shell.screen.lines if "^^^^^^^" in line)
        above = shell.screen.lines[shell.screen.lines.index(mark) - 1]
        assert above[mark.index("^") :][: len(mark.strip())] == "--staus"
