"""A background worker that continues workflows after the shell has quit."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from penguin.orchestration.files.safe_open import open_state_file

if TYPE_CHECKING:
    from pathlib import Path

    from penguin.orchestration.files.workspace import Workspace

LOG_FILE = "worker.log"


def start_worker(workspace: Workspace, backend_name: str | None) -> Path:
    """Start a worker that exits when all workflows are settled; return its log file.

    Raises OSError, and UnsafePath if that file is a link.
    """
    log = workspace.state / LOG_FILE
    options = ["--backend", backend_name] if backend_name else []
    file = open_state_file(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        # In its own session, so that closing the terminal does not end it.
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "penguin_repl",
                "--workspace",
                os.fspath(workspace.root),
                *options,
                "worker",
                "--until-settled",
            ],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            cwd=workspace.root,
        )
    finally:
        os.close(file)
    return log
