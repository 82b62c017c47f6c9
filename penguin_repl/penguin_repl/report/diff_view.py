"""The changes in files as HTML."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from penguin_repl.report.elements import Markup, element, escape_text, join, lines_of
from penguin_repl.report.phrases import changes_line, plural

if TYPE_CHECKING:
    from penguin_commands.results.report import ChangesReport, FileReport

OPEN_LINES = 80
"""Lines of a diff that is shown unfolded."""
OPEN_TOTAL = 400
"""Lines of all diffs that are shown unfolded together."""
LETTERS = {"added": "A", "deleted": "D", "renamed": "R", "changed": "M"}
_KINDS = {"+": "add", "-": "del", "@": "hunk"}


def changes_view(changes: ChangesReport, command: str) -> Markup:
    """Return the list of changed files, each with its diff. `command` shows the whole diff."""
    note = element("p", changes.note, class_="note") if changes.note else None
    if not changes.files:
        return note or Markup("<p>No file was changed.</p>")
    views = []
    shown = 0
    for file in changes.files:
        is_open = len(file.diff) <= OPEN_LINES and shown + len(file.diff) <= OPEN_TOTAL
        shown += len(file.diff) if is_open else 0
        views.append(_file_view(file, is_open, command))
    more = f"{plural(changes.more_files, 'more file')}: {command}" if changes.more_files else ""
    return lines_of(
        element("p", changes_line(changes), class_="count"),
        *views,
        element("p", more, class_="note") if more else None,
        note,
    )


def _file_view(file: FileReport, is_open: bool, command: str) -> Markup:
    head = join(
        element("span", LETTERS[file.change], class_=f"letter {file.change}", title=file.change),
        element("code", f"{file.old_path} → {file.path}" if file.old_path else file.path, class_="path"),
        _counts(file),
    )
    if not file.diff:
        return element("p", head, class_="file")
    left_out = (
        element("p", f"{plural(file.left_out, 'more line')}: {command}", class_="note") if file.left_out else None
    )
    return element(
        "details",
        element("summary", head),
        element("pre", _diff_lines(file.diff), class_="diff"),
        left_out,
        class_="file",
        open=is_open,
    )


def _counts(file: FileReport) -> Markup:
    if file.binary:
        return element("span", "binary", class_="counts")
    if not file.diff and not file.added and not file.removed:
        return Markup()
    added = element("span", f"+{file.added:,}", class_="plus")
    removed = element("span", f"−{file.removed:,}", class_="minus")
    return element("span", added, Markup(" "), removed, class_="counts")


def _diff_lines(lines: tuple[str, ...]) -> Markup:
    """Return the lines, each run of the same kind in one element."""
    parts = []
    for kind, group in groupby(lines, key=lambda line: _KINDS.get(line[:1], "")):
        text = "\n".join(line.replace("\r", "\\r") for line in group) + "\n"
        parts.append(element("span", text, class_=kind) if kind else escape_text(text))
    return Markup("".join(parts))
