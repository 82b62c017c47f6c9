"""Ranges of tasks, denied and quoted dependencies, and numbers that are no ids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.importers.backlogs import plan_text

SPEC_KIT = "## Phase 1: A\n\n- [ ] T001 [P] a\n- [ ] T002 [P] b\n- [ ] T003 [P] c\n- [ ] T004 [P] d{words}\n"
KIRO = "# Implementation Plan\n\n- [ ] 1. One\n- [ ] 2. Two\n- [ ] 3. Three\n- [ ] 4. Four\n  - {line}\n"


def last_dependencies(root: Path, name: str, text: str) -> tuple[str, ...]:
    """Return the dependencies of the last task of a text."""
    return plan_text(root, name, text).blueprint.tasks[-1].dependencies


@pytest.mark.parametrize("words", ["T001-T003", "T001–T003", "T001..T003", "T001...T003", "T001-003", "T001 to T003"])
def test_a_range_of_spec_kit(tmp_path: Path, words: str) -> None:
    text = SPEC_KIT.format(words=f" (depends on {words})")
    assert last_dependencies(tmp_path, "tasks.md", text) == ("T001", "T002", "T003")


@pytest.mark.parametrize("line", ["Depends on: 1-3", "Dependencies: 1 through 3", "Depends: Tasks 1-3"])
def test_a_range_of_kiro(tmp_path: Path, line: str) -> None:
    found = last_dependencies(tmp_path, ".kiro/specs/x/tasks.md", KIRO.format(line=line))
    assert found == ("1", "2", "3")


def test_a_range_of_a_checklist(tmp_path: Path) -> None:
    text = "- [ ] A-1 One\n- [ ] A-2 Two\n- [ ] A-3 Three\n  - Depends: A-1 – A-2\n"
    assert last_dependencies(tmp_path, "todo.md", text) == ("A-1", "A-2")


@pytest.mark.parametrize("line", ["Depends: Phase 1 complete", "Requires: 2 reviewers", "Requires: Node 1"])
def test_a_number_in_prose_is_no_id(tmp_path: Path, line: str) -> None:
    plan = plan_text(tmp_path, ".kiro/specs/x/tasks.md", KIRO.format(line=line))
    assert plan.blueprint.tasks[-1].dependencies == ()
    assert [note.line for note in plan.notes if note.line] == [7]


@pytest.mark.parametrize(
    "line",
    [
        "- [ ] A-2 Two (no longer depends on A-1)",
        "- [ ] A-2 Two, not blocked by A-1",
        "- [ ] A-2 Two does not depend on A-1",
        '- [ ] A-2 Remove the words "depends on A-1"',
        "- [ ] A-2 Two <!-- depends on A-1 -->",
        "- [ ] A-2 Two\n  - Depends on: nothing (was A-1)",
        "- [ ] A-2 Two\n  - Dependencies: None, but see A-1",
        "- [ ] A-2 Two\n  - Depends on: ~~A-1~~",
    ],
)
def test_a_denied_dependency(tmp_path: Path, line: str) -> None:
    assert last_dependencies(tmp_path, "todo.md", f"- [ ] A-1 One\n{line}\n") == ()


@pytest.mark.parametrize(
    ("body", "needed"),
    [
        ("Not blocked by #1 anymore", ()),
        ("> Depends on #1", ()),
        ("```\nDepends on #1\n```", ()),
        ("<!--\nDepends on #1\n-->", ()),
        ("Blocked by: none (was #1)", ()),
        ("Depends on https://github.com/o/r/issues/1", ("GH-1",)),
        ("### Dependencies\n\n- #1", ("GH-1",)),
        ("Depends on:\n- #1", ("GH-1",)),
        ("**Blocked by** #1", ("GH-1",)),
    ],
)
def test_the_body_of_an_issue(tmp_path: Path, body: str, needed: tuple[str, ...]) -> None:
    issues = [{"number": 1, "title": "one", "body": ""}, {"number": 2, "title": "two", "body": body}]
    assert last_dependencies(tmp_path, "issues.json", json.dumps(issues)) == needed
