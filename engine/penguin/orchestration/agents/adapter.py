"""What Penguin needs to know of a coding agent: how it is started, what it prints, and how its conversation is kept.

An adapter is a few functions without state. It runs nothing itself: the launcher does, as it runs every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import AgentSpec, Budget
from penguin.orchestration.core.results import Usage

Message = dict[str, Any]
"""One entry of a conversation: `role` (user, assistant, tool), `text`; of a tool also `tool`, `input`, `output`, and
`failed` where it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRequest:
    """A run of an agent that is wanted."""

    spec: AgentSpec
    workspace: Path
    run_dir: Path
    """The attempt's own folder."""
    env: Mapping[str, str]
    """The environment that the agent gets; variables of the spec are resolved in it."""
    prompt: str
    session: str = ""
    """The conversation to go on with; empty: a new one."""
    new_session: str
    """A name for a new one (a UUID), for agents that let it be chosen."""
    budget: Budget = field(default_factory=Budget)
    read_only: bool = False
    """It is to look and to judge, and to change nothing."""
    schema: Mapping[str, Any] | None = None
    """JSON Schema of the answer that is wanted."""

    @property
    def home(self) -> Path | None:
        """The agent's own configuration folder, absolute; None: the person's."""
        return None if self.spec.home is None else self.workspace / Path(self.spec.home).expanduser()


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """How it is started."""

    argv: tuple[str, ...]
    """The program comes first, by name."""
    env: Mapping[str, str]
    """Variables beyond those of the call."""
    stdin: str
    """What it reads: the prompt, in the form that it wants."""


@dataclass(frozen=True, slots=True)
class AgentOutcome:
    """What the end of a run means. PASSED says only that nothing went wrong: what was done, the gates find."""

    verdict: Verdict
    reason: str = ""
    """One sentence where it is not PASSED."""
    overspent: str = ""
    """Which cap it hit, as a sentence."""
    retry_after: float = 0.0
    """Seconds that a provider told it to wait."""


@dataclass(frozen=True, slots=True)
class AgentTranscript:
    """What was heard of a run."""

    session: str
    """The conversation's name; empty where the agent did not come to say it."""
    messages: Sequence[Message]
    totals: Usage
    """As the agent counts; see Adapter.adds_up. Minutes are Penguin's own to count."""
    outcome: AgentOutcome
    answer: str = ""
    """Its last words."""


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """How its process ended, as the launcher saw it."""

    code: int | None
    cause: str | None
    """None: by itself; else timeout, idle, stopped, ended, crash, lease."""
    stderr: str = ""
    """Its end."""
    details: Mapping[str, Any] = field(default_factory=dict)


class Adapter(Protocol):
    """One coding agent."""

    program: str
    """What has to be installed."""
    install: str
    """The command that does it."""
    reports_running_total: bool
    """Usage of a resumed run includes that of the runs before."""
    can_resume: bool
    accepts_session_id: bool
    """A new conversation has the name that the call gives it."""

    def command(self, call: AgentRequest) -> AgentCommand:
        """How to start it for this call."""
        ...

    def read_transcript(self, events: Iterable[Mapping[str, Any]], finish: ProcessExit) -> AgentTranscript:
        """What it printed, line by line as JSON objects; what is no JSON is `{"text": LINE}`."""
        ...

    def describe(self, event: Mapping[str, Any]) -> list[str]:
        """An event as lines that people read; none for what only programs need."""
        ...

    def session_files(self, call: AgentRequest, session: str) -> list[Path]:
        """The files that hold this conversation now, exact; none where there are none, or where it is exported."""
        ...

    def restore(self, call: AgentRequest, session: str, files: Mapping[str, bytes]) -> None:
        """Put the files of a conversation, by their names, where the agent looks for them, unless they are there."""
        ...


@runtime_checkable
class UsageRecordAdapter(Protocol):
    """An adapter whose agent keeps count in its own records: also while it runs, and where it was killed."""

    def recorded_usage(self, call: AgentRequest, session: str) -> Usage | None:
        """What was spent in this conversation until now, as Heard.totals; None: nothing is known of it."""
        ...
