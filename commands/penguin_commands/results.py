"""What commands give back: plain data, which a renderer makes a table, lines or JSON of."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from penguin.orchestration.spending import Spending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
    from datetime import datetime

    from penguin.orchestration.backend import Verdict, WorkflowInfo
    from penguin_commands.spec import Command


class Result(Protocol):
    """What every command gives back."""

    def data(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""


def failed(result: Result) -> bool:
    """Whether a result tells of a failure, as that of a lint with errors does."""
    return bool(getattr(result, "failed", False))


def moment(when: datetime | None) -> str | None:
    """A time as JSON has it: ISO 8601 with its offset."""
    return when.isoformat() if when else None


def info_data(info: WorkflowInfo) -> dict[str, Any]:
    """The fields of a WorkflowInfo as plain data."""
    return {
        "workflow_id": info.workflow_id,
        "task_id": info.task_id,
        "blueprint_id": info.blueprint_id,
        "project_id": info.project_id,
        "status": info.status.value,
        "phase": info.phase.value,
        "progress": info.progress,
        "started_at": moment(info.started_at),
        "updated_at": moment(info.updated_at),
        "error_message": info.error_message,
        "artifacts": list(info.artifacts),
    }


class Message(NamedTuple):
    """A sentence."""

    text: str
    facts: Mapping[str, Any] = MappingProxyType({})

    def data(self) -> dict[str, Any]:
        return {"message": self.text, **self.facts}


class Started(NamedTuple):
    """Workflows that were started by this command."""

    workflows: tuple[tuple[str, str], ...]
    """(task id, workflow id), the one that was asked for first."""
    retry_of: str = ""
    differences: tuple[str, ...] = ()
    """Where the definition of a retry differs from the one that the older workflow carried."""

    def data(self) -> dict[str, Any]:
        rows = [{"task_id": task, "workflow_id": workflow} for task, workflow in self.workflows]
        retry = {"retry_of": self.retry_of, "differences": list(self.differences)} if self.retry_of else {}
        return {**(rows[0] if rows else {}), **retry, "workflows": rows}


class Changed(NamedTuple):
    """A workflow after a command that changed it."""

    text: str
    info: WorkflowInfo
    explain: str = ""
    """Why it does not run now; '' where it runs or is over."""
    advice: str = ""
    """What to type next, if anything."""
    queued: bool = False
    """No worker is running: it waits for one, and is discarded if it is not allowed then."""

    def data(self) -> dict[str, Any]:
        told = {"explain": self.explain, "advice": self.advice, "queued": self.queued}
        return {"message": self.text, **info_data(self.info), **told}


class Status(NamedTuple):
    """Where one workflow stands."""

    info: WorkflowInfo
    explain: str = ""
    """Why it does not run now; '' where it runs or is over."""
    advice: str = ""
    """What to type next, if anything."""
    host: str = ""
    """The machine that runs it, or ran it last; '' where none did yet."""
    spent: Spending = Spending()
    """What its agents spent."""
    agents: str = ""
    """Their names, with commas between."""

    def data(self) -> dict[str, Any]:
        told = {"explain": self.explain, "advice": self.advice, "host": self.host}
        return {**info_data(self.info), **told, "agents": self.agents, "usage": self.spent._asdict()}


class Total(NamedTuple):
    """What the agents of several workflows spent together."""

    workflows: int
    """How many."""
    spent: Spending

    def data(self) -> dict[str, Any]:
        return {"workflows": self.workflows, "usage": self.spent._asdict()}


class WorkflowTable(NamedTuple):
    """Several workflows."""

    workflows: tuple[WorkflowInfo, ...]
    explain: Mapping[str, str] = MappingProxyType({})
    """By workflow id: why it does not run now."""
    advice: Mapping[str, str] = MappingProxyType({})
    """By workflow id: what to type next."""
    empty: str = "No workflows."
    note: str = ""
    """What to tell beside it: that a limit cut it off."""
    spent: Mapping[str, Spending] = MappingProxyType({})
    """By workflow id: what agents spent, where they did."""
    total: Total | None = None
    """Of all that were asked for, those too that a limit cut off."""

    def data(self) -> dict[str, Any]:
        total = {} if self.total is None else {"total": self.total.data()}
        return {"workflows": [{**info_data(info), **self._more(info)} for info in self.workflows], **total}

    def spent_by(self, info: WorkflowInfo) -> Spending:
        """What the agents of one of them spent."""
        return self.spent.get(info.workflow_id, Spending())

    def _more(self, info: WorkflowInfo) -> dict[str, Any]:
        told = {"explain": self.explain, "advice": self.advice}
        texts = {name: texts[info.workflow_id] for name, texts in told.items() if info.workflow_id in texts}
        return {**texts, "usage": self.spent_by(info)._asdict()}


class Waited(NamedTuple):
    """Workflows that were waited for."""

    workflows: tuple[WorkflowInfo, ...]

    def data(self) -> dict[str, Any]:
        return {"workflows": [info_data(info) for info in self.workflows]}


class Waiting(NamedTuple):
    """How far those are that are being waited for. No result: it is told while the command goes on."""

    workflows: tuple[WorkflowInfo, ...]
    elapsed: float
    """Seconds."""
    timeout: float | None = None
    """Seconds."""


class Event(NamedTuple):
    """One thing that happened to a workflow."""

    seq: int
    at: datetime
    kind: str
    text: str
    facts: dict[str, Any]


def event_data(event: Event) -> dict[str, Any]:
    """An event as plain data."""
    return {
        "seq": event.seq,
        "at": moment(event.at),
        "kind": event.kind,
        "text": event.text,
        "data": event.facts,
    }


class Happened(NamedTuple):
    """An event that was waited for."""

    workflow_id: str
    event: Event

    def data(self) -> dict[str, Any]:
        return {"event": {"workflow_id": self.workflow_id, **event_data(self.event)}}


class History(NamedTuple):
    """Everything that happened to a workflow."""

    workflow_id: str
    events: tuple[Event, ...]

    def data(self) -> dict[str, Any]:
        return {"events": [event_data(event) for event in self.events]}


class Attempt(NamedTuple):
    """One attempt of a phase."""

    phase: str
    number: int
    verdict: Verdict | None
    """None while it is under way."""
    started_at: datetime
    ended_at: datetime | None
    evidence: dict[str, Any]
    host: str = ""
    """The machine that ran it; '' where none did, or its name is not known."""
    spent: Spending = Spending()
    """What its agent spent, in all its tries."""


class Results(NamedTuple):
    """The attempts of a workflow, the oldest first."""

    workflow_id: str
    attempts: tuple[Attempt, ...]
    here: str = ""
    """This machine."""

    @property
    def abroad(self) -> dict[str, list[int]]:
        """By other machines: the numbers of the attempts that they ran."""
        found: dict[str, list[int]] = {}
        for attempt in self.attempts:
            if attempt.host not in ("", self.here):
                found.setdefault(attempt.host, []).append(attempt.number)
        return found

    def data(self) -> dict[str, Any]:
        return {"results": [self._row(attempt) for attempt in self.attempts]}

    def _row(self, attempt: Attempt) -> dict[str, Any]:
        return {
            "phase": attempt.phase,
            "attempt": attempt.number,
            "verdict": attempt.verdict.value if attempt.verdict else None,
            "started_at": moment(attempt.started_at),
            "ended_at": moment(attempt.ended_at),
            "evidence": attempt.evidence,
            "host": attempt.host,
            "usage": attempt.spent._asdict(),
        }


class Artifacts(NamedTuple):
    """The files that a workflow's steps left behind."""

    workflow_id: str
    files: tuple[tuple[str, int | None], ...]
    """(path, size in bytes or None where it is not here)."""
    elsewhere: Mapping[str, str] = MappingProxyType({})
    """By path: the machine that has it, where it was never brought here."""

    def data(self) -> dict[str, Any]:
        rows = [{"path": path, "bytes": size, "host": self.elsewhere.get(path, "")} for path, size in self.files]
        return {"artifacts": rows}


class Log(NamedTuple):
    """The output of one step, in a file."""

    phase: str
    attempt: int
    step: str
    path: str
    """Relative to the workspace."""
    file: str
    """Where it can be opened."""
    try_: int = 1
    """More than 1 where the attempt was interrupted and run again."""
    errors: bool = False
    """Standard error, where a step keeps it apart."""
    excerpt: str | None = None
    """Its head and tail, where that is all that is known here; there is no file then."""
    size: int = 0
    """Bytes of the whole, where there is an excerpt."""
    host: str = ""
    """The machine that has the whole, where there is an excerpt."""
    note: str = ""
    """What to say of that, before the first one of an attempt."""

    @property
    def title(self) -> str:
        marks = [f"try {self.try_}"] * (self.try_ > 1) + ["standard error"] * self.errors
        return f"{self.phase} attempt {self.attempt}: {self.step}" + (f" ({', '.join(marks)})" if marks else "")

    @property
    def known(self) -> bytes:
        """What is known of output that is elsewhere, and where that is."""
        note = f"[penguin: {self.note}]\n" if self.note else ""
        return f"{note}{self.excerpt or ''}".encode()


class Piece(NamedTuple):
    """Some more output of a step."""

    log: Log
    output: bytes


class Note(NamedTuple):
    """What is to be told between two pieces of output."""

    text: str


class Logs(NamedTuple):
    """What steps printed: the files, to be read piece by piece, since they may be huge."""

    workflow_id: str
    logs: tuple[Log, ...]
    pieces: Callable[[], AsyncIterator[Piece | Note]] | None = None
    """Where the logs are followed: all pieces, those too that are still to be printed, until the workflow stops."""
    raw: bool = False
    """What agents print is shown as it came, and not as people read it."""

    def data(self) -> dict[str, Any]:
        return {"logs": [self._row(log) for log in self.logs]}

    @staticmethod
    def _row(log: Log) -> dict[str, Any]:
        from penguin_commands.tail import is_incomplete, tail

        text, size = tail(log.file) if log.excerpt is None else (log.excerpt, log.size)
        return {
            "phase": log.phase,
            "attempt": log.attempt,
            "step": log.step,
            "try": log.try_,
            "stream": "stderr" if log.errors else "stdout",
            "path": log.path,
            "bytes": size,
            "tail": text,
            "complete": log.excerpt is None and not is_incomplete(log.file),
            "host": log.host,
            "note": log.note,
        }


class Diff(NamedTuple):
    """What changed in the files: to be read piece by piece, once, since it may be huge."""

    workflow_id: str
    files: tuple[str, ...]
    """Seen from the workspace."""
    text: Callable[..., Iterator[bytes]]
    """`text(color=False)`: the unified diff."""

    def data(self) -> dict[str, Any]:
        return {"diff": b"".join(self.text()).decode("utf-8", "replace"), "files": list(self.files)}


class DiffElsewhere(NamedTuple):
    """What is known of changes whose files are in another working tree."""

    workflow_id: str
    files: tuple[str, ...]
    """Those that the evidence names, seen from the workspace; there may be more."""
    host: str
    """The machine that has them; '' where its name is not known."""
    note: str

    def data(self) -> dict[str, Any]:
        return {"diff": None, "files": list(self.files), "host": self.host, "note": self.note}


class Help(NamedTuple):
    """Commands, to be explained."""

    commands: tuple[Command, ...]
    detailed: bool = False
    """One command, with its arguments and flags."""

    def data(self) -> dict[str, Any]:
        from penguin_commands.declared import command_data

        return {"commands": [command_data(command) for command in self.commands]}


class Facts(NamedTuple):
    """Named values, a line each."""

    facts: dict[str, Any]

    def data(self) -> dict[str, Any]:
        return self.facts


class Settings(NamedTuple):
    """The settings, and where each comes from."""

    settings: tuple[tuple[str, Any, str], ...]
    """(key, value, origin)."""

    def data(self) -> dict[str, Any]:
        return {"settings": [{"key": key, "value": value, "origin": origin} for key, value, origin in self.settings]}


class Quit(NamedTuple):
    """The wish to leave."""

    def data(self) -> dict[str, Any]:
        return {"message": "Bye."}


class PanelSwitch(NamedTuple):
    """The wish to have the panel above the input line, or not; None: the other way round than it is."""

    on: bool | None = None

    def data(self) -> dict[str, Any]:
        return {"panel": self.on}


class Viewing(NamedTuple):
    """The wish to see what runs on the whole screen, until it is left."""

    workflow_id: str | None = None
    """None: all that is active."""

    def data(self) -> dict[str, Any]:
        return {"workflow_id": self.workflow_id}


class Sourced(NamedTuple):
    """The lines of a file, to be run in place of the command that named it."""

    file: str

    def data(self) -> dict[str, Any]:
        return {"source": self.file}


class Chain(NamedTuple):
    """A result, and one that takes its time: show the first at once, then await `then()` and show what comes."""

    first: Result
    then: Callable[[], Coroutine[Any, Any, Result]]

    def data(self) -> dict[str, Any]:
        return self.first.data()
