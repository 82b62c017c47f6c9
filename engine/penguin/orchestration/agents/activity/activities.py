"""The activities of an agent: what it says, edits and runs, how that ended, and what it spent.

All texts are untrusted: they can contain any character. Their length is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from penguin.orchestration.core.usage import UsageTotals

LONGEST_TEXT = 20_000
"""Characters of a message or of a command's output that are kept."""
LONGEST_PHRASE = 200
"""Characters of a path, a command, a reason or a line of output that are kept."""
MOST_OUTPUT_LINES = 10
"""Lines that are kept from the end of a command's output."""


class Started(NamedTuple):
    """The agent started."""

    agent: str
    """Its name and version."""
    model: str = ""


class Message(NamedTuple):
    """The agent says something."""

    text: str
    """One or more lines."""


class StructuredAnswer(NamedTuple):
    """The agent answers with data for programs, such as the verdicts of a judge."""

    fields: tuple[str, ...]
    """The names of its values."""


class Thinking(NamedTuple):
    """The agent thinks."""

    text: str
    """The first line."""


class Edit(NamedTuple):
    """The agent changes a file."""

    path: str
    """Relative to the agent's folder if the file is in it."""
    verb: str = "edit"
    """edit, write or delete."""


class Command(NamedTuple):
    """The agent runs a command."""

    command: str
    """The first line."""


class Lookup(NamedTuple):
    """The agent reads or searches something."""

    verb: str
    """read, search, list or fetch."""
    subject: str


class ToolCall(NamedTuple):
    """The agent uses another tool."""

    tool: str
    detail: str = ""


Use = Edit | Command | Lookup | ToolCall


class Outcome(NamedTuple):
    """How the use of a tool ended."""

    use: Use | None
    """None: its start was not seen."""
    failed: bool = False
    exit_code: int | None = None
    """None: the agent does not report it."""
    output: tuple[str, ...] = ()
    """The last lines of the output; of a failed edit or lookup, the reason."""
    omitted: int = 0
    """Number of lines before those."""


class UsageSoFar(NamedTuple):
    """The usage of this run up to now. It replaces earlier ones."""

    usage: UsageTotals


class Problem(NamedTuple):
    """An error or a limit that the agent reports. It may recover from it."""

    text: str


class Finished(NamedTuple):
    """The agent reports its end."""

    failed: bool
    reason: str
    """Why it failed; empty if it did not."""
    usage: UsageTotals


class PlainOutput(NamedTuple):
    """A line that the agent printed besides its events."""

    text: str


class OtherEvent(NamedTuple):
    """An event of a kind that Penguin does not know."""

    name: str


class Unreadable(NamedTuple):
    """Lines that can't be read, for example because they are too long or incomplete."""

    lines: int
    size: int
    """Bytes."""


class Subagent(NamedTuple):
    """An activity of an agent that the agent started."""

    activity: BasicActivity


BasicActivity = (
    Started
    | Message
    | StructuredAnswer
    | Thinking
    | Edit
    | Command
    | Lookup
    | ToolCall
    | Outcome
    | UsageSoFar
    | Problem
    | Finished
    | PlainOutput
    | OtherEvent
    | Unreadable
)
Activity = BasicActivity | Subagent


class ActivityReader(Protocol):
    """A reader of the events of one run, in order. It may keep a bounded amount of state."""

    prints_only_events: bool
    """The agent prints JSON objects, and other text only by accident."""

    def read(self, event: Mapping[str, Any]) -> list[Activity]:
        """Return the activities that an event reports; empty if only programs need it."""
        ...


class RunContext(NamedTuple):
    """What a reader knows about the run besides its output."""

    folder: str = ""
    """The folder in which the agent works; empty: unknown."""
    used_before: UsageTotals = UsageTotals()
    """The usage of the conversation before this run."""
