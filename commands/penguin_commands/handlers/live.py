"""Commands for interactive use: the panel above the input line, and the view of running workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.errors import UsageError
from penguin_commands.results.ui_actions import PanelAction, ViewAction

if TYPE_CHECKING:
    from penguin_commands.session import Session

COLOR_HINT = "with NO_COLOR set, penguin --color never draws without colours"


def panel(session: Session, state: str | None = None) -> PanelAction:
    """Request to show or hide the panel. Raises UsageError without a prompt."""
    if not session.at_prompt:
        raise UsageError("/watch needs a shell on a full terminal", f"use /workflow status; {COLOR_HINT}")
    return PanelAction(None if state is None else state == "on")


def view(session: Session, workflow: str | None = None) -> ViewAction:
    """Request a view. Raises UsageError without a screen, and WorkflowNotFound."""
    if not session.at_prompt:
        raise UsageError(
            "/workflow watch needs a shell on a full terminal",
            f"/workflow logs ID -f follows the output of a workflow; {COLOR_HINT}",
        )
    return ViewAction(None if workflow is None else session.resolve(workflow, prefix=True))
