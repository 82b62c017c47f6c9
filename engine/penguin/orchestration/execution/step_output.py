"""The part of a step's output that is shown, and the artifacts of an attempt."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from penguin.orchestration.files.text_lines import split_lines

HEAD, TAIL = 1500, 2400
"""Bytes of an excerpt: with the note between them, 4 KB at most."""
END = 1 << 17
END_LINES = 1000
"""Bytes and lines at the end of an output that are searched for the summary of a test run and for failed tests."""
MOST_ARTIFACTS = 1000
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
ESCAPE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\^_])")


def excerpt(path: Path) -> str:
    """Return head and tail of a text file, safe for any terminal, at most 4 KB in UTF-8."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            if size <= HEAD + TAIL:
                return printable_text(file.read())
            head = file.read(HEAD)
            file.seek(-TAIL, 2)
            tail = file.read()
    except OSError:
        return ""
    return f"{printable_text(head)}\n… {size - HEAD - TAIL} bytes …\n{printable_text(tail)}"


def printable_text(data: bytes) -> str:
    """Return valid text without control characters other than line feeds and tabs."""
    # Use "?" for invalid UTF-8: the usual replacement character takes three bytes for one.
    text = data.decode("utf-8", "replace").replace("\ufffd", "?").replace("\r\n", "\n").replace("\r", "\n")
    return CONTROL.sub("", ESCAPE.sub("", text))


def last_line(path: Path) -> str:
    """Return the last line that is not blank, shortened."""
    lines = [line.strip() for line in split_lines(excerpt(path)) if line.strip()]
    return lines[-1][:200] if lines else ""


def last_lines(path: Path) -> list[str]:
    """Return the lines at the end of an output; none if it can't be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - END))
            return split_lines(printable_text(file.read(END)))[-END_LINES:]
    except OSError:
        return []


def artifacts(workspace: Path, left: Path, patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the artifacts: files in `left` and files that match, relative to the workspace and never outside it."""
    root = workspace.resolve()
    found: dict[str, None] = {}
    for path in _candidates(workspace, left, patterns):
        if len(found) >= MOST_ARTIFACTS:
            break
        if path.is_file() and path.resolve().is_relative_to(root):
            found[os.path.relpath(path, workspace)] = None
    return tuple(found)


def keep_artifacts(tree: Path, left: Path, patterns: Iterable[str]) -> None:
    """Copy the files of a private clone that match to `left`: the clone is removed when the workflow has landed."""
    root = tree.resolve()
    for path in islice(_matches(tree, patterns), MOST_ARTIFACTS):
        if path.is_file() and path.resolve().is_relative_to(root):
            target = left / path.relative_to(tree)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _candidates(workspace: Path, left: Path, patterns: Iterable[str]) -> Iterator[Path]:
    yield from sorted(left.rglob("*"))
    yield from _matches(workspace, patterns)


def _matches(folder: Path, patterns: Iterable[str]) -> Iterator[Path]:
    for pattern in patterns:
        if not Path(pattern).is_absolute() and ".." not in Path(pattern).parts:
            yield from sorted(folder.glob(pattern))
