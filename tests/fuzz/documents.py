"""Documents that people and programs write: penguin.yaml, blueprints, agents' streams, test reports."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.mutation import mutate_bytes, mutate_document, mutate_json, mutate_text

RECORDED = sorted((Path(__file__).parents[1] / "agents" / "recorded").glob("*.jsonl"))
"""Streams of real agents."""
AGENTS = ("claude", "codex", "opencode")
SUFFIXES = (".md", ".json", ".jsonl", ".yaml", ".yml")
FOREIGN = sorted(
    path
    for path in (Path(__file__).parents[1] / "backlogs").rglob("*")
    if path.suffix in SUFFIXES and path.is_file() and path.stat().st_size < 60_000
)
"""Backlogs of other tools."""

CONFIG = """\
project: {id: shop, name: Shop API}
blueprints: [tasks.*, "blueprints/*.md"]
phases:
  implement: {agent: claude, may_be_empty: false}
  test:
    run: [pytest -q, {run: "make test", report: out/junit.xml, timeout: 60}]
    on_failure: implement
    artifacts: ["out/*.xml"]
  use: {recipes: true}
  verify: {criteria: true, judge: claude}
agents:
  claude: {model: x, args: [--x], env: {A: "${HOME}"}, home: .claude}
  mine: {command: [mine, "{session}"], resume: [mine], transcript: t.json, exit_codes: {3: budget}}
env: {deny: [AWS_*]}
redact: [DATABASE_URL]
checkpoint: {exclude: [".env*"]}
storage: {budget: 1}
workspace: {remote: origin}
budget: {attempt: {turns: 3}, workflow: {usd: 5}}
isolation: in-place
ui: {panel: true, notify_after: 5, color: never, accessible: false}
orchestration:
  backend: native
  max_parallel: 4
  max_output: 2000
  phase_timeouts: {implement: 600, test: 300, use: 180, verify: 120}
  retry: {max_attempts: 3, initial_delay_sec: 5, backoff_multiplier: 2, max_delay_sec: 300}
  temporal: {address: "localhost:7233", namespace: penguin, task_queue: q, auto_start: false, tls: {enabled: false}}
"""
PERSONAL = """\
ui:
  panel: true
  notify_after: 5
  notify: [notify-send, Penguin]
  pager: less -R
  color: never
  accessible: true
"""
MARKDOWN = """\
---
id: basics
title: Basics
project: shop
ituv: {phase_timebox_sec: {test: 30}}
---

# Basics

Introduction with `code`, [a link](https://example.org) and **bold**.

## Tasks

### 1. First task

- **ID:** `first`
- **Priority:** high
- **Effort:** 2
- **Dependencies:** none

A description.

#### Acceptance Criteria

- [ ] Runs `check: true`
- [x] Is read by a person

```yaml phases
test: {run: [pytest -q]}
```

#### Recipe: try

```shell expect_stdout="/^ok$/" expect_exit=0
echo ok
```

```http expect_status=200 within=5
GET http://127.0.0.1:8000/
```

```python name="a step" background
print("ok")
```

### 2. Second task

- **ID:** `second`
- **Dependencies:** first

- [ ] third Short form (after second)
"""
STRUCTURED: dict[str, Any] = {
    "id": "basics",
    "title": "Basics",
    "project": "shop",
    "ituv": {"phase_timebox_sec": {"test": 30}},
    "phases": {"test": {"run": ["pytest -q"], "on_failure": "implement"}},
    "recipes": {
        "try": [
            {"shell": "echo ok", "expect_stdout": "/^ok$/"},
            {"http": "GET http://127.0.0.1/", "expect_json": {"a": 1}},
        ]
    },
    "items": [
        {
            "id": "first",
            "title": "First",
            "description": "d",
            "priority": "high",
            "effort": 2,
            "value": 3,
            "risk": 1,
            "acceptance_criteria": ["is true", {"text": "runs", "check": "true"}],
            "recipe": "try",
        },
        {"id": "second", "depends_on": ["first"], "recipes": {"own": [{"python": "print(1)", "background": True}]}},
        {"id": "third", "dependencies": ["second"], "phases": {"use": "skip"}, "done": True},
    ],
}
JUNIT = b"""\
<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="0" failures="1" skipped="1" tests="5" time="0.1">
<testcase classname="t" name="a" time="0.001"/>
<testcase classname="t" name="b"><failure message="no">x &lt; y</failure><system-out>o</system-out></testcase>
<testcase classname="t" name="c"><skipped type="pytest.xfail" message="later"/></testcase>
<testcase classname="t" name="d"><skipped type="pytest.skip" message="no">s</skipped></testcase>
<testcase classname="t" name="e"><error message="boom"/></testcase>
</testsuite></testsuites>
"""
PYTEST_OUTPUT = b"""\
..F.s                                                                    [100%]
=================================== FAILURES ===================================
E       assert 1 == 2
=========================== short test summary info ============================
FAILED tests/test_x.py::test_b - assert 1 == 2
1 failed, 3 passed, 1 skipped, 2 xfailed, 1 xpassed in 0.12s
"""
JUDGED = {"criteria": [{"criterion": 1, "verdict": "PASSED", "reason": "seen", "evidence": ["step-1", "tasks.md:3"]}]}
COMMANDS = (
    "cd . && timeout 60 pytest -q",
    "env X=1 sh -c 'pytest -k \"a b\"'",
    "(uv run pytest; ruff check) | tee log",
)
COMMANDS += (
    "CI=1 python -m pytest --junitxml=a.xml",
    "exec poetry run py.test 2>&1",
    "npm test -- --x",
    "if true; then pytest; fi",
)


def config(dice: Random) -> bytes:
    """Return a penguin.yaml."""
    return mutate_bytes(dice, CONFIG.encode())


def personal_config(dice: Random) -> bytes:
    """Return a file of personal settings."""
    return mutate_bytes(dice, PERSONAL.encode())


def blueprint(dice: Random) -> tuple[str, str]:
    """Return the name and the text of a blueprint."""
    kind = dice.choice(("md", "md", "yaml", "json"))
    if kind == "md":
        return "tasks.md", _as_text(mutate_bytes(dice, MARKDOWN.encode()))
    if kind == "json":
        return "tasks.json", mutate_document(dice, STRUCTURED)
    return "tasks.yaml", _as_text(mutate_bytes(dice, json.dumps(STRUCTURED, indent=1).encode()))


def foreign_backlog(dice: Random) -> tuple[str, str]:
    """Return the name and the text of a backlog of another tool."""
    path = dice.choice(FOREIGN)
    data = path.read_bytes()
    if path.suffix == ".json" and dice.random() < 0.6:
        return path.name, mutate_document(dice, json.loads(data))
    return path.name, _as_text(mutate_bytes(dice, data))


def stream(dice: Random) -> tuple[str, str]:
    """Return an agent's name and what it printed: a real stream, with changes."""
    path = dice.choice(RECORDED)
    lines = path.read_text(encoding="utf-8").split("\n")
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(lines))
        lines[at] = _changed_line(dice, lines[at])
    text = "\n".join(lines)
    agent = path.name.partition("-")[0] if dice.random() < 0.9 else dice.choice(AGENTS)
    return agent, _as_text(mutate_bytes(dice, text.encode("utf-8", "surrogatepass"))) if dice.random() < 0.3 else text


def _changed_line(dice: Random, line: str) -> str:
    try:
        return json.dumps(mutate_json(dice, json.loads(line)))
    except (ValueError, RecursionError):
        return mutate_text(dice, line)


def junit(dice: Random) -> bytes:
    """Return a JUnit report."""
    return mutate_bytes(dice, JUNIT)


def output(dice: Random) -> bytes:
    """Return the output of a test run."""
    return mutate_bytes(dice, PYTEST_OUTPUT)


def judgement(dice: Random) -> str:
    """Return the answer of a judge."""
    return (
        f"{dice.choice(('', 'Well: ', '{', '```json '))}{mutate_document(dice, JUDGED)}{dice.choice(('', ' }', '```'))}"
    )


def shell_command(dice: Random) -> str:
    """Return a shell command that may run tests."""
    return mutate_text(dice, dice.choice(COMMANDS))


def _as_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
