"""The supervisor of a development server: starts it, restarts it if it is killed, ends it when it has no users.

It is a program of its own that uses only the standard library: `supervisor.py FOLDER HOST PORT COMMAND…`.

In FOLDER, `server.lock` is held as long as the supervisor or its server lives, and `server.json` holds the server's
address once it answers. Each user of the server holds a shared lock on `users.lock`; a process that starts or ends it
holds `gate.lock`. SIGTERM ends both at once. If all users are killed, the server ends after LINGER seconds.
"""

# Use plain system calls, not path objects: this process runs as long as the server.
# ruff: noqa: PTH105, PTH108, PTH115, PTH208

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time

LOCK = "server.lock"
RECORD = "server.json"
USERS = "users.lock"
GATE = "gate.lock"
LOG = "server.log"
LINGER = 30.0
"""Seconds after which a server ends whose users were all killed."""
READY_LIMIT = 30.0
"""Seconds within which a server must listen."""
STOP_LIMIT = 5.0
"""Seconds from SIGTERM to SIGKILL. The server takes about one."""
TICK = 0.25
RESTARTS = 5
"""After this many deaths within RESTARTS_WITHIN seconds, the server is not restarted."""
RESTARTS_WITHIN = 60.0
PR_SET_PDEATHSIG = 1
LISTENING = "0A"
KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ")
"""The environment variables that the server gets: no key, and no mark of a step."""


def main(folder: str, host: str, port: str, command: list[str]) -> int:
    os.chdir(folder)
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 1
    # The record is from a supervisor that was killed: its port may belong to another process now.
    remove_record()
    # Fork, so that no process has to wait for it.
    if os.fork() == 0:
        os._exit(in_background(lock, host, int(port), command))
    return 0


def in_background(lock: int, host: str, port: int, command: list[str]) -> int:
    os.setsid()
    for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_IGN)
    # Handled by `sigtimedwait`, in one place only.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDWR)
    for standard, target in ((0, null), (1, log), (2, log)):
        os.dup2(target, standard)
    try:
        return Supervisor(lock, host, port, command).run()
    finally:
        remove_record()


class Supervisor:
    def __init__(self, lock: int, host: str, port: int, command: list[str]) -> None:
        self.lock = lock
        self.host = host
        self.port = port
        self.command = command
        self.server: subprocess.Popen[bytes] | None = None
        self.deaths: list[float] = []
        self.alone_since: float | None = None

    def run(self) -> int:
        """Run until the server has no users, or can't be started."""
        if not self.start():
            return 1
        while True:
            if signal.sigtimedwait({signal.SIGTERM}, TICK) is not None or self.abandoned():
                self.stop()
                return 0
            if self.server is not None and self.server.poll() is not None and not self.start_again():
                return 1

    def start(self) -> bool:
        """Start the server and record its address. Return False if it ended, or does not listen."""
        # It inherits the lock: if the supervisor is killed, no other server can start on the same data before this one
        # ends.
        self.server = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            pass_fds=(self.lock,),
            env=environment(),
            preexec_fn=set_parent_death_signal,
        )
        until = time.monotonic() + READY_LIMIT
        while not listens(self.server.pid, self.port):
            stopped = signal.sigtimedwait({signal.SIGTERM}, 0.02) is not None
            if stopped or self.server.poll() is not None or time.monotonic() > until:
                self.stop()
                return False
        write_record({"keeper": os.getpid(), "server": self.server.pid, "host": self.host, "port": self.port})
        return True

    def start_again(self) -> bool:
        """Restart it after its death, on the same port, so that clients find it. Return False if it dies too often."""
        now = time.monotonic()
        self.deaths = [then for then in self.deaths if now - then < RESTARTS_WITHIN] + [now]
        while len(self.deaths) <= RESTARTS:
            if self.start():
                return True
            self.deaths.append(time.monotonic())
            time.sleep(TICK)
        return False

    def stop(self) -> None:
        if self.server is None or self.server.poll() is not None:
            return
        self.server.terminate()
        try:
            self.server.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()

    def abandoned(self) -> bool:
        """Return whether all users have been gone for LINGER seconds. If so, hold the gate: no user can join."""
        if has_users():
            self.alone_since = None
            return False
        now = time.monotonic()
        self.alone_since = self.alone_since or now
        if now - self.alone_since < LINGER:
            return False
        gate = os.open(GATE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # A user is joining or leaving.
            os.close(gate)
            return False
        # Left open, and so locked, until this process ends.
        return not has_users()


def has_users() -> bool:
    users = os.open(USERS, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(users)
    return False


def set_parent_death_signal() -> None:
    """Set the parent death signal in the server's process, before exec."""
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "TEMPORAL_VERSION_CHECK_DISABLED": "1"}


def listens(pid: int, port: int) -> bool:
    """Return whether this process listens on the port: another server may have taken it first."""
    sockets = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/net/{table}") as rows:
            for row in list(rows)[1:]:
                columns = row.split()
                if columns[3] == LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{columns[9]}]")
    return bool(sockets) and not sockets.isdisjoint(open_files(pid))


def open_files(pid: int) -> list[str]:
    found = []
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    return found


def write_record(record: dict[str, object]) -> None:
    """Write the record, whole or not at all."""
    with open(f"{RECORD}.new", "w") as file:
        json.dump(record, file)
    os.replace(f"{RECORD}.new", RECORD)


def remove_record() -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(RECORD)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
