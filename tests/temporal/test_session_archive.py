"""Conversations over the storage: what one host leaves another one goes on from, and nothing else."""

from __future__ import annotations

import io
import uuid
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penguin.orchestration.backend import StoreError, WorkflowPhase
from penguin.orchestration.files.object_store import ObjectStore, StorageError
from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore, encode_snapshot
from penguin.orchestration.temporal.worker.session_archive import fetch, publish

ID = "ituv-a-123456-3.1"
TALK = [{"role": "user", "text": "mind the gap"}, {"role": "assistant", "text": "ünï"}]
SNAPSHOT = ContextSnapshot(
    ID, "ituv-a-123456", TALK, datetime(2024, 1, 15, tzinfo=UTC), "a", WorkflowPhase.IMPLEMENT, 3, "claude", "7f"
)
FILES = {"7f.jsonl": b'{"a": 1}\n' * 1000, "sessions/2024/01/rollout-7f.jsonl": b"\xff\x00", "empty": b""}
KEY = f"snapshots/{ID}.zip"


@pytest.fixture(params=["folder", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    urls = {"folder": str(tmp_path / "shared"), "memory": f"memory://{uuid.uuid4().hex}"}
    return ObjectStore(urls[request.param], "shop")


@pytest.fixture
def hut(tmp_path: Path) -> Iterator[WorkflowStateStore]:
    """The store of the host that talked."""
    with WorkflowStateStore(tmp_path / "hut" / "penguin.db") as store:
        store.save_context_snapshot(SNAPSHOT, FILES)
        yield store


@pytest.fixture
def barn(tmp_path: Path) -> Iterator[WorkflowStateStore]:
    """The store of another one."""
    with WorkflowStateStore(tmp_path / "barn" / "penguin.db") as store:
        yield store


def archive(**entries: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return data.getvalue()


def test_a_conversation_comes_as_it_was(
    storage: ObjectStore, hut: WorkflowStateStore, barn: WorkflowStateStore
) -> None:
    assert not fetch(storage, barn, ID)
    publish(storage, hut, ID)
    assert fetch(storage, barn, ID)
    assert barn.get_context_snapshot(ID) == SNAPSHOT
    assert barn.session_files(ID) == FILES
    assert barn.snapshots() == hut.snapshots()


def test_published_again_it_is_replaced(
    storage: ObjectStore, hut: WorkflowStateStore, barn: WorkflowStateStore
) -> None:
    publish(storage, hut, ID)
    hut.save_session_files(ID, {"7f.jsonl": b"more"})
    publish(storage, hut, ID)
    assert fetch(storage, barn, ID)
    assert barn.session_files(ID) == {"7f.jsonl": b"more"}


def test_what_is_there_stays_as_it_is(storage: ObjectStore, hut: WorkflowStateStore, barn: WorkflowStateStore) -> None:
    publish(storage, hut, ID)
    mine = ContextSnapshot(ID, "w", [], datetime(2024, 1, 1))
    barn.save_context_snapshot(mine)
    assert fetch(storage, barn, ID)
    assert barn.get_context_snapshot(ID) == mine


GOOD = encode_snapshot(SNAPSHOT)
UP = "session/../../up"


BAD = {
    "nothing": b"",
    "no archive": b"no archive",
    "no snapshot": archive(x=b""),
    "an empty one": archive(**{"snapshot.json": b"{}"}),
    "a list": archive(**{"snapshot.json": b"[1]"}),
    "another one": archive(**{"snapshot.json": GOOD.replace(b"ituv-a-123456-3.1", b"ituv-b-123456-3.1")}),
    "a name that leads up": archive(**{"snapshot.json": GOOD, UP: b"x"}),
    "a name from the root": archive(**{"snapshot.json": GOOD, "session//etc/passwd": b"x"}),
    "a cut one": archive(**{"snapshot.json": GOOD, "session/a": b"x"})[:-40],
    "a changed one": archive(**{"snapshot.json": GOOD}).replace(b"gap", b"gup"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_conversation_is_not_there(storage: ObjectStore, barn: WorkflowStateStore, name: str) -> None:
    storage.put_file(KEY, BAD[name])
    assert not fetch(storage, barn, ID)
    assert barn.snapshots() == []


def test_an_id_that_is_no_name_is_refused(storage: ObjectStore, barn: WorkflowStateStore) -> None:
    for name in ("../x", "", "a/b"):
        with pytest.raises(StoreError):
            fetch(storage, barn, name)
        with pytest.raises(StoreError):
            publish(storage, barn, name)
    with pytest.raises(StoreError, match="no snapshot 'a'"):
        publish(storage, barn, "a")


def test_an_unreachable_storage_is_an_error(tmp_path: Path, hut: WorkflowStateStore) -> None:
    (tmp_path / "file").write_text("")
    away = ObjectStore(str(tmp_path / "file" / "deep"), "shop")
    with pytest.raises(StorageError, match="can't be written"):
        publish(away, hut, ID)
