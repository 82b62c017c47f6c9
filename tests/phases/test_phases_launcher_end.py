"""A launcher without steps and clients ends by itself, however its last client went."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import penguin.orchestration.phases.launcher as launcher

PROGRAM = Path(launcher.__file__).parent / "launcher.py"
PATIENCE = 20.0


def order(folder: Path) -> dict[str, Any]:
    return {
        "op": "start",
        "id": str(folder / "step"),
        "argv": ["/bin/sh", "-c", "while [ ! -e go ]; do sleep 0.01; done"],
        "cwd": str(folder),
        "env": {"PATH": os.environ["PATH"]},
        "mark": "PENGUIN_STEP_test_launcher_end",
        "timeout": PATIENCE,
        "grace": 0.1,
        "max_output": 1000,
    }


def test_a_client_that_takes_no_more_words_does_not_keep_the_launcher(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-I", "-S", PROGRAM, tmp_path], check=True)
    folder = os.open(tmp_path, os.O_RDONLY)
    client = socket.socket(socket.AF_UNIX)
    client.connect(f"/proc/self/fd/{folder}/launcher.sock")
    os.close(folder)
    client.sendall(json.dumps(order(tmp_path)).encode() + b"\n")
    assert json.loads(client.recv(1000))["event"] == "running"
    # The word of the step's end will be the first that can't be sent.
    client.shutdown(socket.SHUT_RD)
    (tmp_path / "go").touch()
    deadline = time.monotonic() + PATIENCE
    while (tmp_path / "launcher.sock").exists():
        assert time.monotonic() < deadline, "the launcher did not end"
        time.sleep(0.01)
    assert (tmp_path / "step.exit.json").exists()
    client.close()
