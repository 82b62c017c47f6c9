"""A workspace in which processes are killed, and the invariants afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.crash.consistency import assert_consistent
from tests.support.processes import environment, is_alive, process_ids
from tests.support.waiting import PATIENCE, wait_until_async
from tests.support.workspace import SampleWorkspace

from penguin.orchestration import OrchestrationBackend
from penguin.orchestration.backend import WorkflowInfo
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.files import failpoints
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.workflow_status import ACTIVE

ENGINE = Path(__file__).with_name("engine_process.py")
STEP = """#!/bin/sh
# step NAME [FILE [INTERVAL] | - SECONDS]: say that it began; wait for a file, or so long; say that it ended.
me="$PENGUIN_WORKFLOW_ID $PENGUIN_PHASE $PENGUIN_ATTEMPT $1"
cd "$(dirname "$0")"
echo "$me begin $$" >> steps
: > "began-$1"
case "$2" in
"") ;;
-) sleep "$3" ;;
*) while [ ! -e "$2" ]; do sleep "${3:-0.02}"; done ;;
esac
echo "$me end $$" >> steps
"""

MARK = re.compile(rb"\0(PENGUIN_STEP_[^=]*)=1\0")
WORKFLOW = re.compile(rb"\0PENGUIN_WORKFLOW_ID=([^\0]*)\0")

Act = tuple[Any, ...]
Key = tuple[str, str, str, str]
"""Workflow, phase, attempt and name of a step."""


def counted(name: str, hold: str = "") -> dict[str, Any]:
    """Return a gate with one step that counts its runs and waits for the file `hold`."""
    return {"run": [f"./step {name} {hold}".strip()]}


def gates(hold: str = "", at: str = "test") -> dict[str, Any]:
    """Four gates that count their runs; the one at `at` waits for the file `hold`."""
    return {name: counted(name, hold if name == at else "") for name in ("implement", "test", "use", "verify")}


class CrashWorkspace(SampleWorkspace):
    """A workspace whose steps note in the file `steps` when they begin and end."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.files = Workspace(root)
        self.kill_record = root / "killed"
        """Made by the process that died at a failpoint, with its id in it."""
        self._kill_recordes = 0
        step = root / "step"
        step.write_text(STEP)
        step.chmod(0o755)

    def default_phases(self) -> dict[str, Any]:
        return gates()

    def touch(self, name: str) -> None:
        (self.root / name).touch()

    # --- killing ---

    def spawn(self, *acts: Act, failpoint: str = "", everywhere: str = "") -> subprocess.Popen[str]:
        """An engine that does these acts, with a failpoint (`NAME` or `NAME:COUNT`) armed.

        It kills the first process that reaches it, or with `everywhere` each one that does.
        """
        variables = os.environ | {failpoints.VARIABLE: self.spec(failpoint) if failpoint else everywhere}
        arguments = [sys.executable, str(ENGINE), str(self.root), json.dumps(acts)]
        return subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, start_new_session=True, env=variables)

    def spec(self, failpoint: str) -> str:
        """Return the value that arms a failpoint for one process, which records its id."""
        self._kill_recordes += 1
        self.kill_record = self.root / f"killed-{self._kill_recordes}"
        name, _, count = failpoint.partition(":")
        return f"{name}:{count or 1}:{self.kill_record}"

    def run_until_killed(self, *acts: Act, failpoint: str = "") -> None:
        """Run an engine that does these acts and dies at the failpoint, which an act may arm as well."""
        process = self.spawn(*acts, failpoint=failpoint)
        output = self._ended(process)
        assert process.returncode == -signal.SIGKILL, f"it was to die, and exited with {process.returncode}: {output}"
        assert self.killed == process.pid, "another process than the engine died"

    def run_to_end(self, *acts: Act, failpoint: str = "", everywhere: str = "") -> None:
        """Run an engine that does these acts to their end; its launcher dies at the failpoint, if given."""
        process = self.spawn(*acts, failpoint=failpoint, everywhere=everywhere)
        output = self._ended(process)
        assert process.returncode == 0, f"it exited with {process.returncode}: {output}"
        if failpoint:
            assert self.killed not in (0, process.pid), f"nothing ever reached {failpoint}"
            assert not is_alive(self.killed)

    def _ended(self, process: subprocess.Popen[str]) -> str:
        try:
            _, output = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            _, output = process.communicate()
            raise AssertionError(f"it did not come to its end: {self.story()}\n{output}") from None
        return output

    @property
    def killed(self) -> int:
        """Id of the process that died at the failpoint that was armed last; 0: none did."""
        try:
            # The process that dies makes the file before it writes into it.
            return int(self.kill_record.read_text() or 0)
        except FileNotFoundError:
            return 0

    def steps(self) -> list[int]:
        """Processes of steps of this workspace."""
        return [pid for pid, _, _ in self.marked_steps()]

    def marked_steps(self) -> list[tuple[int, str, str]]:
        """Processes of steps of this workspace, the variable that marks each, and the workflow it belongs to."""
        of_here = f"\0PENGUIN_WORKSPACE={self.root.resolve()}\0".encode()
        found = []
        for pid in process_ids():
            variables = environment(pid)
            mark = MARK.search(variables)
            if of_here in variables and mark and (workflow := WORKFLOW.search(variables)):
                found.append((pid, mark.group(1).decode(), workflow.group(1).decode()))
        return found

    # --- what must be true ---

    def story(self) -> list[str]:
        """Return the history, for the message of a failed test."""
        if not self.files.db.exists():
            return []
        from penguin.orchestration.store.queries import WorkflowReader

        reader = WorkflowReader(self.files.db)
        ids = [info.workflow_id for info in reader.list(limit=10_000)]
        lines = [f"{workflow_id} {entry.text}" for workflow_id in ids for entry in reader.history(workflow_id)]
        reader.close()
        return lines

    def runs(self) -> Counter[Key]:
        """Return how often each step began."""
        return self._counted("begin")

    def ends(self) -> Counter[Key]:
        """Return how often each step ended by itself."""
        return self._counted("end")

    def _counted(self, what: str) -> Counter[Key]:
        words = [line.split() for line in self._lines()]
        return Counter((word[0], word[1], word[2], word[3]) for word in words if word[4] == what)

    def _lines(self) -> list[str]:
        """Return the notes of the steps, in order."""
        with contextlib.suppress(FileNotFoundError):
            return (self.root / "steps").read_text().splitlines()
        return []

    def assert_sound(self, *, lost: int = 0, repeats: bool = False) -> None:
        """Check the invariants after a crash, when all workflows are settled. Up to `lost` runs of steps may be lost.
        With `repeats`, the caller checks steps that ran again despite a record of their end.
        """
        assert_consistent(self.files)
        assert repeats or self.repeated() == [], "steps were run again though their end was on record"
        assert self.overlaps() == [], "two steps of one workflow ran at once"
        again = sum(self.runs().values()) - len(self.runs())
        assert again <= lost, f"{again} runs too many: {self.runs()}"
        assert self.steps() == [], "processes of steps are left"

    def overlaps(self) -> list[str]:
        """Return the steps that ended after the next one of their workflow had begun; servers run in parallel."""
        newest: dict[str, str] = {}
        found = []
        for line in self._lines():
            workflow, _, _, name, what, pid = line.split()
            if name == "server":
                continue
            if what == "begin":
                newest[workflow] = pid
            elif newest[workflow] != pid:
                found.append(line)
        return found

    def repeated(self) -> list[str]:
        """Return starts of steps that were repeated although they had a result."""
        found = []
        for path in self.files.runs.glob(f"*/*/*{records.EXITED}"):
            step_id = str(path).removesuffix(records.EXITED)
            stem, _, number = step_id.rpartition(".")
            ended = records.read_exit(step_id)
            # A background step has to run again after it was stopped.
            finished = ended is not None and ended.is_result and ended.why != records.ENDED
            if finished and records.last_start_number(stem) > int(number):
                found.append(step_id)
        return found

    def infos(self) -> dict[str, WorkflowInfo]:
        """The newest workflow of each task."""
        from penguin.orchestration.store.queries import WorkflowReader

        reader = WorkflowReader(self.files.db)
        found = {info.task_id: info for info in reversed(reader.list(limit=10_000))}
        reader.close()
        return found

    async def settle(self, backend: OrchestrationBackend) -> dict[str, str]:
        """Run an engine until all workflows are settled; return the status of each task's newest workflow."""
        await backend.run_engine()
        active = await backend.list_workflows(status_filter=ACTIVE, limit=10_000)
        try:
            await backend.wait_workflows([info.workflow_id for info in active], timeout=PATIENCE)
            await nothing_under_way(self.files.db)
        except Exception as error:
            raise AssertionError(f"{error}\n" + "\n".join(self.story())) from error
        return {task: str(info.status) for task, info in self.infos().items()}


async def nothing_under_way(db: Path) -> None:
    """Wait for the end of every attempt; the step of a PAUSED workflow may run for a while."""
    with contextlib.closing(sqlite3.connect(f"{db.absolute().as_uri()}?mode=ro", uri=True)) as connection:

        def nothing_runs() -> bool:
            (slots,) = connection.execute("SELECT count(*) FROM run WHERE slot = 1").fetchone()
            return not slots

        await wait_until_async(nothing_runs, "the end of every attempt")
