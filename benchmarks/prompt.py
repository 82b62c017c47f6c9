"""The time from the start of the shell to the echo of the first key, compared with a bare prompt of prompt_toolkit."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.clock import Figures, interleaved
from benchmarks.grounds import filled_workspace
from benchmarks.terminal import Terminal

PROMPT = "penguin>"
BARE = f"from prompt_toolkit import PromptSession; PromptSession().prompt({PROMPT + ' '!r})"
SIZE = 10_000
NEEDS = ("pyte",)


def measure(place: Path, quick: bool) -> Figures:
    root = filled_workspace(place.parent, 1_000 if quick else SIZE)
    place.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "XDG_CONFIG_HOME": os.fspath(place), "HOME": os.fspath(place)}
    penguin = os.fspath(Path(sys.executable).parent / "penguin")
    return interleaved(
        {
            "prompt.ms": lambda: _ready([sys.executable, "-c", BARE], root, env),
            "shell.ms": lambda: _ready([penguin], root, env),
        },
        4 if quick else 9,
    )


def _ready(argv: list[str], cwd: Path, env: dict[str, str]) -> None:
    terminal = Terminal(argv, cwd, env)
    try:
        terminal.until(lambda lines: any(line.startswith(PROMPT) for line in lines))
        terminal.press("x")
        terminal.until(lambda lines: any(line.startswith(f"{PROMPT} x") for line in lines))
    finally:
        terminal.close()
