"""The archive of agents' conversations in the storage for other hosts: a snapshot and the agent's own files.

The archive is `<url>/<project>/snapshots/<snapshot>.zip`, with `snapshot.json` and the files below `session/`. It is
written whole. Readers ignore an archive that is damaged, or has another name than its snapshot.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import NamedTuple

from penguin.orchestration.backend import StoreError
from penguin.orchestration.files.object_store import ObjectStore
from penguin.orchestration.files.run_files import NAME
from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore, decode_snapshot, encode_snapshot
from penguin.orchestration.store.agent_snapshots import LEVEL, is_plain

FOLDER = "snapshots"
SNAPSHOT = "snapshot.json"
SESSION = "session/"
LARGEST = 1 << 30
"""Bytes of an unpacked archive: Penguin makes none that is larger."""
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, LookupError, TypeError, ValueError)
"""Exceptions that reading an archive of another program can raise."""


class _Unpacked(NamedTuple):
    snapshot: ContextSnapshot
    files: dict[str, bytes]


def publish(storage: ObjectStore, store: WorkflowStateStore, snapshot_id: str) -> None:
    """Store a snapshot in the storage, with the agent's own files, and replace an older one.

    Blocks. Raises StoreError if there is no such snapshot or its id is not a plain name, StorageError if the storage is
    out of reach.
    """
    snapshot = store.get_context_snapshot(snapshot_id)
    if snapshot is None:
        raise StoreError(f"there is no snapshot {snapshot_id!r}", "/snapshot list")
    storage.put_file(_key(snapshot_id), _packed(snapshot, store.session_files(snapshot_id)))


def fetch(storage: ObjectStore, store: WorkflowStateStore, snapshot_id: str) -> bool:
    """Fetch a snapshot into the store, unless it is there. Return whether it is there now.

    Blocks. Raises the errors of `publish`.
    """
    key = _key(snapshot_id)
    if store.has_context_snapshot(snapshot_id):
        return True
    data = storage.get_file(key)
    unpacked = None if data is None else _unpacked(data)
    if unpacked is None or unpacked.snapshot.snapshot_id != snapshot_id:
        return False
    store.save_context_snapshot(unpacked.snapshot, unpacked.files)
    return True


def _key(snapshot_id: str) -> str:
    # It becomes the name of a file.
    if not NAME.fullmatch(snapshot_id):
        raise StoreError(f"{snapshot_id!r} can't be the name of a file in the storage", "/snapshot list")
    return f"{FOLDER}/{snapshot_id}.zip"


def _packed(snapshot: ContextSnapshot, files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as packed:
        packed.writestr(SNAPSHOT, encode_snapshot(snapshot))
        for name, data in files.items():
            packed.writestr(SESSION + name, data)
    return archive.getvalue()


def _unpacked(data: bytes) -> _Unpacked | None:
    """Return the content of an archive; None if Penguin did not write it, or it is incomplete."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            entries = packed.infolist()
            names = [entry.filename.removeprefix(SESSION) for entry in entries if entry.filename != SNAPSHOT]
            # Others can write there too: accept only the files of this agent's conversation.
            if sum(entry.file_size for entry in entries) > LARGEST or not all(map(is_plain, names)):
                return None
            snapshot = decode_snapshot(packed.read(SNAPSHOT))
            return _Unpacked(snapshot, {name: packed.read(SESSION + name) for name in names})
    except UNREADABLE:
        return None
