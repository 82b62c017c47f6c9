"""Commands of a person at a screen: the panel above the input line, and the view of what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.errors import UsageError
from penguin_commands.results.ui_actions import PanelAction, ViewAction

if TYPE_CHECKING:
    from penguin_commands.session import Session

COLOR_HINT = "with NO_COLOR set, penguin --color never draws without colours"


def panel(session: Session, state: str | None = None) -> PanelAction:
    """The panel is wanted, or wanted no more. Raises UsageError where there is no prompt."""
    if not session.at_prompt:
        raise UsageError("/watch needs a shell on a full terminal", f"use /workflow status; {COLOR_HINT}")
    return PanelAction(None if state is None else state == "on")


def view(session: Session, workflow: str | None = None) -> ViewAction:
    """A view is wanted. Raises UsageError where there is no screen for it, WorkflowNotFound."""
    if not session.at_prompt:
        raise UsageError(
            "/workflow watch needs a shell on a full terminal",
            f"/workflow logs ID -f follows the output of a workflow; {COLOR_HINT}",
        )
    return ViewAction(None if workflow is None else session.resolve(workflow, prefix=True))
