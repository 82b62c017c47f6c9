"""Criteria below a task that have no box: under a label, after a key, and as scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.importers.backlogs import plan_text

LABELS = [
    "  **Acceptance Criteria:**\n  - one\n  - two",
    "\n  **Acceptance criteria**\n\n  - one\n  - two",
    "  Some prose.\n\n  Done when:\n  * one\n  * two",
    "  - Acceptance criteria:\n    - one\n    - two",
    "  - Acceptance criteria:\n  - one\n  - two\n  - Test plan:\n    - run it",
    "  - **Acceptance:** one\n  - Acceptance: two",
    "  - Definition of Done:\n    1. one\n    2. two",
    "  - Success criteria: one\n    - [ ] two",
    "  - [ ] one\n  - [x] two",
]
SCENARIOS = {
    "  - WHEN a\n  - THEN b": ["WHEN a THEN b"],
    "  - **GIVEN** a\n  - **WHEN** b\n  - **THEN** c\n  - **AND** d": ["**GIVEN** a **WHEN** b **THEN** c **AND** d"],
    "  - WHEN a\n  - THEN b\n  - WHEN c\n  - THEN d": ["WHEN a THEN b", "WHEN c THEN d"],
    "  - Acceptance:\n    - GIVEN a\n    - THEN b\n    - logged": ["GIVEN a THEN b", "logged"],
    "  - WHEN a\n  - THEN b\n    - in full": ["WHEN a THEN b", "in full"],
    "  - WHEN a\n    - THEN b\n      as a table": ["WHEN a THEN b\nas a table"],
    "  - THEN is no beginning": [],
}


def criteria(root: Path, text: str) -> list[str]:
    plan = plan_text(root, "todo.md", f"- [ ] A-1 Import\n{text}\n- [ ] A-2 Other\n  - [ ] other\n")
    assert [task.id for task in plan.blueprint.tasks] == ["A-1", "A-2"]
    return [one.text for one in plan.blueprint.tasks[0].criteria]


@pytest.mark.parametrize("text", LABELS)
def test_criteria_with_a_label(tmp_path: Path, text: str) -> None:
    assert criteria(tmp_path, text) == ["one", "two"]


@pytest.mark.parametrize("text", SCENARIOS)
def test_scenarios(tmp_path: Path, text: str) -> None:
    assert criteria(tmp_path, text) == SCENARIOS[text]


def test_a_list_with_another_label_is_prose(tmp_path: Path) -> None:
    assert criteria(tmp_path, "  **Files:**\n  - a.py\n\n  **Acceptance criteria:**\n  - one") == ["one"]


def test_a_bullet_without_a_box_among_tasks_is_named(tmp_path: Path) -> None:
    plan = plan_text(tmp_path, "todo.md", "- [ ] A-1 Import\n- Export\n- [ ] A-2 Other\n\nText.\n\n- a list\n")
    assert [(note.line, note.text) for note in plan.notes if note.line] == [
        (2, "is below no task, and is kept as prose: - Export"),
        (7, "is kept as prose, not as a task: - a list"),
    ]
