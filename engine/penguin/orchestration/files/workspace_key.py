"""The key of a workspace, and the user's record of it.

The key is a random name in `.penguin/`; its record is in the user's own state folder. A `.penguin/` that came with a
repository or an archive has no record, so nothing in it runs.
"""

from __future__ import annotations

import errno
import os
import re
from binascii import crc32
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.files.safe_open import UnsafePath, open_state_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

KEY_FILE = "workspace.key"
_KEY = re.compile("[0-9a-f]{32}")
_LONGEST = 64
"""Maximum bytes that are read from a key file."""
_LARGEST = 100_000
"""Maximum bytes that are read from a record."""


class Record(NamedTuple):
    """The folder of this user's workspace when it was last opened for writing."""

    folder: str
    device: int
    inode: int
    """Device and inode of `.penguin`."""
    recorded_at: float
    """Seconds since the epoch."""
    tracked: str = ""
    """Digest of what git tracks of `.penguin`, as accepted by the user; empty: nothing."""
    server: str = ""
    """HOST:PORT of the Temporal server in penguin.yaml, as accepted by the user; empty: none."""


def records_folder() -> str:
    """Return the folder of the records: `$XDG_STATE_HOME/penguin/workspaces`, by default in `~/.local/state`."""
    base = os.environ.get("XDG_STATE_HOME", "")
    # https://specifications.freedesktop.org/basedir-spec: a relative path is invalid and must be ignored.
    if not os.path.isabs(base):
        base = os.path.expanduser("~/.local/state")
    return f"{base}/penguin/workspaces"


def read_key(state: str) -> str:
    """Return the key in a `.penguin` folder; '' unless it is complete, in a regular file, and this user's own."""
    try:
        descriptor = open_state_file(f"{state}/{KEY_FILE}", os.O_RDONLY)
    except (OSError, UnsafePath):
        return ""
    try:
        text = os.read(descriptor, _LONGEST).decode("ascii", "replace").strip()
        own = os.fstat(descriptor).st_uid == os.geteuid()
    finally:
        os.close(descriptor)
    return text if own and _KEY.fullmatch(text) else ""


def is_known(state: str) -> bool:
    """Return whether this user has a record of the key in a `.penguin` folder. Cheap: reads one small file."""
    key = read_key(state)
    return bool(key) and os.path.isfile(f"{records_folder()}/{key}.json")


def read_record(key: str) -> Record | None:
    """Return the record of a key, or None if it can't be read."""
    import json

    try:
        with open(f"{records_folder()}/{key}.json", "rb") as file:
            found: dict[str, Any] = json.loads(file.read(_LARGEST))
        return Record(
            str(found["folder"]),
            int(found["device"]),
            int(found["inode"]),
            float(found["recorded_at"]),
            str(found["tracked"]),
            # Earlier versions wrote none.
            str(found.get("server", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def write_record(key: str, record: Record) -> None:
    """Write the record of a key completely and durably. Raises WorkflowError if the state folder can't be written."""
    import json

    folder = records_folder()
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        replace_file(f"{folder}/{key}.json", json.dumps(record._asdict()).encode())
        _add_folder_key(record.folder, key)
    except OSError as error:
        raise WorkflowError(
            f"can't write {folder}, where Penguin records which workspaces are yours: {error.strerror or error}",
            "set XDG_STATE_HOME to a folder that you can write",
        ) from error


def folder_keys(workspace: str) -> list[str]:
    """Return the keys of all workspaces that a folder held, oldest first. Some may be of another folder."""
    try:
        with open(_keys_path(workspace), encoding="ascii", errors="replace") as file:
            return [key for line in file if _KEY.fullmatch(key := line.rstrip("\n"))]
    except OSError:
        return []


def _add_folder_key(workspace: str, key: str) -> None:
    if key not in folder_keys(workspace):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(_keys_path(workspace), flags, 0o600), "wb") as file:
            file.write(f"{key}\n".encode())


def _keys_path(workspace: str) -> str:
    # Short, and cheap to compute. Two folders may share a file: a record has the full name.
    return f"{records_folder()}/{crc32(os.fsencode(workspace)):08x}.keys"


def forget_record(key: str) -> None:
    """Remove the record of a key that no workspace uses."""
    with suppress(OSError):
        os.unlink(f"{records_folder()}/{key}.json")


def add_backup(key: str, path: str) -> None:
    """Record a backup of a workspace. A state folder that can't be written is no reason to fail: the backup exists."""
    with suppress(OSError), open(_backups_path(key), "ab") as file:
        file.write(os.fsencode(path) + b"\0")


def recorded_backups(key: str) -> list[str]:
    """Return the backups of a workspace, oldest first. Some may have been deleted."""
    try:
        with open(_backups_path(key), "rb") as file:
            return [os.fsdecode(path) for path in file.read().split(b"\0") if path]
    except OSError:
        return []


def _backups_path(key: str) -> str:
    return f"{records_folder()}/{key}.backups"


def new_key() -> str:
    """Return a random key."""
    return os.urandom(16).hex()


def record_of(workspace: str, state: str, tracked: str = "", server: str = "") -> Record:
    """Return the record of a workspace as it is now. `state` is its `.penguin` folder, perhaps under another name."""
    import time

    found = os.lstat(state)
    return Record(workspace, found.st_dev, found.st_ino, time.time(), tracked, server)


def create_state(workspace: str, state: str, files: Mapping[str, bytes]) -> None:
    """Create a `.penguin` folder with a key, its record and these files, unless the folder exists.

    It appears complete: another process never sees it without its key. Raises OSError, and WorkflowError as
    `write_record` does.
    """
    key, temporary = new_key(), f"{state}.{os.urandom(4).hex()}.new"
    os.mkdir(temporary, 0o700)
    try:
        for name, data in {**files, KEY_FILE: f"{key}\n".encode()}.items():
            _write_synced(f"{temporary}/{name}", data)
        write_record(key, record_of(workspace, temporary))
        os.rename(temporary, state)
    except BaseException as error:
        for name in os.listdir(temporary):
            os.unlink(f"{temporary}/{name}")
        os.rmdir(temporary)
        forget_record(key)
        # A folder that is not empty is not replaced.
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return
        raise
    sync_folder(os.path.dirname(state))


def mark_state(workspace: str, state: str, tracked: str = "") -> None:
    """Give a `.penguin` folder without a key one, with a record. Raises as `create_state` does."""
    key = new_key()
    write_record(key, record_of(workspace, state, tracked))
    if not link_file(f"{state}/{KEY_FILE}", f"{key}\n".encode()):
        forget_record(key)


def replace_key(workspace: str, state: str, tracked: str = "", server: str = "") -> None:
    """Give a `.penguin` folder a new key, with a record. It replaces an old one. Raises as `create_state` does."""
    key = new_key()
    write_record(key, record_of(workspace, state, tracked, server))
    replace_file(f"{state}/{KEY_FILE}", f"{key}\n".encode())


def replace_file(path: str, data: bytes, mode: int = 0o600) -> None:
    """Write a file completely and durably, with these permissions. It replaces one of the same name. Raises OSError."""
    temporary = f"{path}.{os.urandom(4).hex()}.new"
    try:
        _write_synced(temporary, data)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path))


def link_file(path: str, data: bytes, mode: int = 0o600) -> bool:
    """Write a file completely and durably unless the name exists. Return whether it was written. Raises OSError.

    The umask is applied to `mode`.
    """
    temporary = f"{path}.{os.urandom(4).hex()}.new"
    try:
        _write_synced(temporary, data, mode)
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        with suppress(OSError):
            os.unlink(temporary)
    sync_folder(os.path.dirname(path))
    return True


def _write_synced(path: str, data: bytes, mode: int = 0o600) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def sync_folder(path: str) -> None:
    """Write the names in a folder to the disk, if the file system supports that."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
