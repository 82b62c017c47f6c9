"""The events of a launcher, and its end without steps and clients."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.waiting import PATIENCE, wait_until

import penguin.orchestration.execution.launcher as launcher

PROGRAM = Path(launcher.__file__).parent / "launcher.py"


def order(folder: Path, line: str = "while [ ! -e go ]; do sleep 0.01; done") -> dict[str, Any]:
    return {
        "op": "start",
        "id": str(folder / "step"),
        "argv": ["/bin/sh", "-c", line],
        "cwd": str(folder),
        "env": {"PATH": os.environ["PATH"]},
        "mark": "PENGUIN_STEP_test_launcher_end",
        "timeout": PATIENCE,
        "grace": 0.1,
        "max_output": 1000,
    }


def start_launcher(directory: Path) -> socket.socket:
    """A launcher's first client."""
    subprocess.run([sys.executable, "-I", "-S", PROGRAM, directory], check=True)
    folder = os.open(directory, os.O_RDONLY)
    client = socket.socket(socket.AF_UNIX)
    client.connect(f"/proc/self/fd/{folder}/launcher.sock")
    os.close(folder)
    client.settimeout(PATIENCE)
    return client


def test_a_start_is_reported_before_the_exit_and_while_the_step_runs(tmp_path: Path) -> None:
    with start_launcher(tmp_path) as client, client.makefile() as words:
        for number, line in enumerate(["exit 3", "/nowhere/to/be/found", "while [ ! -e go ]; do sleep 0.01; done"]):
            step = order(tmp_path, line) | {"id": f"{tmp_path}/{number}"}
            client.sendall(json.dumps(step).encode() + b"\n")
            assert json.loads(words.readline()) == {"event": "running", "id": step["id"]}
            (tmp_path / "go").touch()
            ending = json.loads(words.readline())
            assert (ending["event"], ending["id"]) == ("exit", step["id"])
            (tmp_path / "go").unlink()


def test_a_client_that_stops_reading_does_not_keep_the_launcher_alive(tmp_path: Path) -> None:
    client = start_launcher(tmp_path)
    client.sendall(json.dumps(order(tmp_path)).encode() + b"\n")
    assert json.loads(client.recv(1000))["event"] == "running"
    # The exit event of the step will be the first message that can't be sent.
    client.shutdown(socket.SHUT_RD)
    (tmp_path / "go").touch()
    wait_until(lambda: not (tmp_path / "launcher.sock").exists(), "the end of the launcher")
    assert (tmp_path / "step.exit.json").exists()
    client.close()
