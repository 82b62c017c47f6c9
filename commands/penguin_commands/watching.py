"""Commands of a person at a screen: the panel above the input line, and the view of what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.errors import UsageError
from penguin_commands.results import PanelSwitch, Viewing

if TYPE_CHECKING:
    from penguin_commands.session import Session


def panel(session: Session, state: str | None = None) -> PanelSwitch:
    """The panel is wanted, or wanted no more. Raises UsageError where there is no prompt."""
    if not session.at_prompt:
        raise UsageError("/watch is for the prompt of a shell on a terminal", "/workflow status shows what is active")
    return PanelSwitch(None if state is None else state == "on")


def view(session: Session, workflow: str | None = None) -> Viewing:
    """A view is wanted. Raises UsageError where there is no screen for it, WorkflowNotFound."""
    if not session.at_prompt:
        raise UsageError(
            "/workflow watch is for a shell on a terminal", "/workflow logs ID -f follows what a workflow prints"
        )
    return Viewing(None if workflow is None else session.resolve(workflow, prefix=True))
