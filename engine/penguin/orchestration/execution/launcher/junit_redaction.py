"""The JUnit report of a step, redacted, and readable by its owner only."""

# Use plain system calls, not path objects: this process is started for every engine, and keeps running.
# ruff: noqa: PTH104, PTH108

from __future__ import annotations

import contextlib
import errno
import os
import stat

from .redaction import Redactor, Secrets

CHUNK = 1 << 18
LARGEST = 100_000_000
"""Bytes. A larger report is not read, so it is deleted."""
TEMPORARY = ".tmp"
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def redact_report(path: str, secrets: Secrets) -> None:
    """Redact the report, if there is one. Delete it if it can't be redacted.

    Raises OSError if the disk is full; then try again.
    """
    try:
        # A step may have put anything there: do not follow a link, and do not block.
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError:
        _remove(path)
        return
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            _remove(path)
        elif secrets:
            _rewrite(path, file, secrets.in_xml())
        else:
            os.fchmod(file, 0o600)
    except OSError as error:
        _remove(path + TEMPORARY)
        if error.errno in DISK_FULL:
            raise
        _remove(path)
    finally:
        os.close(file)


def _rewrite(path: str, file: int, secrets: Secrets) -> None:
    redactor = Redactor(secrets)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path + TEMPORARY, flags, 0o600), "wb") as redacted:
        while data := os.read(file, CHUNK):
            redacted.write(redactor.feed(data))
        redacted.write(redactor.flush())
    os.rename(path + TEMPORARY, path)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
