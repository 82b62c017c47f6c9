"""The activities of an agent as lines of text, whose parts have a meaning and no style."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

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
from penguin_repl.render.costs import format_tokens, format_usd
from penguin_repl.text.ansi_filter import ESCAPE
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from penguin.orchestration.agents.activity.activities import Activity, Use
    from penguin.orchestration.core.usage import UsageTotals

INDENT = "  "
TAB = " " * 4
LINES_OF_SUCCESS = 3
"""Lines of output to show of a command that succeeded. A failed one shows all lines that are kept."""
USAGE_INTERVAL = 5
"""Turns from one line with the usage to the next, in a log."""


class Meaning(StrEnum):
    """What a part of a line is."""

    TEXT = "text"
    """What the agent says."""
    DETAIL = "detail"
    """Output of a command, thoughts, and other text of less importance."""
    VERB = "verb"
    COMMAND = "command"
    PATH = "path"
    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    USAGE = "usage"
    """Turns, tokens and money."""


class Part(NamedTuple):
    """A part of a line. Its text is escaped and has no line end."""

    text: str
    meaning: Meaning = Meaning.TEXT


Line = tuple[Part, ...]


def line_text(line: Line) -> str:
    """Return the text of a line."""
    return "".join(part.text for part in line)


def activity_lines(activity: Activity) -> list[Line]:
    """Return an activity as lines. The end of a tool that succeeded silently has none."""
    match activity:
        case Subagent(inner):
            return [(Part(INDENT), *line) for line in activity_lines(inner)]
        case Message(text) | PlainOutput(text):
            return [(Part(_printable(line)),) for line in text.split("\n")]
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
    """Return an activity in one phrase; empty if it says nothing about what the agent does now."""
    match activity:
        case Subagent(inner):
            return activity_summary(inner)
        case Message(text) | PlainOutput(text):
            lines = [line for line in text.split("\n") if line.strip()]
            return _printable(lines[0]).strip() if lines else ""
        case Outcome(use=None) | UsageSoFar() | Unreadable() | OtherEvent():
            return ""
        case Outcome(use=Command() as use) | Outcome(use=use, failed=True):
            ending = f": {_ending(activity)}" if isinstance(activity, Outcome) else ""
            return line_text(_use_line(use)) + ending if use is not None else ""
        case Outcome(use=use):
            return "" if use is None else line_text(_use_line(use))
        case _:
            return line_text(_line(activity))


def usage_text(usage: UsageTotals) -> str:
    """Return the turns, tokens and money spent up to now; empty if nothing was spent."""
    parts = (
        f"{usage.turns} turn{'' if usage.turns == 1 else 's'}" if usage.turns else "",
        f"{format_tokens(usage.tokens)} tokens" if usage.tokens else "",
        format_usd(usage.usd) if usage.usd else "",
    )
    return ", ".join(filter(None, parts))


def _line(activity: Activity) -> Line:
    """Return an activity that takes one line."""
    match activity:
        case Edit() | Command() | Lookup() | ToolCall():
            return _use_line(activity)
        case Started(agent, model):
            return (Part(_printable(f"{agent}, model {model}" if model else agent), Meaning.DETAIL),)
        case Thinking(text):
            return (Part("thinking: ", Meaning.DETAIL), Part(_printable(text), Meaning.DETAIL))
        case StructuredAnswer(fields):
            named = f": {', '.join(fields)}" if fields else ""
            return (Part(_printable(f"answers with data for programs{named}"), Meaning.DETAIL),)
        case UsageSoFar(usage):
            return (Part(f"{usage_text(usage)} so far", Meaning.USAGE),)
        case Problem(text):
            return (Part(f"! {_printable(text)}", Meaning.WARNING),)
        case Finished():
            return _finished_line(activity)
        case OtherEvent(name):
            return (Part(_printable(f"(event: {name})"), Meaning.DETAIL),)
        case Unreadable(lines, size):
            what = "1 line" if lines == 1 else f"{lines} lines"
            return (Part(f"[penguin: {what} of {size} bytes can't be read; --raw shows them]", Meaning.WARNING),)
    raise AssertionError(activity)


def _use_line(use: Use) -> Line:
    match use:
        case Edit(path, verb):
            return (Part(f"{verb} ", Meaning.VERB), Part(_printable(path) or "a file", Meaning.PATH))
        case Command(command):
            return (Part("$ ", Meaning.VERB), Part(_printable(command), Meaning.COMMAND))
        case Lookup(verb, subject):
            return (Part(f"{verb} ", Meaning.VERB), Part(_printable(subject), Meaning.PATH))
        case ToolCall(tool, detail):
            end = (Part(f" {_printable(detail)}", Meaning.DETAIL),) if detail else ()
            return (Part(_printable(tool), Meaning.VERB), *end)


def _outcome_lines(outcome: Outcome) -> list[Line]:
    if not isinstance(outcome.use, Command):
        if not outcome.failed:
            return []
        reason = f": {_printable(outcome.output[0])}" if outcome.output else ""
        return [(Part(f"{INDENT}failed{reason}", Meaning.FAILED),)]
    shown = outcome.output if outcome.failed else outcome.output[-LINES_OF_SUCCESS:]
    omitted = outcome.omitted + len(outcome.output) - len(shown)
    lines: list[Line] = []
    if omitted:
        lines.append((Part(f"{INDENT}… {omitted} more line{'' if omitted == 1 else 's'}", Meaning.DETAIL),))
    lines += [(Part(INDENT + _printable(line), Meaning.DETAIL),) for line in shown]
    return [*lines, (Part(INDENT + _ending(outcome), Meaning.FAILED if outcome.failed else Meaning.PASSED),)]


def _ending(outcome: Outcome) -> str:
    if outcome.exit_code is not None:
        return f"exit {outcome.exit_code}"
    return "failed" if outcome.failed else "ok"


def _finished_line(end: Finished) -> Line:
    used = usage_text(end.usage)
    spent = (Part(f" ({used})", Meaning.USAGE),) if used else ()
    if end.failed:
        return (Part(f"failed: {_printable(end.reason)}", Meaning.FAILED), *spent)
    return (Part("done", Meaning.PASSED), *spent)


def _printable(text: str) -> str:
    """Return untrusted text as one line without control characters."""
    return clean(ESCAPE.sub("", text.expandtabs(len(TAB)))).rstrip()
