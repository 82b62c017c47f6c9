"""Messages about lost workflows, with what to type, and the refusal to work on a database that lost some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import StoreError
from penguin.orchestration.files.workflow_index import earlier_keys, newest_entries
from penguin.orchestration.files.workspace_key import read_key
from penguin.orchestration.store.maintenance.backup_search import best_backup, restore_command
from penguin.orchestration.store.maintenance.lost_workflows import Loss, LostWorkflow, find_loss
from penguin.orchestration.store.open_workflow_index import holds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from penguin.orchestration.files.workspace import Workspace

ACCEPT = "penguin check --accept"
"""The command that ends warnings and errors about a loss."""
MOST_NAMED = 5


def refuse_loss(workspace: Workspace) -> str:
    """Raise StoreError if the database lost workflows. Return a message about those of an earlier workspace, or ''."""
    key = read_key(str(workspace.state))
    entries = newest_entries(key) if key else None
    if entries is not None and not earlier_keys(workspace.name, key) and holds(workspace.db_name, entries):
        return ""
    loss = find_loss(workspace, migrate=True)
    if loss.workflows:
        raise StoreError(describe_loss(workspace, loss.workflows), restore_hint(workspace, loss))
    return f"{describe_earlier(workspace, loss.earlier)}; {restore_hint(workspace, loss)}" if loss.earlier else ""


def loss_notices(workspace: Workspace) -> list[str]:
    """Return a message for each kind of loss, with what to type. Raises StoreError if the database can't be read."""
    loss = find_loss(workspace, migrate=True)
    if loss.is_empty:
        return []
    hint = restore_hint(workspace, loss)
    messages = [describe_loss(workspace, loss.workflows)] if loss.workflows else []
    messages += [describe_earlier(workspace, loss.earlier)] if loss.earlier else []
    return [f"{message}; {hint}" for message in messages]


def describe_loss(workspace: Workspace, lost: Collection[LostWorkflow]) -> str:
    """Return which workflows were lost, as a sentence without its end."""
    gone = [one.workflow_id for one in lost if not one.left]
    partly = [f"{one.workflow_id} (has {one.left} of {one.made})" for one in lost if one.left]
    parts = [f"{_count(gone)}: {_names(gone)}"] if gone else []
    parts += [f"the newest decisions of {_count(partly)}: {_names(partly)}"] if partly else []
    return f"{workspace.db} has lost {', and '.join(parts)}"


def describe_unread(workspace: Workspace, recorded: Collection[LostWorkflow]) -> str:
    """Return which workflows a database that can't be read should hold, as a sentence without its end."""
    names = [one.workflow_id for one in reversed(tuple(recorded))]
    return f"{workspace.db} should hold {_count(names)}: {_names(names)}"


def describe_earlier(workspace: Workspace, lost: Collection[LostWorkflow]) -> str:
    """Return what an earlier workspace in the same place held, as a sentence without its end."""
    # The newest are the most useful ones.
    names = [one.workflow_id for one in reversed(tuple(lost))]
    return f"an earlier {workspace.state} was deleted or moved, and with it {_count(names)}: {_names(names)}"


def restore_hint(workspace: Workspace, loss: Loss) -> str:
    """Return what to type where workflows were lost."""
    found = "" if loss.workflows or best_backup(workspace, loss) else f"move it back to {workspace.state}"
    return f"{found or replace_hint(workspace, loss)}; or continue without: {ACCEPT}"


def replace_hint(workspace: Workspace, loss: Loss) -> str:
    """Return what puts the best backup in the place of the database."""
    backup = best_backup(workspace, loss)
    if backup is None:
        return f"no backup was found; put a copy that /backup made in the place of {workspace.db}"
    return f"restore {backup.path} ({backup.describe(loss)}) with: {restore_command(workspace, backup, loss)}"


def _count(names: Collection[str]) -> str:
    return "1 workflow" if len(names) == 1 else f"{len(names)} workflows"


def _names(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - MOST_NAMED} more" if len(every) > MOST_NAMED else ""
    return f"{', '.join(every[:MOST_NAMED])}{more}"
