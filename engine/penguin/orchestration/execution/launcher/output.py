"""The output of a step, stored in a file that keeps its first and its last half."""

# Use plain system calls, not path objects: this process is started for every engine, and keeps running.
# ruff: noqa: PTH108

from __future__ import annotations

import hashlib
import os
from typing import TypedDict

from .redaction import Redactor, Secrets

CHUNK = 1 << 18
TAIL = ".tail"


class OutputDigest(TypedDict):
    """A summary of a stored output."""

    kept: int
    """Bytes in the file."""
    total: int
    """Bytes that the step printed, after redaction."""
    sha256: str
    """SHA-256 of the file."""
    error: str
    """Why part of the output is missing, other than by its limit; empty if none is."""


class Output:
    """A writer of an output to `path`, without secrets.

    Of more than `limit` bytes it keeps the first and the last half.

    The last half is written to a ring file until the end, so memory holds one chunk at most. A full disk costs output,
    but the step continues.
    """

    def __init__(self, path: str, limit: int, secrets: Secrets | None = None) -> None:
        self._path = path
        self._redactor = Redactor(secrets) if secrets else None
        self._head_size = limit // 2
        self._tail_size = max(1, limit - self._head_size)
        self._total = 0
        self._kept = 0
        self._sha256 = hashlib.sha256()
        self._error = ""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)
        self._ring = -1

    def write(self, data: bytes) -> None:
        self._store(self._redactor.feed(data) if self._redactor else data)

    def _store(self, data: bytes) -> None:
        remaining = max(0, self._head_size - self._total)
        head, tail = (data, b"") if len(data) <= remaining else (data[:remaining], data[remaining:])
        if head:
            self._append(head)
        if tail:
            self._write_ring(self._total + len(head) - self._head_size, tail)
        self._total += len(data)

    def close(self) -> OutputDigest:
        """Join the two halves."""
        if self._redactor:
            self._store(self._redactor.flush())
        left_out = self._total - self._head_size - self._tail_size
        if left_out > 0:
            self._append(f"\n[penguin: {left_out} bytes omitted]\n".encode())
        if self._ring >= 0:
            self._join(left_out)
        os.close(self._file)
        return OutputDigest(kept=self._kept, total=self._total, sha256=self._sha256.hexdigest(), error=self._error)

    def _append(self, data: bytes) -> None:
        try:
            written = write_all(self._file, data)
        except OSError as error:
            self._error = error.strerror or str(error)
            os.ftruncate(self._file, self._kept)
            return
        self._kept += written
        self._sha256.update(data)

    def _write_ring(self, offset: int, data: bytes) -> None:
        """Write to the ring; `offset` counts all bytes written to it so far."""
        try:
            if self._ring < 0:
                flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
                self._ring = os.open(self._path + TAIL, flags, 0o600)
            while data:
                at = offset % self._tail_size
                part = data[: self._tail_size - at]
                os.lseek(self._ring, at, os.SEEK_SET)
                write_all(self._ring, part)
                data = data[len(part) :]
                offset += len(part)
        except OSError as error:
            self._error = error.strerror or str(error)

    def _join(self, left_out: int) -> None:
        turned = self._total - self._head_size
        oldest = turned % self._tail_size if left_out > 0 else 0
        for start, end in ((oldest, min(turned, self._tail_size)), (0, oldest)):
            at = start
            while at < end and (data := os.pread(self._ring, min(CHUNK, end - at), at)):
                self._append(data)
                at += len(data)
        os.close(self._ring)
        os.unlink(self._path + TAIL)


def write_all(file: int, data: bytes) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    return len(data)
