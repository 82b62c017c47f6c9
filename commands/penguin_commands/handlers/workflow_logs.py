"""`/workflow logs`: the output of steps, from local files or from the evidence of other hosts."""

from __future__ import annotations

import os
import time
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import WorkflowError, WorkflowPhase
from penguin.orchestration.files.run_files import FILE, StepLog, attempt_folders, attempt_logs
from penguin.orchestration.files.safe_open import open_to_read
from penguin_commands.file_tail import INCOMPLETE, is_incomplete
from penguin_commands.handlers.remote_output import fetch_missing, remote_logs
from penguin_commands.results.output import Log, LogNotice, LogsResult, OutputChunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from penguin_commands.handlers.remote_output import RemoteAttempt
    from penguin_commands.session import Session

CHUNK_BYTES = 64 * 1024
"""Bytes read at a time."""
POLL_INTERVAL = 0.1
"""Seconds between two reads of files that are being written."""
FETCH_INTERVAL = 2.0
"""Seconds between two searches of the storage for the output of other hosts."""
EXPLAIN_AFTER_POLLS = 10
"""The number of polls without new output after which the reason is shown."""


def logs(
    session: Session,
    workflow: str,
    *,
    phase: WorkflowPhase | None = None,
    attempt: int | None = None,
    follow: bool = False,
    raw: bool = False,
) -> LogsResult:
    """Return the output of one attempt, or with `follow` of all attempts from that one on."""
    workflow_id = session.resolve(workflow, prefix=True)
    missing = fetch_missing(session, workflow_id)
    found = attempt_logs(session.workspace.runs, workflow_id, phase, attempt)
    known = remote_logs(session, missing, phase, attempt)
    newest = max([*(log.attempt for log in found), *(log.attempt for log in known)], default=0)
    if not newest and not follow:
        raise _no_output_error(session, workflow_id, phase, attempt, missing)
    step_logs = _StepLogs(session, workflow_id)
    chosen = [step_logs.to_log(log) for log in found if log.attempt == newest and not _is_empty_stderr(log)]
    chosen += [log for log in known if log.attempt == newest]
    if not follow:
        return LogsResult(workflow_id, tuple(chosen), raw=raw)
    following = _LogFollower(session, workflow_id, step_logs, phase, attempt, newest)
    return LogsResult(workflow_id, tuple(chosen), partial(following.chunks), raw)


def _no_output_error(
    session: Session,
    workflow_id: str,
    phase: WorkflowPhase | None,
    attempt: int | None,
    missing: list[RemoteAttempt],
) -> WorkflowError:
    folders = attempt_folders(session.workspace.runs, workflow_id)
    attempts = sorted(
        {(number, gate) for number, gate, _ in folders} | {(result.attempt, result.phase) for result in missing}
    )
    ran = [f"{number} ({gate})" for number, gate in attempts]
    wanted = " ".join(text for text in (phase and f"of {phase}", attempt and f"of attempt {attempt}") if text)
    message = f"{workflow_id} has no output{' ' + wanted if wanted else ' yet'}"
    return WorkflowError(message, f"attempts with output: {', '.join(ran)}" if ran else "")


def _is_empty_stderr(log: StepLog) -> bool:
    """Return whether this is an empty standard error that was stored separately. It needs no title."""
    return log.errors and log.path.stat().st_size == 0


class _StepLogs:
    """Outputs with the names of their steps, each looked up when first seen."""

    def __init__(self, session: Session, workflow_id: str) -> None:
        self._session = session
        self._workflow_id = workflow_id
        self._logs: dict[str, Log] = {}
        self._names: dict[tuple[int, int], str] = {}
        self._names_read = False

    def to_log(self, log: StepLog) -> Log:
        """Return an output as a Log."""
        key = str(log.path)
        if key not in self._logs:
            self._logs[key] = self._make_log(log, key)
        return self._logs[key]

    def _make_log(self, log: StepLog, file: str) -> Log:
        relative = os.path.relpath(log.path, self._session.workspace.root)
        return Log(log.phase.value, log.attempt, self._step_name(log), relative, file, log.start_number, log.errors)

    def _step_name(self, log: StepLog) -> str:
        """Return the full name of a step, or while its attempt runs the part that fits in a file name."""
        if not self._names_read:
            self._names_read = True
            self._names = dict(_step_names(self._session, self._workflow_id))
        return self._names.get((log.attempt, log.number), log.step)


def _step_names(session: Session, workflow_id: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield the names of steps with the number of their attempt and their position in it."""
    for result in session.reader.results(workflow_id):
        steps: list[dict[str, Any]] = result.evidence.get("steps") or []
        for step in steps:
            match = FILE.fullmatch(os.path.basename(str(step.get("output"))))  # noqa: PTH119 - no path is needed
            if match:
                yield (result.attempt, int(match[1])), str(step.get("name"))


class _LogFollower:
    """A reader of output as it is written, by any process, until the workflow settles."""

    def __init__(
        self,
        session: Session,
        workflow_id: str,
        step_logs: _StepLogs,
        phase: WorkflowPhase | None,
        attempt: int | None,
        first: int,
    ) -> None:
        self._session = session
        self._workflow_id = workflow_id
        self._step_logs = step_logs
        self._phase = phase
        self._attempt = attempt
        self._first_attempt = first
        self._offsets: dict[str, int] = {}
        self._reported_incomplete: set[str] = set()
        self._last_explanation = ""
        self._last_fetch = float("-inf")
        self._shown_remote: set[str] = set()
        """Remote outputs whose excerpt was shown."""
        self._last_trouble = ""
        self._started_attempts: list[tuple[int, WorkflowPhase]] = []
        """Number and phase of the attempts that have output, in order."""
        self._newest_announced = first
        """The newest attempt that is known to have begun."""

    async def chunks(self) -> AsyncIterator[OutputChunk | LogNotice]:
        """Yield all output from the first attempt on, with notices in between."""
        import asyncio

        idle = 0
        while True:
            # Check this before reading, so that everything written until the workflow settled is read.
            over = await self._session.run_in_reader_thread(self._poll)
            idle += 1
            missing = await self._fetch_missing(over)
            for piece in chain(self._new_chunks(), self._remote_chunks(missing)):
                idle = 0
                for note in self._start_notices(piece.log.attempt):
                    yield note
                yield piece
                await asyncio.sleep(0)
            for note in self._start_notices():
                yield note
            if over:
                break
            if idle and idle % EXPLAIN_AFTER_POLLS == 0:
                why = await self._session.run_in_reader_thread(self._explain)
                if why:
                    yield why
            await asyncio.sleep(POLL_INTERVAL)
        if not self._session.backend_open:
            yield await self._session.run_in_reader_thread(self._end_notice)

    def _start_notices(self, number: int | None = None) -> Iterator[LogNotice]:
        """Yield a notice for each attempt that has begun, up to this one, each once."""
        for begun, phase in self._started_attempts:
            wanted = self._phase in (None, phase) and self._attempt in (None, begun)
            if self._newest_announced < begun and (number is None or begun <= number):
                self._newest_announced = begun
                if wanted:
                    yield LogNotice(f"{self._workflow_id}: {phase} attempt {begun} started")

    def _poll(self) -> bool:
        """Return whether the workflow has settled, and the names of new outputs, which may require a server."""
        over = self._is_over()
        folders = attempt_folders(self._session.workspace.runs, self._workflow_id)
        self._started_attempts = [(number, phase) for number, phase, _ in folders]
        for step_log in self._outputs():
            self._step_logs.to_log(step_log)
        return over

    def _outputs(self) -> list[StepLog]:
        found = attempt_logs(self._session.workspace.runs, self._workflow_id, self._phase, self._attempt)
        return [log for log in found if log.attempt >= self._first_attempt]

    def _is_over(self) -> bool:
        if self._session.reader.is_settled(self._workflow_id):
            return True
        folders = attempt_folders(self._session.workspace.runs, self._workflow_id)
        return self._attempt is not None and any(number > self._attempt for number, _, _ in folders)

    async def _fetch_missing(self, over: bool) -> list[RemoteAttempt]:
        """Fetch output of other hosts periodically and at the end. Return the attempts still missing."""
        now = time.monotonic()
        if not over and now < self._last_fetch + FETCH_INTERVAL:
            return []
        self._last_fetch = now
        try:
            missing = await self._session.run_in_reader_thread(
                lambda: fetch_missing(self._session, self._workflow_id, self._narrate_once)
            )
        except WorkflowError as error:
            # The history is not available now: follow the local output anyway.
            self._narrate_once(error.message)
            return []
        # The output is copied shortly before or after its end is reported, so give the storage time to receive it.
        waits = not over and self._session.settings.storage_url is not None
        return [] if waits else [result for result in missing if result.attempt >= self._first_attempt]

    def _remote_chunks(self, missing: list[RemoteAttempt]) -> Iterator[OutputChunk]:
        """Yield the excerpts of attempts on other hosts, each once."""
        for log in remote_logs(self._session, missing, self._phase, self._attempt):
            if log.path not in self._shown_remote:
                self._shown_remote.add(log.path)
                yield OutputChunk(log, log.excerpt_output)

    def _narrate_once(self, text: str) -> None:
        if text != self._last_trouble:
            self._last_trouble = text
            self._session.narrate(text)

    def _new_chunks(self) -> Iterator[OutputChunk]:
        """Yield the output written since the last read."""
        for step_log in self._outputs():
            log = self._step_logs.to_log(step_log)
            # Check this before reading: the first half is complete once a second one exists.
            incomplete = is_incomplete(log.file)
            for output in _read_new(log.file, self._offsets):
                yield OutputChunk(log, output)
            if incomplete and log.file not in self._reported_incomplete:
                self._reported_incomplete.add(log.file)
                yield OutputChunk(log, INCOMPLETE)

    def _explain(self) -> LogNotice | None:
        """Return why no output arrives, unless the last notice said the same."""
        why = self._session.reader.explain(self._workflow_id)
        previous, self._last_explanation = self._last_explanation, why
        return LogNotice(f"{self._workflow_id}: {why}") if why and why != previous else None

    def _end_notice(self) -> LogNotice:
        """Return the notice of how the workflow ended."""
        info = self._session.info(self._workflow_id)
        why = self._session.reader.explain(self._workflow_id) or info.error_message
        return LogNotice(f"{self._workflow_id} {info.status}" + (f": {why}" if why else ""))


def _read_new(file: str, read: dict[str, int]) -> Iterator[bytes]:
    """Yield the output added to a file since it was last read."""
    try:
        with open_to_read(file) as output:
            output.seek(read.get(file, 0))
            while piece := output.read(CHUNK_BYTES):
                read[file] = output.tell()
                yield piece
    except OSError:
        return
