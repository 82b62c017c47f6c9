"""Editing of text in the user's editor."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin_repl.shell.external_programs import NOT_RUNNABLE_CODES
from penguin_repl.text.escape import clean_block

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penguin_repl.shell.external_programs import ExternalProgramRunner

FILE_NAME = "penguin-feedback.md"
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
            raise WorkflowError(f"the editor {command!r} ended with exit code {code}; nothing was sent", HINT)
        return path.read_text(encoding="utf-8", errors="replace")
