"""Workers as processes, and clients that run nothing themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.temporal_workspace import TemporalWorkspace
from tests.support.waiting import wait_until

from penguin.orchestration.temporal.backend import TemporalBackend


class WorkerProcesses:
    """Real worker processes of one workspace."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Start another worker, and wait until it is at work."""
        log = self._folder / f"worker-{len(self.running)}.log"
        command = [sys.executable, "-m", "penguin_repl", "--workspace", os.fspath(self._root), *options, "worker"]
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        self.running.append(process)
        wait_until(
            lambda: "worker: running in" in log.read_text() or process.poll() is not None,
            "a worker",
            details=log.read_text,
        )
        assert process.poll() is None, log.read_text()
        return process

    def output(self, process: subprocess.Popen[bytes]) -> str:
        """Return the output of a worker."""
        return (self._folder / f"worker-{self.running.index(process)}.log").read_text()

    def close(self) -> None:
        """Kill the workers that still run."""
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()


def client_of(workspace: TemporalWorkspace, **temporal: Any) -> TemporalBackend:
    """Open a backend that starts no server."""
    backend = workspace.backend(temporal={"auto_start": False, **temporal})
    assert isinstance(backend, TemporalBackend)
    return backend
