"""The acceptance of a loss: lost workflows are forgotten, so that Penguin continues without them."""

from __future__ import annotations

import asyncio

from penguin.orchestration.files.workflow_index import IndexWriter, earlier_keys, forget_index
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.files.workspace_key import read_key
from penguin.orchestration.runtime.engine_socket import ask_to_change
from penguin.orchestration.runtime.step_guard import refuse_inside_step
from penguin.orchestration.runtime.workspace_trust import open_workspace
from penguin.orchestration.store.connection import open_reader
from penguin.orchestration.store.maintenance.lost_workflows import Loss, find_loss
from penguin.orchestration.store.open_workflow_index import open_index

ACCEPT = "accept a loss"


async def accept_outside_steps(workspace: Workspace) -> Loss:
    """Accept a loss in a thread, after every living engine agreed that this process is not inside a step."""
    await ask_to_change(workspace.engines, "", ACCEPT)
    return await asyncio.to_thread(accept_loss, workspace)


def accept_loss(workspace: Workspace) -> Loss:
    """Forget the workflows that were lost, also those of an earlier workspace in the same place. Return them.

    Run folders stay until `/workflow prune`. Raises InsideStep, StoreError if the database can't be read, and
    WorkspaceNotTrusted.
    """
    refuse_inside_step(workspace.root, ACCEPT)
    if not workspace.is_new:
        open_workspace(workspace)
    loss = find_loss(workspace)
    key = read_key(str(workspace.state))
    if loss.workflows:
        index = _open_index(workspace, key)
        index.append((one.workflow_id, one.left) for one in loss.workflows)
        index.close()
    for other in earlier_keys(workspace.name, key):
        forget_index(other)
    return loss


def _open_index(workspace: Workspace, key: str) -> IndexWriter:
    connection = open_reader(workspace.db)
    if connection is None:
        return IndexWriter(key, dict)
    try:
        return open_index(workspace.db, connection)
    finally:
        connection.close()
