"""Write the large fixtures: python tests/backlogs/generate.py.

The numbers in expected.json follow from the rules in the docstrings, not from what a reader finds.
"""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).parent


def spec_kit() -> str:
    """300 tasks in 10 phases of 30, and one checkpoint a phase.

    Phase 1 is a chain: 29 dependencies. Each other phase has 9 rounds of two tasks with [P] and one without, and then
    a chain of three: the first two of a round wait for the task before them (1 each), the third for both (2), and the
    three at the end for one each. 29 + 9 * (9 * 4 + 3) = 380.
    """
    lines, number = ["# Tasks: A large feature", ""], 0
    for phase in range(1, 11):
        lines += [f"## Phase {phase}: Part {phase}", ""]
        for place in range(30):
            number += 1
            mark = "[P] " if phase > 1 and place < 27 and place % 3 < 2 else ""
            lines.append(f"- [ ] T{number:03d} {mark}[US{phase}] Change file {number} in src/part{phase}/f{number}.py")
        lines += ["", f"**Checkpoint**: Part {phase} works", ""]
    return "\n".join(lines)


def task_master() -> str:
    """300 tasks: 60 with 4 subtasks each, which form a chain.

    Task n waits for n-1 (59) and for its 4 subtasks (240). Subtasks 2 to 4 wait for the one before (180); the first
    one waits for what its parent waits for, except in task 1 (59); task 60 also waits for task 1 (1), and so does its
    first subtask, but the number 1 stands once in each list (0 more for it beyond 1): 59 + 240 + 180 + 59 + 1 = 539.
    The first subtask of task 60 states its own dependency on 59, so it inherits nothing. 60 test strategies.
    """
    tasks = []
    for number in range(1, 61):
        subtasks = [
            {
                "id": step,
                "title": f"Step {step} of {number}",
                "description": "Do it.",
                "status": "pending",
                "dependencies": [step - 1] if step > 1 else ["59"] if number == 60 else [],
            }
            for step in range(1, 5)
        ]
        needed = [number - 1] if number > 1 else []
        tasks.append(
            {
                "id": number,
                "title": f"Task {number}",
                "description": f"Text of task {number}.",
                "status": "done" if number < 4 else "pending",
                "priority": ("high", "medium", "low")[number % 3],
                "dependencies": [*needed, 1] if number == 60 else needed,
                "details": "- a list\n- [ ] with a box, which is prose here",
                "testStrategy": f"Look at task {number}.",
                "subtasks": subtasks,
            }
        )
    return json.dumps({"master": {"tasks": tasks, "metadata": {"description": "Large"}}}, indent=1)


def beads() -> str:
    """300 issues, each blocked by the one before (299) and every second one by the one before that, from the third on
    (150: the odd numbers 3 to 299 are 149, and 300 as well). One criterion each."""
    rows = []
    for number in range(1, 301):
        blocked = [number - 1] if number > 1 else []
        blocked += [number - 2] if number > 2 and (number % 2 or number == 300) else []
        edges = [{"issue_id": f"bd-{number}", "depends_on_id": f"bd-{one}", "type": "blocks"} for one in blocked]
        row = {"id": f"bd-{number}", "title": f"Issue {number}", "status": "open", "priority": number % 5}
        row |= {"issue_type": "task", "acceptance_criteria": f"Issue {number} is gone", "dependencies": edges}
        rows.append(json.dumps(row))
    return "\n".join(rows) + "\n"


def github() -> str:
    """120 issues with two boxes each; each but the first depends on the one before."""
    issues = []
    for number in range(1, 121):
        body = f"Text {number}.\n\n- [ ] first of {number}\n- [ ] second of {number}\n"
        body += f"\nDepends on #{number - 1}\n" if number > 1 else ""
        issues.append({"number": number, "title": f"Issue {number}", "state": "OPEN", "labels": [], "body": body})
    return json.dumps(issues)


def kiro() -> str:
    """100 tasks: 20 with 4 subtasks each, for which they wait."""
    lines = ["# Implementation Plan", ""]
    for number in range(1, 21):
        lines.append(f"- [ ] {number}. Part {number}")
        for step in range(1, 5):
            lines += [
                f"  - [ ] {number}.{step} Step {step}",
                "    - A detail",
                f"    - _Requirements: {number}.{step}_",
            ]
    return "\n".join(lines) + "\n"


def checklist() -> str:
    """300 boxes in 30 sections; the last of each section has an id, two boxes below it, and, but for the first
    section, waits for the last of the section before."""
    lines = ["# Everything"]
    for section in range(1, 31):
        lines += ["", f"## Section {section}", ""]
        lines += [f"- [ ] Thing {place} of section {section}" for place in range(1, 10)]
        lines += [f"- [ ] ALL-{section} Close section {section}", "  - [ ] nothing is left", "  - [ ] it is announced"]
        lines += [f"  - Depends on: ALL-{section - 1}"] if section > 1 else []
    return "\n".join(lines) + "\n"


FILES = {
    "spec-kit/large.md": spec_kit,
    "task-master/large.json": task_master,
    "beads/large.jsonl": beads,
    "github/large.json": github,
    "kiro/large.md": kiro,
    "checklist/large.md": checklist,
}

if __name__ == "__main__":
    for name, text in FILES.items():
        (HERE / name).write_text(text())
