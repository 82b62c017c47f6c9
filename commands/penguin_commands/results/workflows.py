"""Where workflows stand."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.core.usage import Spending
from penguin_commands.results import info_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penguin.orchestration.backend import WorkflowInfo


class Status(NamedTuple):
    """Where one workflow stands."""

    info: WorkflowInfo
    explain: str = ""
    """Why it does not run now; '' where it runs or is over."""
    advice: str = ""
    """What to type next, if anything."""
    host: str = ""
    """The machine that runs it, or ran it last; '' where none did yet."""
    spent: Spending = Spending()
    """What its agents spent."""
    agents: str = ""
    """Their names, with commas between."""

    def data(self) -> dict[str, Any]:
        told = {"explain": self.explain, "advice": self.advice, "host": self.host}
        return {**info_data(self.info), **told, "agents": self.agents, "usage": self.spent._asdict()}


class Total(NamedTuple):
    """What the agents of several workflows spent together."""

    workflows: int
    """How many."""
    spent: Spending

    def data(self) -> dict[str, Any]:
        return {"workflows": self.workflows, "usage": self.spent._asdict()}


class WorkflowTable(NamedTuple):
    """Several workflows."""

    workflows: tuple[WorkflowInfo, ...]
    explain: Mapping[str, str] = MappingProxyType({})
    """By workflow id: why it does not run now."""
    advice: Mapping[str, str] = MappingProxyType({})
    """By workflow id: what to type next."""
    empty: str = "No workflows."
    remark: str = ""
    """What to tell beside it: that a limit cut it off."""
    spent: Mapping[str, Spending] = MappingProxyType({})
    """By workflow id: what agents spent, where they did."""
    total: Total | None = None
    """Of all that were asked for, those too that a limit cut off."""

    def data(self) -> dict[str, Any]:
        total = {} if self.total is None else {"total": self.total.data()}
        return {"workflows": [{**info_data(info), **self._more(info)} for info in self.workflows], **total}

    def spent_by(self, info: WorkflowInfo) -> Spending:
        """What the agents of one of them spent."""
        return self.spent.get(info.workflow_id, Spending())

    def _more(self, info: WorkflowInfo) -> dict[str, Any]:
        told = {"explain": self.explain, "advice": self.advice}
        texts = {name: texts[info.workflow_id] for name, texts in told.items() if info.workflow_id in texts}
        return {**texts, "usage": self.spent_by(info)._asdict()}
