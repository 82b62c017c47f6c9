"""One step: its processes from the spawn to the exit record.

It ends them at the time-out, after silence, when the lease lapses, and when the step is stopped.
"""

# Use plain system calls, not path objects: this process is started for every engine, and keeps running.
# ruff: noqa: PTH104, PTH108, PTH110

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import math
import os
import signal
import time
from typing import NotRequired, TypedDict

from . import junit_redaction, process_tree
from .failpoints import reach
from .lease_reader import LeaseReader
from .output import CHUNK, Output, OutputDigest, write_all
from .redaction import Secrets

VANISH = 15.0
"""Seconds that processes have to disappear after SIGKILL."""
RESCAN = 0.05
"""Seconds between two scans of a process tree that is being ended."""
WORTH_SYNCING = 0.5
"""Seconds. A shorter step is not synced to disk: repeating it after a power loss is cheaper."""
PIPE = 1 << 20
TIMEOUT, IDLE, LEASE = "timeout", "idle", "lease"
NOT_RUN, NOT_FOUND = 126, 127
"""The exit codes by which shells report that a program could not be started."""
DEFAULTS = frozenset(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}


class StartRequest(TypedDict):
    """A client's request to start a step."""

    id: str
    """Absolute path without suffix of the step's files: `<id>.log`, `<id>.start.json`, `<id>.exit.json`."""
    argv: list[str]
    """The program comes first, as a path."""
    cwd: str
    env: dict[str, str]
    mark: str
    """Name of the environment variable that marks the step's processes."""
    timeout: float
    """Seconds."""
    grace: float
    """Seconds between SIGTERM and SIGKILL."""
    max_output: int
    """Bytes of each output."""
    split: NotRequired[bool]
    """Write standard error to `<id>.err.log`."""
    note: NotRequired[object]
    """Stored in the start mark for later readers."""
    secrets: NotRequired[dict[str, str]]
    """Secrets by name, to be redacted. They are kept in memory only."""
    report: NotRequired[str | None]
    """A report that the step writes for Penguin, redacted like its output."""
    stdin: NotRequired[str]
    """Absolute path of the file to read as standard input; empty: no input."""
    idle: NotRequired[float]
    """Seconds without output after which the step is ended; 0: no limit."""
    lease: NotRequired[str]
    """Absolute path of the lease that the step needs to run; empty: none."""


class StepExit(TypedDict):
    """The exit record."""

    id: str
    pid: int
    ticks: int
    boot: str
    code: int | None
    """Negative: ended by that signal. None: it survived SIGKILL, or never ran."""
    why: str | None
    """None: it ended by itself. Otherwise timeout, idle, lease, or the reason given by the client that stopped it."""
    error: str
    """Why it could not be spawned."""
    started: float
    """Seconds since the epoch, UTC."""
    duration: float
    """Seconds."""
    output: OutputDigest
    errors: OutputDigest | None
    survivors: list[int]


class RunningStep:
    """A process tree managed by the launcher."""

    def __init__(self, order: StartRequest, directory: str, boot: str) -> None:
        """Create the start mark. Raises FileExistsError if this step was started before."""
        self.id = order["id"]
        self.mark = order["mark"]
        self.order = order
        self.pid = self.ticks = 0
        self.error = ""
        self._code: int | None = 0
        self.why: str | None = None
        self.over = False
        self.pipes: dict[int, Output] = {}
        self._secrets = Secrets(order.get("secrets", {}))
        self._outputs: list[Output] = []
        self._boot = boot
        self._lease = LeaseReader(order.get("lease", ""), boot)
        self._started = time.time()
        self._begun = time.monotonic()
        self._deadline = self._begun + order["timeout"]
        self._idle = order.get("idle", 0.0) or math.inf
        self._silent_until = self._begun + self._idle
        self._ended: float | None = None
        self._kill_at: float | None = None
        self._give_up_at: float | None = None
        self._look_at = 0.0
        self._survivors: list[int] = []
        self._write_mark(directory)

    def _write_mark(self, directory: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._mark_file = os.open(self.id + ".start.json", flags, 0o600)
        intent = {key: self.order[key] for key in ("id", "mark", "grace")}
        try:
            self._update_mark(
                {
                    **intent,
                    "boot": self._boot,
                    "launcher": directory,
                    "started": self._started,
                    "deadline": self._deadline,
                    "lease": self.order.get("lease", ""),
                    "note": self.order.get("note"),
                }
            )
        except OSError:
            self._unmark()
            raise

    def _update_mark(self, line: dict[str, object]) -> None:
        write_all(self._mark_file, json.dumps(line).encode() + b"\n")

    def _unmark(self) -> None:
        """Delete the start mark: nothing was started, so the step can be started later."""
        os.close(self._mark_file)
        os.unlink(self.id + ".start.json")

    # --- start ---

    def spawn(self) -> None:
        """Start the process.

        If it can't be started, the step ends at once with the shell's exit code for that. If the lease has lapsed, it
        ends without an exit code and never runs.

        Raises OSError if the disk is full; then it was not started.
        """
        limit = self.order["max_output"]
        try:
            out_end = self._pipe(self.id + ".log", limit)
            err_end = out_end
            if self.order.get("split"):
                err_end = self._pipe(self.id + ".err.log", limit)
            try:
                if self._lease.lapsed():
                    self.why, self._code, self.over = LEASE, None, True
                else:
                    self._spawn(out_end, err_end)
            finally:
                for end in {out_end, err_end}:
                    os.close(end)
        except (OSError, ValueError) as error:
            if disk_full(error):
                self._give_back()
                raise
            self.error = str(error)
            self._code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUN
            self.over = True
        os.close(self._mark_file)

    def _give_back(self) -> None:
        for pipe in self.pipes:
            os.close(pipe)
        for output in self._outputs:
            output.close()
        self._unmark()

    def _pipe(self, path: str, limit: int) -> int:
        """Return the read end of a new pipe for the step's output."""
        output = Output(path, limit, self._secrets)
        self._outputs.append(output)
        reading, writing = os.pipe2(os.O_CLOEXEC)
        self.pipes[reading] = output
        os.set_blocking(reading, False)
        # If the user's limit for large pipes is reached, a small one works too.
        with contextlib.suppress(OSError):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE)
        return writing

    def _spawn(self, out: int, err: int) -> None:
        argv = self.order["argv"]
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, self.order.get("stdin") or os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, out, 1),
            (os.POSIX_SPAWN_DUP2, err, 2),
        ]
        # `posix_spawn` has no working directory. In a process with one thread, chdir is equivalent.
        os.chdir(self.order["cwd"])
        reach("spawn.before")
        try:
            self.pid = os.posix_spawn(
                argv[0],
                argv,
                {**self.order["env"], self.mark: "1"},
                file_actions=actions,
                setsid=True,
                setsigmask=[],
                setsigdef=DEFAULTS,
            )
        finally:
            os.chdir("/")
        reach("spawn.after")
        # It is a child that was not reaped yet, so its entry exists even if it ended.
        self.ticks = process_tree.start_ticks(self.pid) or 0
        with contextlib.suppress(OSError):  # It is found by its variable then.
            self._update_mark({"pid": self.pid, "ticks": self.ticks})

    # --- run ---

    def pump(self, pipe: int) -> bool:
        """Read what the pipe holds. Return False at the end of the stream."""
        try:
            data = os.read(pipe, CHUNK)
        except BlockingIOError:
            return True
        if data:
            self.pipes[pipe].write(data)
            self._silent_until = time.monotonic() + self._idle
        return bool(data)

    def stop(self, why: str) -> None:
        """End the whole tree: SIGTERM now, SIGKILL after the grace period."""
        if self.why is not None or self._ended is not None:
            return
        self.why = why
        self._kill_at = time.monotonic() + self.order["grace"]
        for pid, ticks in process_tree.live_processes(self._tree()).items():
            process_tree.send_signal(pid, ticks, signal.SIGTERM)

    def exited(self, orphans: list[int]) -> None:
        """Check whether the first process ended, and end the processes that it left.

        `orphans` are all of the launcher.
        """
        if self.over or self._ended is not None or not _waitable(self.pid):
            return
        self._ended = time.monotonic()
        if self.why is not None:
            return
        # Do this before reaping: until then, its group id can't be reused.
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        if orphans:
            self._kill_at = self._ended
        else:
            self.over = True

    def tick(self, now: float, orphans: list[int]) -> None:
        """Act on the time-outs that expired."""
        if self._ended is None and self.why is None and not self.over:
            if now >= self._deadline:
                self.stop(TIMEOUT)
            elif now >= self._silent_until:
                self.stop(IDLE)
            elif self._lease.lapsed():
                self.stop(LEASE)
        if self._kill_at is not None and not self.over and now >= self._look_at:
            self._look_at = now + RESCAN
            self._end(now, orphans)

    @property
    def ending(self) -> bool:
        """Return whether the rest of the tree is being ended."""
        return self._kill_at is not None

    def recheck(self) -> None:
        """Check whether a tree that is being ended is gone, after a process died."""
        self._look_at = 0.0

    def _end(self, now: float, orphans: list[int]) -> None:
        assert self._kill_at is not None
        left = process_tree.live_processes(self._tree() | process_tree.descendants(orphans))
        if not left:
            self.over = True
        elif now >= self._kill_at:
            self._give_up_at = self._give_up_at or now + VANISH
            for pid, ticks in left.items():
                process_tree.send_signal(pid, ticks, signal.SIGKILL)
            self._survivors = sorted(left)
            self.over = now >= self._give_up_at

    def _tree(self) -> set[int]:
        return process_tree.descendants([self.pid]) | process_tree.processes_with_mark(self.mark)

    def wake_at(self) -> float:
        """Return when to call `tick` next, on the monotonic clock."""
        return min(self._deadline, self._silent_until) if self._kill_at is None else self._look_at

    def lease_at(self) -> float:
        """Return when to call `tick` for the lease, on the clock of leases; infinite for never."""
        return math.inf if self.ending or self.over else self._lease.until

    def owns(self, orphan: int) -> bool:
        return process_tree.session(orphan) == self.pid or process_tree.has_mark(orphan, self.mark)

    # --- end ---

    def finish(self) -> StepExit:
        """Reap the processes, drain the pipe, and return the exit record."""
        ended = self._ended or time.monotonic()
        code = self._reap()
        for pipe in self.pipes:
            for _ in range(2 * PIPE // CHUNK):  # Read as much as a pipe holds: a survivor may keep writing.
                if not self.pump(pipe):
                    break
            os.close(pipe)
        digests = [output.close() for output in self._outputs]
        digests = digests or [OutputDigest(kept=0, total=0, sha256="", error=self.error)]
        return StepExit(
            id=self.id,
            pid=self.pid,
            ticks=self.ticks,
            boot=self._boot,
            code=code,
            why=self.why,
            error=self.error,
            started=self._started,
            duration=ended - self._begun,
            output=digests[0],
            errors=digests[1] if len(digests) > 1 else None,
            survivors=sorted(process_tree.live_processes(self._survivors)),
        )

    def record(self, ending: StepExit) -> None:
        """Write the results to disk, the exit record last. Raises OSError."""
        if path := self.order.get("report"):
            junit_redaction.redact_report(path, self._secrets)
        record(ending)

    def _reap(self) -> int | None:
        if not self.pid:
            return self._code
        reaped, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if reaped else None


def _waitable(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def record(ending: StepExit) -> None:
    """Write the exit record, whole or not at all. Raises OSError."""
    path = ending["id"] + ".exit.json"
    reach("record.before")
    file = os.open(path + ".tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        write_all(file, json.dumps(ending).encode())
        if ending["duration"] >= WORTH_SYNCING:
            os.fsync(file)
    finally:
        os.close(file)
    reach("record.written")
    os.rename(path + ".tmp", path)
    reach("record.after")


def recorded(step_id: str) -> bool:
    return os.path.exists(step_id + ".exit.json")


def disk_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
