"""The start of a launcher in the background: lock, socket, session, and adoption of orphans."""

# Use plain system calls, not path objects: this process is started for every engine, and keeps running.
# ruff: noqa: PTH115

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import traceback

from .failpoints import reach
from .server import Server

LOCK = "launcher.lock"
SOCKET = "launcher.sock"
CRASH = "launcher.crash"
PR_SET_CHILD_SUBREAPER = 36


def start_in_background(directory: str) -> bool:
    """Serve DIR from a new process in the background. Return False if another launcher does.

    Returns once the socket listens, so a client can connect when the calling process has ended.
    """
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    reach("launcher.locked")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(CRASH, dir_fd=folder)
    listener = listen(folder)
    reach("launcher.listening")
    # Fork, so that no process has to wait for it: its parent is init, or the launcher of an outer step.
    if os.fork() == 0:
        serve(folder, listener)
    return True


def listen(folder: int) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(SOCKET, dir_fd=folder)
    listener = socket.socket(socket.AF_UNIX)
    # The umask applies to this file only: steps keep the user's umask.
    mask = os.umask(0o177)
    # Use the descriptor of its folder: a socket's path is limited to 108 bytes.
    listener.bind(f"/proc/self/fd/{folder}/{SOCKET}")
    os.umask(mask)
    listener.listen(16)
    return listener


def serve(folder: int, listener: socket.socket) -> None:
    code = 1
    try:
        detach()
        reach("launcher.serving")
        Server(os.readlink(f"/proc/self/fd/{folder}"), listener).run()
        os.unlink(SOCKET, dir_fd=folder)
        code = 0
    except BaseException:
        # Standard error has no reader. Keep the output of a crash next to the lock.
        crash = os.open(
            CRASH, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
        )
        os.write(crash, traceback.format_exc().encode())
    finally:
        os._exit(code)


def detach() -> None:
    os.setsid()
    os.chdir("/")
    for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    if null > 2:
        os.close(null)
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this kernel has no child subreaper")
