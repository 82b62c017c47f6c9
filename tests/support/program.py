"""The real program, and a workspace with a few tasks for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.waiting import wait_until

CONFIG = """\
project: {id: shop}
blueprints: [tasks.md]
phases:
  implement: {run: [echo done]}
  test: {run: [echo tested]}
  use: skip
orchestration: {retry: {max_attempts: 2, initial_delay_sec: 0.05}}
"""

TASKS = """\
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
#### Acceptance Criteria
- [ ] is `check: true`
### 3. Waits for a file
- **ID:** `gated`
#### Acceptance Criteria
- [ ] the file is there `check: until test -e go; do sleep 0.05; done`
### 4. Nobody can check it
- **ID:** `person`
#### Acceptance Criteria
- [ ] looks good
### 5. Never right
- **ID:** `wrong`
#### Acceptance Criteria
- [ ] is `check: false`
"""


class Ran(NamedTuple):
    """The result of a run of the program."""

    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Standard output as JSON, a document a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Program:
    """`python -m penguin_repl`, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.command = [sys.executable, "-m", "penguin_repl"]
        self.environment = {**os.environ, "TERM": "dumb"}

    def __call__(self, *arguments: str, script: str | bytes = "", **environment: str) -> Ran:
        """Run the program to its end; `script` is its standard input."""
        done = subprocess.run(
            [*self.command, *arguments],
            cwd=self.folder,
            input=script.encode() if isinstance(script, str) else script,
            capture_output=True,
            timeout=60,
            env={**self.environment, **environment},
            check=False,
        )
        ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in ran.out + ran.err
        return ran

    def wait_for_step(self, task: str, phase: str = "verify") -> None:
        """Wait until a step of a phase runs. Its status is on disk before."""
        started = f".penguin/runs/ituv-{task}-*/*-{phase}/*.start.json"
        wait_until(lambda: any(self.folder.glob(started)))

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the program with pipes."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*self.command, *arguments],
            cwd=self.folder,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            bufsize=1,
            env=self.environment,
        )
