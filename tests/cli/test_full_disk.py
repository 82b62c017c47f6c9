"""A full disk: one message, nothing new starts, and work continues when there is space."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path
from threading import Timer

import pytest
from tests.support.program import Program
from tests.support.waiting import PATIENCE, wait_until

CONFIG = """\
project: {id: shop}
blueprints: [tasks.md]
phases:
  implement: {run: ['echo $PENGUIN_TASK_ID >> began; until test -e go; do sleep 0.02; done; echo . >> ended']}
  test: {run: ['echo $PENGUIN_TASK_ID >> tested']}
  use: skip
  verify: skip
"""

TASKS = """\
---
id: b
title: B
---
## Tasks
### 1. One
- **ID:** `one`
### 2. Two
- **ID:** `two`
"""


@pytest.fixture
def penguin(tmp_path: Path) -> Program:
    (tmp_path / "penguin.yaml").write_text(CONFIG)
    (tmp_path / "tasks.md").write_text(TASKS)
    return Program(tmp_path)


def narrated(process: subprocess.Popen[str], text: str) -> str:
    """The next narrated line with this text in it."""
    assert process.stderr is not None
    giving_up = Timer(PATIENCE, process.kill)
    giving_up.start()
    line = next((line for line in process.stderr if text in line), "")
    giving_up.cancel()
    assert line, f"{text} was never said"
    return line


def test_a_script_reports_a_full_disk_and_continues(penguin: Program) -> None:
    def lines(name: str) -> list[str]:
        path = penguin.folder / name
        return path.read_text().split() if path.exists() else []

    script = penguin.begin()
    assert script.stdin is not None
    script.stdin.write("/workflow start one\n/workflow start two\n")
    script.stdin.close()
    script.stdin = None
    wait_until(lambda: lines("began"))
    # A limit on file sizes acts like a full disk. The step, started before, continues.
    resource.prlimit(script.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    (penguin.folder / "go").touch()
    message = narrated(script, "penguin.db")
    assert message.startswith("the disk of ")
    assert message.endswith("; no new step starts until it can be written again\n")
    assert lines("ended") == ["."], "the result of the step is kept on disk, and by the engine"
    shown = penguin("-c", "/workflow status one", "-c", "/workflow list").out
    assert "Phase: IMPLEMENT" in shown
    assert (lines("began"), lines("tested")) == (["one"], [])
    resource.prlimit(script.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    narrated(script, "writing to disk works again")
    script.communicate(timeout=PATIENCE)
    assert script.returncode == 0
    assert lines("began") == lines("tested") == ["one", "two"]
    assert penguin("check").code == 0
