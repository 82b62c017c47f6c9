"""The program prints the same on both backends, times aside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from tests.support.temporal_workspace import TemporalWorkspace

SCRIPT = """\
/workflow start quick --wait
/workflow start person
/workflow wait person --for blocked
/workflow status person
/workflow list
/workflow feedback person "be nice"
/workflow approve person --by Ann --note fine
/workflow wait person
/workflow start after --with-deps --wait
/workflow start wrong
/workflow wait wrong --for blocked
/workflow status wrong
/workflow status
/workflow retry wrong
/workflow wait wrong --for blocked
/workflow cancel wrong
/workflow pause quick
/workflow results person
/workflow history wrong
/workflow artifacts quick
/workflow logs quick
/task list
/task ready
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
### 3. Nobody can check it
- **ID:** `person`
#### Acceptance Criteria
- [ ] looks good
### 4. Never right
- **ID:** `wrong`
#### Acceptance Criteria
- [ ] is `check: false`
"""
CONFIG = """\
project: {{id: {project}}}
blueprints: [tasks.md]
phases:
  implement: {{run: [echo done]}}
  test: {{run: [echo tested]}}
  use: skip
orchestration:
  backend: {backend}
  retry: {{max_attempts: 2, initial_delay_sec: 0.05}}
  temporal: {{address: "{address}", task_queue: "q-{project}"}}
"""
VARYING = (
    (r'"process": ?"\d+ ', '"process": "PID '),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?", "TIME"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"\b\d+\.\ds", "SECONDS"),
    (r"\d+\.\d{3,}", "SECONDS"),
    # Another backend, other names: nobody takes one workflow for the other.
    (r"(ituv-[a-z]+)-[0-9a-f]{6}", r"\1-DIGITS"),
    (r"claimed by engine [0-9a-f]+", "claimed by engine ENGINE"),
    (r'"owner": "[0-9a-f]+"', '"owner": "ENGINE"'),
    (r'"id": "[0-9a-f]{32}"', '"id": "ID"'),
    # Who owns a workflow is decided together with its start, or with its first attempt.
    (r'"seq": \d+, "at": "TIME", "kind": "Claimed"', '"kind": "Claimed"'),
    (r'"(at|started_at|until)": [0-9.e+]+', r'"\1": SECONDS'),
)


@pytest.mark.parametrize("output", ["text", "json", "jsonl"])
def test_both_backends_print_the_same(tmp_path: Path, server: str, output: str) -> None:
    project = f"p{uuid.uuid4().hex[:8]}"
    printed = {backend: played(tmp_path / backend, project, server, backend, output) for backend in BACKENDS}
    for one, other in zip(printed["temporal"], printed["native"], strict=False):
        assert one == other
    assert printed["temporal"] == printed["native"]


BACKENDS = ("native", "temporal")


def played(root: Path, project: str, address: str, backend: str, output: str) -> list[str]:
    """Standard output and the exit code, without what differs from run to run."""
    root.mkdir()
    (root / "penguin.yaml").write_text(CONFIG.format(project=project, backend=backend, address=address))
    (root / "tasks.md").write_text(TASKS)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "PENGUIN_"))}
    ran = subprocess.run(
        [sys.executable, "-m", "penguin_repl", "--keep-going", "-o", output],
        input=SCRIPT,
        capture_output=True,
        text=True,
        cwd=root,
        env=environment,
        timeout=120,
    )
    text = ran.stdout
    for pattern, word in VARYING:
        text = re.sub(pattern, word, text)
    # The columns of a table are as wide as the times in them.
    return [re.sub(r" {2,}", "  ", line) for line in text.splitlines()] + [f"exit {ran.returncode}"]


def test_reading_takes_no_worker_and_prints_one_document(temporal_workspace: TemporalWorkspace) -> None:
    run = [sys.executable, "-m", "penguin_repl", "--workspace", str(temporal_workspace.root), "-o", "json"]
    start = subprocess.run([*run, "--detach", "-c", "/workflow start a"], capture_output=True, text=True, timeout=60)
    assert (start.returncode, len(start.stdout.splitlines())) == (0, 1)
    assert "no engine is running" in start.stderr
    for command in ("/workflow list", "/workflow status a"):
        read = subprocess.run([*run, "-c", command], capture_output=True, text=True, timeout=60)
        assert (read.returncode, len(read.stdout.splitlines()), read.stderr) == (0, 1, "")
        assert '"PENDING"' in read.stdout


def test_a_command_that_waits_for_a_worker_is_reported_as_queued(temporal_workspace: TemporalWorkspace) -> None:
    run = [sys.executable, "-m", "penguin_repl", "--workspace", str(temporal_workspace.root)]
    environment = {**os.environ, "TEMPORAL_AUTO_START": "false"}

    def ran(*arguments: str) -> list[str]:
        done = subprocess.run([*run, *arguments], capture_output=True, text=True, timeout=60, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    workflow_id = ran("--detach", "-c", "/workflow start a")[1].removeprefix("workflow_id: ")
    assert ran("-c", "/workflow pause a") == [
        f"Queued: pause of {workflow_id} (no worker is running)",
        "Status: PENDING",
        "Phase: PENDING",
        "Reason: no shell or worker is running",
        "Next: penguin worker",
    ]
    (line,) = ran("-o", "json", "-c", '/workflow feedback a "be quick"')
    told = json.loads(line)
    assert (told["message"], told["queued"]) == (f"Queued: feedback for {workflow_id} (no worker is running)", True)


def test_a_cancel_in_a_script_waits_for_a_worker(temporal_workspace: TemporalWorkspace) -> None:
    run = [sys.executable, "-m", "penguin_repl", "--workspace", str(temporal_workspace.root)]
    client = {**os.environ, "TEMPORAL_AUTO_START": "false"}
    subprocess.run([*run, "--detach", "-c", "/workflow start a"], timeout=60, env=client, check=True)
    cancel = subprocess.Popen(
        [*run, "-c", "/workflow cancel a"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=client
    )
    assert cancel.stderr is not None
    assert cancel.stderr.readline() == "no worker is running; waiting 30 s for one: penguin worker\n"
    assert subprocess.run([*run, "worker", "--until-settled"], timeout=60, env=client, check=False).returncode == 0
    out, _ = cancel.communicate(timeout=60)
    assert out.startswith("Cancelled ituv-a-")
    assert "Status: CANCELLED" in out
    assert cancel.returncode == 0


def test_without_the_sdk_it_says_what_to_install(temporal_workspace: TemporalWorkspace) -> None:
    code = (
        "import sys; sys.modules['temporalio'] = None; sys.meta_path.insert(0, type('No', (), {'find_spec': "
        "staticmethod(lambda name, path=None, target=None: None)}));"
        "import importlib.util as u; real = u.find_spec;"
        "u.find_spec = lambda name, package=None: None if name == 'temporalio' else real(name, package);"
        "from penguin_repl.main import main; sys.exit(main(sys.argv[1:]))"
    )
    run = [sys.executable, "-c", code, "--workspace", str(temporal_workspace.root)]
    for command in ("/workflow start a", "/workflow list"):
        ran = subprocess.run([*run, "-c", command], capture_output=True, text=True, timeout=60)
        assert ran.returncode == 1
        assert "in a clone of Penguin: pip install '.[temporal]'" in ran.stderr
        assert "Traceback" not in ran.stderr
