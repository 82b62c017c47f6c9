"""The quick check whether a workspace may have lost workflows, made by each command that reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from penguin.orchestration.files.workflow_index import earlier_keys, newest_entries
from penguin.orchestration.files.workspace_key import read_key

if TYPE_CHECKING:
    from penguin.orchestration.files.workspace import Workspace
    from penguin.orchestration.store.queries import WorkflowReader


def may_have_lost(workspace: Workspace, reader: WorkflowReader) -> bool:
    """Return whether a loss is possible. Costs a few calls of the operating system and a query."""
    # The index before the database: what is in the index was in the database first.
    key = read_key(state := os.path.dirname(workspace.db_name))
    entries = newest_entries(key) if key else None
    if earlier_keys(workspace.name, key):
        return True
    if entries is not None:
        return not reader.holds(entries)
    try:
        folders = os.stat(f"{state}/runs").st_nlink - 2
    except OSError:
        return False
    # Some file systems don't count subfolders as links. There, only a database without workflows is suspect.
    return max(folders, 1) > reader.count()
