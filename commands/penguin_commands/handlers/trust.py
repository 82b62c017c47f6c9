"""`penguin trust`: what a workspace would run, and the user's decision to trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results.maintenance import TrustResult

if TYPE_CHECKING:
    from penguin_commands.session import Session


def examine(session: Session) -> TrustResult:
    """Return who owns the workspace's `.penguin/`, and what Penguin would run from it. Writes nothing.

    Raises UnsafePath if it is a link or belongs to another user, and StoreError if a database can't be read.
    """
    from penguin.orchestration.files.safe_open import refuse_links
    from penguin.orchestration.files.trust_status import REASONS
    from penguin.orchestration.runtime.command_preview import active_workflows
    from penguin.orchestration.runtime.workspace_trust import standing_of

    workspace = session.workspace
    refuse_links(workspace.state, writing=True)
    standing = standing_of(workspace)
    reason = REASONS.get(standing, "")
    found = tuple(active_workflows(workspace)) if reason else ()
    return TrustResult(str(workspace.state), standing.value, reason, found, session.unaccepted_server)


def accept(session: Session, found: TrustResult) -> None:
    """Trust what was found from now on.

    Raises what `runtime.workspace_trust.trust` and `temporal.client.server_trust.accept_server` raise.
    """
    from penguin.orchestration.runtime.workspace_trust import trust

    if found.reason:
        trust(session.workspace)
    if found.server:
        from penguin.orchestration.temporal.client.server_trust import accept_server

        accept_server(session.workspace, found.server)
