"""From a key to its echo, through a real pseudo-terminal, while many workflows are active: `python benchmarks/keys.py`.

Prints one line of figures for each case: how long keys took (milliseconds), and the memory of the shell (megabytes).
The first case is a prompt without Penguin: what it takes is the machine's, whatever else that does just now.
Exits with 1 where a limit was missed.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyte

LIMIT_MS = 50.0
"""For 99 of 100 keys."""
LIMIT_MB = 200.0
PATIENCE = 120.0
"""Seconds."""
STAY = "cat go"
"""A step that lasts until something is written to the FIFO `go`."""
LINE = "/workflow feedback task-1 the quick brown fox "
COLUMNS, ROWS = 120, 40
BARE = "from prompt_toolkit import prompt; prompt('penguin> ', bottom_toolbar=' no workflow is running')"


class Terminal:
    """A shell in a workspace, on a pseudo-terminal; its personal settings are below the workspace, too."""

    def __init__(self, folder: Path, *program: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._screen.write_process_input = self.press
        self._stream = pyte.ByteStream(self._screen)
        self._shell = subprocess.Popen(
            [sys.executable, *program],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env={**os.environ, "TERM": "xterm-256color", "XDG_CONFIG_HOME": str(folder)},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    @property
    def typed(self) -> str | None:
        prompts = [line for line in self._screen.display if line.startswith("penguin>")]
        return prompts[-1].removeprefix("penguin>").strip() if prompts else None

    def read(self, timeout: float) -> None:
        if select.select([self._master], [], [], timeout)[0]:
            self._stream.feed(os.read(self._master, 1 << 16))

    def see(self, text: str) -> None:
        self._until(lambda: text in self.text)

    def enter(self, line: str) -> None:
        self._until(lambda: self.typed == "")
        self.press(f"{line}\r")

    def echo(self, key: str, so_far: str) -> float:
        """Seconds from a key to its echo."""
        began = time.perf_counter()
        self.press(key)
        self._until(lambda: self.typed == so_far.strip())
        return time.perf_counter() - began

    def clear(self) -> None:
        self.press("\x15")
        self._until(lambda: self.typed == "")

    def memory(self) -> float:
        """Return the maximum of its memory, in megabytes."""
        status = Path(f"/proc/{self._shell.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1000

    def rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.read(left)

    def kill(self) -> None:
        self._shell.kill()
        self._shell.wait()
        os.close(self._master)

    def _until(self, condition: object) -> None:
        give_up = time.monotonic() + PATIENCE
        while not condition():  # type: ignore[operator]
            if time.monotonic() > give_up:
                raise SystemExit(f"nothing came of it:\n{self.text}")
            self.read(0.5)


def make_workspace(folder: Path, workflows: int, parallel: int, step: str) -> None:
    """Create a workspace with this number of tasks."""
    settings = {
        "project": {"id": "keys"},
        "blueprints": ["b.json"],
        "ui": {"panel": True},
        "phases": {phase: {"run": [step]} for phase in ("implement", "test", "use", "verify")},
        "isolation": "shared",
        "orchestration": {"max_parallel": parallel},
    }
    (folder / "penguin.yaml").write_text(json.dumps(settings))
    os.mkfifo(folder / "go")
    (folder / "penguin").mkdir()
    (folder / "penguin" / "config.yaml").write_text("ui: {pager: false}\n")
    items = [{"id": f"task-{number}", "title": f"Task {number}"} for number in range(workflows)]
    (folder / "b.json").write_text(json.dumps({"id": "b", "title": "B", "items": items}))


@contextmanager
def bare() -> Iterator[Terminal]:
    """Run a bare prompt."""
    with tempfile.TemporaryDirectory() as name:
        terminal = Terminal(Path(name), "-c", BARE)
        try:
            yield terminal
        finally:
            terminal.kill()


@contextmanager
def shell(workflows: int, parallel: int, step: str) -> Iterator[Terminal]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_workspace(folder, workflows, parallel, step)
        terminal = Terminal(folder, "-m", "penguin_repl")
        try:
            terminal.enter("/blueprint run b")
            terminal.see(" waiting" if parallel < workflows else f" {workflows} running")
            yield terminal
        finally:
            terminal.kill()
            # Steps outlive their engine.
            with suppress(OSError):
                os.close(os.open(folder / "go", os.O_WRONLY | os.O_NONBLOCK))


def measure(terminal: Terminal, keys: int, pause: float) -> list[float]:
    """Seconds for each key, typed as by a person: so many seconds between two."""
    times: list[float] = []
    while len(times) < keys:
        terminal.clear()
        for place, key in enumerate(LINE):
            times.append(terminal.echo(key, LINE[: place + 1]))
            terminal.rest(pause)
    return sorted(times)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--workflows", type=int, default=1000)
    options.add_argument("--keys", type=int, default=400)
    options.add_argument("--pause", type=float, default=0.05, help="seconds between two keys")
    options.add_argument("--case", choices=CASES, action="append")
    chosen = options.parse_args()
    with bare() as terminal:
        tell("no Penguin", terminal, measure(terminal, chosen.keys, chosen.pause))
    kept = True
    for case in chosen.case or CASES:
        parallel, step = CASES[case]
        with shell(chosen.workflows, min(parallel, chosen.workflows), step) as terminal:
            times = measure(terminal, chosen.keys, chosen.pause)
            kept &= tell(f"{chosen.workflows} {case}", terminal, times)
    return int(not kept)


def tell(case: str, terminal: Terminal, times: list[float]) -> bool:
    """Print the figures of a case. Return whether they are within the limits."""
    middle, at99, worst = (times[int((len(times) - 1) * part)] * 1000 for part in (0.5, 0.99, 1))
    memory = terminal.memory()
    figures = f"median {middle:.1f} ms, 99 % within {at99:.1f} ms, worst {worst:.1f} ms; {memory:.0f} MB"
    print(f"{case}: {len(times)} keys, {figures}", flush=True)
    return at99 <= LIMIT_MS and memory <= LIMIT_MB


CASES = {
    "waiting": (1, STAY),
    "busy": (4, "sleep 0.2"),
    "running": (1000, STAY),
}
"""Attempts at once, and what each step runs: nearly all wait; four at a time run, in short steps; all run at
once."""

if __name__ == "__main__":
    sys.exit(main())
