"""Headings that are tasks, and numbered boxes below each other."""

from __future__ import annotations

from pathlib import Path

from tests.importers.backlogs import plan_text

from penguin.orchestration.core.definition import Task

PRD = """# PRD

### US-001: Title one
**Description:** As a user

**Acceptance Criteria:**
- [ ] c1
- [ ] c2

### US-002: Title two
**Depends on:** US-001

**Acceptance Criteria:**
- [ ] c3
"""


def tasks_of(root: Path, name: str, text: str) -> tuple[Task, ...]:
    """Return the tasks of a text."""
    return plan_text(root, name, text).blueprint.tasks


def test_user_stories(tmp_path: Path) -> None:
    one, two = tasks_of(tmp_path, "PRD.md", PRD)
    assert (one.id, one.title, [it.text for it in one.criteria]) == ("US-001", "Title one", ["c1", "c2"])
    assert (two.id, two.dependencies, [it.text for it in two.criteria]) == ("US-002", ("US-001",), ["c3"])


def test_numbered_task_headings(tmp_path: Path) -> None:
    text = "# Plan\n\n### Task 1: Schema\n- [ ] write test\n- [x] run\n\n### Task 2: API\n- [ ] write test\n"
    assert [len(task.criteria) for task in tasks_of(tmp_path, "PLAN.md", text)] == [2, 1]


def test_a_heading_with_tasks_of_their_own(tmp_path: Path) -> None:
    text = "# Plan\n\n## UTF-8 support\n\n- [ ] A-1 One\n- [ ] A-2 Two\n"
    assert [task.id for task in tasks_of(tmp_path, "PLAN.md", text)] == ["A-1", "A-2"]


def test_a_heading_in_a_block_of_code(tmp_path: Path) -> None:
    text = "- [ ] A-1 One\n\n```\n### US-001: Title\n- [ ] box\n```\n"
    assert [task.id for task in tasks_of(tmp_path, "PLAN.md", text)] == ["A-1"]


def test_a_heading_of_spec_kit(tmp_path: Path) -> None:
    text = "# T\n\n## Phase 1\n- [ ] T001 A\n\n### T002 B\nDo it.\n\n## Phase 2\n- [ ] T003 C\n"
    tasks = tasks_of(tmp_path, "tasks.md", text)
    assert [(task.id, task.dependencies) for task in tasks] == [("T001", ()), ("T002", ("T001",)), ("T003", ("T002",))]
    assert "Do it." in tasks[1].description


def test_numbers_below_numbers(tmp_path: Path) -> None:
    text = "## Tasks\n\n- [ ] 1.0 Parent\n  - [ ] 1.1 One\n  - [x] 1.2 Two\n- [ ] 2.0 Other (requires 1.0)\n"
    tasks = {task.id: task for task in tasks_of(tmp_path, "tasks-prd.md", text)}
    assert tasks["1.0"].dependencies == ("1.1", "1.2")
    assert tasks["2.0"].dependencies == ("1.0",)
    assert tasks["1.2"].done
