"""A workspace for random input, and the rules that hold for whatever is done in it."""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.store.stored_workflow import StoredWorkflow, commit_workflows

from penguin.orchestration.backend import Verdict, WorkflowPhase
from penguin.orchestration.core.commands import Cancel, Feedback, Pause
from penguin.orchestration.core.events import FeedbackItem
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore
from penguin_repl import main as program
from penguin_repl.render import error as error_rendering

PATIENCE = 5.0
"""Seconds that one input may take."""
WAIT = 0.6
"""Seconds after which Ctrl-C interrupts a command that waits."""
INTERRUPTED = 130
CODES = (0, 1, 2, 3, 4, 5, INTERRUPTED)
TASKS = ("quick", "after", "gated", "person", "wrong")
WORKFLOWS = tuple(f"ituv-{task}-000000" for task in TASKS)
CONFIG = """\
project: {id: shop}
blueprints: [tasks.*]
phases:
  implement: {run: [echo done]}
  test: {run: [echo tested]}
  use: skip
"""
BLUEPRINT = """\
---
id: basics
title: Basics
---
## Tasks
### 1. Quick
- **ID:** `quick`
#### Acceptance Criteria
- [ ] is `check: true`
### 2. Needs quick
- **ID:** `after`
- **Dependencies:** quick
- [ ] gated Waits (after quick)
- [ ] person Needs a person
- [ ] wrong Never right
"""
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_WAITS = re.compile(r"wa|fol|watch|(?<!\w)-f|retry|resume|start|run", re.IGNORECASE)
_RAW = re.compile(r"lo|diff|raw|dif|logs|export", re.IGNORECASE)
"""Words of commands that print the output of programs unchanged into a pipe."""
_NAMES_FILE = re.compile(r"backup|export|--html|--markdown", re.IGNORECASE)
"""Words of commands that write where the user wants it."""


class Problem(AssertionError):
    """An input that breaks a rule. `place` is where, the same for all inputs with the same cause."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.place = place or message


class Hang(Problem):
    """An input that takes too long."""


class Ran(NamedTuple):
    """What the program did with an input."""

    code: int
    out: str
    err: str


def place_of(error: BaseException) -> str:
    """Return the kind of an error, and the innermost line of Penguin's own code that it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/tests/" not in frame.filename and "penguin" in frame.filename]
    inner = own[-1] if own else frames[-1] if frames else None
    return f"{type(error).__name__} at {inner.filename.rpartition('/')[2]}:{inner.lineno}" if inner else repr(error)


class Sandbox:
    """A workspace with workflows of several statuses, a home folder, and a guard against writes elsewhere."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "workspace"
        self.state = self.folder / ".penguin"
        self.home = root / "home"
        self.dirty = False
        """Whether something was written in the workspace."""
        self.guarding = False
        self.may_start_git = False
        for folder in (self.folder, self.home, root / "elsewhere", root / "tmp"):
            folder.mkdir(parents=True)
        self._unexpected: list[BaseException] = []
        self._breaches: list[str] = []
        self._environment = dict(os.environ)
        self._enter()
        self._fill()
        shutil.copytree(self.folder, root / "template", symlinks=True)

    def _enter(self) -> None:
        os.environ.update(
            HOME=str(self.home),
            XDG_STATE_HOME=str(self.home / "state"),
            XDG_CONFIG_HOME=str(self.home / "config"),
            TMPDIR=str(self.root / "tmp"),
            TERM="dumb",
            TEMPORAL_ADDRESS="127.0.0.1:1",
        )
        tempfile.tempdir = None
        self._working_folder = os.open(".", os.O_RDONLY)
        self._stdin = os.dup(0)
        os.chdir(self.folder)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # A shell script starts background jobs with Ctrl-C ignored.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._describe = error_rendering.describe_error
        error_rendering.describe_error = self._watched_description
        sys.addaudithook(self._audit)

    def close(self) -> None:
        """Restore the process, and remove the files."""
        self.guarding = False
        error_rendering.describe_error = self._describe
        os.dup2(self._stdin, 0)
        os.close(self._stdin)
        os.fchdir(self._working_folder)
        os.close(self._working_folder)
        os.environ.clear()
        os.environ.update(self._environment)
        tempfile.tempdir = None
        shutil.rmtree(self.root, ignore_errors=True)

    def _fill(self) -> None:
        (self.folder / "penguin.yaml").write_text(CONFIG)
        (self.folder / "tasks.md").write_text(BLUEPRINT)
        (self.folder / "lines.pen").write_text("/help quit\n/task list\n")
        (self.folder / "sub").mkdir()
        Workspace(self.folder).ensure()
        quick, after, gated, person, wrong = (StoredWorkflow(task) for task in TASKS)
        quick.complete()
        after.run().do(Feedback(FeedbackItem("f1", "Use bcrypt", "ann", 1.0))).report(Verdict.FAILED, "no").do(Pause())
        gated.run().report(Verdict.PASSED).report(Verdict.UNVERIFIED, "nothing was run")
        person.run().do(Cancel("ann"))
        wrong.run()
        commit_workflows(self.state / "penguin.db", quick, after, gated, person, wrong)
        self._save_conversations()
        attempt = self.state / "runs" / WORKFLOWS[0] / "1-implement"
        attempt.mkdir(parents=True)
        (attempt / "01-run.1.log").write_bytes(b"one\n\x1b[31mtwo\x9b0m\n")
        (attempt / "01-run.1.start.json").write_text('{"id": "x", "note": {"talk": {"kind": "claude"}}}\n')
        (attempt / "01-run.1.exit.json").write_text('{"id": "x", "code": 0}')

    def _save_conversations(self) -> None:
        with WorkflowStateStore(self.state / "penguin.db") as store:
            for number in (1, 2):
                history = [{"role": "user", "text": "hello"}, {"role": "tool", "tool": "sh", "output": "\x1b[1m"}]
                when = datetime(2024, 1, number, tzinfo=UTC)
                phase = WorkflowPhase.IMPLEMENT
                snapshot = ContextSnapshot(f"s{number}", WORKFLOWS[0], history, when, "quick", phase, 1, "claude", "x")
                store.save_context_snapshot(snapshot, {"session.jsonl": b"{}\n", "more/x": b"\0"})

    def restore(self) -> None:
        """Make the workspace as it was."""
        for entry in os.scandir(self.folder):
            _remove(Path(entry.path))
        shutil.copytree(self.root / "template", self.folder, symlinks=True, dirs_exist_ok=True)
        for folder in (self.root / "elsewhere", self.root / "tmp", self.home / "config"):
            _remove(folder)
            folder.mkdir()
        self.dirty = False

    # --- running ---

    def run(self, *arguments: str, stdin: bytes = b"", script: bytes = b"", may_start_git: bool = False) -> Ran:
        """Run `penguin` in this process, and check what holds for each run. Raises Problem.

        `script` is the content of a script that the arguments name.
        """
        self._unexpected.clear()
        words = " ".join((*arguments, (stdin + script).decode("utf-8", "replace")))
        out, err = _stream(), _stream()
        self._give_stdin(stdin)
        handlers = list(logging.getLogger().handlers)
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = out, err
        self.may_start_git = may_start_git
        try:
            with self.watch(WAIT if _WAITS.search(words) else 0, may_write=bool(_NAMES_FILE.search(words))):
                code = program.main(arguments)
        finally:
            sys.stdout, sys.stderr = before
            logging.getLogger().handlers[:] = handlers
            self.may_start_git = False
        ran = Ran(code, _text(out), _text(err))
        self._check(ran, words)
        return ran

    @contextmanager
    def watch(self, wait: float = 0, *, may_write: bool = False) -> Iterator[None]:
        """Raise Hang after PATIENCE seconds, and Problem for a write elsewhere.

        With `wait`, send Ctrl-C after that many seconds. With `may_write`, a write elsewhere is refused like one
        without permission.
        """
        self._breaches.clear()
        waits = bool(wait)
        started = _own_time()

        def on_alarm(_number: int, _frame: object) -> None:
            nonlocal waits
            left = started + wait + PATIENCE - _own_time()
            if not waits and left <= 0:
                raise Hang(f"takes more than {PATIENCE:g} s")
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.1))
            if waits:
                waits = False
                signal.raise_signal(signal.SIGINT)

        previous = signal.signal(signal.SIGALRM, on_alarm)
        signal.setitimer(signal.ITIMER_REAL, wait or PATIENCE)
        self.guarding = True
        try:
            yield
        finally:
            self.guarding = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
        if _own_time() - started > PATIENCE + wait:
            raise Hang("takes too long")
        if self._breaches and not may_write:
            raise Problem(f"leaves the workspace: {self._breaches[0]}", self._breaches[0].partition(" ")[0])

    def _give_stdin(self, data: bytes) -> None:
        path = self.root / "stdin"
        path.write_bytes(data)
        descriptor = os.open(path, os.O_RDONLY)
        os.dup2(descriptor, 0)
        os.close(descriptor)

    def _check(self, ran: Ran, words: str) -> None:
        if self._unexpected:
            error = self._unexpected[0]
            raise Problem("".join(traceback.format_exception(error)), place_of(error)) from error
        # Python prints one itself if Ctrl-C arrives while it makes an event loop.
        if "Traceback" in ran.err and not (ran.code == INTERRUPTED and "_close_self_pipe" in ran.err):
            raise Problem(f"a traceback:\n{ran.err}", "traceback " + ran.err.strip().rpartition("\n")[2][:60])
        if ran.code not in CODES:
            raise Problem(f"exit code {ran.code}")
        if found := _CONTROLS.search(ran.err):
            raise Problem(f"standard error has {found[0]!r}: {ran.err!r}", "control character in standard error")
        if (found := _CONTROLS.search(ran.out)) and not _RAW.search(words):
            raise Problem(f"standard output has {found[0]!r}: {ran.out!r}", "control character in standard output")

    def _watched_description(self, error: BaseException) -> tuple[str, str, str]:
        described = self._describe(error)
        if described[0] == "unexpected":
            self._unexpected.append(error)
        return described

    # --- the guard ---

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.guarding:
            return
        if event in ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system"):
            name = os.fsdecode(arguments[0] or "").rpartition("/")[2]
            if not (self.may_start_git and name == "git"):
                self._refuse(f"starts {name}")
        for path in _written(event, arguments):
            self._guard(path)

    def _guard(self, path: str) -> None:
        real = os.path.realpath(path)
        if real.startswith((f"{self.folder}/", str(self.state))):
            self.dirty = True
        if not real.startswith((f"{self.root}/", "/dev/", "/proc/self/fd/")):
            self._refuse(f"writes {real}")

    def _refuse(self, what: str) -> None:
        self._breaches.append(what)
        raise PermissionError(13, f"refused: {what}")


def _written(event: str, arguments: Sequence[Any]) -> Iterator[str]:
    """Yield the paths that an audited call writes."""
    match event:
        case "open":
            path, _, flags = arguments
            if isinstance(path, str | bytes) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
                yield os.fsdecode(path)
        case (
            "os.mkdir" | "os.remove" | "os.rmdir" | "os.truncate" | "os.chmod" | "os.symlink" | "os.link" | "os.rename"
        ):
            count = 2 if event in ("os.link", "os.rename") else 1
            paths = arguments[1:2] if event == "os.symlink" else arguments[:count]
            for path in paths:
                folder = arguments[-1]
                if isinstance(folder, int) and folder > 0 and isinstance(path, str | bytes):
                    yield f"/proc/self/fd/{folder}/{os.fsdecode(path)}"
                elif isinstance(path, str | bytes):
                    yield os.fsdecode(path)
        case "sqlite3.connect":
            name = os.fsdecode(arguments[0])
            if "mode=ro" not in name and ":memory:" not in name:
                yield name.removeprefix("file://").partition("?")[0]


def _own_time() -> float:
    """Return seconds of a clock that stands while other processes use the processor."""
    # https://docs.kernel.org/scheduler/sched-stats.html
    waited = int(Path("/proc/thread-self/schedstat").read_text().split()[1])
    return time.monotonic() - waited / 1e9


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode("utf-8", "replace")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
