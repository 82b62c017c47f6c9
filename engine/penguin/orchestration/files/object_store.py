"""The storage: where hosts that share no disk leave for one another what attempts printed and came to.

An attempt is a folder `<url>/<project>/<workflow>/<attempt>-<phase>/`, with the outputs of its steps, `artifacts/` and
`evidence.json`. What is whole is listed, with its digests, in a file that is written last: an attempt without it, or
that does not agree with it, is not there for readers. Marks, exit records, scripts, feedback and the task stay behind.
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
    """A file as it was copied."""

    bytes: int
    sha256: str


class AttemptContents(Struct, frozen=True):
    """What a whole attempt holds: files by their names, with slashes where they are in folders."""

    files: dict[str, CopiedFile]


class ObjectStore:
    """The part of a storage that one project has. May be used from several threads; methods block.

    `url` is an absolute folder, or a URL that fsspec knows. Methods raise StorageError where it is out of reach.
    """

    def __init__(self, url: str, project_id: str) -> None:
        self.url = url
        self._files, root = _file_system(url)
        self._root = f"{root.rstrip('/')}/{project_id}"

    # --- files ---

    def put_file(self, key: str, data: bytes) -> None:
        """Write a file whole, in the place of one of this name."""
        with self._reaching("written to"):
            self._write(key, data)

    def get_file(self, key: str) -> bytes | None:
        """What a file holds; None where there is none."""
        with self._reaching("read"):
            return self._read(key)

    # --- attempts ---

    def put_attempt(self, workflow_id: str, attempt_folder: Path, result: AttemptResult) -> None:
        """Copy what an attempt left behind. One that was interrupted is not over, and is not copied.

        `attempt_folder` is `.penguin/runs/<workflow>/<attempt>-<phase>`. Done again, it replaces what was there.
        """
        if result.verdict is Verdict.INTERRUPTED:
            return
        place = f"{workflow_id}/{attempt_folder.name}"
        with self._reaching("written to"):
            # A reader that is at it finds out by the digests.
            if self._files.exists(whole := self._at(f"{place}/{WHOLE}")):
                self._files.rm_file(whole)
            copies = {name: self._upload(path, f"{place}/{name}") for name, path in _outputs(attempt_folder)}
            evidence = msgspec.json.encode(result)
            self._write(f"{place}/{EVIDENCE}", evidence)
            copies[EVIDENCE] = CopiedFile(len(evidence), hashlib.sha256(evidence).hexdigest())
            self._write(f"{place}/{WHOLE}", msgspec.json.encode(AttemptContents(copies)))

    def get_attempts(self, workflow_id: str, runs: Path) -> list[str]:
        """Fetch whole attempts that did not end below `runs`; their names. What is there stays as it is: an attempt
        that began here and ended elsewhere gets a second folder.

        Raises WorkflowNotFound for an id that is no plain name.
        """
        if not NAME.fullmatch(workflow_id):
            raise WorkflowNotFound(f"{workflow_id!r} is no workflow id", "/workflow list")
        with self._reaching("read"):
            names = [name for name in self._names(workflow_id) if parse_attempt_folder(name) is not None]
            return [name for name in names if self._fetch(workflow_id, name, runs / workflow_id)]

    def _fetch(self, workflow_id: str, name: str, folder: Path) -> bool:
        """Whether an attempt was not here, and is now."""
        own, place = folder / name, f"{workflow_id}/{name}"
        if (own / EVIDENCE).exists() or (folder / f"{name}{ELSEWHERE}").exists():
            return False
        contents = self._contents(place)
        if contents is None or _is_complete(own, contents):
            return False
        make_private_folder(folder)
        # `mkdtemp` gives a folder that is its owner's alone.
        aside = Path(tempfile.mkdtemp(prefix=".fetched-", dir=folder))
        try:
            if not all(self._download(f"{place}/{file}", aside / file, copy) for file, copy in contents.files.items()):
                return False
            _move_into_place(aside, folder, name, ELSEWHERE if own.exists() else "")
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return True

    def _contents(self, place: str) -> AttemptContents | None:
        """What a whole attempt holds; None for one that is not whole."""
        data = self._read(f"{place}/{WHOLE}")
        try:
            contents = None if data is None else msgspec.json.decode(data, type=AttemptContents)
        except msgspec.DecodeError:
            return None
        # Others can write there too: no name leads out of the attempt's folder.
        return contents if contents is not None and all(_is_expected(name) for name in contents.files) else None

    # --- the file system ---

    def _at(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _names(self, key: str) -> list[str]:
        """The names of what is in a folder."""
        # Others write there: what some drivers remember is out of date.
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
        # An object comes whole; in a folder somebody might read the first half.
        aside = f"{path}.{uuid.uuid4().hex}.new"
        self._files.pipe_file(aside, data)
        Path(aside).replace(path)

    def _read(self, key: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            return bytes(self._files.cat_file(self._at(key)))
        return None

    def _upload(self, path: Path, key: str) -> CopiedFile:
        self._files.makedirs(self._at(key).rpartition("/")[0], exist_ok=True)
        with path.open("rb") as source, self._files.open(self._at(key), "wb") as target:
            return _copy_stream(source, target)

    def _download(self, key: str, path: Path, expected: CopiedFile) -> bool:
        """Whether the file came as it was listed."""
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
        except Exception as error:  # Each driver has errors of its own.
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
        url = str((root / Path(url).expanduser()).resolve())
    return ObjectStore(url, project_id)


def _file_system(url: str) -> tuple[Any, str]:
    """What fsspec makes of a URL: a file system, and the path in it."""
    try:
        fsspec = import_module("fsspec.core")
    except ImportError as error:
        raise StorageError("storage.url needs fsspec, which is not installed", INSTALL) from error
    try:
        files, path = fsspec.url_to_fs(url)
    except ImportError as error:
        protocol = url.partition("://")[0]
        raise StorageError(f"storage.url needs a driver for {protocol}: {error}", _driver_hint(str(error))) from error
    except Exception as error:  # Each driver has errors of its own; fsspec has ValueError for what it does not know.
        message = f"storage.url {url!r} can't be used: {error}"
        raise StorageError(message, "it is a folder, or a URL that fsspec knows") from error
    return files, str(path)


def _driver_hint(said: str) -> str:
    """fsspec says `Install s3fs to access S3`, or more words of that kind."""
    words = said.partition("nstall ")[2].split()
    return f"pip install {words[0]}" if words else "install what it names"


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


def _outputs(attempt_folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and path of what is copied: outputs that were redacted, and artifacts. No link is followed."""
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
    # Bytes that are no text can't be a key.
    return path.is_file() and not path.is_symlink() and os.fsencode(path).decode(errors="ignore") == str(path)


def _is_expected(name: str) -> bool:
    """Whether an attempt may hold a file of this name."""
    first, *rest = name.split("/")
    if not rest:
        return first == EVIDENCE or FILE.fullmatch(first) is not None
    return first == ARTIFACTS and not any(part in ("", ".", "..") or "\0" in part for part in rest)


def _copy_stream(source: Any, target: Any) -> CopiedFile:
    """Copy what is open for reading to what is open for writing."""
    digest, size = hashlib.sha256(), 0
    while piece := source.read(PIECE):
        target.write(piece)
        digest.update(piece)
        size += len(piece)
    return CopiedFile(size, digest.hexdigest())


def _is_complete(folder: Path, contents: AttemptContents) -> bool:
    """Whether the outputs in a folder are those listed: it was this machine that ran the attempt to its end."""
    outputs = {name: copy.bytes for name, copy in contents.files.items() if FILE.fullmatch(name)}
    return folder.is_dir() and all(_size(folder / name) == size for name, size in outputs.items())


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _move_into_place(aside: Path, folder: Path, name: str, suffix: str) -> None:
    """Give a fetched attempt its place, the artifacts first: who sees the attempt sees all of it."""
    fetched, artifacts = aside / ARTIFACTS, folder / ARTIFACTS / name
    for source in sorted(path for path in fetched.rglob("*") if path.is_file()):
        target = artifacts / source.relative_to(fetched)
        if not os.path.lexists(target):
            make_private_folder(target.parent)
            source.rename(target)
    shutil.rmtree(fetched, ignore_errors=True)
    target = folder / f"{name}{suffix}"
    try:
        aside.rename(target)
    except OSError:
        # Somebody else was faster: a folder with something in it is not replaced.
        if not target.exists():
            raise
