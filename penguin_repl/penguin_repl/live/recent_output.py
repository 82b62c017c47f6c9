"""The most recent output of an attempt's steps."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from penguin_commands.file_tail import tail
from penguin_repl.text.ansi_filter import ESCAPE
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from penguin.orchestration.store.current_attempt import CurrentAttempt

LAST_LINE_BYTES = 4096
"""The number of bytes to search for the last line."""
LINE_ENDS = re.compile(r"[\r\n]+")
"""Includes the carriage return, since a step that draws a progress bar rewrites its line."""
TAB = " " * 4


def last_line(paths: Sequence[str]) -> str:
    """Return the last non-blank line of the first output that has one; '' if none has."""
    for path in paths:
        found = [line for line in tail_lines(path, LAST_LINE_BYTES) if line.strip()]
        if found:
            return found[-1].strip()
    return ""


def tail_lines(path: str, limit: int) -> list[str]:
    """Return the lines in the last `limit` bytes of an output, escaped, without the final line end."""
    text, size = tail(path, limit)
    found = [clean(ESCAPE.sub("", line.replace("\t", TAB))) for line in LINE_ENDS.split(text)]
    # The first line may have lost its beginning.
    found = found[1:] if size > limit and len(found) > 1 else found
    return found if found[-1] else found[:-1]


def attempt_folder(runs: Path, workflow_id: str, attempt: CurrentAttempt) -> Path:
    """Return the folder with the outputs of an attempt."""
    return runs / workflow_id / f"{attempt.attempt}-{attempt.phase.lower()}"


def _is_output(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(".log") and not entry.is_symlink()


def newest_outputs(folder: Path) -> list[str]:
    """Return the non-empty outputs in a folder, most recently written first."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.stat(), entry.path) for entry in entries if _is_output(entry)]
    except OSError:
        return []
    return [path for stat, path in sorted(found, key=lambda entry: entry[0].st_mtime_ns, reverse=True) if stat.st_size]
