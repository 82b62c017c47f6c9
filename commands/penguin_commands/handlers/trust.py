"""`penguin trust`: what a workspace would run, and the decision that it is this user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results.maintenance import TrustResult

if TYPE_CHECKING:
    from penguin_commands.session import Session


def examine(session: Session) -> TrustResult:
    """Whose the workspace's `.penguin/` is, and what of it would run. Writes nothing.

    Raises UnsafePath where it is a link or another user's, and StoreError where a database can't be read.
    """
    from penguin.orchestration.files.state_files import refuse_links
    from penguin.orchestration.files.workspace_trust import REASONS
    from penguin.orchestration.runtime.command_preview import active_workflows
    from penguin.orchestration.runtime.trust_check import standing_of

    workspace = session.workspace
    refuse_links(workspace.state, writing=True)
    standing = standing_of(workspace)
    reason = REASONS.get(standing, "")
    found = tuple(active_workflows(workspace)) if reason else ()
    return TrustResult(str(workspace.state), standing.value, reason, found)


def accept(session: Session) -> None:
    """Trust the workspace from now on. Raises what `runtime.trust_check.trust` raises."""
    from penguin.orchestration.runtime.trust_check import trust

    trust(session.workspace)
