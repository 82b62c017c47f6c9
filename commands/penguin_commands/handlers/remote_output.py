"""Attempts whose output is on another machine: fetched from the storage, or known only from their evidence."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.backend import Verdict, WorkflowError
from penguin.orchestration.files.run_files import ELSEWHERE, EVIDENCE, FILE, attempt_folders
from penguin.orchestration.files.safe_open import open_to_read
from penguin_commands.handlers.agent_output import agent_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from penguin.orchestration.backend import WorkflowPhase
    from penguin.orchestration.store.history import PhaseResult
    from penguin_commands.results.output import Log
    from penguin_commands.session import Session


class RemoteAttempt(NamedTuple):
    """An attempt whose final output is not on this machine."""

    attempt: int
    phase: WorkflowPhase
    host: str
    """The machine that ran it; '' if its name is unknown."""
    evidence: dict[str, Any]


def this_host() -> str:
    """Return the name of this machine, as engines record it."""
    import socket

    return socket.gethostname()


def describe_host(host: str) -> str:
    """Describe where the files of a remote attempt are. The host may be this one, with another working tree."""
    if not host:
        return "another host"
    return f"host {host}, in another working tree" if host == this_host() else f"host {host}"


def missing_attempts(session: Session, workflow_id: str) -> list[RemoteAttempt]:
    """Return the finished attempts with output that is not on this machine."""
    # Keep this order: an attempt that finishes between the two reads then has a folder.
    results = session.reader.results(workflow_id)
    folders: dict[int, list[Path]] = {}
    for number, _, folder in attempt_folders(session.workspace.runs, workflow_id):
        folders.setdefault(number, []).append(folder)
    missing = [
        result
        for result in results
        if result.attempt
        and result.verdict not in (None, Verdict.INTERRUPTED)
        and not _is_local(result, folders.get(result.attempt, []))
    ]
    hosts = session.reader.attempt_hosts(workflow_id) if missing else {}
    return [
        RemoteAttempt(result.attempt, result.phase, hosts.get(result.attempt, ""), result.evidence)
        for result in missing
    ]


def _is_local(result: PhaseResult, folders: list[Path]) -> bool:
    """Return whether these folders of an attempt hold its final output.

    An attempt may start here and finish on another host. The name of the host proves nothing: a container gets a new
    one with each start.
    """
    if any(is_fetched(folder) for folder in folders):
        return True
    outputs = {_file_name(step): step.get("output_bytes") for step in _steps(result) if step.get("output")}
    return all(any(_size(folder / name) == size for folder in folders) for name, size in outputs.items())


def _file_name(step: dict[str, Any]) -> str:
    return os.path.basename(str(step["output"]))  # noqa: PTH119 - no path is needed


def is_fetched(folder: Path) -> bool:
    """Return whether the folder of an attempt was fetched from another host."""
    return (folder / EVIDENCE).exists()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def fetch_missing(session: Session, workflow_id: str, tell: Callable[[str], None] | None = None) -> list[RemoteAttempt]:
    """Fetch the missing attempts from the storage, if there is one, and return those that are still missing.

    If the storage is unreachable, only warn (with `tell`, or narration): everything known without it can still be
    shown.
    """
    missing = missing_attempts(session, workflow_id)
    # Fetched files are kept in `.penguin/`.
    if not missing or not session.is_own:
        return missing
    from penguin.orchestration.files.object_store import StorageError, open_object_store

    try:
        settings = session.settings
        storage = open_object_store(settings.root, settings.storage_url, settings.project_id)
        fetched = storage.get_attempts(workflow_id, session.workspace.runs) if storage else []
    except StorageError as error:
        (tell or session.narrate)(f"{error.message}; {error.hint}")
        return missing
    return missing_attempts(session, workflow_id) if fetched else missing


def full_evidence(session: Session, workflow_id: str, result: PhaseResult) -> dict[str, Any]:
    """Return the evidence of an attempt as fetched, or else from the history, where it may be shortened."""
    if not result.attempt or result.ended_at is None:
        return result.evidence
    name = f"{result.attempt}-{result.phase.lower()}"
    for folder in (f"{name}{ELSEWHERE}", name):
        path = session.workspace.runs / workflow_id / folder / EVIDENCE
        if path.exists():
            return _read_evidence(path)
    return result.evidence


def _read_evidence(path: Path) -> dict[str, Any]:
    """Return the evidence in a file that was fetched. Raises WorkflowError if it is damaged."""
    import msgspec

    from penguin.orchestration.core.results import AttemptResult
    from penguin_commands.grammar.tokens import quote

    with open_to_read(path) as file:
        data = file.read()
    try:
        evidence: dict[str, Any] = msgspec.to_builtins(msgspec.json.decode(data, type=AttemptResult))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise WorkflowError(f"{path} is damaged: {error}", f"to see the rest: rm {quote(str(path))}") from error
    return evidence


def remote_logs(
    session: Session, missing: list[RemoteAttempt], phase: WorkflowPhase | None, attempt: int | None
) -> list[Log]:
    """Return the excerpts in the evidence of remote outputs, optionally of one phase or attempt."""
    return [
        log
        for away in missing
        if phase in (None, away.phase) and attempt in (None, away.attempt)
        for log in _attempt_logs(session, away)
    ]


def _attempt_logs(session: Session, away: RemoteAttempt) -> Iterator[Log]:
    note = _location_note(session, away.host)
    for step in _steps(away):
        if step.get("output"):
            yield _make_log(away, step, note)
            note = ""


def _location_note(session: Session, host: str) -> str:
    where = f"the full output is on {describe_host(host)}"
    if session.settings.storage_url is None:
        return f"{where}; set storage.url in penguin.yaml to share it"
    return f"{where}; the storage has no copy of it"


def _make_log(away: RemoteAttempt, step: dict[str, Any], note: str) -> Log:
    from penguin_commands.results.output import Log

    path = str(step["output"])
    match = FILE.fullmatch(_file_name(step))
    return Log(
        phase=away.phase.value,
        attempt=away.attempt,
        step=str(step.get("name")),
        path=path,
        file="",
        start_number=int(match[3]) if match else 1,
        excerpt=str(step.get("excerpt") or ""),
        size=int(step.get("output_bytes") or 0),
        host=away.host,
        note=note,
        agent=agent_program(step),
    )


def _steps(result: PhaseResult | RemoteAttempt) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = result.evidence.get("steps") or []
    return steps
