"""Conversations of agents, left in the storage for other hosts: a snapshot and the agent's own files, in one archive.

The archive is `<url>/<project>/snapshots/<snapshot>.zip`, with `snapshot.json` and the files below `session/`. It is
written whole, and one that is damaged, or is not what it is called, is not there for readers.
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
from penguin.orchestration.store.snapshots import LEVEL, is_plain

FOLDER = "snapshots"
SNAPSHOT = "snapshot.json"
SESSION = "session/"
LARGEST = 1 << 30
"""Bytes of an archive that is unpacked: what claims to be larger was not made by Penguin."""
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, LookupError, TypeError, ValueError)
"""What an archive that Penguin did not write may do to who reads it."""


class _Unpacked(NamedTuple):
    snapshot: ContextSnapshot
    files: dict[str, bytes]


def publish(storage: ObjectStore, store: WorkflowStateStore, snapshot_id: str) -> None:
    """Leave a snapshot of the store in the storage, with the agent's own files, in the place of an older one.

    Blocks. Raises StoreError where there is no such snapshot or its id is no plain name, StorageError where the
    storage is out of reach.
    """
    snapshot = store.get_context_snapshot(snapshot_id)
    if snapshot is None:
        raise StoreError(f"there is no snapshot {snapshot_id!r}", "/snapshot list")
    storage.put_file(_key(snapshot_id), _packed(snapshot, store.session_files(snapshot_id)))


def fetch(storage: ObjectStore, store: WorkflowStateStore, snapshot_id: str) -> bool:
    """Whether the snapshot is in the store, now or already; what is there stays as it is.

    Blocks. Raises as `publish` does.
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
    """What an archive holds; None for one that Penguin did not write, or that is not whole."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            entries = packed.infolist()
            names = [entry.filename.removeprefix(SESSION) for entry in entries if entry.filename != SNAPSHOT]
            # Others can write there too: agents find no file but where theirs are.
            if sum(entry.file_size for entry in entries) > LARGEST or not all(map(is_plain, names)):
                return None
            snapshot = decode_snapshot(packed.read(SNAPSHOT))
            return _Unpacked(snapshot, {name: packed.read(SESSION + name) for name in names})
    except UNREADABLE:
        return None
