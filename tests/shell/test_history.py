"""The history of typed lines, shared by concurrent shells."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.keys import CTRL_C, CTRL_R, ENTER, UP
from tests.support.shell_session import run_shell
from tests.support.workspace import SampleWorkspace

from penguin_repl.shell.history import SharedHistory

pytestmark = pytest.mark.anyio

WRITER = """
import sys
from pathlib import Path
from penguin_repl.shell.history import SharedHistory
history = SharedHistory(Path(sys.argv[1]))
sys.stdin.readline()
for n in range(200):
    history.append_string(f"{sys.argv[2]} {n}\\n" + "x" * 3000)
"""


async def loaded(history: SharedHistory) -> list[str]:
    """Return all entries, oldest first."""
    return [entry async for entry in history.load()][::-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history"


async def test_concurrent_shells_lose_no_line(path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, name], stdin=subprocess.PIPE, text=True) for name in "abc"
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    assert [await asyncio.to_thread(writer.communicate) and writer.returncode for writer in writers] == [0, 0, 0]
    entries = await loaded(SharedHistory(path))
    assert len(entries) == 600
    for name in "abc":
        assert [entry for entry in entries if entry[0] == name] == [f"{name} {n}\n{'x' * 3000}" for n in range(200)]


async def test_lines_of_another_shell_appear_at_the_next_prompt(path: Path) -> None:
    one, two = SharedHistory(path), SharedHistory(path)
    assert await loaded(one) == await loaded(two) == []
    one.append_string("/health")
    two.append_string("/config")
    one.append_string("several\nlines\n+ and signs")
    assert await loaded(one) == await loaded(two) == ["/health", "/config", "several\nlines\n+ and signs"]
    assert list(SharedHistory(path).load_history_strings())[-1] == "/health"


async def test_a_history_file_that_was_emptied(path: Path) -> None:
    history = SharedHistory(path)
    history.append_string("/health")
    assert await loaded(history) == ["/health"]
    path.write_text("")
    assert await loaded(history) == []
    history.append_string("/config")
    assert await loaded(history) == ["/config"]


async def test_unwritable_lines_stay_in_the_session(tmp_path: Path) -> None:
    history = SharedHistory(tmp_path)
    history.append_string("/health")
    assert await loaded(history) == ["/health"]


async def test_on_a_full_disk_the_line_is_not_in_the_file(tmp_path: Path) -> None:
    history = SharedHistory(Path("/dev/full"))
    history.append_string("/health")
    assert history.get_strings() == ["/health"]


async def test_ctrl_r_finds_lines_of_another_shell(workspace: SampleWorkspace) -> None:
    async with run_shell(workspace.root) as one, run_shell(workspace.root) as two:
        await two.enter("/health")
        await two.see("active workflows")
        await one.enter("/task list")
        await one.see("Send mail")
        await one.wait_until(lambda: one.typed == "")
        one.press(CTRL_R, "hea")
        await one.see("/health")
        one.press(ENTER, ENTER)
        await one.see("active workflows")
        await one.wait_until(lambda: one.typed == "")
        one.press(UP)
        await one.wait_until(lambda: one.typed == "/health")
        one.press(CTRL_C)
        await one.wait_until(lambda: one.typed == "")
