"""A web shop in the pictures: an agent at work, a task that waits for a person, and others that wait."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docs.pictures.clock import PROGRAM, PictureClock
from docs.pictures.svg import PictureScreen, command_line, screen_lines
from tests.support.terminal import Terminal, open_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

SHOP = Path(__file__).with_name("shop")
START = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
SHOWN = START + timedelta(minutes=8, seconds=41)
"""The time at which the pictures are taken."""
TEST_SECONDS = 34.2
"""How long each run of pytest takes in the pictures."""
AGENT = """\
cat > prompt.txt
if [ ! -e {again} ]; then
    touch {again}
    echo '# A session lasts two weeks.' >> shop/login.py
    tick 171
    cat {first}
    exit
fi
cat {second}
while [ ! -e {ended} ]; do sleep 0.05; done
"""
"""Instead of Claude Code. Its second run goes on until the pictures are taken."""
TYPED, LAST_COMPLETION = "/workflow re", "Pass an UNVERIFIED phase"


class ShopRun:
    """The shop after its first two tasks: `user-model` is COMPLETED, `confirm-mail` BLOCKED."""

    def __init__(self, folder: Path) -> None:
        self._clock = PictureClock(folder / "clock", START)
        self._workspace = shutil.copytree(SHOP, folder / "shop")
        self._ended = folder / "ended"
        names = {"again": folder / "again", "ended": self._ended}
        self._clock.add_program("claude", AGENT.format(**names, **_agent_outputs(folder)))
        self._clock.lengthen("pytest", TEST_SECONDS)
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "Begin"]):
            subprocess.run(
                [
                    "git",
                    "-c",
                    "user.name=Ada",
                    "-c",
                    "user.email=ada@example.com",
                    "-c",
                    "commit.gpgsign=false",
                    *command,
                ],
                cwd=self._workspace,
                check=True,
            )
        for task in ("user-model", "confirm-mail"):
            with self._open("workflow", "start", task, "--wait", columns=80, rows=40) as terminal:
                terminal.exit_code()

    def _open(self, *words: str, columns: int, rows: int) -> Any:
        return open_terminal(
            self._workspace,
            *words,
            command=PROGRAM,
            columns=columns,
            rows=rows,
            make_screen=PictureScreen,
            **self._clock.environment,
        )

    @contextmanager
    def shell(self, columns: int, rows: int) -> Iterator[Terminal]:
        """Open a shell in which the other tasks have been started, and a command is being typed below the panel."""
        with self._open(columns=columns, rows=rows) as shell:
            try:
                shell.see("/workflow approve confirm-mail").enter("/watch on")
                shell.enter("/workflow start checkout --with-deps").see("pytest -q tests/test_login.py::test_expired")
                # Only now, so that the failed test of `login` has not delayed its agent.
                settings = self._workspace / "penguin.yaml"
                settings.write_text(settings.read_text(encoding="utf-8").replace("delay_sec: 0", "delay_sec: 300"))
                shell.enter("/workflow start search").see("retrying at 10:")
                self._clock.set(SHOWN)
                shell.see(" 8m06s ").wait_until(lambda: shell.typed == "")
                shell.press(TYPED).see(LAST_COMPLETION).see("2 waiting")
                yield shell
            finally:
                self._ended.touch()

    def board(self, columns: int) -> list[Text]:
        """Return the command that shows the board, and what it shows on a terminal."""
        with self._open("blueprint", "board", columns=columns, rows=40) as terminal:
            assert terminal.exit_code() == 0, terminal.text
            return [command_line("blueprint board"), *screen_lines(terminal.screen)]


def _agent_outputs(folder: Path) -> dict[str, Path]:
    """Write what the agent prints in its two runs into files."""
    events = {"first": [*_events(*FIRST), RESULT], "second": [*_events(*SECOND)]}
    for name, found in events.items():
        (folder / name).write_text("".join(json.dumps(event) + "\n" for event in found), encoding="utf-8")
    return {name: folder / name for name in events}


SESSION = "5c1d7f0e-0000-4000-8000-000000000000"
FIRST = ({"type": "text", "text": "Log in with a session cookie."},)
SECOND = (
    {"type": "text", "text": "The cookie of an expired session is still accepted."},
    {"type": "tool_use", "id": "t1", "name": "Edit", "input": {"file_path": "shop/login.py"}},
    {
        "type": "tool_use",
        "id": "t2",
        "name": "Bash",
        "input": {"command": "pytest -q tests/test_login.py::test_expired"},
    },
)
RESULT = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "num_turns": 12,
    "total_cost_usd": 0.41,
    "usage": {"input_tokens": 51_300, "output_tokens": 3_120},
    "result": "Users log in.",
    "session_id": SESSION,
}


def _events(*contents: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield events of Claude Code: the beginning of a run, and one message for each content."""
    yield {"type": "system", "subtype": "init", "session_id": SESSION, "model": "sonnet", "cwd": "/shop"}
    for number, content in enumerate(contents):
        usage = {"input_tokens": 8_100 + 900 * number, "output_tokens": 210}
        message = {"id": f"msg_{number}", "role": "assistant", "model": "sonnet", "content": [content], "usage": usage}
        yield {"type": "assistant", "message": message, "session_id": SESSION}
