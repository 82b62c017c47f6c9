"""Polling of the active workflows: which ended, which blocked, and details of those that fit on the screen."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.core.usage import UsageTotals
from penguin_commands.execution_order import execution_place
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from penguin.orchestration.backend import WorkflowInfo
    from penguin.orchestration.store.current_attempt import CurrentAttempt
    from penguin.orchestration.store.progress import WorkflowProgress
    from penguin_commands.session import Session
    from penguin_repl.live.agent_work import AgentWorkReader

ACTIVE_STATUSES = (WorkflowStatus.BLOCKED, WorkflowStatus.PAUSED, WorkflowStatus.RUNNING, WorkflowStatus.PENDING)
MAX_PER_STATUS = 40
"""The number of workflows of each status to load, oldest first: more than the toolbar or the panel can show."""
MAX_REASON_AGE = 2.0
"""Seconds for which the reason of a wait is kept. It also depends on other workflows, and may ask a server."""


class WorkflowCounts(NamedTuple):
    """The number of active workflows, by what they do."""

    running: int = 0
    """A step runs."""
    blocked: int = 0
    paused: int = 0
    waiting: int = 0
    """For a dependency, a slot, the working tree or their next attempt."""

    @property
    def total(self) -> int:
        """Return the number of all active workflows."""
        return sum(self)


class WorkflowRow(NamedTuple):
    """An active workflow and its current activity."""

    info: WorkflowInfo
    progress: WorkflowProgress | None = None
    executing: bool = False
    """Whether a step runs."""
    activity: str = ""
    """What its agent does, or the last line that its step printed."""
    reason: str = ""
    """Why it does not continue; empty if it does."""
    next_command: str = ""
    """What a person types to continue it; empty if it needs none."""
    usage: UsageTotals = UsageTotals()
    """What its agents spent up to now."""


class PollResult(NamedTuple):
    """The result of a poll."""

    counts: WorkflowCounts
    active: Sequence[WorkflowInfo]
    """The first ones of each status, in the order of execution."""
    executing: AbstractSet[str] = frozenset()
    """The ids of those whose step runs."""
    rows: Sequence[WorkflowRow] = ()
    """As many of `active` as requested."""
    finished: Sequence[WorkflowInfo] = ()
    """Those that were active at the previous poll and have ended."""
    newly_blocked: Sequence[WorkflowInfo] = ()
    """Those that blocked since the previous poll."""


EMPTY_RESULT = PollResult(WorkflowCounts(), ())


class _Details(NamedTuple):
    """What is read again only after an event of the workflow."""

    updated_at: object
    progress: WorkflowProgress | None
    attempt: CurrentAttempt | None
    usage: UsageTotals


class WorkflowPoller:
    """A poller of workflows. Runs on the session's reader thread. Polling unchanged workflows costs little."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statuses: dict[str, WorkflowStatus] | None = None
        """At the previous poll; None before the first one, which reports no workflows as newly blocked."""
        self._change_count = -1
        self._last_result = EMPTY_RESULT
        self._has_places = False
        """Whether the workflows of the last result have their places among those that wait."""
        self._progress: dict[str, tuple[object, WorkflowProgress | None]] = {}
        """The progress of active workflows, each with the state that it was read at."""
        self._details: dict[str, _Details] = {}
        """The details of visible workflows."""
        self._reasons: dict[str, tuple[object, float, str, str]] = {}
        """The reasons and next commands of visible workflows, each with the state and time that they were read at."""

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
            self._has_places = False
            self._change_count = changes
        else:
            self._last_result = self._last_result._replace(finished=(), newly_blocked=())
        if not rows:
            # The toolbar only counts those that wait.
            return self._last_result
        if not self._has_places:
            self._read_progress()
            self._last_result = self._last_result._replace(active=self._in_order(self._last_result.active))
            self._has_places = True
        shown = self._last_result.active[first : first + rows]
        self._read_details(shown)
        return self._last_result._replace(rows=[self._row(info) for info in shown])

    def _read_workflows(self) -> PollResult:
        reader = self._session.reader
        statuses, executing = reader.active_statuses(), reader.executing()
        before = self._statuses
        ended = sorted(before.keys() - statuses.keys()) if before else ()
        blocked = () if before is None else _newly_blocked(before, statuses)
        self._statuses = statuses
        self._progress = {name: known for name, known in self._progress.items() if name in statuses}
        active = list(self._first_of_each_status(statuses, executing))
        return PollResult(
            _count(statuses, executing),
            sorted(active, key=lambda info: execution_place(info, None, executing=info.workflow_id in executing)),
            executing,
            finished=[info for info in self._infos(ended) if info.status.final],
            newly_blocked=[info for info in self._infos(blocked) if info.status is WorkflowStatus.BLOCKED],
        )

    def _first_of_each_status(
        self, statuses: Mapping[str, WorkflowStatus], executing: AbstractSet[str]
    ) -> Iterator[WorkflowInfo]:
        listed: set[str] = set()
        present = set(statuses.values())
        for status in ACTIVE_STATUSES:
            if status in present:
                found = self._session.reader.list(statuses={status}, sort="oldest", limit=MAX_PER_STATUS)
                listed |= {info.workflow_id for info in found}
                yield from found
        # They may be newer than many that wait for their next attempt.
        yield from self._infos(sorted(executing - listed)[:MAX_PER_STATUS])

    def _infos(self, workflow_ids: Iterable[str]) -> list[WorkflowInfo]:
        found = map(self._session.reader.info, workflow_ids)
        return [info for info in found if info is not None]

    def _read_progress(self) -> None:
        changed = {
            info.workflow_id: info.updated_at
            for info in self._last_result.active
            if self._progress.get(info.workflow_id, (None,))[0] != info.updated_at
        }
        found = self._session.reader.progress_of(changed)
        self._progress |= {name: (updated_at, found.get(name)) for name, updated_at in changed.items()}

    def _in_order(self, active: Iterable[WorkflowInfo]) -> list[WorkflowInfo]:
        executing = self._last_result.executing

        def place(info: WorkflowInfo) -> tuple[Any, ...]:
            progress = self._progress[info.workflow_id][1]
            return execution_place(info, progress, executing=info.workflow_id in executing)

        return sorted(active, key=place)

    def _read_details(self, shown: Sequence[WorkflowInfo]) -> None:
        known = {
            info.workflow_id: details
            for info in shown
            if (details := self._details.get(info.workflow_id)) and details.updated_at == info.updated_at
        }
        changed = [info for info in shown if info.workflow_id not in known]
        reader = self._session.reader
        usage = reader.usage_of(info.workflow_id for info in changed) if changed else {}
        for info in changed:
            name = info.workflow_id
            progress = self._progress[name][1]
            attempt = reader.current_attempt(name)
            known[name] = _Details(info.updated_at, progress, attempt, usage.get(name, UsageTotals()))
        self._details = known
        self._reasons = {name: read for name, read in self._reasons.items() if name in known}

    def _row(self, info: WorkflowInfo) -> WorkflowRow:
        name = info.workflow_id
        details = self._details[name]
        executing = name in self._last_result.executing
        elapsed = max(0.0, time.time() - info.started_at.timestamp())
        progress = details.progress and details.progress._replace(elapsed=elapsed)
        reason, command = self._reason(info)
        activity, spent = "", UsageTotals()
        if details.attempt is not None and executing:
            activity, spent = self._work(name, details.attempt)
        usage = details.usage.plus(spent)
        return WorkflowRow(info, progress, executing, clean(activity), clean(reason), clean(command), usage)

    def _work(self, workflow_id: str, attempt: CurrentAttempt) -> tuple[str, UsageTotals]:
        """Return what an attempt does, and what its agent spent."""
        from penguin_repl.live.recent_output import attempt_folder, last_line, newest_outputs

        outputs = newest_outputs(attempt_folder(self._session.workspace.runs, workflow_id, attempt))
        agent = self._agents.newest(outputs)
        return (last_line(outputs), UsageTotals()) if agent is None else (agent.now, agent.usage)

    def _reason(self, info: WorkflowInfo) -> tuple[str, str]:
        """Return why a workflow does not continue, and what a person types to continue it."""
        now = time.monotonic()
        updated_at, read_at, reason, command = self._reasons.get(info.workflow_id, (None, 0.0, "", ""))
        if updated_at != info.updated_at or now - read_at > MAX_REASON_AGE:
            reader = self._session.reader
            command = reader.next_command(info.workflow_id) if info.status.rests else ""
            reason = reader.explain(info.workflow_id)
            self._reasons[info.workflow_id] = (info.updated_at, now, reason, command)
        return reason, command


def _count(statuses: Mapping[str, WorkflowStatus], executing: AbstractSet[str]) -> WorkflowCounts:
    resting = {WorkflowStatus.BLOCKED: 0, WorkflowStatus.PAUSED: 0}
    for status in statuses.values():
        if status in resting:
            resting[status] += 1
    running = sum(name in executing for name, status in statuses.items() if status not in resting)
    waiting = len(statuses) - running - sum(resting.values())
    return WorkflowCounts(running, resting[WorkflowStatus.BLOCKED], resting[WorkflowStatus.PAUSED], waiting)


def _newly_blocked(before: Mapping[str, WorkflowStatus], now: Mapping[str, WorkflowStatus]) -> Iterator[str]:
    blocked = WorkflowStatus.BLOCKED
    return (
        workflow_id
        for workflow_id, status in now.items()
        if status is blocked and before.get(workflow_id) is not blocked
    )
