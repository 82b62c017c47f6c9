"""The run of examples/textkit in the pictures, on the clock of the pictures."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from docs.pictures.clock import PROGRAM, PictureClock
from docs.pictures.svg import PictureScreen, command_line, screen_lines
from tests.support.terminal import open_terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

ROOT = Path(__file__).parents[2]
START = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
DURATIONS = {"pytest": 34.2, "ruff": 2.1, "python3": 3.4}
"""Seconds that each run of these programs takes in the pictures."""
TASK = "top-option"
"""The third task of the example: its TEST gate fails once."""
ROWS = 60


class ExampleRun:
    """The example after its first three tasks."""

    def __init__(self, folder: Path) -> None:
        self._clock = PictureClock(folder / "clock", START)
        self._workspace = folder / "textkit"
        subprocess.run([ROOT / "examples" / "copy", self._workspace], check=True)
        for program, seconds in DURATIONS.items():
            self._clock.lengthen(program, seconds)
        # Its changes take a moment, and an attempt that failed runs again at once: no timer depends on this machine.
        self._replace("tools/apply", "set -eu\n", "set -eu\ntick 12.4\n")
        self._replace("penguin.yaml", "initial_delay_sec: 0.2", "initial_delay_sec: 0")
        self._run(["workflow", "start", TASK, "--with-deps", "--wait"], columns=80)

    def _replace(self, path: str, old: str, new: str) -> None:
        file = self._workspace / path
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    def show(self, command: str, columns: int) -> list[Text]:
        """Return a command, and what it shows on a terminal."""
        return [command_line(command), *self._run(command.split(), columns)]

    def _run(self, words: Sequence[str], columns: int) -> list[Text]:
        with open_terminal(
            self._workspace,
            *words,
            command=PROGRAM,
            columns=columns,
            rows=ROWS,
            make_screen=PictureScreen,
            **self._clock.environment,
        ) as terminal:
            code = terminal.exit_code()
            assert code == 0, terminal.text
            return screen_lines(terminal.screen)

    def report(self) -> str:
        """Return the report as a page."""
        file = self._workspace.with_name("report.html")
        subprocess.run(
            [*PROGRAM, "workflow", "report", TASK, "--html", file],
            cwd=self._workspace,
            env={**os.environ, **self._clock.environment},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return file.read_text(encoding="utf-8")
