"""The interface of a coding agent: its command, its output, and the files of its conversation.

An adapter has no state and runs nothing. The launcher runs the agent, as it runs every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from penguin.orchestration.agents.activity.activities import ActivityReader, RunContext
from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.definition import AgentSpec, Budget
from penguin.orchestration.core.results import Usage
from penguin.orchestration.files.workspace import expand_home

Message = dict[str, Any]
"""One entry of a conversation: `role` (user, assistant, tool) and `text`. An entry of a tool also has `tool`, `input`,
`output`, and `failed` if the tool failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRequest:
    """A request to run an agent."""

    spec: AgentSpec
    workspace: Path
    """The folder in which it runs: that of the workspace, or of its private clone."""
    checkout: Path | None = None
    """The folder of the user's own workspace; None: the same."""
    run_dir: Path
    """The folder of the attempt."""
    env: Mapping[str, str]
    """The environment of the agent. Variables of the spec are already expanded."""
    prompt: str
    session: str = ""
    """The conversation to continue; empty: start a new one."""
    new_session: str
    """The name of a new conversation (a UUID), for agents that accept one."""
    budget: Budget = field(default_factory=Budget)
    read_only: bool = False
    """The agent judges, and must change nothing."""
    schema: Mapping[str, Any] | None = None
    """JSON Schema of the answer."""

    @property
    def home(self) -> Path | None:
        """Return the absolute path of the agent's own configuration folder; None: the agent uses the user's."""
        return None if self.spec.home is None else (self.checkout or self.workspace) / expand_home(self.spec.home)


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """The command that starts an agent."""

    argv: tuple[str, ...]
    """The program's name comes first."""
    env: Mapping[str, str]
    """Variables to set in addition to those of the request."""
    stdin: str
    """Standard input: the prompt, in the format that the agent expects."""


@dataclass(frozen=True, slots=True)
class AgentOutcome:
    """The result of a run. PASSED means only that the agent reported no error: the gates check its work."""

    verdict: Verdict
    reason: str = ""
    """One sentence; empty for PASSED."""
    overspent: str = ""
    """The limit that the run reached, as a sentence."""
    retry_after: float = 0.0
    """Seconds to wait, as requested by the provider."""


@dataclass(frozen=True, slots=True)
class AgentTranscript:
    """What the output of a run contains."""

    session: str
    """The name of the conversation; empty if the agent did not report one."""
    messages: Sequence[Message]
    totals: Usage
    """Usage as the agent counts it; see Adapter.reports_running_total. Penguin counts the minutes itself."""
    outcome: AgentOutcome
    answer: str = ""
    """The last message of the agent."""


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """How the process ended, as seen by the launcher."""

    code: int | None
    cause: str | None
    """None: it exited by itself; else timeout, idle, stopped, ended, crash, lease."""
    stderr: str = ""
    """The end of standard error."""
    details: Mapping[str, Any] = field(default_factory=dict)


class Adapter(Protocol):
    """A coding agent."""

    program: str
    """The program that must be installed."""
    install: str
    """The command that installs it."""
    reports_running_total: bool
    """The usage of a resumed run includes that of earlier runs."""
    can_resume: bool
    accepts_session_id: bool
    """A new conversation gets the name given in the request."""

    def command(self, call: AgentRequest) -> AgentCommand:
        """Return the command that serves this request."""
        ...

    def read_transcript(self, events: Iterable[Mapping[str, Any]], finish: ProcessExit) -> AgentTranscript:
        """Parse the output, given as one JSON object a line. A line that is not a JSON object is `{"text": LINE}`."""
        ...

    def activity_reader(self, context: RunContext) -> ActivityReader:
        """Return a new reader of the activities of one run."""
        ...

    def session_files(self, call: AgentRequest, session: str) -> list[Path]:
        """Return the files that hold this conversation; empty if there are none."""
        ...

    def restore(self, call: AgentRequest, session: str, files: Mapping[str, bytes]) -> None:
        """Write the files of a conversation, given by name, where the agent looks for them. Keep existing files."""
        ...


@runtime_checkable
class UsageRecordAdapter(Protocol):
    """An adapter whose agent records its usage in files: also during a run, and after it was killed."""

    def recorded_usage(self, call: AgentRequest, session: str) -> Usage | None:
        """Return the usage of this conversation up to now, as in AgentTranscript.totals; None: unknown."""
        ...
