"""Editing of text in the user's editor."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin_repl.shell.external_programs import NOT_RUNNABLE_CODES, describe_exit
from penguin_repl.text.escape import clean_block

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penguin_repl.shell.external_programs import ExternalProgramRunner

FILE_NAME = "penguin-feedback.md"
LARGEST = 1_000_000
"""Bytes of the longest text."""
HINT = "type the feedback after the ID, or set EDITOR"


def editor_command(environ: Mapping[str, str]) -> str:
    """Return the user's editor command. Raises WorkflowError if none is set."""
    # VISUAL names an editor that needs a full-screen terminal.
    names = ("EDITOR",) if environ.get("TERM", "dumb") == "dumb" else ("VISUAL", "EDITOR")
    for name in names:
        if environ.get(name, "").strip():
            return environ[name].strip()
    raise WorkflowError(f"no editor is set in {' or '.join(names)}", HINT)


async def edit_text(outside: ExternalProgramRunner, text: str) -> str:
    """Open the editor and return the edited text. Raises WorkflowError if there is no editor or it failed."""
    command = editor_command(os.environ)
    with tempfile.TemporaryDirectory(prefix="penguin-") as folder:
        path = Path(folder, FILE_NAME)
        path.write_text(clean_block(text), encoding="utf-8", errors="backslashreplace")
        code = await outside.run(command, os.fspath(path))
        if code in NOT_RUNNABLE_CODES:
            raise WorkflowError(f"the editor {command!r} can't be run; nothing was sent", HINT)
        if code:
            raise WorkflowError(f"the editor {command!r} {describe_exit(code)}; nothing was sent", HINT)
        return _read_back(path, command)


def _read_back(path: Path, command: str) -> str:
    """Return what the editor wrote. Raises WorkflowError unless it is a regular file of a size that can be sent."""
    try:
        # A pipe without a writer must not block.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            data = file.read(LARGEST + 1) if regular else b""
    except OSError as error:
        raise WorkflowError(f"the editor {command!r} left no text: {error.strerror}; nothing was sent", HINT) from error
    if not regular or len(data) > LARGEST:
        what = f"more than {LARGEST:,} bytes" if regular else "something that is no file"
        raise WorkflowError(f"the editor {command!r} left {what}; nothing was sent", HINT)
    return data.decode("utf-8", "replace")
