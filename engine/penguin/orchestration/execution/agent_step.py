"""An agent's part in an attempt: which conversation it goes on with, what it is told, and what is heard of it."""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from penguin.orchestration.agents.adapter import Adapter, AgentRequest, AgentTranscript, ProcessExit, UsageRecordAdapter
from penguin.orchestration.agents.event_stream import EventFile
from penguin.orchestration.agents.judge import SCHEMA, EvidenceItem, Opinion, judge_prompt, parse_opinions
from penguin.orchestration.agents.prompt import implement_prompt
from penguin.orchestration.agents.registry import COMMAND, adapter_of
from penguin.orchestration.backend import StoreError, Verdict, WorkflowError, WorkflowPhase
from penguin.orchestration.core.definition import AgentSpec, Budget
from penguin.orchestration.core.results import Usage
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution import step_output as evidence
from penguin.orchestration.execution.environment import StepEnvironment, write_source
from penguin.orchestration.execution.launcher_client import StepRequest
from penguin.orchestration.execution.plan import PlannedStep
from penguin.orchestration.execution.runner_api import AttemptOrder
from penguin.orchestration.execution.step_files import ExitRecord
from penguin.orchestration.execution.verdicts import Judgement
from penguin.orchestration.files.run_files import attempt_logs
from penguin.orchestration.files.text_encoding import escape_undecodable
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore
from penguin.orchestration.worktree.diff import workflow_diff

log = logging.getLogger(__name__)

PROMPT = ".prompt.md"
MOST_DIFF = 16 << 20
"""Bytes of a difference from which a judge is shown the beginning."""
LARGEST_SESSION = 256 << 20
"""Bytes of a file of a conversation that is kept."""
STDERR_END = 4000
"""Bytes of standard error that may tell why it failed."""
TOLD = {
    records.TIMEOUT: "it ran out of the time of the phase",
    records.IDLE: "it said nothing for {idle:g} s",
    records.BUDGET: "it used up its budget",
}
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class AgentNotInstalled(WorkflowError):
    """The agent's program is not on this machine; the hint installs it."""

    code = "missing_program"


class AgentMark(Struct, frozen=True):
    """What a later engine needs to hear an agent that this one started; kept in the start mark."""

    kind: str = ""
    """The kind of agent, for who tells what it printed."""
    session: str = ""
    """The conversation that it goes on with, or the name that was chosen for a new one."""
    before: Usage = Usage()
    """What was counted in that conversation until then."""
    overspent: str = ""


class AgentStep:
    """See the module: of one attempt. Blocks while files are read; its methods are called in threads."""

    def __init__(self, order: AttemptOrder, step: PlannedStep, surroundings: StepEnvironment) -> None:
        self.step = step
        self.usage = Usage()
        """What was spent in this attempt and not told before."""
        self.snapshot = ""
        self.overspent = ""
        self.not_before = 0.0
        self.answer = ""
        """Its last words."""
        self._unkept = ""
        """Which file of its conversation is too large to be kept, as a clause."""
        self._order = order
        self._spec: AgentSpec = order.definition.agents[step.agent]
        self._surroundings = surroundings
        self._adapter: Adapter = adapter_of(self._spec, Path(order.workspace))
        self._workspace = Workspace(Path(order.workspace))

    # --- before ---

    def step_order(self, step_id: str, limit: float) -> StepRequest:
        """What the launcher is to start. Raises Missing or PromptError."""
        session, before, known = self._conversation(step_id)
        call = self._agent_request(step_id, session)
        # Before it is asked how to start: a conversation that isn't there can't be gone on with.
        if session and not known:
            self._restore(call, session)
        launch = self._adapter.command(call)
        env = {**call.env, **launch.env}
        program = shutil.which(launch.argv[0], path=env.get("PATH"))
        if program is None:
            raise AgentNotInstalled(
                f"{self._spec.name} needs {launch.argv[0]}, which is not installed", self._adapter.install
            )
        write_source(Path(step_id + PROMPT), launch.stdin)
        minutes = self._order.budget.minutes
        limit = limit if minutes is None else min(limit, max(minutes * 60, 1.0))
        secrets = self._surroundings.secrets
        talk = AgentMark(
            self._spec.kind, session or (call.new_session if self._adapter.accepts_session_id else ""), before
        )
        note = {
            "limit": limit,
            "argv": [secrets.redact_text(word) for word in launch.argv],
            "talk": msgspec.to_builtins(talk),
        }
        return StepRequest(
            id=step_id,
            argv=(program, *launch.argv[1:]),
            cwd=self._order.workspace,
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
        """The conversation to go on with, what was counted in it, and whether the agent has it still."""
        stem, _, number = step_id.rpartition(".")
        for earlier in range(int(number) - 1, 0, -1):
            heard = self._transcript(f"{stem}.{earlier}")
            if heard.session and self._adapter.can_resume:
                return heard.session, heard.totals, True
        kept = self._saved_snapshot()
        if kept is None or not self._adapter.can_resume or kept.metadata.get("kind") != self._spec.kind:
            return "", Usage(), False
        if not self._can_resume(step_id, kept):
            # It is told again in the prompt.
            return "", Usage(), False
        totals = msgspec.convert(kept.metadata.get("totals") or {}, Usage)
        return kept.session_id, totals, False

    def _can_resume(self, step_id: str, kept: ContextSnapshot) -> bool:
        """Whether the agent has this conversation still, or its files are kept. Programs of others keep their own."""
        if self._spec.kind == COMMAND:
            return True
        call = self._agent_request(step_id, kept.session_id, prompt="-")
        if self._adapter.session_files(call, kept.session_id):
            return True
        with WorkflowStateStore(self._workspace.db) as store:
            return bool(store.session_files(kept.snapshot_id))

    def _saved_snapshot(self) -> ContextSnapshot | None:
        # A judge that went on in the conversation of whom it judges would be no judge.
        if not self._order.snapshot or self.step.kind == "judge":
            return None
        with WorkflowStateStore(self._workspace.db) as store:
            return store.get_context_snapshot(self._order.snapshot)

    def _agent_request(self, step_id: str, session: str, prompt: str = "") -> AgentRequest:
        order = self._order
        env = {**self._surroundings.env, **self._variables()}
        prompt = prompt or (self._judge_prompt() if self.step.kind == "judge" else self._prompt(session))
        return AgentRequest(
            spec=self._spec,
            workspace=Path(order.workspace),
            run_dir=Path(order.run_dir),
            env=env,
            prompt=prompt,
            session=session,
            # The same for everybody who starts this very try.
            new_session=str(
                uuid.uuid5(uuid.NAMESPACE_URL, escape_undecodable(f"{order.run_dir}#{Path(step_id).name}"))
            ),
            budget=order.budget,
            read_only=self.step.kind == "judge",
            schema=SCHEMA if self.step.kind == "judge" else None,
        )

    def _prompt(self, session: str) -> str:
        order = self._order
        kept = None if session else self._saved_snapshot()
        return implement_prompt(
            Path(order.workspace),
            order.definition,
            feedback=order.feedback,
            evidence=order.evidence,
            conversation=kept.conversation_history if kept else (),
        )

    # --- a judge ---

    def _judge_prompt(self) -> str:
        order = self._order
        return judge_prompt(order.definition.task, self.step.criteria, self._diff(), self._evidence_items())

    def _diff(self) -> str:
        """What the workflow changed; '' where nobody can tell."""
        order = self._order
        try:
            found = workflow_diff(
                Path(order.workspace), Path(order.run_dir).parent, exclude=order.definition.checkpoint_exclude
            )
            return _first(found.text(), MOST_DIFF).decode("utf-8", "replace")
        except WorkflowError as error:
            log.info("no difference for the judge: %s", error)
            return ""

    def _evidence_items(self) -> list[EvidenceItem]:
        """The outputs of the newest attempt of each gate before."""
        logs = [it for it in attempt_logs(self._workspace.runs, self._order.workflow_id) if not it.errors]
        logs = [it for it in logs if it.phase is not WorkflowPhase.IMPLEMENT and it.attempt < self._order.attempt]
        newest = {it.phase: it.attempt for it in logs}
        shown = [it for it in logs if it.attempt == newest[it.phase]]
        return [
            EvidenceItem(f"E{number}", f"{it.phase} attempt {it.attempt}, {it.step}", evidence.excerpt(it.path))
            for number, it in enumerate(shown, start=1)
        ]

    def opinions(self) -> list[Opinion]:
        """What it thinks of each criterion, once it was heard."""
        return parse_opinions(self.answer, len(self.step.criteria), self._evidence_items(), Path(self._order.workspace))

    def _variables(self) -> dict[str, str]:
        return {
            name: _REFERENCE.sub(lambda found: os.environ.get(found[1], ""), value)
            for name, value in self._spec.env.items()
        }

    def _restore(self, call: AgentRequest, session: str) -> None:
        """Put the conversation where the agent looks for it, should it be gone from there."""
        with WorkflowStateStore(self._workspace.db) as store:
            files = store.session_files(self._order.snapshot)
        if files:
            self._adapter.restore(call, session, files)

    # --- while ---

    def exceeded_cap(self, step_id: str) -> str:
        """Which cap a run that goes on has reached, as a sentence; empty where none."""
        budget = self._order.budget
        if budget == Budget(minutes=budget.minutes):
            return ""
        used = self._usage(step_id, self._transcript(step_id))
        for name in ("turns", "usd", "tokens"):
            limit = getattr(budget, name)
            if limit is not None and getattr(used, name) >= limit:
                return f"{self._spec.name} spent {getattr(used, name):g} of {limit:g} {name}"
        return ""

    # --- after ---

    def collect(self, ended: ExitRecord) -> Judgement:
        """What came of a run, also of one that was cut off: its conversation is kept. Raises OSError, StoreError."""
        printed = EventFile(Path(ended.id + records.LOG))
        heard = self._transcript(ended.id, ended, printed)
        used = self._usage(ended.id, heard)
        self.usage += replace_minutes(used, ended.duration / 60)
        if heard.session or heard.messages:
            try:
                self.snapshot = self._save_snapshot(ended, heard)
            except StoreError as error:
                # What was printed is kept in any case; the work does not suffer.
                log.warning("the conversation of %s is not kept: %s", ended.id, error)
        self.answer = heard.answer
        if not ended.is_result:
            return Judgement(Verdict.INTERRUPTED, "stopped before its end")
        judgement = self._judgement(ended, heard)
        remarks = "; ".join(filter(None, (printed.unread, self._unkept)))
        if not remarks:
            return judgement
        reason = f"{judgement.reason} ({remarks})" if judgement.reason else remarks
        return msgspec.structs.replace(judgement, reason=reason)

    def _judgement(self, ended: ExitRecord, heard: AgentTranscript) -> Judgement:
        ending = heard.outcome
        if ended.why == records.BUDGET:
            self.overspent = self.exceeded_cap(ended.id) or f"{self._spec.name} used up its budget"
        elif ended.why == records.TIMEOUT and self._order.budget.minutes is not None and self._budget_verdict(ended):
            self.overspent = f"{self._spec.name} used up its {self._order.budget.minutes:g} minutes"
        elif ending.overspent:
            self.overspent = ending.overspent
        if self.overspent:
            return Judgement(Verdict.ERROR, self.overspent)
        if ended.why in TOLD:
            said = f": {ending.reason}" if ending.reason else ""
            return Judgement(Verdict.ERROR, TOLD[ended.why].format(idle=self._spec.idle_timeout) + said)
        if ending.retry_after:
            self.not_before = time.time() + ending.retry_after
        return Judgement(ending.verdict, ending.reason)

    def _budget_verdict(self, ended: ExitRecord) -> bool:
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
        heard = self._adapter.read_transcript(printed, finish)
        if not heard.session:
            return replace(heard, session=self._read_agent_mark(step_id).session if heard.messages else "")
        if isinstance(self._adapter, UsageRecordAdapter):
            counted = self._adapter.recorded_usage(
                self._agent_request(step_id, heard.session, prompt="-"), heard.session
            )
            return heard if counted is None else replace(heard, totals=counted)
        return heard

    def _read_agent_mark(self, step_id: str) -> AgentMark:
        mark = records.read_mark(step_id)
        note = mark.note if mark and isinstance(mark.note, Mapping) else {}
        return msgspec.convert(note.get("talk") or {}, AgentMark)

    def _usage(self, step_id: str, heard: AgentTranscript) -> Usage:
        if not self._adapter.reports_running_total:
            return heard.totals
        before = self._read_agent_mark(step_id).before
        return Usage(
            max(heard.totals.turns - before.turns, 0),
            max(heard.totals.tokens - before.tokens, 0),
            max(heard.totals.usd - before.usd, 0.0),
        )

    def _save_snapshot(self, ended: ExitRecord, heard: AgentTranscript) -> str:
        order = self._order
        number = ended.id.rpartition(".")[2]
        suffix = "" if ended.is_result else f".{number}"
        judge = "-judge" if self.step.kind == "judge" else ""
        snapshot = ContextSnapshot(
            snapshot_id=f"{order.workflow_id}-{order.attempt}{judge}{suffix}",
            workflow_id=order.workflow_id,
            conversation_history=list(heard.messages),
            created_at=datetime.now(UTC),
            task_id=order.definition.task.id,
            phase=order.phase,
            attempt=order.attempt,
            agent=self._spec.name,
            session_id=heard.session,
            metadata={
                "kind": self._spec.kind,
                # A run that was cut off may not have come to count.
                "totals": msgspec.to_builtins(at_least(heard.totals, self._read_agent_mark(ended.id).before)),
                "usage": msgspec.to_builtins(self.usage),
            },
        )
        files = self._session_files(ended.id, heard.session)
        with WorkflowStateStore(self._workspace.db) as store:
            store.save_context_snapshot(snapshot, files)
        return snapshot.snapshot_id

    def _session_files(self, step_id: str, session: str) -> dict[str, bytes]:
        if not session:
            return {}
        call = self._agent_request(step_id, session, prompt="-")
        found = {}
        for path in self._adapter.session_files(call, session):
            try:
                with path.open("rb") as file:
                    data = file.read(LARGEST_SESSION + 1)
            except OSError:
                # Without it the conversation is told again from what was heard.
                continue
            if len(data) > LARGEST_SESSION:
                self._unkept = f"not kept of its conversation: {path.name}, larger than {LARGEST_SESSION >> 20} MB"
            else:
                found[path.name] = data
        return found


def at_least(usage: Usage, before: Usage) -> Usage:
    """What was counted, but no less than before."""
    return Usage(max(usage.turns, before.turns), max(usage.tokens, before.tokens), max(usage.usd, before.usd))


def replace_minutes(usage: Usage, minutes: float) -> Usage:
    """The same, with the minutes that Penguin counted."""
    return Usage(usage.turns, usage.tokens, usage.usd, minutes)


def _first(pieces: Iterator[bytes], most: int) -> bytes:
    """The pieces that begin within the first `most` bytes; the rest is never made."""
    taken: list[bytes] = []
    for piece in pieces:
        taken.append(piece)
        most -= len(piece)
        if most <= 0:
            break
    return b"".join(taken)


def _last_bytes(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - STDERR_END))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
