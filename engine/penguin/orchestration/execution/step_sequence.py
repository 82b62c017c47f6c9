"""The steps of one attempt in sequence: time budget, stopping, background steps, evidence."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from penguin.orchestration.backend import Verdict
from penguin.orchestration.core.regex import pattern_of
from penguin.orchestration.core.results import StepEvidence
from penguin.orchestration.execution import junit, verdicts
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution import step_output as evidence
from penguin.orchestration.execution.attempt_plan import AttemptPlan, PlannedStep, StepGroup, name_of
from penguin.orchestration.execution.check_process.request import Answer, Request, answer_of, check_request, stem_of
from penguin.orchestration.execution.check_process.resource_limits import LONGEST
from penguin.orchestration.execution.environment import StepEnvironment
from penguin.orchestration.execution.launcher_client import LauncherError, StepHandle, StepRequest
from penguin.orchestration.execution.runner_api import AttemptOrder, Stop, StopControl
from penguin.orchestration.execution.step_files import ExitRecord, StartMark
from penguin.orchestration.execution.step_process import StepNote, step_request
from penguin.orchestration.execution.step_starts import StepStarts
from penguin.orchestration.execution.verdicts import Judgement

if TYPE_CHECKING:
    from penguin.orchestration.execution.agent.step import AgentStep

BIG_OUTPUT = 1 << 18
"""Bytes of an output from which on it is read in a thread."""
SPENDING = 2.0
"""Seconds between two checks of an agent's usage."""
MOST_LOOKING = 10
"""How many times as long as a check the pause after it is."""
LOST = (records.CRASH, records.LEASE)
"""Causes by which a step ends without a result and without a request to stop."""

STOPPED = Judgement(Verdict.INTERRUPTED, "stopped before it finished")
NOT_JUDGED = Judgement(Verdict.INTERRUPTED, "stopped before its output was judged")


class StepsInterrupted(Exception):
    """The attempt was interrupted, and will run again."""

    def __init__(self, cause: str, error: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        """pause, now, cancel, crash or lease."""
        self.error = error
        """For crash: why the launcher ended; empty: it was killed."""


class BackgroundStep:
    """A step that runs until its recipe ends."""

    def __init__(self, step: PlannedStep, state: ExitRecord | StepHandle, index: int) -> None:
        self.step = step
        self.state = state
        self.index = index
        """The index of its evidence."""
        self.mark = records.read_mark(state.id)
        self.note = _note_of(state)

    @property
    def ended(self) -> ExitRecord | None:
        if isinstance(self.state, ExitRecord):
            return self.state
        return self.state.exit.result() if self.state.exit.done() else None

    @property
    def ended_early(self) -> bool:
        """Return whether it ended without being stopped."""
        return self.ended is not None and self.ended.why != records.ENDED


class StepSequence:
    """The steps of an attempt. If `run` is cancelled, running steps continue."""

    def __init__(
        self,
        order: AttemptOrder,
        plan: AttemptPlan,
        control: StopControl,
        starts: StepStarts,
        surroundings: StepEnvironment,
    ) -> None:
        self.evidence: list[StepEvidence] = []
        self.executed_nothing: set[str] = set()
        """Names of the test runs that executed no test."""
        self._order = order
        self._plan = plan
        self._control = control
        self._starts = starts
        self._surroundings = surroundings
        self._shown_dir = os.path.relpath(order.run_dir, order.workspace)
        self.agents: list[AgentStep] = []
        """The agents that took part in it."""
        self._spent = 0.0
        self._failed = False

    async def run(self) -> None:
        """Run the steps that have no result yet. Raises StepsInterrupted, LauncherError."""
        for group in self._plan.groups:
            if self._failed and self._plan.stops_at_failure:
                self._skip(group.steps)
            else:
                await self._run_group(group)

    def _skip(self, steps: tuple[PlannedStep, ...]) -> None:
        for step in steps:
            self.evidence.append(_evidence_without_run(step, Verdict.SKIPPED, "an earlier step failed"))

    async def _run_group(self, group: StepGroup) -> None:
        backgrounds: list[BackgroundStep] = []
        try:
            await self._run_steps(group.steps, backgrounds)
        except (StepsInterrupted, LauncherError):
            # A server ran in the meantime; its recipe starts it again.
            with contextlib.suppress(StepsInterrupted):
                await self._end(backgrounds, records.STOPPED)
            raise
        await self._end(backgrounds, records.ENDED)
        for background in backgrounds:
            if (ended := background.ended) and ended.why in LOST:
                raise StepsInterrupted(ended.why, ended.error)

    async def _run_steps(self, steps: tuple[PlannedStep, ...], backgrounds: list[BackgroundStep]) -> None:
        for index, step in enumerate(steps):
            if step.not_runnable_reason:
                self._append_evidence(_evidence_without_run(step, Verdict.UNVERIFIED, step.not_runnable_reason))
                continue
            state = await self._start(step, [process.mark for process in backgrounds if process.mark])
            if state is None:
                self._append_evidence(
                    _evidence_without_run(
                        step, Verdict.ERROR, f"not started: the phase's time-out of {self._timeout:g} s is over"
                    )
                )
            elif step.background:
                # A placeholder in the evidence until its recipe ends.
                backgrounds.append(BackgroundStep(step, state, len(self.evidence)))
                self.evidence.append(_evidence_without_run(step, Verdict.INTERRUPTED, ""))
                continue
            else:
                await self._finish_step(step, state)
                await self._take_opinions(step)
            if self.evidence[-1].verdict is not Verdict.PASSED or any(process.ended_early for process in backgrounds):
                self._skip(steps[index + 1 :])
                return

    async def _start(self, step: PlannedStep, servers: Sequence[StartMark]) -> ExitRecord | StepHandle | None:
        """Return the step's result since these servers started, or the running step; None: no time is left for it."""
        stem = self._starts.stem(step)
        found = await self._starts.find(stem, servers)
        if found is not None:
            return found
        if stop := self._control.stop:
            raise StepsInterrupted(stop.value)
        if (limit := self._limit(step)) <= 0:
            return None

        async def order(step_id: str) -> StepRequest:
            if step.agent:
                # It reads the output of an earlier run.
                return await asyncio.to_thread(self._agent(step).step_order, step_id, limit)
            return step_request(self._order, step, step_id, self._surroundings, limit)

        return await self._starts.start(stem, servers, order)

    def _agent(self, step: PlannedStep) -> AgentStep:
        from penguin.orchestration.execution.agent.step import AgentStep

        found = next((agent for agent in self.agents if agent.step == step), None)
        if found is None:
            found = AgentStep(self._order, step, self._surroundings)
            self.agents.append(found)
        return found

    @property
    def _timeout(self) -> float:
        return self._order.definition.timeouts[self._order.phase]

    def _limit(self, step: PlannedStep) -> float:
        """Return the seconds left for a step. Time between steps, such as a pause, does not count."""
        left = self._timeout - self._spent
        return left if step.timeout is None else min(step.timeout, left)

    async def _finish_step(self, step: PlannedStep, state: ExitRecord | StepHandle) -> None:
        if isinstance(state, StepHandle):
            watch = asyncio.create_task(self._watch(step, state)) if step.agent else None
            try:
                ended = await self._wait(state)
            finally:
                if watch:
                    watch.cancel()
        else:
            ended = state
        note = _note_of(state)
        try:
            await self._record(step, ended, note)
        finally:
            if note.report is not None and note.report.backup:
                await asyncio.to_thread(junit.restore, Path(note.report.path), Path(note.report.backup))

    async def _record(self, step: PlannedStep, ended: ExitRecord, note: StepNote) -> None:
        """Append the evidence of a step that ended. Raises StepsInterrupted if the step has to run again."""
        if not ended.is_result:
            if step.agent:
                await asyncio.to_thread(self._agent(step).collect, ended)
            self._append_evidence(self._redacted_evidence(step, ended, STOPPED, note))
            raise self._interruption(ended)
        self._spent += ended.duration
        try:
            item = await self._evidence_of(step, ended, note)
        except StepsInterrupted:
            self._append_evidence(self._redacted_evidence(step, ended, NOT_JUDGED, note))
            raise
        self._append_evidence(item)

    async def _take_opinions(self, step: PlannedStep) -> None:
        """Add each of the judge's opinions as evidence. Without an answer, a person decides."""
        if not step.criteria:
            return
        asked = self.evidence[-1]
        if asked.verdict is not Verdict.PASSED and not self._agent(step).overspent:
            self._replace_evidence(len(self.evidence) - 1, replace(asked, verdict=Verdict.UNVERIFIED))
        for criterion, opinion in zip(step.criteria, await asyncio.to_thread(self._agent(step).opinions), strict=True):
            redact = self._surroundings.secrets.redact_text
            found = StepEvidence(
                name=name_of(criterion.text, redact),
                kind="check",
                verdict=opinion.verdict,
                reason=redact(opinion.reason),
            )
            self._append_evidence(found)

    async def _watch(self, step: PlannedStep, running: StepHandle) -> None:
        """Stop an agent that used up its budget."""
        agent = self._agent(step)
        checked = time.monotonic()
        while not await asyncio.to_thread(agent.exceeded_cap, running.id):
            # Each check reads the whole output, so a large output is checked less often.
            await asyncio.sleep(max(SPENDING, MOST_LOOKING * (time.monotonic() - checked)))
            checked = time.monotonic()
        running.stop(records.BUDGET)

    def _interruption(self, ended: ExitRecord) -> StepsInterrupted:
        """Return why a step has no result."""
        return StepsInterrupted(ended.why, ended.error) if ended.why in LOST else StepsInterrupted(self._cause())

    def _cause(self) -> str:
        return (self._control.stop or Stop.NOW).value

    async def _wait(self, running: StepHandle) -> ExitRecord:
        """Wait for a step, and stop it on request."""
        while not running.exit.done():
            if self._control.stop in (Stop.NOW, Stop.CANCEL):
                running.stop(records.STOPPED)
                await asyncio.wait({running.exit})
            else:
                changed = asyncio.ensure_future(self._control.changed())
                either: set[asyncio.Future[Any]] = {running.exit, changed}
                try:
                    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    changed.cancel()
        return running.exit.result()

    async def _end(self, backgrounds: list[BackgroundStep], why: str) -> None:
        """Stop the background steps, and record their evidence. Raises StepsInterrupted."""
        waiting: set[asyncio.Future[ExitRecord]] = set()
        for background in backgrounds:
            if isinstance(background.state, StepHandle):
                background.state.stop(why)
                waiting.add(background.state.exit)
        if waiting:
            await asyncio.wait(waiting)
        interruption = None
        for background in backgrounds:
            ended = background.ended
            if ended is None:
                continue
            step, note = background.step, background.note
            try:
                item = (
                    await self._evidence_of(step, ended, note)
                    if ended.is_result
                    else self._redacted_evidence(step, ended, STOPPED, note)
                )
            except StepsInterrupted as error:
                item, interruption = self._redacted_evidence(step, ended, NOT_JUDGED, note), error
            self._replace_evidence(background.index, item)
        if interruption is not None:
            raise interruption

    async def _evidence_of(self, step: PlannedStep, ended: ExitRecord, note: StepNote) -> StepEvidence:
        """Return the evidence of a step that ended. Raises StepsInterrupted if the attempt is stopped before that."""
        if step.agent:
            judgement = await asyncio.to_thread(self._agent(step).collect, ended)
            return self._redacted_evidence(step, ended, judgement, note)
        if self._control.stop is Stop.CANCEL:
            raise StepsInterrupted(self._cause())
        judged = self._as_stored(step)
        request = verdicts.request_for(judged, ended, note.report)
        answer = await self._ask(request, ended.id) if request is not None else None
        reads = (note.report is not None and note.report.written) or ended.output.kept > BIG_OUTPUT
        if reads:
            judgement = await asyncio.to_thread(verdicts.judge_step, judged, ended, note.limit, note.report, answer)
        else:
            judgement = verdicts.judge_step(judged, ended, note.limit, note.report, answer)
        if judgement.executed_nothing:
            self.executed_nothing.add(step.name)
        return self._redacted_evidence(step, ended, judgement, note)

    async def _ask(self, request: Request, step_id: str) -> Answer:
        """Judge something in a process, within the time that is left. Raises StepsInterrupted."""
        seconds = min(LONGEST, self._timeout - self._spent)
        stem = stem_of(step_id)
        state = await self._starts.find(stem)
        if state is None:
            if self._control.stop in (Stop.NOW, Stop.CANCEL):
                raise StepsInterrupted(self._cause())
            if seconds <= 0:
                return Answer(limit=f"was not checked: the phase's time-out of {self._timeout:g} s is over")

            async def order(check_id: str) -> StepRequest:
                return check_request(request, check_id, seconds)

            state = await self._starts.start(stem, (), order)
        seconds = _note_of(state).limit
        ended = await self._wait(state) if isinstance(state, StepHandle) else state
        if not ended.is_result:
            raise self._interruption(ended)
        self._spent += ended.duration
        return answer_of(ended, seconds)

    def _as_stored(self, step: PlannedStep) -> PlannedStep:
        """Return the step with its expected output redacted, like the stored output."""
        expected = step.expect.stdout if step.expect else None
        if step.expect is None or expected is None or pattern_of(expected) is not None:
            return step
        return replace(step, expect=replace(step.expect, stdout=self._surroundings.secrets.redact_text(expected)))

    def _redacted_evidence(
        self, step: PlannedStep, ended: ExitRecord, judgement: Judgement, note: StepNote
    ) -> StepEvidence:
        redact = self._surroundings.secrets.redact_text
        return StepEvidence(
            name=step.name,
            kind=step.kind,
            verdict=judgement.verdict,
            reason=redact(judgement.reason),
            argv=note.argv,
            exit_code=ended.code,
            started_at=ended.started,
            duration=ended.duration,
            output=f"{self._shown_dir}/{ended.id.rpartition('/')[2]}{records.LOG}",
            output_bytes=ended.output.kept,
            output_sha256=ended.output.sha256 or None,
            # Redact again: colours, which are removed now, may have hidden a secret from the launcher.
            excerpt=redact(_excerpt(ended)),
            tests=judgement.tests,
            survivors=ended.survivors,
        )

    def _append_evidence(self, item: StepEvidence) -> None:
        self.evidence.append(item)
        self._replace_evidence(len(self.evidence) - 1, item)

    def _replace_evidence(self, index: int, item: StepEvidence) -> None:
        self.evidence[index] = item
        self._failed = self._failed or item.verdict.counts_as_failure


def _evidence_without_run(step: PlannedStep, verdict: Verdict, reason: str) -> StepEvidence:
    """Return the evidence of a step that did not run."""
    return StepEvidence(name=step.name, kind=step.kind, verdict=verdict, reason=reason)


def _note_of(state: ExitRecord | StepHandle) -> StepNote:
    note = state.note if isinstance(state, StepHandle) else None
    if note is None and (mark := records.read_mark(state.id)):
        note = mark.note
    return msgspec.convert(note, StepNote) if note else StepNote()


def _excerpt(ended: ExitRecord) -> str:
    # Only a launcher that saw the end wrote the digest. After a dead one, read the file.
    if ended.output.sha256 and not ended.output.kept and not (ended.errors and ended.errors.kept):
        return ""
    # If standard output is empty, show standard error.
    return evidence.excerpt(Path(ended.id + records.LOG)) or evidence.excerpt(Path(ended.id + records.ERRORS))
