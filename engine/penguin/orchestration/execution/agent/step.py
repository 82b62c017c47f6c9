"""The step of an agent: the order that starts it, its limits while it runs, and its judgement."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
from msgspec import Struct

from penguin.orchestration.agents.adapter import Adapter, AgentTranscript, ProcessExit, UsageRecordAdapter
from penguin.orchestration.agents.json_lines import EventFile
from penguin.orchestration.agents.judge import Opinion, parse_opinions
from penguin.orchestration.agents.registry import adapter_of
from penguin.orchestration.backend import StoreError, Verdict, WorkflowError
from penguin.orchestration.core.definition import AgentSpec, Budget
from penguin.orchestration.core.results import Usage
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.agent.conversation import StoredConversation
from penguin.orchestration.execution.agent.request import RequestBuilder
from penguin.orchestration.execution.attempt_plan import PlannedStep
from penguin.orchestration.execution.environment import StepEnvironment, write_source
from penguin.orchestration.execution.launcher_client import StepRequest
from penguin.orchestration.execution.runner_api import AttemptOrder
from penguin.orchestration.execution.step_files import ExitRecord
from penguin.orchestration.execution.verdicts import Judgement

log = logging.getLogger(__name__)

PROMPT = ".prompt.md"
STDERR_END = 4000
"""Bytes of standard error that are searched for the cause of a failure."""
REASONS = {
    records.TIMEOUT: "it exceeded the time-out of the phase",
    records.IDLE: "no output for {idle:g} s",
    records.BUDGET: "it used up its budget",
}


class AgentNotInstalled(WorkflowError):
    """The agent's program is not installed; the hint is the command that installs it."""

    code = "missing_program"


class AgentMark(Struct, frozen=True):
    """What a later engine needs to parse the output of an agent that this one started.

    It is stored in the start mark.
    """

    kind: str = ""
    """The kind of agent, which selects the parser of the output."""
    session: str = ""
    """The conversation that it continues, or the name chosen for a new one."""
    before: Usage = Usage()
    """The usage of that conversation before this run."""
    overspent: str = ""


class AgentStep:
    """The step of an agent in one attempt. Its methods block while they read files; call them in threads."""

    def __init__(self, order: AttemptOrder, step: PlannedStep, surroundings: StepEnvironment) -> None:
        self.step = step
        self.usage = Usage()
        """The usage in this attempt that was not reported before."""
        self.snapshot = ""
        self.overspent = ""
        self.not_before = 0.0
        self.answer = ""
        """The last message of the agent."""
        self._order = order
        self._spec: AgentSpec = order.definition.agents[step.agent]
        self._surroundings = surroundings
        self._adapter: Adapter = adapter_of(self._spec, Path(order.folder))
        self._stored = StoredConversation(order, step, self._adapter)
        self._requests = RequestBuilder(order, step, surroundings, self._stored)

    # --- before the run ---

    def step_order(self, step_id: str, limit: float) -> StepRequest:
        """Return the request for the launcher. Raises AgentNotInstalled or PromptError."""
        session, before, available = self._conversation(step_id)
        request = self._requests.request(step_id, session)
        # Restore the conversation before building the command: the command depends on whether it exists.
        if session and not available:
            self._stored.restore_files(request, session)
        launch = self._adapter.command(request)
        env = {**request.env, **launch.env}
        program = shutil.which(launch.argv[0], path=env.get("PATH"))
        if program is None:
            raise AgentNotInstalled(f"{launch.argv[0]} is not installed", self._adapter.install)
        write_source(Path(step_id + PROMPT), launch.stdin)
        minutes = self._order.budget.minutes
        limit = limit if minutes is None else min(limit, max(minutes * 60, 1.0))
        secrets = self._surroundings.secrets
        mark = AgentMark(
            self._spec.kind, session or (request.new_session if self._adapter.accepts_session_id else ""), before
        )
        note = {
            "limit": limit,
            "argv": [secrets.redact_text(word) for word in launch.argv],
            "talk": msgspec.to_builtins(mark),
        }
        return StepRequest(
            id=step_id,
            argv=(program, *launch.argv[1:]),
            cwd=self._order.folder,
            env=env,
            timeout=limit,
            max_output=self._order.definition.max_output,
            split=True,
            note=note,
            secrets=secrets.values,
            stdin=step_id + PROMPT,
            idle=self._spec.idle_timeout,
        )

    def _conversation(self, step_id: str) -> tuple[str, Usage, bool]:
        """Return the conversation to continue, its usage, and whether the agent still has it."""
        stem, _, number = step_id.rpartition(".")
        for earlier in range(int(number) - 1, 0, -1):
            transcript = self._transcript(f"{stem}.{earlier}")
            if transcript.session and self._adapter.can_resume:
                return transcript.session, transcript.totals, True
        stored = self._stored.snapshot()
        if stored is None or not self._adapter.can_resume or stored.metadata.get("kind") != self._spec.kind:
            return "", Usage(), False
        if not self._stored.can_resume(stored, self._requests.lookup_request(step_id, stored.session_id)):
            # The prompt repeats it.
            return "", Usage(), False
        totals = msgspec.convert(stored.metadata.get("totals") or {}, Usage)
        return stored.session_id, totals, False

    def opinions(self) -> list[Opinion]:
        """Return the judge's opinion on each criterion. Call it after `collect`."""
        return parse_opinions(
            self.answer, len(self.step.criteria), self._requests.evidence_items(), Path(self._order.workspace)
        )

    # --- during the run ---

    def exceeded_cap(self, step_id: str) -> str:
        """Return which limit of the budget a running agent has reached, as a sentence; empty for none."""
        budget = self._order.budget
        if budget == Budget(minutes=budget.minutes):
            return ""
        used = self._usage(step_id, self._transcript(step_id))
        for name in ("turns", "usd", "tokens"):
            limit = getattr(budget, name)
            if limit is not None and getattr(used, name) >= limit:
                return f"{self._spec.name} spent {getattr(used, name):g} of {limit:g} {name}"
        return ""

    # --- after the run ---

    def collect(self, ended: ExitRecord) -> Judgement:
        """Return the judgement of a run, and store its conversation; also if the run was stopped.

        Raises OSError, StoreError.
        """
        printed = EventFile(Path(ended.id + records.LOG))
        transcript = self._transcript(ended.id, ended, printed)
        used = self._usage(ended.id, transcript)
        self.usage += replace_minutes(used, ended.duration / 60)
        if transcript.session or transcript.messages:
            try:
                self.snapshot = self._save_snapshot(ended, transcript)
            except StoreError as error:
                # The output is kept in any case, so the attempt continues.
                log.warning("the conversation of %s was not stored: %s", ended.id, error)
        self.answer = transcript.answer
        if not ended.is_result:
            return Judgement(Verdict.INTERRUPTED, "stopped before it finished")
        judgement = self._judgement(ended, transcript)
        remarks = "; ".join(filter(None, (printed.unread, self._stored.too_large)))
        if not remarks:
            return judgement
        reason = f"{judgement.reason} ({remarks})" if judgement.reason else remarks
        return msgspec.structs.replace(judgement, reason=reason)

    def _judgement(self, ended: ExitRecord, transcript: AgentTranscript) -> Judgement:
        ending = transcript.outcome
        if ended.why == records.BUDGET:
            self.overspent = self.exceeded_cap(ended.id) or f"{self._spec.name} used up its budget"
        elif ended.why == records.TIMEOUT and self._order.budget.minutes is not None and self._used_up_minutes(ended):
            self.overspent = f"{self._spec.name} used up its {self._order.budget.minutes:g} minutes"
        elif ending.overspent:
            self.overspent = ending.overspent
        if self.overspent:
            return Judgement(Verdict.ERROR, self.overspent)
        if ended.why in REASONS:
            detail = f": {ending.reason}" if ending.reason else ""
            return Judgement(Verdict.ERROR, REASONS[ended.why].format(idle=self._spec.idle_timeout) + detail)
        if ending.retry_after:
            self.not_before = time.time() + ending.retry_after
        return Judgement(ending.verdict, ending.reason)

    def _used_up_minutes(self, ended: ExitRecord) -> bool:
        minutes = self._order.budget.minutes
        return minutes is not None and ended.duration >= minutes * 60 - 1

    def _transcript(
        self, step_id: str, ended: ExitRecord | None = None, printed: EventFile | None = None
    ) -> AgentTranscript:
        printed = printed or EventFile(Path(step_id + records.LOG))
        ended = ended or records.read_exit(step_id)
        finish = (
            ProcessExit(ended.code, ended.why, _last_bytes(Path(step_id + records.ERRORS)))
            if ended
            else ProcessExit(None, None)
        )
        transcript = self._adapter.read_transcript(printed, finish)
        if not transcript.session:
            return replace(transcript, session=self._read_agent_mark(step_id).session if transcript.messages else "")
        if isinstance(self._adapter, UsageRecordAdapter):
            request = self._requests.lookup_request(step_id, transcript.session)
            counted = self._adapter.recorded_usage(request, transcript.session)
            return transcript if counted is None else replace(transcript, totals=counted)
        return transcript

    def _read_agent_mark(self, step_id: str) -> AgentMark:
        mark = records.read_mark(step_id)
        note = mark.note if mark and isinstance(mark.note, Mapping) else {}
        return msgspec.convert(note.get("talk") or {}, AgentMark)

    def _usage(self, step_id: str, transcript: AgentTranscript) -> Usage:
        if not self._adapter.reports_running_total:
            return transcript.totals
        before = self._read_agent_mark(step_id).before
        return Usage(
            max(transcript.totals.turns - before.turns, 0),
            max(transcript.totals.tokens - before.tokens, 0),
            max(transcript.totals.usd - before.usd, 0.0),
        )

    def _save_snapshot(self, ended: ExitRecord, transcript: AgentTranscript) -> str:
        # A run that was stopped may not have reported its usage.
        totals = at_least(transcript.totals, self._read_agent_mark(ended.id).before)
        request = self._requests.lookup_request(ended.id, transcript.session)
        return self._stored.save(ended, transcript, request, totals=totals, usage=self.usage)


def at_least(usage: Usage, before: Usage) -> Usage:
    """Return the usage, but no less than before."""
    return Usage(max(usage.turns, before.turns), max(usage.tokens, before.tokens), max(usage.usd, before.usd))


def replace_minutes(usage: Usage, minutes: float) -> Usage:
    """Return the usage with the minutes that Penguin counted."""
    return Usage(usage.turns, usage.tokens, usage.usd, minutes)


def _last_bytes(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - STDERR_END))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
