"""The request to an agent: its prompt, its environment, and the name of its conversation."""

from __future__ import annotations

import logging
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

from penguin.orchestration.agents.adapter import AgentRequest
from penguin.orchestration.agents.judge import SCHEMA, EvidenceItem, judge_prompt
from penguin.orchestration.agents.prompt import implement_prompt
from penguin.orchestration.backend import WorkflowError, WorkflowPhase
from penguin.orchestration.core.definition import AgentSpec
from penguin.orchestration.execution import step_output
from penguin.orchestration.execution.agent.conversation import StoredConversation
from penguin.orchestration.execution.attempt_plan import PlannedStep
from penguin.orchestration.execution.environment import StepEnvironment
from penguin.orchestration.execution.runner_api import AttemptOrder
from penguin.orchestration.files.run_files import attempt_logs
from penguin.orchestration.files.text_encoding import escape_undecodable
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.worktree.diff import workflow_diff

log = logging.getLogger(__name__)

MOST_DIFF = 16 << 20
"""Maximum bytes of a diff in a judge's prompt."""
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class RequestBuilder:
    """Builds the requests to the agent of one step. Its methods block while they read files."""

    def __init__(
        self, order: AttemptOrder, step: PlannedStep, surroundings: StepEnvironment, stored: StoredConversation
    ) -> None:
        self._order = order
        self._step = step
        self._surroundings = surroundings
        self._stored = stored
        self._spec: AgentSpec = order.definition.agents[step.agent]
        self._workspace = Workspace(Path(order.workspace))

    def request(self, step_id: str, session: str) -> AgentRequest:
        """Return the request to run the agent, in the conversation `session` or a new one if it is empty."""
        is_judge = self._step.kind == "judge"
        return self._request(step_id, session, self._judge_prompt() if is_judge else self._implement_prompt(session))

    def lookup_request(self, step_id: str, session: str) -> AgentRequest:
        """Return a request that only looks up files and usage of the conversation: it has no real prompt."""
        return self._request(step_id, session, "-")

    def evidence_items(self) -> list[EvidenceItem]:
        """Return the outputs of the newest attempt of each earlier gate."""
        order = self._order
        logs = [item for item in attempt_logs(self._workspace.runs, order.workflow_id) if not item.errors]
        logs = [item for item in logs if item.phase is not WorkflowPhase.IMPLEMENT and item.attempt < order.attempt]
        newest = {item.phase: item.attempt for item in logs}
        shown = [item for item in logs if item.attempt == newest[item.phase]]
        return [
            EvidenceItem(
                f"E{number}", f"{item.phase} attempt {item.attempt}, {item.step}", step_output.excerpt(item.path)
            )
            for number, item in enumerate(shown, start=1)
        ]

    def _request(self, step_id: str, session: str, prompt: str) -> AgentRequest:
        order = self._order
        is_judge = self._step.kind == "judge"
        return AgentRequest(
            spec=self._spec,
            workspace=Path(order.folder),
            checkout=Path(order.workspace),
            run_dir=Path(order.run_dir),
            env={**self._surroundings.env, **self._variables()},
            prompt=prompt,
            session=session,
            # Every engine that makes this start of the step gets the same name.
            new_session=str(
                uuid.uuid5(uuid.NAMESPACE_URL, escape_undecodable(f"{order.run_dir}#{Path(step_id).name}"))
            ),
            budget=order.budget,
            read_only=is_judge,
            schema=SCHEMA if is_judge else None,
        )

    def _variables(self) -> dict[str, str]:
        return {
            name: _REFERENCE.sub(lambda found: os.environ.get(found[1], ""), value)
            for name, value in self._spec.env.items()
        }

    def _implement_prompt(self, session: str) -> str:
        order = self._order
        stored = None if session else self._stored.snapshot()
        return implement_prompt(
            Path(order.workspace),
            order.definition,
            feedback=order.feedback,
            evidence=order.evidence,
            conversation=stored.conversation_history if stored else (),
        )

    def _judge_prompt(self) -> str:
        return judge_prompt(self._order.definition.task, self._step.criteria, self._diff(), self.evidence_items())

    def _diff(self) -> str:
        """Return the diff of the workflow; an empty string if it is unknown."""
        order = self._order
        try:
            found = workflow_diff(
                Path(order.workspace),
                Path(order.run_dir).parent,
                active=not order.tree,
                exclude=order.definition.checkpoint_exclude,
            )
            return _first(found.text(), MOST_DIFF).decode("utf-8", "replace")
        except WorkflowError as error:
            log.info("no diff for the judge: %s", error)
            return ""


def _first(pieces: Iterator[bytes], limit: int) -> bytes:
    """Join the pieces that begin within the first `limit` bytes, and read no others."""
    taken: list[bytes] = []
    for piece in pieces:
        taken.append(piece)
        limit -= len(piece)
        if limit <= 0:
            break
    return b"".join(taken)
