"""The run time of short commands, compared with a bare Python and with litecli."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from benchmarks.clock import Figures, interleaved, run_quietly
from benchmarks.grounds import filled_workspace, workflow_ids

SIZE = 10_000
READING = ("/workflow list --limit 10", "/workflow status {}", "/workflow history {}", "/workflow results {}")
LINES = 100
QUERY = "SELECT workflow_id, status, phase, created_at FROM run ORDER BY created_at DESC LIMIT 100"


def measure(place: Path, quick: bool) -> Figures:
    root = filled_workspace(place.parent, 1_000 if quick else SIZE)
    place.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "XDG_CONFIG_HOME": os.fspath(place), "HOME": os.fspath(place), "TERM": "xterm-256color"}
    penguin = os.fspath(Path(sys.executable).parent / "penguin")
    script = _script(root)
    programs = {
        "bare.ms": lambda: run_quietly([sys.executable, "-I", "-c", "pass"], root, env),
        "version.ms": lambda: run_quietly([penguin, "--version"], root, env),
        "piped.ms": lambda: run_quietly([penguin, "-c", "/workflow list"], root, env),
        "terminal.ms": lambda: _on_a_terminal([penguin, "-c", "/workflow list"], root, env),
    }
    litecli = Path(sys.executable).parent / "litecli"
    if litecli.exists():
        db = os.fspath(root / ".penguin" / "penguin.db")
        programs["litecli.ms"] = lambda: run_quietly([os.fspath(litecli), db, "-e", QUERY], root, env)
    if not quick:
        programs["script.ms"] = lambda: run_quietly([penguin], root, env, script)
    return interleaved(programs, 5 if quick else 9)


def _script(root: Path) -> str:
    ids = workflow_ids(root, LINES)
    return "\n".join(READING[number % len(READING)].format(ids[number]) for number in range(LINES)) + "\n"


def _on_a_terminal(argv: list[str], cwd: Path, env: dict[str, str]) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    try:
        while _read(master):
            pass
    finally:
        os.close(master)
    if process.wait():
        raise RuntimeError(f"{' '.join(argv)} exited with {process.returncode}")


def _read(master: int) -> bytes:
    try:
        return os.read(master, 1 << 16)
    except OSError:
        # The state of the database after the last writer has closed it.
        return b""
