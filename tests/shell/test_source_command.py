"""Files that are sourced at a prompt, and the marks under words that were not understood."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from tests.support.shell_session import Glass, shell
from tests.support.workspace import Space

from penguin.orchestration.testing import scripted_phases

pytestmark = pytest.mark.anyio


def write(space: Space, **files: str) -> None:
    for name, text in files.items():
        (space.root / f"{name}.pen").write_text(text)


def source(space: Space, name: str) -> str:
    return f"/source {space.root / name}.pen"


async def lines_below(glass: Glass, text: str) -> list[str]:
    """What stands below the first line with this text."""
    await glass.see(text)
    await glass.until(lambda: glass.typed == "")
    lines = glass.screen.lines
    place = next(number for number, line in enumerate(lines) if text in line)
    return lines[place + 1 :]


async def test_a_file_is_run_at_a_prompt(space: Space) -> None:
    write(space, outer=f"# evening\n/workflow start auth\n{source(space, 'inner')}\n", inner="/task show mail\n")
    with scripted_phases() as script:
        script.hold("TEST")
        async with shell(space.root) as glass:
            await glass.enter(source(space, "outer"))
            await glass.see("workflow_id: ituv-auth-")
            await glass.see("Send mail")
            # The shell goes on, and waits for nothing.
            await glass.enter("/help quit")
            await glass.see("Example: /quit")
            script.release("TEST")
            await glass.status("auth", "COMPLETED")


async def test_an_error_names_the_places_and_ends_the_file(space: Space) -> None:
    write(space, outer=f"\n{source(space, 'inner')}\n/help quit\n", inner="/help task\n/workflow strat x\n/help quit\n")
    async with shell(space.root, columns=1000) as glass:
        await glass.enter(source(space, "outer"))
        below = await lines_below(glass, "inner.pen:2: unknown /workflow verb 'strat'; did you mean start?")
        assert below[0].startswith("  sourced at ")
        assert below[0].endswith("outer.pen:2")
        assert below[1:3] == ["  /workflow strat x", "            ^^^^^"]
        assert below[3].startswith("hint: usage: /workflow start TASK")
        assert "Example: /quit" not in glass.screen.text


async def test_a_file_that_is_not_there(space: Space) -> None:
    async with shell(space.root) as glass:
        await glass.enter("/source nowhere.pen")
        await glass.see("error: can't read the script 'nowhere.pen': No such file or directory")


async def test_no_file_sources_itself_at_a_prompt_either(space: Space) -> None:
    write(space, a=f"{source(space, 'b')}\n", b=f"{source(space, 'a')}\n/help quit\n")
    async with shell(space.root, columns=1000) as glass:
        await glass.enter(source(space, "a"))
        await glass.see("is being read already")
        assert "Example: /quit" not in glass.screen.text


async def test_quit_in_a_file_leaves(space: Space) -> None:
    write(space, outer=f"{source(space, 'inner')}\n/help task\n", inner="/quit\n")
    async with shell(space.root) as glass:
        await glass.enter(source(space, "outer"))
        await glass.ended()
        assert "/task graph" not in glass.screen.text


async def test_a_pipe_that_is_silent_stops_nothing(space: Space) -> None:
    pipe = space.root / "pipe.pen"
    os.mkfifo(pipe)
    with scripted_phases():
        async with shell(space.root) as glass:
            await glass.enter("/workflow start auth")
            await glass.enter(f"/source {pipe}")
            # The engine goes on while nothing comes through the pipe.
            await glass.status("auth", "COMPLETED")
            await asyncio.to_thread(pipe.write_text, "/help quit\n")
            await glass.see("Example: /quit")


def is_read(pipe: Path, writer: list[int]) -> bool:
    """Whether somebody reads a pipe; its other end is kept open then."""
    try:
        writer.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


async def test_ctrl_c_stops_reading_a_file(space: Space) -> None:
    pipe = space.root / "pipe.pen"
    os.mkfifo(pipe)
    async with shell(space.root) as glass:
        await glass.enter(f"/source {pipe}")
        writer: list[int] = []
        await glass.until(lambda: writer or is_read(pipe, writer))
        os.kill(os.getpid(), signal.SIGINT)
        await glass.see("stopped; what runs goes on")
        os.write(writer[0], b"/help quit\n")
        os.close(writer[0])
        await glass.enter("/help help")
        await glass.see("Example: /help")
        assert "Example: /quit" not in glass.screen.text


async def test_the_bad_word_of_a_typed_line_is_marked(space: Space) -> None:
    async with shell(space.root) as glass:
        await glass.enter("/workflow list --staus failed")
        below = await lines_below(glass, "error: unknown flag '--staus'; did you mean --status?")
        assert below[:2] == ["  /workflow list --staus failed", "                 ^^^^^^^"]
        assert below[2].startswith("hint: usage: /workflow list")


async def test_the_place_of_a_missing_word_is_marked(space: Space) -> None:
    async with shell(space.root) as glass:
        await glass.enter("/workflow pause --now")
        below = await lines_below(glass, "error: ID is missing")
        assert below[:2] == ["  /workflow pause --now", "                        ^"]
        assert below[2].startswith("hint: usage: /workflow pause ID")


async def test_a_mark_fits_a_narrow_window(space: Space) -> None:
    async with shell(space.root, columns=40) as glass:
        await glass.enter(f"/workflow list {'x' * 50} --staus")
        await glass.see("^^^^^^^")
        mark = next(line for line in glass.screen.lines if "^^^^^^^" in line)
        above = glass.screen.lines[glass.screen.lines.index(mark) - 1]
        assert above[mark.index("^") :][: len(mark.strip())] == "--staus"
