"""Results with the status of workflows."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.core.usage import UsageTotals
from penguin_commands.results import workflow_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penguin.orchestration.backend import WorkflowInfo
    from penguin.orchestration.store.progress import WorkflowProgress


class StatusResult(NamedTuple):
    """The status of one workflow."""

    info: WorkflowInfo
    explanation: str = ""
    """Why it does not run now; '' if it runs or is over."""
    next_command: str = ""
    """What to type next, if anything."""
    host: str = ""
    """The machine that runs it, or ran it last; '' if none did yet."""
    usage: UsageTotals = UsageTotals()
    """The usage of its agents."""
    agents: str = ""
    """The agents' names, comma-separated."""
    left_changes: tuple[dict[str, Any], ...] = ()
    """The changes of other workflows that were in the working tree when it took the tree, as they are stored."""
    tree: str = ""
    """The folder of its private clone; '' if it has none."""
    target_branch: str = ""
    """The branch on which it lands; '' if it lands on none."""

    def data(self) -> dict[str, Any]:
        details = {"explain": self.explanation, "advice": self.next_command, "host": self.host}
        usage = self.usage._asdict()
        left = list(self.left_changes)
        tree = {"tree": self.tree, "target_branch": self.target_branch}
        return {
            **workflow_data(self.info),
            **details,
            "agents": self.agents,
            "usage": usage,
            "left_changes": left,
            **tree,
        }


class UsageSummary(NamedTuple):
    """The total usage of the agents of several workflows."""

    workflow_count: int
    """The number of workflows."""
    usage: UsageTotals

    def data(self) -> dict[str, Any]:
        return {"workflows": self.workflow_count, "usage": self.usage._asdict()}


class WorkflowTable(NamedTuple):
    """Several workflows."""

    workflows: tuple[WorkflowInfo, ...]
    explanations: Mapping[str, str] = MappingProxyType({})
    """Why a workflow does not run now, by workflow id."""
    next_commands: Mapping[str, str] = MappingProxyType({})
    """What to type next, by workflow id."""
    empty_message: str = "No workflows."
    remark: str = ""
    """The remark to show beside the table, such as that a limit cut it off."""
    usage: Mapping[str, UsageTotals] = MappingProxyType({})
    """The usage of agents, if any, by workflow id."""
    total: UsageSummary | None = None
    """The usage of all requested workflows, including those that a limit cut off."""
    progress: Mapping[str, WorkflowProgress] = MappingProxyType({})
    """How far each workflow is, by id; empty if the result is not for a terminal."""

    def data(self) -> dict[str, Any]:
        total = {} if self.total is None else {"total": self.total.data()}
        return {"workflows": [{**workflow_data(info), **self._extra_data(info)} for info in self.workflows], **total}

    def usage_for(self, info: WorkflowInfo) -> UsageTotals:
        """Return the usage of the agents of one workflow."""
        return self.usage.get(info.workflow_id, UsageTotals())

    def _extra_data(self, info: WorkflowInfo) -> dict[str, Any]:
        details = {"explain": self.explanations, "advice": self.next_commands}
        texts = {name: texts[info.workflow_id] for name, texts in details.items() if info.workflow_id in texts}
        return {**texts, "usage": self.usage_for(info)._asdict()}
