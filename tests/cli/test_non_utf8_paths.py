"""A workspace whose path is not UTF-8, with a blueprint and an artifact of such names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.support.program import Program

CONFIG = """\
project: {id: shop}
blueprints: ["*.md"]
phases:
  implement: {run: ['touch "$PENGUIN_ARTIFACTS_DIR/$(printf "a\\351")"']}
  test: {run: [pytest -q test_it.py]}
orchestration: {retry: {max_attempts: 1}}
"""
TASKS = """\
---
id: basics
title: Basics
---
## Tasks
### 1. Fine
- **ID:** `fine`
#### Acceptance Criteria
- [ ] is `check: test "$PWD" = "$PENGUIN_WORKSPACE"`
#### Recipe: look
```shell
pwd
```
### 2. Wrong
- **ID:** `wrong`
#### Acceptance Criteria
- [ ] is `check: sh "$PWD/nowhere"`
#### Recipe: look
```shell
true
```
"""


@pytest.fixture
def penguin(tmp_path: Path) -> Program:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "penguin.yaml").write_text(CONFIG)
    (folder / os.fsdecode(b"tasks\xff.md")).write_text(TASKS)
    (folder / "test_it.py").write_text("def test_it(): pass\n")
    subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
    return Program(folder)


def test_a_workflow_runs_and_its_events_are_shown(penguin: Program) -> None:
    ran = penguin("-c", "/workflow start fine")
    assert (ran.code, ran.err.splitlines()[-1].split()[-1]) == (0, "COMPLETED")
    (found,) = penguin("-o", "json", "-c", "/workflow results fine").documents
    results = {result["phase"]: result["evidence"] for result in found["results"]}
    assert results["TEST"]["steps"][0]["tests"]["run"] == 1
    assert "/caf\\xe9/.penguin/runs/" in results["USE"]["steps"][0]["argv"][1]
    ((log,),) = (
        document["logs"] for document in penguin("-o", "json", "-c", "/workflow logs fine --phase use").documents
    )
    assert log["tail"].endswith("/caf\ufffd\n")
    (left,) = penguin("-o", "json", "-c", "/workflow artifacts fine").documents
    assert [(Path(artifact["path"]).name, artifact["bytes"]) for artifact in left["artifacts"]] == [("a\\xe9", 0)]
    assert penguin("check").code == 0


def test_a_failure_is_reported_and_retried(penguin: Program) -> None:
    ran = penguin("-c", "/workflow start wrong")
    assert ran.code == 5
    assert "VERIFY failed" in ran.err
    assert penguin("-c", "/workflow retry wrong --restore").code == 5
    shown = penguin("-o", "json", "-c", "/task show wrong").documents[0]
    assert shown["path"] == "tasks\\xff.md"
