"""Forms of plans that people and agents write without a tool: headings, sections of criteria, signs before ids."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.importers.backlogs import plan_text

STEPS = "# Plan\n\n### Step 1: Build\n- Make it\n\n### Step 2: Ship\n\n## Verification\n\n- [ ] It works\n"


@pytest.mark.parametrize(
    "heading",
    [
        *(
            "Acceptance Criteria",
            "Acceptance criteria:",
            "9. Definition of done",
            "✅ Success Criteria",
            "Exit criteria",
            "Aceptance Criteria",
        ),
        *("Done when", "Verification", "Validation (all)", "4. Verification Checklist"),
    ],
)
def test_items_below_a_heading_of_criteria(tmp_path: Path, heading: str) -> None:
    text = f"# Plan\n\n## Tasks\n\n- [ ] One\n- [ ] Two\n\n## {heading}\n\n- [ ] It works\n- It is quick\n\n"
    plan = plan_text(tmp_path, "todo.md", f"{text}### By hand\n\n1. Look\n")
    one, two = plan.blueprint.tasks
    assert not one.criteria
    assert [it.text for it in two.criteria] == ["It works", "It is quick", "Look"]
    assert [note.line for note in plan.notes if "are criteria of two" in note.text] == [8]


def test_criteria_before_the_tasks(tmp_path: Path) -> None:
    text = "# Story\n\n## Acceptance Criteria\n\n1. It works\n\n## Tasks / Subtasks\n\n- [ ] One\n- [ ] Two\n"
    assert [len(task.criteria) for task in plan_text(tmp_path, "todo.md", text).blueprint.tasks] == [0, 1]


@pytest.mark.parametrize(
    "text",
    [
        "# Acceptance\n\n## Acceptance Criteria\n\n- [ ] One\n- [ ] Two\n",
        "## Validation\n\n- [ ] A-1 One\n- [ ] A-2 Two\n",
        "## Tasks\n\n- [ ] One\n\n## Phase 3 - Validation\n\n- [ ] Two\n",
        "## Acceptance tests to write\n\n- [ ] One\n- [ ] Two\n",
    ],
)
def test_other_boxes_below_such_words_are_tasks(tmp_path: Path, text: str) -> None:
    assert len(plan_text(tmp_path, "todo.md", text).blueprint.tasks) == 2


@pytest.mark.parametrize("heading", ["Out of Scope", "Non-Goals", "Prerequisites", "Open questions"])
def test_tasks_below_a_heading_that_says_that_they_are_none_are_named(tmp_path: Path, heading: str) -> None:
    plan = plan_text(tmp_path, "todo.md", f"# Plan\n\n- [ ] One\n\n## {heading}\n\n- [ ] Two\n")
    assert [note.line for note in plan.notes if heading in note.text] == [7]


def test_headings_of_tasks_without_boxes(tmp_path: Path) -> None:
    text = "# T\n\n### Task 1.1: One ✅\n\nDo it.\n\n### Task 1.2: Two\n\n**Dependencies**: Task 1.1\n"
    one, two = plan_text(tmp_path, "plan.md", text).blueprint.tasks
    assert (one.id, one.title, two.id, two.dependencies) == ("1.1", "One ✅", "1.2", ("1.1",))


def test_headings_of_tasks_below_a_story(tmp_path: Path) -> None:
    text = "## Story 1: Shop\n\n### Task 1: One\n- [ ] a\n\n### Task 2: Two\n- [ ] b\n"
    assert [task.title for task in plan_text(tmp_path, "plan.md", text).blueprint.tasks] == ["One", "Two"]


def test_numbers_that_are_used_twice_are_no_ids(tmp_path: Path) -> None:
    text = "## A\n- [ ] **Task 1**: One\n## B\n- [ ] **Task 1**: Two\n  - Dependencies: Task 1\n"
    plan = plan_text(tmp_path, "plan.md", text)
    assert len(plan.blueprint.tasks) == 2
    assert 5 in [note.line for note in plan.notes]


def test_headings_that_look_like_tasks_are_named(tmp_path: Path) -> None:
    plan = plan_text(tmp_path, "plan.md", f"{STEPS}\n## Tasks\n\n- [ ] Tell the team\n")
    assert [note.line for note in plan.notes if "not as a task" in note.text] == [3, 6]


def test_a_paragraph_with_an_id_is_named(tmp_path: Path) -> None:
    text = "# B\n\n**TASK-001** 🤖 **Audit** | Agent: QA\n\n- [ ] Find failing tests\n"
    assert 3 in [note.line for note in plan_text(tmp_path, "plan.md", text).notes]


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("🔥 **A-1**: One", "One"),
        ("⭐ A-1 One", "One"),
        ("(A) A-1 One", "One"),
        ("[A-1](docs/a.md) One", "One"),
        ("One 🆔 A-1 📅 2025-01-01", "One 📅 2025-01-01"),
    ],
)
def test_ids_behind_signs(tmp_path: Path, line: str, title: str) -> None:
    (task,) = plan_text(tmp_path, "todo.md", f"- [ ] {line}\n").blueprint.tasks
    assert (task.id, task.title) == ("A-1", title)


@pytest.mark.parametrize("words", ["⛔ A-1", "dep:A-1", "⛔️ A-1 📅 2025-01-01"])
def test_dependencies_as_signs(tmp_path: Path, words: str) -> None:
    tasks = plan_text(tmp_path, "todo.md", f"- [ ] A-1 One\n- [ ] A-2 Two {words}\n").blueprint.tasks
    assert tasks[1].dependencies == ("A-1",)


def test_numbers_of_stories(tmp_path: Path) -> None:
    text = "## Story 1.1: Login\n\nText.\n\n## Story 1.2: Logout\n\n**Prerequisites:** Story 1.1\n"
    tasks = plan_text(tmp_path, "plan.md", text).blueprint.tasks
    assert [(task.id, task.dependencies) for task in tasks] == [("1.1", ()), ("1.2", ("1.1",))]


@pytest.mark.parametrize("words", ["(depends on #1)", "(blocked by 1, 2)", "[deps: #3]"])
def test_numbers_that_no_task_has_are_named(tmp_path: Path, words: str) -> None:
    plan = plan_text(tmp_path, "todo.md", f"1. [ ] Schema\n2. [ ] API {words}\n")
    assert 2 in [note.line for note in plan.notes]


@pytest.mark.parametrize("line", ["- [ ] A-2 Two ← A-1", "## Wave 2 (after Wave 1)\n- [ ] A-2 Two"])
def test_other_dependencies_are_named(tmp_path: Path, line: str) -> None:
    assert 2 in [note.line for note in plan_text(tmp_path, "todo.md", f"- [ ] A-1 One\n{line}\n").notes]


@pytest.mark.parametrize(
    "line",
    [
        "Ask Bob after lunch", "Use Node ≥ 20", "Rename `a-1.md`", "Drop support for Python 3.9",
        "Check wave 2 results",
        "Blocked users can log in", "Write https://example.com/a-1 down", "Remove ⛔ from the page",
    ],
)  # fmt: skip
def test_harmless_lines(tmp_path: Path, line: str) -> None:
    plan = plan_text(tmp_path, "todo.md", f"- [ ] A-1 One\n- [ ] A-2 Two\n  - Depends: A-1\n- [ ] {line}\n")
    assert [note for note in plan.notes if note.line] == []
    assert [task.dependencies for task in plan.blueprint.tasks] == [(), ("A-1",), ()]
