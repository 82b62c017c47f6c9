"""The changes of a workflow in the files: read from the diff that git prints, or the reason why there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin_commands.handlers.report.bounds import LINE
from penguin_commands.results.output import RemoteDiffResult
from penguin_commands.results.report import ChangesReport, FileReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from penguin_commands.session import Session

NO_ATTEMPT = "No attempt has started yet, so nothing was changed."
MAX_FILES = 1_000
LINES_PER_FILE = 1_000
ALL_CHARACTERS = 2_000_000
"""Characters of the lines of all files together."""
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_ESCAPE = re.compile(rb'\\([0-7]{3}|["\\abfnrtv])')
_NAMED = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def changes_of(session: Session, workflow_id: str, *, started: bool) -> ChangesReport:
    """Return the changes from the start to the newest checkpoint, or to the current files of an active workflow.

    `started`: an attempt has started.
    """
    from penguin_commands.handlers.workflow_diff import diff

    if not started:
        return ChangesReport(note=NO_ATTEMPT)
    try:
        found = diff(session, workflow_id)
        if isinstance(found, RemoteDiffResult):
            files = tuple(FileReport(path, "changed", 0, 0) for path in found.files)
            return ChangesReport(files, f"There is no diff here: {found.note}.")
        files, more = read_diff(found.text())
        return ChangesReport(files, found.remark, more)
    except WorkflowError as error:
        return ChangesReport(note=f"There is no diff: {error.message}.")


# --- reading a diff ---


def read_diff(pieces: Iterable[bytes]) -> tuple[tuple[FileReport, ...], int]:
    """Return the files of a diff, at most MAX_FILES, and the number of further files."""
    reader = _DiffReader()
    for line in _bounded_lines(pieces):
        reader.add(line)
    files = reader.finish()
    return tuple(files[:MAX_FILES]), max(0, len(files) - MAX_FILES)


def _bounded_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines without their ends. Of a long line, only the beginning is kept in memory."""
    limit = 4 * LINE + 1
    line = b""
    for piece in pieces:
        first, *others = piece.split(b"\n")
        line += first[: max(0, limit - len(line))]
        for other in others:
            yield line
            line = other[:limit]
    if line:
        yield line


class _DiffReader:
    """A reader that knows from the heads of hunks which lines are content, whatever these look like."""

    def __init__(self) -> None:
        self._files: list[FileReport] = []
        self._file: FileReport | None = None
        self._lines: list[str] = []
        self._left = [0, 0]
        """Old and new lines of the hunk that are still to come."""
        self._kept = 0
        """Characters kept of all files."""

    def add(self, line: bytes) -> None:
        if any(self._left) or line.startswith(b"\\ "):
            self._add_content(line)
        elif line.startswith(b"diff --git "):
            self._end_file()
            self._file = FileReport(_name_in_head(line), "changed", 0, 0)
        elif hunk := _HUNK.match(line):
            self._left = [1 if count is None else int(count) for count in hunk.groups()]
            self._keep(line)
        elif self._file is not None:
            self._file = _with_header(self._file, line)

    def _add_content(self, line: bytes) -> None:
        sign = line[:1]
        if self._file is not None and sign in (b"+", b"-"):
            added, removed = int(sign == b"+"), int(sign == b"-")
            self._file = self._file._replace(added=self._file.added + added, removed=self._file.removed + removed)
        if sign != b"\\":
            self._left = [self._left[0] - (sign != b"+"), self._left[1] - (sign != b"-")]
        self._keep(line)

    def _keep(self, line: bytes) -> None:
        if self._file is None:
            return
        if len(self._lines) < LINES_PER_FILE and self._kept < ALL_CHARACTERS:
            text = line.decode("utf-8", "replace")
            self._lines.append(text if len(text) <= LINE else f"{text[:LINE]} … (long line)")
            self._kept += len(self._lines[-1])
        else:
            self._file = self._file._replace(left_out=self._file.left_out + 1)

    def _end_file(self) -> None:
        if self._file is not None:
            self._files.append(self._file._replace(diff=tuple(self._lines)))
        self._lines, self._left = [], [0, 0]

    def finish(self) -> list[FileReport]:
        self._end_file()
        return self._files


def _with_header(file: FileReport, line: bytes) -> FileReport:
    """Return a file with what a line between `diff --git` and the first hunk says."""
    word, _, rest = line.partition(b" ")
    if line.startswith(b"new file"):
        return file._replace(change="added")
    if line.startswith(b"deleted file"):
        return file._replace(change="deleted")
    if line.startswith(b"rename from "):
        return file._replace(change="renamed", old_path=_unquoted(line.removeprefix(b"rename from ")))
    if line.startswith(b"rename to "):
        return file._replace(path=_unquoted(line.removeprefix(b"rename to ")))
    if line.startswith((b"Binary files ", b"GIT binary patch")):
        return file._replace(binary=True)
    if word in (b"---", b"+++") and (path := _side(rest)):
        return file._replace(path=path)
    return file


def _side(name: bytes) -> str:
    """Return the path of a `---` or `+++` line; '' for /dev/null. A tab ends names with blanks."""
    path = _unquoted(name.rstrip(b"\t"))
    return path[2:] if path.startswith(("a/", "b/")) else ""


def _name_in_head(line: bytes) -> str:
    """Return the path of a `diff --git` line, which names it twice unless the file is renamed."""
    names = line.removeprefix(b"diff --git ")
    if names.startswith(b'"'):
        return _unquoted(names[: names.find(b'" ') + 1])[2:]
    return names[len(names) // 2 + 1 :].decode("utf-8", "replace")[2:]


def _unquoted(name: bytes) -> str:
    """Return a path that git has put in quotes because of unusual characters, with control characters escaped."""
    if not (name.startswith(b'"') and name.endswith(b'"') and len(name) > 1):
        return name.decode("utf-8", "replace")
    from penguin.orchestration.worktree.git import display_path

    return display_path(_ESCAPE.sub(lambda match: _character(match[1]), name[1:-1]))


def _character(code: bytes) -> bytes:
    return bytes([int(code, 8) & 0xFF]) if code.isdigit() else _NAMED.get(code, code)
