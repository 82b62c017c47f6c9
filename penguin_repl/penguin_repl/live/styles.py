"""Styles of words and column titles. They are few, so they need no library."""

from __future__ import annotations

from typing import NamedTuple

from penguin.orchestration.backend import Verdict, WorkflowStatus

BOLD = "1"
_SGR = {"": "", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
"""The numbers of colours in SGR, the "select graphic rendition" of ECMA-48."""


class Style(NamedTuple):
    """The style of a word."""

    word: str
    """The word in a sentence."""
    color: str = ""
    """A key of _SGR."""
    bold: bool = False

    @property
    def sgr(self) -> str:
        """Return the numbers between `ESC [` and `m`; '' for plain text."""
        return ";".join(part for part in (BOLD if self.bold else "", _SGR[self.color]) if part)

    @property
    def toolkit(self) -> str:
        """Return the style string of prompt_toolkit; '' for plain text."""
        return " ".join(["fg:ansi" + self.color] * bool(self.color) + ["bold"] * self.bold)


STATUS_STYLES = {
    WorkflowStatus.RUNNING: Style("running", "cyan"),
    WorkflowStatus.BLOCKED: Style("blocked", "yellow", bold=True),
    WorkflowStatus.PAUSED: Style("paused", "yellow"),
    WorkflowStatus.PENDING: Style("waiting"),
    WorkflowStatus.COMPLETED: Style("completed", "green"),
    WorkflowStatus.FAILED: Style("failed", "red", bold=True),
    WorkflowStatus.CANCELLED: Style("cancelled"),
}
"""Every status, in display order: first what runs, then what waits for a person."""
VERDICT_STYLES = {
    Verdict.PASSED: Style("passed", "green"),
    Verdict.FAILED: Style("failed", "red", bold=True),
    Verdict.ERROR: Style("error", "red", bold=True),
    Verdict.UNVERIFIED: Style("unverified", "yellow"),
    Verdict.INTERRUPTED: Style("interrupted"),
    Verdict.SKIPPED: Style("skipped"),
}
SEVERITY_STYLES = {"error": Style("error", "red", bold=True), "warning": Style("warning", "yellow")}
WORD_STYLES: dict[str, str] = {
    str(word): style.sgr
    for styles in (STATUS_STYLES, VERDICT_STYLES, SEVERITY_STYLES)
    for word, style in styles.items()
}
"""The SGR numbers of a word in a table cell; '' for plain text."""


def colorize(text: str, sgr: str) -> str:
    """Return text with SGR numbers around it, or unchanged if `sgr` is ''."""
    return f"\x1b[{sgr}m{text}\x1b[0m" if text and sgr else text
