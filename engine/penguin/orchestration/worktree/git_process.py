"""Processes of git, each with a time limit: git waits for ever if a file that it reads is a named pipe."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

SETTINGS_LIMIT = 10.0
"""Seconds for a command that only finds the repository and reads settings, or one entry of the index."""
LIMIT = 60.0
"""Seconds for any other command, and for each piece of a stream."""
CONTENT_LIMIT = 600.0
"""Seconds for a command that reads the contents of many files, perhaps through filters."""
_PIECE = 64 * 1024


def run_process(
    command: tuple[str, ...],
    folder: Path,
    env: Mapping[str, str],
    *,
    stdin: bytes = b"",
    limit: float = LIMIT,
    pass_fds: tuple[int, ...] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end. Raises TimeoutError, and OSError if it can't be started."""
    with (
        subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
            process_group=0,
        ) as process,
        _ended(process),
    ):
        try:
            output, errors = process.communicate(stdin, timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise _too_slow(limit) from error
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def stream_process(command: tuple[str, ...], folder: Path, env: Mapping[str, str]) -> Iterator[bytes]:
    """Yield the output of a command piece by piece. End the command if the reader stops. Raises TimeoutError."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
    ) as process:
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        with _ended(process):
            while piece := _read(pipe):
                yield piece


def _read(pipe: int) -> bytes:
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    if not poll.poll(LIMIT * 1000):
        raise _too_slow(LIMIT)
    return os.read(pipe, _PIECE)


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill the command, with the filters that it started, if the block fails or is abandoned."""
    try:
        yield
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        raise


def _too_slow(limit: float) -> TimeoutError:
    return TimeoutError(f"did not end within {limit:g} s")
