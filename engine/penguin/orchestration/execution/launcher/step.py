"""One step: its processes from the spawn to the exit record."""

# Plain system calls, no path objects: this process is started for every engine, and stays.
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

from . import report, tree
from .failpoints import reach
from .lease import LeaseReader
from .output import CHUNK, Output, OutputDigest, write_all
from .redaction import Secrets

VANISH = 15.0
"""Seconds that processes are given to vanish after SIGKILL."""
RESCAN = 0.05
"""Seconds between two looks at a tree that is being ended."""
WORTH_SYNCING = 0.5
"""Seconds. After a power cut, what took less is sooner repeated than it is forced to the disk each time."""
PIPE = 1 << 20
TIMEOUT, IDLE, LEASE = "timeout", "idle", "lease"
NOT_RUN, NOT_FOUND = 126, 127
"""The exit codes by which shells tell that a program could not be started."""
DEFAULTS = frozenset(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}


class StartRequest(TypedDict):
    """What a client asks to be started."""

    id: str
    """Absolute path without suffix of the step's own files: `<id>.log`, `<id>.start.json`, `<id>.exit.json`."""
    argv: list[str]
    """The program comes first, as a path."""
    cwd: str
    env: dict[str, str]
    mark: str
    """Name of the variable by which the step's processes are known."""
    timeout: float
    """Seconds."""
    grace: float
    """Seconds between SIGTERM and SIGKILL."""
    max_output: int
    """Bytes, of each output."""
    split: NotRequired[bool]
    """Standard error goes to `<id>.err.log`."""
    note: NotRequired[object]
    """Kept in the start mark for whoever reads it."""
    secrets: NotRequired[dict[str, str]]
    """Values by name that are not to be stored. They are kept in memory alone."""
    report: NotRequired[str | None]
    """A file that the step writes for Penguin, to be redacted like its output."""
    stdin: NotRequired[str]
    """Absolute path of the file that it reads as standard input; empty: nothing."""
    idle: NotRequired[float]
    """Seconds without output after which it is ended; 0: it may be silent."""
    lease: NotRequired[str]
    """Absolute path of the lease without which it may not run; empty: there is none."""


class StepExit(TypedDict):
    """The exit record."""

    id: str
    pid: int
    ticks: int
    boot: str
    code: int | None
    """Negative: ended by that signal. None: it outlived SIGKILL, or never ran."""
    why: str | None
    """None: by itself. Otherwise timeout, idle, lease, or what the client said when it asked to stop."""
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
    """A process tree under the launcher's care."""

    def __init__(self, order: StartRequest, directory: str, boot: str) -> None:
        """Create the start mark. Raises FileExistsError where this step was started before, by whomever."""
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
        """Nothing was started: whoever comes next may start it."""
        os.close(self._mark_file)
        os.unlink(self.id + ".start.json")

    # Starting

    def spawn(self) -> None:
        """Start the process. One that can't be started is over at once, with the shell's exit code for it.

        So is one whose lease has lapsed, without any: it never runs.
        Raises OSError where the disk has no room for its output; then it was never started.
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
        """The end of a new pipe into which the step writes."""
        output = Output(path, limit, self._secrets)
        self._outputs.append(output)
        reading, writing = os.pipe2(os.O_CLOEXEC)
        self.pipes[reading] = output
        os.set_blocking(reading, False)
        # Where the user's allowance for big pipes is used up, a small one works as well.
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
        os.chdir(self.order["cwd"])  # A spawn takes no folder of its own; with a single thread this is as good.
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
        # It is a child that nobody reaped: its entry is there, even if it ended already.
        self.ticks = tree.start_ticks(self.pid) or 0
        with contextlib.suppress(OSError):  # Found by its variable then.
            self._update_mark({"pid": self.pid, "ticks": self.ticks})

    # Running

    def pump(self, pipe: int) -> bool:
        """Take what the pipe holds. False: nothing will come any more."""
        try:
            data = os.read(pipe, CHUNK)
        except BlockingIOError:
            return True
        if data:
            self.pipes[pipe].write(data)
            self._silent_until = time.monotonic() + self._idle
        return bool(data)

    def stop(self, why: str) -> None:
        """End the whole tree: SIGTERM now, SIGKILL after the grace."""
        if self.why is not None or self._ended is not None:
            return
        self.why = why
        self._kill_at = time.monotonic() + self.order["grace"]
        for pid, ticks in tree.live_processes(self._tree()).items():
            tree.send_signal(pid, ticks, signal.SIGTERM)

    def exited(self, orphans: list[int]) -> None:
        """See whether the first process ended, and end what it left behind; `orphans` are all of the launcher."""
        if self.over or self._ended is not None or not _waitable(self.pid):
            return
        self._ended = time.monotonic()
        if self.why is not None:
            return
        # Before it is reaped: as long as its exit code waits, its group id is nobody else's.
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        if orphans:
            self._kill_at = self._ended
        else:
            self.over = True

    def tick(self, now: float, orphans: list[int]) -> None:
        """Do what the clocks ask for."""
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
        """Whether what is left of the tree is being ended."""
        return self._kill_at is not None

    def recheck(self) -> None:
        """A process died: a tree that is being ended may be gone."""
        self._look_at = 0.0

    def _end(self, now: float, orphans: list[int]) -> None:
        assert self._kill_at is not None
        left = tree.live_processes(self._tree() | tree.descendants(orphans))
        if not left:
            self.over = True
        elif now >= self._kill_at:
            self._give_up_at = self._give_up_at or now + VANISH
            for pid, ticks in left.items():
                tree.send_signal(pid, ticks, signal.SIGKILL)
            self._survivors = sorted(left)
            self.over = now >= self._give_up_at

    def _tree(self) -> set[int]:
        return tree.descendants([self.pid]) | tree.processes_with_mark(self.mark)

    def wake_at(self) -> float:
        """When to `tick` next, on the monotonic clock."""
        return min(self._deadline, self._silent_until) if self._kill_at is None else self._look_at

    def lease_at(self) -> float:
        """When to `tick` for its lease, on the clock of leases; infinite if never."""
        return math.inf if self.ending or self.over else self._lease.until

    def owns(self, orphan: int) -> bool:
        return tree.session(orphan) == self.pid or tree.has_mark(orphan, self.mark)

    # Ending

    def finish(self) -> StepExit:
        """Reap, empty the pipes, and say what came of it."""
        ended = self._ended or time.monotonic()
        code = self._reap()
        for pipe in self.pipes:
            for _ in range(2 * PIPE // CHUNK):  # As much as a pipe holds; a survivor may go on writing.
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
            survivors=sorted(tree.live_processes(self._survivors)),
        )

    def record(self, ending: StepExit) -> None:
        """Put what came of it on the disk, last of all the exit record. Raises OSError."""
        if path := self.order.get("report"):
            report.redact_report(path, self._secrets)
        record(ending)

    def _reap(self) -> int | None:
        if not self.pid:
            return self._code
        reaped, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if reaped else None


def _waitable(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def record(ending: StepExit) -> None:
    """Put the exit record on the disk, whole or not at all. Raises OSError."""
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
