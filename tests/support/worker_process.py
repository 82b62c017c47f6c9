"""Workers as processes, and clients that are none."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.temporal_workspace import TemporalSpace

from penguin.orchestration.temporal.backend import TemporalBackend


class Workers:
    """Real worker processes of one workspace."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Another worker, at work."""
        log = self._folder / f"worker-{len(self.running)}.log"
        command = [sys.executable, "-m", "penguin_repl", "--workspace", os.fspath(self._root), *options, "worker"]
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        self.running.append(process)
        deadline = time.monotonic() + 30
        while "at work" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        return process

    def said(self, process: subprocess.Popen[bytes]) -> str:
        """What it wrote."""
        return (self._folder / f"worker-{self.running.index(process)}.log").read_text()

    def close(self) -> None:
        """Kill those that are left."""
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()


def client_of(space: TemporalSpace, **temporal: Any) -> TemporalBackend:
    backend = space.backend(temporal={"auto_start": False, **temporal})
    assert isinstance(backend, TemporalBackend)
    return backend


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
