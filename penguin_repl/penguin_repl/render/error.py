"""Rendering of errors: as a line, below the line that caused them, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.errors import lack_of_memory
from penguin.orchestration.files.text_lines import split_lines
from penguin_commands.errors import UsageError
from penguin_commands.results import workflow_data
from penguin_repl.render.parts import Span, field, line
from penguin_repl.text.escape import clean, clean_block
from penguin_repl.text.width import display_width, truncate, truncate_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penguin_repl.render.parts import Line

DEBUG_HINT = "--debug shows the traceback"
MIN_COLUMNS = 20
"""The minimum columns of a marked line, however narrow the screen is."""


def describe_error(error: BaseException) -> tuple[str, str, str]:
    """Return code, message and hint of any error."""
    if isinstance(error, WorkflowError):
        return error.code, error.message, error.hint
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", "interrupted", ""
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return "system", f"{name}{error.strerror or error}", ""
    if lack := lack_of_memory(error):
        return "system", lack, "end other programs, or raise the limits (ulimit -v, ulimit -u)"
    return "unexpected", f"unexpected {type(error).__name__}: {error}", DEBUG_HINT


def error_text(error: BaseException) -> str:
    """Return an error as text: message and hint, on one line unless the message has several."""
    _, message, hint = describe_error(error)
    message = clean_block(message.rstrip())
    if not hint or hint in message:
        return message
    separator = "\n" if "\n" in message else " " if message.endswith((".", "?", "!")) else "; "
    return message + separator + clean(hint)


def error_lines(
    error: BaseException, columns: int, location: str = "", sourced_at: Sequence[str] = ()
) -> Iterator[Line]:
    """Return an error for an interactive prompt: what, where, and what to type next.

    Marked lines are `columns` columns wide.
    """
    _, message, hint = describe_error(error)
    first, *others = clean_block(message.rstrip()).split("\n")
    yield line(Span("error: ", "error"), f"{location}: " if location else "", first)
    yield from map(line, others)
    yield from (line(f"  sourced at {location}") for location in sourced_at)
    for number, text in enumerate(split_lines(marked_line(error, columns - 2))):
        yield line("  ", Span(text, "error") if number else text)
    if hint and hint not in message:
        yield field("hint", hint)


def error_data(error: BaseException, location: str = "") -> dict[str, Any]:
    """Return an error as plain data, with its place in a script if it has one."""
    code, message, hint = describe_error(error)
    workflows = [workflow_data(info) for info in getattr(error, "workflows", ())]
    more: dict[str, Any] = {"workflows": workflows} if workflows else {}
    if location:
        more["place"] = location
    return {"error": {"code": code, "message": message, "hint": hint, **more}}


def marked_line(error: BaseException, columns: int) -> str:
    """Return the line with the error, with the wrong words marked below it; '' if the error has no position.

    Uses at most `columns` columns. Of a longer line, it shows the part around the error.
    """
    if not isinstance(error, UsageError) or error.start is None or not error.line.strip():
        return ""
    return mark_words(error.line, error.start, error.start if error.end is None else error.end, columns)


def mark_words(line: str, start: int, end: int, columns: int = 80) -> str:
    """Return a line with the wrong words marked below it, or the position of a missing one.

    Uses at most `columns` columns.
    """
    # The position of a missing word may be behind the end of the line.
    before, fault, after = _fit(line[:start].ljust(start), line[start:end], line[end:], max(columns, MIN_COLUMNS))
    shown = f"{before}{fault}{after}".rstrip()
    return f"{shown}\n{' ' * display_width(before)}{'^' * max(1, display_width(fault))}"


def _fit(before: str, fault: str, after: str, columns: int) -> tuple[str, str, str]:
    """Return the part that fits: the wrong words first, then the text before them, then the text after them."""
    # Parts of a line far from the error are never shown: the line may be huge.
    before, fault, after = clean(before[-columns:]), clean(fault[:columns]), clean(after[:columns])
    fault = truncate(fault, columns * 2 // 3)
    before = truncate_start(before, columns - display_width(fault) - 1)
    return before, fault, truncate(after.rstrip(), columns - display_width(before) - display_width(fault))
