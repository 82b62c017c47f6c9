"""Errors: as a line, under the line that caused them, and as JSON."""

from __future__ import annotations

from typing import Any

from penguin.orchestration.backend import WorkflowError
from penguin_commands.results import info_data
from penguin_repl.render.safe import clean, clean_block

DEBUG_HINT = "--debug shows where it happened"


def describe(error: BaseException) -> tuple[str, str, str]:
    """Code, message and hint of any error."""
    if isinstance(error, WorkflowError):
        return error.code, error.message, error.hint
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", "interrupted", ""
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return "system", f"{name}{error.strerror or error}", ""
    return "unexpected", f"unexpected {type(error).__name__}: {error}", DEBUG_HINT


def sentence(error: BaseException) -> str:
    """An error as text: message and hint; one line, unless the message has several."""
    _, message, hint = describe(error)
    message = clean_block(message.rstrip())
    if not hint or hint in message:
        return message
    separator = "\n" if "\n" in message else " " if message.endswith((".", "?", "!")) else "; "
    return message + separator + clean(hint)


def error_data(error: BaseException) -> dict[str, Any]:
    """An error as plain data."""
    code, message, hint = describe(error)
    workflows = [info_data(info) for info in getattr(error, "workflows", ())]
    more = {"workflows": workflows} if workflows else {}
    return {"error": {"code": code, "message": message, "hint": hint, **more}}


def caret(line: str, start: int, end: int) -> str:
    """A line with the words at fault marked below it."""
    shown = clean(line)
    before, fault = clean(line[:start]), clean(line[start:end])
    return f"{shown}\n{' ' * len(before)}{'^' * max(1, len(fault))}"
