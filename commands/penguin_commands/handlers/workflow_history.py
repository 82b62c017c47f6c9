"""Commands that read the past of a workflow: history, results, artifacts."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.core.usage import usage_totals
from penguin_commands.results.history import ArtifactTable, AttemptRow, AttemptTable, EventRow, HistoryResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penguin.orchestration.backend import WorkflowPhase
    from penguin.orchestration.store.history import PhaseResult
    from penguin_commands.session import Session


def history(session: Session, workflow: str, *, events: bool = False) -> HistoryResult:
    """Return all events of a workflow; on a terminal with the timeline, and the events only on request."""
    workflow_id = session.resolve(workflow, prefix=True)
    entries = session.reader.history(workflow_id)
    rows = tuple(EventRow(entry.seq, entry.at, entry.kind, entry.text, entry.data) for entry in entries)
    if not session.on_terminal:
        return HistoryResult(workflow_id, rows)
    from datetime import UTC, datetime

    from penguin_commands.handlers.report.timeline import timeline

    return HistoryResult(workflow_id, rows, timeline(entries, datetime.now(UTC)), events)


def results(
    session: Session, workflow: str, *, phase: WorkflowPhase | None = None, attempt: int | None = None
) -> AttemptTable:
    """Return all attempts, including those of other hosts, or those of a phase, or the one with this number."""
    from functools import partial

    from penguin_commands.handlers.agent_output import last_activities, recent_activities
    from penguin_commands.handlers.remote_output import fetch_missing, full_evidence, this_host

    workflow_id = session.resolve(workflow, prefix=True)
    fetch_missing(session, workflow_id)
    found = session.reader.results(workflow_id)
    hosts = session.reader.attempt_hosts(workflow_id)
    attempts = tuple(
        AttemptRow(
            result.phase.value,
            result.attempt,
            result.verdict,
            result.started_at,
            result.ended_at,
            full_evidence(session, workflow_id, result),
            hosts.get(result.attempt, ""),
            # The fetched evidence covers only the last run of the attempt.
            usage_totals(result.evidence.get("usage")),
            _running_agent(session, workflow_id, result),
        )
        for result in found
        if phase in (None, result.phase) and attempt in (None, result.attempt)
    )
    if found and not attempts:
        return AttemptTable(workflow_id, (), this_host(), _no_attempt_message(found, phase, attempt))
    return AttemptTable(
        workflow_id,
        attempts,
        this_host(),
        recent_activities=partial(recent_activities, session.workspace.root),
        current_activities=last_activities,
    )


def _running_agent(session: Session, workflow_id: str, result: PhaseResult) -> str:
    """Return the file to which the agent of a running attempt writes; '' if no agent runs here."""
    if result.verdict is not None:
        return ""
    from penguin.orchestration.files.run_files import attempt_logs
    from penguin_commands.handlers.agent_output import activity_stream

    logs = attempt_logs(session.workspace.runs, workflow_id, result.phase, result.attempt)
    paths = [str(log.path) for log in logs if not log.errors]
    return paths[-1] if paths and activity_stream(paths[-1]) is not None else ""


def _no_attempt_message(found: Sequence[PhaseResult], phase: WorkflowPhase | None, attempt: int | None) -> str:
    """Return a message that lists the existing attempts when none matches the request."""
    wanted = " ".join(text for text in (attempt and str(attempt), phase and f"of {phase}") if text)
    ran = ", ".join(f"{result.attempt} ({result.phase})" for result in found if result.attempt)
    return f"No attempt {wanted}; attempts: {ran or 'none'}."


def artifacts(session: Session, workflow: str) -> ArtifactTable:
    """Return the files that steps left behind, with their sizes."""
    workflow_id = session.resolve(workflow, prefix=True)
    paths = session.info(workflow_id).artifacts
    files = tuple((path, _size(session, path)) for path in paths)
    if all(size is not None for _, size in files):
        return ArtifactTable(workflow_id, files)
    from penguin_commands.handlers.remote_output import fetch_missing

    try:
        missing = fetch_missing(session, workflow_id)
    except WorkflowError as error:
        # The list of artifacts is known even if the history is not available.
        session.narrate(error.message)
        missing = []
    hosts = {path: result.host for result in missing for path in result.evidence.get("artifacts") or ()}
    files = tuple((path, _size(session, path)) for path in paths)
    return ArtifactTable(
        workflow_id, files, {path: hosts[path] for path, size in files if size is None and path in hosts}
    )


def _size(session: Session, path: str) -> int | None:
    from penguin.orchestration.files.text_encoding import unescape_path

    for name in (path, unescape_path(path)):
        with suppress(OSError):
            return (session.workspace.root / name).stat().st_size
    return None
