"""The object store: shares outputs and results of attempts between hosts without a common disk.

An attempt is a folder `<url>/<project>/<workflow>/<attempt>-<phase>/` with the outputs of its steps, `artifacts/` and
`evidence.json`. A file that is written last lists the other files with their digests. Readers ignore an attempt without
that file, or one that does not agree with it. Marks, exit records, scripts, feedback and the task are not copied.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from penguin.orchestration.backend import Verdict, WorkflowError, WorkflowNotFound
from penguin.orchestration.files.permissions import make_private_folder
from penguin.orchestration.files.run_files import ARTIFACTS, ELSEWHERE, EVIDENCE, FILE, NAME, parse_attempt_folder
from penguin.orchestration.files.workspace import expand_home

if TYPE_CHECKING:
    from penguin.orchestration.core.results import AttemptResult

WHOLE = "whole.json"
"""Lists the files of an attempt; written last."""
PIECE = 1 << 20
"""Bytes copied at a time."""
INSTALL = "in a clone of Penguin: pip install '.[temporal]'"


class StorageError(WorkflowError):
    """The storage can't be used."""

    code = "storage"


class CopiedFile(Struct, frozen=True):
    """A copied file."""

    bytes: int
    sha256: str


class AttemptContents(Struct, frozen=True):
    """The files of a complete attempt by name, with slashes for folders."""

    files: dict[str, CopiedFile]


class ObjectStore:
    """One project's part of a storage. May be used from several threads; methods block.

    `url` is an absolute folder, or a URL that fsspec knows. Methods raise StorageError if it can't be reached.
    """

    def __init__(self, url: str, project_id: str) -> None:
        self.url = url
        self._files, root = _file_system(url)
        self._root = f"{root.rstrip('/')}/{project_id}"

    # --- files ---

    def put_file(self, key: str, data: bytes) -> None:
        """Write a whole file. It replaces one of the same name."""
        with self._reaching("written to"):
            self._write(key, data)

    def get_file(self, key: str) -> bytes | None:
        """Return the contents of a file, or None if there is none."""
        with self._reaching("read"):
            return self._read(key)

    # --- attempts ---

    def put_attempt(self, workflow_id: str, attempt_folder: Path, result: AttemptResult) -> None:
        """Copy the files of an attempt that has ended. An interrupted attempt is not copied.

        `attempt_folder` is `.penguin/runs/<workflow>/<attempt>-<phase>`. A second call replaces the first copy.
        """
        if result.verdict is Verdict.INTERRUPTED:
            return
        key = f"{workflow_id}/{attempt_folder.name}"
        with self._reaching("written to"):
            # A reader in between notices it by the digests.
            if self._files.exists(whole := self._at(f"{key}/{WHOLE}")):
                self._files.rm_file(whole)
            copies = {name: self._upload(path, f"{key}/{name}") for name, path in _outputs(attempt_folder)}
            evidence = msgspec.json.encode(result)
            self._write(f"{key}/{EVIDENCE}", evidence)
            copies[EVIDENCE] = CopiedFile(len(evidence), hashlib.sha256(evidence).hexdigest())
            self._write(f"{key}/{WHOLE}", msgspec.json.encode(AttemptContents(copies)))

    def get_attempts(self, workflow_id: str, runs: Path) -> list[str]:
        """Download complete attempts into `runs`, except those that ended there, and return their names.

        Existing files stay unchanged: an attempt that began here and ended elsewhere gets a second folder. Raises
        WorkflowNotFound for an id that is not a plain name.
        """
        if not NAME.fullmatch(workflow_id):
            raise WorkflowNotFound(f"invalid workflow id {workflow_id!r}", "/workflow list")
        with self._reaching("read"):
            names = [name for name in self._names(workflow_id) if parse_attempt_folder(name) is not None]
            return [name for name in names if self._fetch(workflow_id, name, runs / workflow_id)]

    def _fetch(self, workflow_id: str, name: str, folder: Path) -> bool:
        """Download an attempt unless it is here already. Return whether it was downloaded."""
        own, key = folder / name, f"{workflow_id}/{name}"
        if (own / EVIDENCE).exists() or (folder / f"{name}{ELSEWHERE}").exists():
            return False
        contents = self._contents(key)
        if contents is None or _is_complete(own, contents):
            return False
        make_private_folder(folder)
        # `mkdtemp` gives a folder with access for its owner only.
        temporary = Path(tempfile.mkdtemp(prefix=".fetched-", dir=folder))
        try:
            if not all(
                self._download(f"{key}/{file}", temporary / file, copy) for file, copy in contents.files.items()
            ):
                return False
            _move_into_place(temporary, folder, name, ELSEWHERE if own.exists() else "")
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return True

    def _contents(self, key: str) -> AttemptContents | None:
        """Return the contents of a complete attempt, or None if it is not complete."""
        data = self._read(f"{key}/{WHOLE}")
        try:
            contents = None if data is None else msgspec.json.decode(data, type=AttemptContents)
        except msgspec.DecodeError:
            return None
        # Others can write there too: reject names that lead out of the attempt's folder.
        return contents if contents is not None and all(_is_expected(name) for name in contents.files) else None

    # --- the file system ---

    def _at(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _names(self, key: str) -> list[str]:
        """Return the names in a folder."""
        # Others write there: listings that a driver caches are out of date.
        self._files.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            return sorted(PurePosixPath(path).name for path in self._files.ls(self._at(key), detail=False))
        return []

    def _write(self, key: str, data: bytes) -> None:
        path = self._at(key)
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        if "file" not in _protocols(self._files):
            self._files.pipe_file(path, data)
            return
        # An object appears whole; in a folder, a reader might see half a file.
        temporary = f"{path}.{uuid.uuid4().hex}.new"
        self._files.pipe_file(temporary, data)
        Path(temporary).replace(path)

    def _read(self, key: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            return bytes(self._files.cat_file(self._at(key)))
        return None

    def _upload(self, path: Path, key: str) -> CopiedFile:
        self._files.makedirs(self._at(key).rpartition("/")[0], exist_ok=True)
        with path.open("rb") as source, self._files.open(self._at(key), "wb") as target:
            return _copy_stream(source, target)

    def _download(self, key: str, path: Path, expected: CopiedFile) -> bool:
        """Download a file. Return whether it is as listed."""
        make_private_folder(path.parent)
        with contextlib.suppress(FileNotFoundError):
            target_file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(target_file, "wb") as target, self._files.open(self._at(key), "rb") as source:
                return _copy_stream(source, target) == expected
        return False

    @contextlib.contextmanager
    def _reaching(self, done: str) -> Iterator[None]:
        try:
            yield
        except WorkflowError:
            raise
        except Exception as error:  # Drivers raise their own errors.
            reason = str(error) or type(error).__name__
            message = f"the storage {self.url} can't be {done}: {reason}"
            raise StorageError(message, "/config shows storage.url, and where it comes from") from error


def open_object_store(root: Path, url: str | None, project_id: str) -> ObjectStore | None:
    """Open the storage of a workspace.

    Args:
        root: The workspace's folder. A `url` that is a relative path starts here.
        url: A folder, or a URL that fsspec knows. None: the workspace has no storage.
        project_id: The project whose part of the storage is opened.

    Raises:
        StorageError: No installed driver knows the URL. The hint says what to install.
    """
    if url is None:
        return None
    if "://" not in url:
        url = str((root / expand_home(url)).resolve())
    return ObjectStore(url, project_id)


def _file_system(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and the path in it."""
    try:
        fsspec = import_module("fsspec.core")
    except ImportError as error:
        raise StorageError("storage.url needs fsspec, which is not installed", INSTALL) from error
    try:
        files, path = fsspec.url_to_fs(url)
    except ImportError as error:
        protocol = url.partition("://")[0]
        raise StorageError(f"storage.url needs a driver for {protocol}: {error}", _driver_hint(str(error))) from error
    except Exception as error:  # Drivers raise their own errors; fsspec raises ValueError for an unknown protocol.
        message = f"storage.url {url!r} can't be used: {error}"
        raise StorageError(message, "use a folder, or a URL that fsspec knows") from error
    return files, str(path)


def _driver_hint(message: str) -> str:
    """Return a hint made of fsspec's message, `Install s3fs to access S3` or the like."""
    words = message.partition("nstall ")[2].split()
    return f"pip install {words[0]}" if words else "install the package that the message names"


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


def _outputs(attempt_folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and path of the files to copy: redacted outputs, and artifacts. Links are not followed."""
    if attempt_folder.is_dir():
        for path in sorted(attempt_folder.iterdir()):
            if FILE.fullmatch(path.name) and _is_file(path):
                yield path.name, path
    artifacts = attempt_folder.parent / ARTIFACTS / attempt_folder.name
    for folder, _, names in os.walk(artifacts):
        for name in sorted(names):
            path = Path(folder, name)
            if _is_file(path):
                yield f"{ARTIFACTS}/{path.relative_to(artifacts).as_posix()}", path


def _is_file(path: Path) -> bool:
    # Names that are not valid UTF-8 can't be keys.
    return path.is_file() and not path.is_symlink() and os.fsencode(path).decode(errors="ignore") == str(path)


def _is_expected(name: str) -> bool:
    """Return whether an attempt may hold a file of this name."""
    first, *rest = name.split("/")
    if not rest:
        return first == EVIDENCE or FILE.fullmatch(first) is not None
    return first == ARTIFACTS and not any(part in ("", ".", "..") or "\0" in part for part in rest)


def _copy_stream(source: Any, target: Any) -> CopiedFile:
    """Copy a readable stream to a writable one."""
    digest, size = hashlib.sha256(), 0
    while piece := source.read(PIECE):
        target.write(piece)
        digest.update(piece)
        size += len(piece)
    return CopiedFile(size, digest.hexdigest())


def _is_complete(folder: Path, contents: AttemptContents) -> bool:
    """Return whether a folder holds the listed outputs, because this machine ran the attempt to its end."""
    outputs = {name: copy.bytes for name, copy in contents.files.items() if FILE.fullmatch(name)}
    return folder.is_dir() and all(_size(folder / name) == size for name, size in outputs.items())


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _move_into_place(temporary: Path, folder: Path, name: str, suffix: str) -> None:
    """Move a downloaded attempt to its folder, artifacts first, so that a visible attempt is complete."""
    fetched, artifacts = temporary / ARTIFACTS, folder / ARTIFACTS / name
    for source in sorted(path for path in fetched.rglob("*") if path.is_file()):
        target = artifacts / source.relative_to(fetched)
        if not os.path.lexists(target):
            make_private_folder(target.parent)
            source.rename(target)
    shutil.rmtree(fetched, ignore_errors=True)
    target = folder / f"{name}{suffix}"
    try:
        temporary.rename(target)
    except OSError:
        # Another process was faster: a folder that is not empty is not replaced.
        if not target.exists():
            raise
