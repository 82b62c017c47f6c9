"""Polling of the active workflows: which ended, which blocked, and details of those that fit on the screen."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.backend import WorkflowStatus
from penguin_repl.render.costs import usage_text
from penguin_repl.render.words import STATUS_WORDS
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from penguin.orchestration.backend import WorkflowInfo
    from penguin.orchestration.store.current_attempt import CurrentAttempt
    from penguin_commands.session import Session
    from penguin_repl.live.agent_work import AgentWorkReader

ORDER = tuple(status for status in STATUS_WORDS if not status.final)
MAX_PER_STATUS = 40
"""The number of workflows of each status to load: more than the toolbar or the panel can show."""


class WorkflowRow(NamedTuple):
    """An active workflow and its current activity."""

    info: WorkflowInfo
    attempt: int = 0
    """0: no attempt yet."""
    deadline: float | None = None
    """When the time of its attempt is over, in seconds since the epoch; None if none runs."""
    last_line: str = ""
    """What its agent does, the last line that its step printed, or why it does not run."""
    spent: str = ""
    """What its agent spent in this attempt up to now."""


class PollResult(NamedTuple):
    """The result of a poll."""

    counts: Mapping[WorkflowStatus, int]
    """The number of workflows by status, in the order of ORDER, without zeros."""
    active: Sequence[WorkflowInfo]
    """The newest ones of each status, in the order of ORDER."""
    rows: Sequence[WorkflowRow] = ()
    """As many of them as requested."""
    finished: Sequence[WorkflowInfo] = ()
    """Those that were active at the previous poll and have ended."""
    newly_blocked: Sequence[WorkflowInfo] = ()
    """Those that blocked since the previous poll."""


EMPTY_RESULT = PollResult({}, ())


class WorkflowPoller:
    """A poller of workflows. Runs on the session's reader thread. Polling unchanged workflows costs little."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statuses: dict[str, WorkflowStatus] | None = None
        """At the previous poll; None before the first one, which reports no workflows as newly blocked."""
        self._change_count = -1
        self._last_result = EMPTY_RESULT
        self._attempts: dict[str, tuple[object, CurrentAttempt | None]] = {}
        """The attempts of visible workflows, each with the state that it was read at."""

    @cached_property
    def _agents(self) -> AgentWorkReader:
        # Only a running attempt has work to read: the first prompt does not wait for this import.
        from penguin_repl.live.agent_work import AgentWorkReader

        return AgentWorkReader()

    def poll(self, rows: int, first: int = 0) -> PollResult:
        """Return the current state, with details of `rows` workflows, starting at index `first`.

        Raises WorkflowError if the history is not available.
        """
        changes = self._session.reader.changes()
        if changes != self._change_count or self._statuses is None:
            self._last_result = self._read_workflows()
            self._change_count = changes
        else:
            self._last_result = self._last_result._replace(finished=(), newly_blocked=())
        shown = self._last_result.active[first : first + rows]
        self._attempts = {info.workflow_id: self._attempt(info) for info in shown}
        return self._last_result._replace(rows=[self._row(info) for info in shown])

    def _read_workflows(self) -> PollResult:
        reader = self._session.reader
        statuses = reader.active_statuses()
        counted = Counter(statuses.values())
        before = self._statuses
        ended = sorted(before.keys() - statuses.keys()) if before else ()
        found = [info for info in map(reader.info, ended) if info is not None and info.status.final]
        blocked = (
            [] if before is None else [reader.info(workflow_id) for workflow_id in _newly_blocked(before, statuses)]
        )
        self._statuses = statuses
        return PollResult(
            {status: counted[status] for status in ORDER if counted[status]},
            [
                info
                for status in ORDER
                if counted[status]
                for info in reader.list(statuses={status}, limit=MAX_PER_STATUS)
            ],
            finished=found,
            newly_blocked=[info for info in blocked if info is not None and info.status is WorkflowStatus.BLOCKED],
        )

    def _attempt(self, info: WorkflowInfo) -> tuple[object, CurrentAttempt | None]:
        cached = self._attempts.get(info.workflow_id)
        # Without an event, nothing about the workflow changes.
        if cached is not None and cached[0] == info.updated_at:
            return cached
        return info.updated_at, self._session.reader.current_attempt(info.workflow_id)

    def _row(self, info: WorkflowInfo) -> WorkflowRow:
        attempt = self._attempts[info.workflow_id][1]
        stands = info.status is not WorkflowStatus.RUNNING
        if attempt is None:
            return WorkflowRow(info, last_line=self._blocked_reason(info) if stands else "")
        last, spent = (self._blocked_reason(info), "") if stands else self._work(info.workflow_id, attempt)
        return WorkflowRow(info, attempt.attempt, attempt.until, clean(last), spent)

    def _work(self, workflow_id: str, attempt: CurrentAttempt) -> tuple[str, str]:
        """Return what an attempt does, and what its agent spent."""
        from penguin_repl.live.recent_output import attempt_folder, last_line, newest_outputs

        outputs = newest_outputs(attempt_folder(self._session.workspace.runs, workflow_id, attempt))
        agent = self._agents.newest(outputs)
        return (last_line(outputs), "") if agent is None else (agent.now, usage_text(agent.usage))

    def _blocked_reason(self, info: WorkflowInfo) -> str:
        return (info.error_message or "").strip() if info.status is WorkflowStatus.BLOCKED else ""


def _newly_blocked(before: Mapping[str, WorkflowStatus], now: Mapping[str, WorkflowStatus]) -> Iterator[str]:
    blocked = WorkflowStatus.BLOCKED
    return (
        workflow_id
        for workflow_id, status in now.items()
        if status is blocked and before.get(workflow_id) is not blocked
    )
