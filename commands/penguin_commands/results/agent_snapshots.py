"""Results of commands on saved conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from penguin_commands.results import iso_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from penguin.orchestration.store.agent_snapshots import SnapshotRow


def _row(row: SnapshotRow) -> dict[str, Any]:
    return {
        "snapshot_id": row.snapshot_id,
        "workflow_id": row.workflow_id,
        "task_id": row.task_id,
        "phase": row.phase.value if row.phase else None,
        "attempt": row.attempt,
        "agent": row.agent,
        "session_id": row.session_id,
        "created_at": iso_time(row.created_at),
        "messages": row.messages,
        "bytes": row.bytes,
        "usage": row.spent._asdict(),
    }


class SnapshotTable(NamedTuple):
    """The saved conversations."""

    snapshots: tuple[SnapshotRow, ...]

    def data(self) -> dict[str, Any]:
        return {"snapshots": [_row(row) for row in self.snapshots]}


class ConversationResult(NamedTuple):
    """One saved conversation with all its messages."""

    row: SnapshotRow
    messages: list[dict[str, Any]]
    """The messages as saved; see `Message` of agents."""
    metadata: Mapping[str, Any]
    files: Mapping[str, int]
    """The contents of the agent's own files, by name."""

    def data(self) -> dict[str, Any]:
        files = [{"name": name, "bytes": size} for name, size in self.files.items()]
        held = {"metadata": self.metadata, "session_files": files, "conversation_history": self.messages}
        return {**_row(self.row), **held}


class RawConversationResult(NamedTuple):
    """The agent's own files byte for byte, or the snapshot as JSON if there are none."""

    snapshot_id: str
    files: tuple[tuple[str, bytes], ...]
    """(name, content)."""

    def text(self) -> Iterator[bytes]:
        """Return the contents of the files, one after the other."""
        for _, data in self.files:
            yield data

    def data(self) -> dict[str, Any]:
        rows = [(name, len(data), data.decode("utf-8", "replace")) for name, data in self.files]
        return {
            "snapshot_id": self.snapshot_id,
            "files": [{"name": name, "bytes": size, "text": text} for name, size, text in rows],
        }
