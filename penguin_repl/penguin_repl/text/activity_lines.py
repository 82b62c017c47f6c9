"""The activities of an agent as lines, the pieces of which have a meaning and no style."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.agents.activity.activities import (
    Command,
    Edit,
    Finished,
    Lookup,
    Message,
    OtherEvent,
    Outcome,
    PlainOutput,
    Problem,
    Started,
    StructuredAnswer,
    Subagent,
    Thinking,
    ToolCall,
    Unreadable,
    UsageSoFar,
)
from penguin.orchestration.core.usage import UsageTotals
from penguin_repl.render.costs import usage_text
from penguin_repl.render.parts import Span, line
from penguin_repl.text.ansi_filter import ESCAPE
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from penguin.orchestration.agents.activity.activities import Activity, Use
    from penguin_repl.render.parts import Line

INDENT = "  "
TAB_COLUMNS = 4
LINES_OF_SUCCESS = 3
"""Lines of output to show of a command that succeeded. A failed one shows all lines that are kept."""
USAGE_INTERVAL = 5
"""Turns from one line with the usage to the next, in a log."""


def activity_lines(activity: Activity) -> list[Line]:
    """Return an activity as lines. The end of an edit or a lookup that succeeded has none."""
    match activity:
        case Subagent(inner):
            return [line(INDENT, *shown.pieces) for shown in activity_lines(inner)]
        case Message(text) | PlainOutput(text):
            return [line(_printable(row)) for row in text.split("\n")]
        case Outcome():
            return _outcome_lines(activity)
        case _:
            return [_line(activity)]


def log_lines(activities: Iterable[Activity]) -> Iterator[Line]:
    """Yield the lines of a log of these activities, with the usage up to now after each USAGE_INTERVAL turns."""
    for activity in activities:
        if not isinstance(activity, UsageSoFar) or activity.usage.turns % USAGE_INTERVAL == 0:
            yield from activity_lines(activity)


def activity_summary(activity: Activity) -> str:
    """Return an activity in one phrase; empty if it does not say what the agent does now."""
    match activity:
        case Subagent(inner):
            return activity_summary(inner)
        case Message(text) | PlainOutput(text):
            return next((found for row in text.split("\n") if (found := _printable(row).strip())), "")
        case UsageSoFar() | Unreadable() | OtherEvent() | Outcome(use=None):
            return ""
        case Outcome(use=(Command() | Edit() | Lookup() | ToolCall()) as use):
            shows_end = activity.failed or isinstance(use, Command)
            return _use_line(use).text + (f": {_ending(activity)}" if shows_end else "")
        case _:
            return _line(activity).text


def usage_of(activities: Iterable[Activity]) -> UsageTotals:
    """Return the last usage that these activities report; zero if they report none."""
    reported = [activity.usage for activity in activities if isinstance(activity, UsageSoFar | Finished)]
    return reported[-1] if reported else UsageTotals()


def _line(activity: Activity) -> Line:
    """Return an activity that takes one line."""
    match activity:
        case Edit() | Command() | Lookup() | ToolCall():
            return _use_line(activity)
        case Started(agent, model):
            return line(Span(_printable(f"{agent}, model {model}" if model else agent), "dim"))
        case Thinking(text):
            return line(Span(f"thinking: {_printable(text)}", "dim"))
        case StructuredAnswer(fields):
            named = f": {', '.join(fields)}" if fields else ""
            return line(Span(_printable(f"answers with data for programs{named}"), "dim"))
        case UsageSoFar(usage):
            return line(Span(f"{usage_text(usage)} so far", "money"))
        case Problem(text):
            return line(Span(f"! {_printable(text)}", "warning"))
        case Finished():
            return _finished_line(activity)
        case OtherEvent(name):
            return line(Span(_printable(f"(event: {name})"), "dim"))
        case Unreadable(lines, size):
            what = "1 line" if lines == 1 else f"{lines} lines"
            return line(Span(f"[penguin: {what} of {size} bytes can't be read; --raw shows them]", "warning"))
    raise AssertionError(activity)


def _use_line(use: Use) -> Line:
    match use:
        case Edit(path, verb):
            return line(Span(f"{verb} ", "label"), Span(_printable(path) or "a file", "path"))
        case Command(command):
            return line(Span("$ ", "label"), Span(_printable(command), "command"))
        case Lookup(verb, subject):
            return line(Span(f"{verb} ", "label"), Span(_printable(subject), "path"))
        case ToolCall(tool, detail):
            return line(Span(_printable(tool), "label"), Span(f" {_printable(detail)}" if detail else "", "dim"))


def _outcome_lines(outcome: Outcome) -> list[Line]:
    if not isinstance(outcome.use, Command):
        if not outcome.failed:
            return []
        reason = f": {_printable(outcome.output[0])}" if outcome.output else ""
        return [line(Span(f"{INDENT}failed{reason}", "verdict.failed"))]
    shown = outcome.output if outcome.failed else outcome.output[-LINES_OF_SUCCESS:]
    omitted = outcome.omitted + len(outcome.output) - len(shown)
    lines: list[Line] = []
    if omitted:
        lines.append(line(Span(f"{INDENT}… {omitted} more line{'' if omitted == 1 else 's'}", "dim")))
    lines += [line(Span(INDENT + _printable(row), "dim")) for row in shown]
    return [*lines, line(Span(INDENT + _ending(outcome), "verdict.failed" if outcome.failed else "verdict.passed"))]


def _ending(outcome: Outcome) -> str:
    if outcome.exit_code is not None:
        return f"exit {outcome.exit_code}"
    return "failed" if outcome.failed else "ok"


def _finished_line(end: Finished) -> Line:
    used = usage_text(end.usage)
    how = Span(f"failed: {_printable(end.reason)}", "verdict.failed") if end.failed else Span("done", "verdict.passed")
    return line(how, Span(f" ({used})" if used else "", "money"))


def _printable(text: str) -> str:
    """Return untrusted text as one line without control characters."""
    return clean(ESCAPE.sub("", text.expandtabs(TAB_COLUMNS))).rstrip()
