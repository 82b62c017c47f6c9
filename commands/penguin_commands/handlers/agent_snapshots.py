"""Commands that read saved conversations of agents. Both backends keep them in the embedded database."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import WorkflowError, WorkflowNotFound
from penguin.orchestration.files.workspace import expand_home
from penguin.orchestration.store.agent_snapshots import SnapshotNotFound, SnapshotReader
from penguin.orchestration.store.database_file import UNREADABLE_VALUE, damaged_value
from penguin_commands.results.agent_snapshots import ConversationResult, RawConversationResult, SnapshotTable
from penguin_commands.results.messages import MessageResult

if TYPE_CHECKING:
    from penguin.orchestration.store.agent_snapshots import SnapshotRow
    from penguin_commands.session import Session

LIMIT = 100
"""The default maximum number of rows."""
EXISTS_HINT = "choose another name; nothing is overwritten"


def list_(session: Session, workflow: str | None = None, *, limit: int = LIMIT) -> SnapshotTable:
    """Return the saved conversations, newest first."""
    session.warn_of_lost_workflows()
    with closing(SnapshotReader(session.workspace.db)) as reader:
        # Programs may save conversations of workflows that are not in the store.
        known = workflow is None or reader.snapshots(workflow, 1)
        workflow_id = workflow if known else session.resolve(str(workflow), prefix=True)
        found = reader.snapshots(workflow_id, limit + 1)
    if len(found) > limit:
        session.narrate(f"only the newest {limit} are shown; --limit {2 * limit} shows more")
    return SnapshotTable(tuple(found[:limit]))


def show(session: Session, snapshot: str, *, raw: bool = False) -> ConversationResult | RawConversationResult:
    """Show a conversation, as text or byte for byte."""
    with closing(SnapshotReader(session.workspace.db)) as reader:
        row = _find_snapshot(session, reader, snapshot, prefix=True)
        if raw:
            return _raw_conversation(session, reader, row)
        data = _read_conversation(reader, row)
        try:
            held = json.loads(data)
            history, metadata = _messages(held["conversation_history"]), dict(held["metadata"])
        except UNREADABLE_VALUE as error:
            raise damaged_value(error, session.workspace.db, f"snapshot {row.snapshot_id}") from error
        return ConversationResult(row, history, metadata, reader.session_sizes(row.snapshot_id))


def _messages(history: Any) -> list[dict[str, Any]]:
    """Return the content of a snapshot as messages. A program may have saved it in a format of its own."""
    return [_message(content) for content in (history if isinstance(history, list) else [history])]


def _message(content: Any) -> dict[str, Any]:
    if isinstance(content, dict):
        return content
    if isinstance(content, str):
        return {"text": content}
    return {"text": "" if content is None else json.dumps(content, ensure_ascii=False)}


def _raw_conversation(session: Session, reader: SnapshotReader, row: SnapshotRow) -> RawConversationResult:
    files = reader.session_files(row.snapshot_id)
    if len(files) > 1:
        session.narrate(f"{len(files)} files, one after the other: {', '.join(files)}")
    held = files or {f"{row.snapshot_id}.json": _read_conversation(reader, row) + b"\n"}
    return RawConversationResult(row.snapshot_id, tuple(held.items()))


def export(session: Session, snapshot: str, file: str | None = None) -> MessageResult:
    """Write the agent's own files to a new path, readable only by their owner."""
    with closing(SnapshotReader(session.workspace.db)) as reader:
        row = _find_snapshot(session, reader, snapshot, prefix=False)
        files = reader.session_files(row.snapshot_id)
    if not files:
        hint = f"/snapshot show {row.snapshot_id} --raw prints the conversation"
        raise WorkflowError(f"{row.snapshot_id} has no files of its agent", hint)
    only = next(iter(files)) if len(files) == 1 else ""
    target = expand_home(file) if file else Path(Path(only).name or row.snapshot_id)
    written = {target: files[only]} if only else {target / name: data for name, data in files.items()}
    try:
        _write_files(target, written)
    except FileExistsError:
        raise WorkflowError(f"{target} exists", EXISTS_HINT) from None
    what = f"{len(files)} files" if len(files) > 1 else only
    rows = [{"path": str(path), "bytes": len(data)} for path, data in written.items()]
    return MessageResult(f"Exported {what} to {target}", {"snapshot_id": row.snapshot_id, "files": rows})


def _write_files(target: Path, files: dict[Path, bytes]) -> None:
    from penguin.orchestration.files.permissions import create_private, make_private_folder

    if target not in files:
        target.mkdir(mode=0o700)
    for path, data in files.items():
        if path != target:
            make_private_folder(path.parent)
        create_private(path, data)


def _find_snapshot(session: Session, reader: SnapshotReader, ref: str, *, prefix: bool) -> SnapshotRow:
    """Return the snapshot that a word refers to.

    The word is a snapshot id, or a workflow id for its newest snapshot, or with `prefix` the beginning of either.
    Raises SnapshotNotFound.
    """
    row = reader.snapshot(ref)
    if row is not None:
        return row
    newest = reader.snapshots(ref, 1)
    if newest:
        return newest[0]
    try:
        workflow_id = session.resolve(ref, prefix=prefix)
    except WorkflowNotFound:
        found = reader.find_snapshot(ref) if prefix else None
        if found is None:
            raise SnapshotNotFound(f"there is no snapshot {ref!r}", "/snapshot list") from None
        return found
    newest = reader.snapshots(workflow_id, 1)
    if not newest:
        raise SnapshotNotFound(f"{workflow_id} has no snapshot", "/snapshot list")
    return newest[0]


def _read_conversation(reader: SnapshotReader, row: SnapshotRow) -> bytes:
    data = reader.conversation(row.snapshot_id)
    if data is None:
        # The snapshot was pruned after its row was read.
        raise SnapshotNotFound(f"there is no snapshot {row.snapshot_id!r}", "/snapshot list")
    return data
